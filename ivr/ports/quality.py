"""Quality review: what was checked, which calls people hear, what they gave, and what was appealed.

Every time here is timezone-aware. Implementations raise ``ivr.domain.errors.Unavailable`` when the database is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from ivr.domain.errors import CallerFault
from ivr.domain.quality_check import Checked, Result, Talk
from ivr.domain.quality_sample import Reason, Rule
from ivr.domain.scorecard import MarkLine, Scorecard, SheetLine
from ivr.domain.seat_talks import SeatTalk, Span
from ivr.ports.views import PageMark

ReviewState = Literal["open", "scored", "appealed", "decided"]
AppealDecision = Literal["kept", "changed"]


class ReviewRefused(CallerFault):
    """It is somebody else's to do, or was done already; the text says which."""

    code = "review_refused"


@dataclass(frozen=True, slots=True)
class PublishedCard:
    """A card with its file as it was published."""

    card: Scorecard
    text: str
    published_by: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class DueCall:
    """A call to be checked with ``card``; ``upto`` is the newest row that asked for it. ``judged`` of ``seats`` is whose call it
    is, None when the ledger tells of nobody: then it is the first's who answered."""

    linked_id: str
    upto: int
    card: Scorecard
    talk: Talk
    judged: SeatTalk | None = None
    seats: Sequence[SeatTalk] = ()


@dataclass(frozen=True, slots=True)
class OtherSeat:
    """A seat that talked with the caller too; ``operator`` is the account, '' when nobody knows."""

    seat: str
    operator: str
    operator_name: str
    talked_s: float


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """What the machine found. ``score`` 0…100, None when nothing could be judged.

    ``holds`` of the judged seat and its ``stretches`` are seconds of the recording; no stretches: it is the whole recording.
    """

    card_version: str
    results: Sequence[Result]
    measures: Mapping[str, float | None]
    score: float | None
    fatal: bool
    checked_at: datetime
    holds: Sequence[Span] = ()
    stretches: Sequence[Span] = ()
    others: Sequence[OtherSeat] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """One person's marks; of several rounds the last counts."""

    round: int
    card_version: str
    scorer: str
    lines: Sequence[MarkLine]
    score: float
    fatal: bool
    note: str
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class Appeal:
    """An operator's words against a mark, and what became of them; ``decision`` None until somebody decided."""

    appellant: str
    words: str
    at: datetime
    decision: AppealDecision | None
    decided_by: str
    decided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One call in a list. ``operator`` is the account of who answered, '' when nobody knows; ``seat`` the member interface."""

    linked_id: str
    arrived_at: datetime
    operator: str
    operator_name: str
    seat: str
    talk_s: float | None
    rating: int | None
    reasons: Sequence[Reason]
    machine_score: float | None
    machine_fatal: bool
    state: ReviewState
    score: float | None
    fatal: bool
    scorer: str
    confidential: bool
    order_number: str


@dataclass(frozen=True, slots=True)
class Review:
    """All that is known of one call's quality. ``check`` None: the machine has not looked yet."""

    row: ReviewRow
    check: MachineCheck | None
    card: Scorecard | None
    marks: Sequence[Mark]
    appeal: Appeal | None


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Which calls, newest first. ``operator`` is an account or a member interface; ``own`` only those marked or checked of it."""

    state: ReviewState | None = None
    rule: Rule | None = None
    operator: str = ""
    start: datetime | None = None
    end: datetime | None = None
    limit: int = 50
    after: PageMark | None = None


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """How much waits: picked calls nobody scored, and appeals nobody decided."""

    open: int
    appealed: int


class QualityQueue(Protocol):
    """The controller's end: calls that wait for the machine."""

    async def seed(self, text: str) -> None:
        """Publish the shipped card when there is none, or only older shipped ones."""
        ...

    async def due(self, limit: int) -> Sequence[DueCall]:
        """Calls that are over, with every track done; the oldest wish first. What needs no check is taken off the list."""
        ...

    async def keep(self, due: DueCall, checked: Checked) -> bool:
        """Write the result and whether people should hear it; False when another was faster. Later wishes stay."""
        ...

    async def give_up(self, due: DueCall) -> None:
        """Take a call off the list that cannot be checked; a later wish tries it again."""
        ...

    async def close_month(self, today: date) -> int:
        """Draw what is left over of months that are over; how many calls that were."""
        ...


class QualityDesk(Protocol):
    """The web's end; who may do what by role is decided there, whose call it is here."""

    async def card(self, version: str | None) -> PublishedCard | None:
        """This version, or the one in force for None."""
        ...

    async def cards(self) -> Sequence[PublishedCard]:
        """Every version, the one in force first (bounded at 200)."""
        ...

    async def publish(self, text: str, by: str, *, dry_run: bool) -> Scorecard:
        """Put a card in force; audited. BadSetting for a wrong one, or a version that is published with other text."""
        ...

    async def picked(self, wanted: ReviewFilter) -> Sequence[ReviewRow]:
        """Calls people should hear."""
        ...

    async def counts(self) -> ReviewCounts: ...

    async def own(self, operator: str, wanted: ReviewFilter) -> Sequence[ReviewRow]:
        """An operator's own checked calls, the newest first; nobody else's."""
        ...

    async def review(self, linked_id: str) -> Review | None:
        """None for a call that was not checked."""
        ...

    async def score(self, linked_id: str, sheet: Sequence[SheetLine], note: str, scorer: str) -> None:
        """Mark a call; audited. Again by the same person until it is appealed. ReviewRefused, SheetRefused, NotFound."""
        ...

    async def appeal(self, linked_id: str, words: str, operator: str) -> None:
        """Once, by whose call it is, against a person's mark; audited. ReviewRefused, NotFound."""
        ...

    async def decide(
        self, linked_id: str, decision: AppealDecision, reason: str, sheet: Sequence[SheetLine], by: str
    ) -> None:
        """By who neither scored the call nor had it; ``changed`` brings a new sheet; audited. ReviewRefused, SheetRefused."""
        ...
