"""What notices spoken to citizens need of the exchange and the database; every method may raise Unavailable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.voice_notice import NoticeResult
from ivr.ports.callbacks import OutgoingLine

NoticeState = Literal["waiting", "sending", "delivered", "held"]


@dataclass(frozen=True, slots=True)
class NoticeCall:
    """One call that speaks a notice: ``words`` names them, ``digits`` is the number a caller keys, spoken digit by digit."""

    linked_id: str
    number: str
    line: OutgoingLine
    words: str
    digits: str
    ring_s: int


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """A call made for a delivery before: ``result`` is None while nobody knows what came of it.

    ``told``: the ledger tells of it. ``ended``: nothing more is to come.
    """

    linked_id: str
    result: NoticeResult | None
    ended: bool
    told: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class SpokenNotice:
    """One notice to a citizen by call, as the order's page shows it; ``next_at`` while another try is to come."""

    event: str
    at: datetime
    state: NoticeState
    calls: int
    result: NoticeResult | None
    called_at: datetime | None
    next_at: datetime | None


class NoticeCalls(Protocol):
    """The exchange, as far as notices need it."""

    async def room(self, line: OutgoingLine) -> int:
        """How many more calls the line carries now, by Asterisk's own count."""
        ...

    async def tell(self, call: NoticeCall) -> None:
        """Have Asterisk dial and speak; returns when it took the order. Raises CallRefused, ValueError for an unfit number."""
        ...

    async def is_live(self, linked_id: str) -> bool:
        """Whether Asterisk has a channel of this id."""
        ...


class VoiceNotices(Protocol):
    """Calls that speak notices, as they are written down."""

    async def earlier(self, delivery_id: int) -> Sequence[EarlierCall]:
        """The calls made for this delivery, the earliest first."""
        ...

    async def begin(self, delivery_id: int, order_number: str, event: str, number: str, system: str) -> str:
        """Write a call down before it is dialled; its linked id, '' while the citizen is on the line with us, or about to be."""
        ...

    async def not_placed(self, linked_id: str) -> None:
        """Close a call that never became one."""
        ...
