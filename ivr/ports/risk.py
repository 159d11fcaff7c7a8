"""Words of risk that were heard, who decided what of them, and how often each phrase was right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.errors import CallerFault
from ivr.domain.risk import Decision, RiskKind


class AlreadyDecided(CallerFault):
    """Somebody else has decided meanwhile; the first decision stands."""

    code = "already_decided"


@dataclass(frozen=True, slots=True)
class RiskAlert:
    """One phrase of one call. ``at_s`` is where it is in the recording; ``order_number`` '' before the call's end."""

    id: int
    linked_id: str
    order_number: str
    caller_number: str
    member_interface: str
    kind: RiskKind
    phrase: str
    words: str
    said: str
    at_s: float
    source: Literal["live", "transcript"]
    raised_at: datetime
    decision: Decision | None
    decided_by: str
    decided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class RiskWord:
    """How a phrase did: what was heard, and what people made of it."""

    kind: RiskKind
    phrase: str
    real: int
    false: int
    open: int
    in_force: bool


class RiskDesk(Protocol):
    """The web's end."""

    async def alerts(self, *, open_only: bool, limit: int) -> Sequence[RiskAlert]:
        """The newest first; undecided ones before all others."""
        ...

    async def decide(self, alert: int, decision: Decision, reason: str, decided_by: str) -> None:
        """Once, audited in the same transaction; NotFound or AlreadyDecided. The order stays urgent unless all were false."""
        ...

    async def words(self) -> Sequence[RiskWord]:
        """Every phrase in force or ever heard, the most false alarms first."""
        ...
