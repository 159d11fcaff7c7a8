"""Quality review without a database: one call, checked, scored and appealed; every other was never checked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ivr.domain.errors import NotFound
from ivr.domain.quality_check import Finding, Result
from ivr.domain.quality_sample import Reason
from ivr.domain.scorecard import MarkLine, Scorecard, SheetLine, parse_scorecard
from ivr.ports.quality import (
    Appeal,
    AppealDecision,
    MachineCheck,
    Mark,
    OtherSeat,
    PublishedCard,
    Review,
    ReviewCounts,
    ReviewFilter,
    ReviewRow,
)

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
LINKED_ID = "b1-1764000000.1"
CARD = """
version = "1"
title = "质检"
least_confidence = 0.7
least_s = 10
criteria = [
  {code = "greeting", title = "问候", check = "greeting", weight = 40, phrases = ["您好"], within_s = 10},
  {code = "answer", title = "答复", weight = 60},
]
"""


class OneQuality:
    """ivr.ports.quality.QualityDesk."""

    row = ReviewRow(
        LINKED_ID, T0, "wang", "王律师", "PJSIP/seat-one", 81.0, 5, [Reason("dissatisfied", rating=5)], 100.0, False, "appealed", 40.0,
        False, "ban", False, "640105126112300001",
    )

    async def card(self, version: str | None) -> PublishedCard | None:
        return PublishedCard(parse_scorecard(CARD), CARD, "shipped", T0)

    async def cards(self) -> Sequence[PublishedCard]:
        return [PublishedCard(parse_scorecard(CARD), CARD, "shipped", T0)]

    async def publish(self, text: str, by: str, *, dry_run: bool) -> Scorecard:
        return parse_scorecard(text)

    async def picked(self, wanted: ReviewFilter) -> Sequence[ReviewRow]:
        return [self.row]

    async def counts(self) -> ReviewCounts:
        return ReviewCounts(0, 1)

    async def own(self, operator: str, wanted: ReviewFilter) -> Sequence[ReviewRow]:
        return [self.row]

    async def review(self, linked_id: str) -> Review | None:
        if linked_id != LINKED_ID:
            return None
        result = Result("greeting", "pass", None, "第 1 秒说了“您好”", (Finding(1.0, 1.5, "operator", "您好"),))
        other = OtherSeat("PJSIP/seat-two", "li", "李律师", 31.0)
        check = MachineCheck(
            "1", [result], {"seconds": 81.0, "rate": None}, 100.0, False, T0, [(20.0, 32.0)], [(0.0, 50.0)], [other],
        )
        mark = Mark(1, "1", "ban", [MarkLine("greeting", 40, None, "machine"), MarkLine("answer", 0, None, "human")], 40.0, False, "", T0)
        return Review(self.row, check, parse_scorecard(CARD), [mark], Appeal("wang", "讲过了", T0, None, "", None, ""))

    async def score(self, linked_id: str, sheet: Sequence[SheetLine], note: str, scorer: str) -> None:
        self._known(linked_id)

    async def appeal(self, linked_id: str, words: str, operator: str) -> None:
        self._known(linked_id)

    async def decide(
        self, linked_id: str, decision: AppealDecision, reason: str, sheet: Sequence[SheetLine], by: str
    ) -> None:
        self._known(linked_id)

    def _known(self, linked_id: str) -> None:
        if linked_id != LINKED_ID:
            raise NotFound("This call was not checked.")
