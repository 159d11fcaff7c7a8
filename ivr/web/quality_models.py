"""Quality review as it goes over the wire, and what may be asked of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints

from ivr.domain.scorecard import Check, MarkedBy, Verdict
from ivr.domain.transcript import Speaker
from ivr.web.models import Moment, Seconds, Wire
from ivr.web.query import Cursor, Limit, Query, When

State = Literal["open", "scored", "appealed", "decided"]
RuleName = Literal["share", "dissatisfied", "long_silence", "chosen"]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f]*$")]
CriterionCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,29}$")]


class ReviewQuery(Query):
    state: State | None = None
    rule: RuleName | None = Field(None, description="why it is in the list")
    operator: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        None, description="account, or a seat's interface where nobody knows the account"
    )
    start: When | None = Field(None, alias="from", description="arrived at or after; default: 92 days ago")
    end: When | None = Field(None, alias="to", description="arrived before")
    limit: Limit = 50
    cursor: Cursor | None = None


class OwnQuery(Query):
    state: State | None = None
    start: When | None = Field(None, alias="from", description="arrived at or after; default: 92 days ago")
    end: When | None = Field(None, alias="to", description="arrived before")
    limit: Limit = 50
    cursor: Cursor | None = None


class PickReason(Wire):
    """Why a call is in the list. share: call ``number`` of its operator's month, drawn at ``place`` of a block of ``size``."""

    rule: RuleName
    number: int
    place: int
    size: int
    rating: int
    seconds: Seconds
    by: str


class ReviewRow(Wire):
    """A call in a list. ``operator`` '' when nobody knows who sat there; ``machine_score`` null when nothing could be judged."""

    linked_id: str
    arrived_at: Moment
    operator: str
    operator_name: str
    seat: str
    talk_s: Seconds | None
    rating: int | None
    reasons: list[PickReason]
    machine_score: float | None
    machine_fatal: bool
    state: State
    score: float | None
    fatal: bool
    scorer: str
    confidential: bool
    order: str


class ReviewList(Wire):
    """Newest first. ``open`` and ``appealed`` wait for somebody, whatever was asked for."""

    calls: list[ReviewRow]
    next: str | None = Field(description="cursor of the next page, null on the last one")
    open: int
    appealed: int


class OwnList(Wire):
    """My own checked calls, newest first."""

    calls: list[ReviewRow]
    next: str | None = Field(description="cursor of the next page, null on the last one")


class CardCriterion(Wire):
    """``weight`` 0: fatal. ``check`` '': a person's."""

    code: str
    title: str
    kind: MarkedBy
    check: Check | Literal[""]
    weight: int
    fatal: bool
    phrases: list[str]
    within_s: Seconds
    least: float
    most: float


class Card(Wire):
    version: str
    title: str
    least_confidence: float
    least_s: Seconds
    criteria: list[CardCriterion]


class PublishedCard(Wire):
    card: Card
    published_by: str
    published_at: Moment
    in_force: bool


class CardList(Wire):
    """Every version, the one in force first; none of them ever changes."""

    cards: list[PublishedCard]


class CheckFinding(Wire):
    """Where in the recording; ``words`` '' where nobody speaks."""

    start_s: Seconds
    end_s: Seconds
    speaker: Speaker | None
    words: str


class CheckResult(Wire):
    code: str
    verdict: Verdict
    measured: float | None
    why: str
    findings: list[CheckFinding]


class RecordingSpan(Wire):
    start_s: Seconds
    end_s: Seconds


class OtherSeat(Wire):
    """A seat that talked with the caller too; ``operator`` '' when nobody knows who sat there. ``talked_s`` without holds."""

    seat: str
    operator: str
    operator_name: str
    talked_s: Seconds


class MachineCheck(Wire):
    """What the machine found. ``measures``: seconds, shares 0…1, characters a minute, times; null over nothing.

    ``holds`` of the seat that is judged, and its ``stretches`` of a call several talked in (none: the whole recording).
    """

    card_version: str
    score: float | None
    fatal: bool
    checked_at: Moment
    results: list[CheckResult]
    measures: dict[str, float | None]
    holds: list[RecordingSpan]
    stretches: list[RecordingSpan]
    others: list[OtherSeat]


class MarkedLine(Wire):
    """A criterion as it was marked; neither points nor passed: it could not be judged."""

    code: str
    points: int | None
    passed: bool | None
    by: MarkedBy
    reason: str


class Mark(Wire):
    round: int
    card_version: str
    scorer: str
    score: float
    fatal: bool
    note: str
    scored_at: Moment
    lines: list[MarkedLine]


class Appeal(Wire):
    appellant: str
    words: str
    at: Moment
    decision: Literal["kept", "changed"] | None
    decided_by: str
    decided_at: Moment | None
    reason: str


class Review(Wire):
    """One call's quality. ``marks`` in rounds, the last counts; ``card`` is the one they are made with, or will be."""

    call: ReviewRow
    card: Card | None
    check: MachineCheck | None
    marks: list[Mark]
    appeal: Appeal | None
    own: bool
    may_score: bool
    may_appeal: bool
    may_decide: bool


class SheetLine(Wire):
    """``points`` of a weighted criterion, ``passed`` of a fatal one; ``reason`` for a failed one, and for any of the machine's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    code: CriterionCode
    points: Annotated[int, Field(ge=0, le=100)] | None = None
    passed: bool | None = None
    reason: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")] = ""


class ScoreSheet(Wire):
    """A line for each criterion of a person, and for those of the machine that are overridden."""

    lines: Annotated[list[SheetLine], Field(min_length=1, max_length=40)]
    note: Note = ""


class AppealWish(Wire):
    words: Words


class AppealDecision(Wire):
    """``changed`` brings the sheet of a new round, ``kept`` none."""

    decision: Literal["kept", "changed"]
    reason: Line
    lines: Annotated[list[SheetLine], Field(max_length=40)] = []
