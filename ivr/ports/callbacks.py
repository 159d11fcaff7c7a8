"""What keeping promised call-backs needs of the exchange and the database; every method may raise Unavailable."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from ivr.domain.callback import CallbackJob, CallbackKind
from ivr.domain.errors import IvrError


class CallRefused(IvrError):
    """Asterisk refused to dial: nothing was dialled, and the text is its reason."""

    code = "call_refused"


@dataclass(frozen=True, slots=True)
class OutgoingLine:
    """A line a call-back may leave by: ``shown`` is the number the citizen sees, ``channel_cap`` its calls at once."""

    name: str
    shown: str
    channel_cap: int


@dataclass(frozen=True, slots=True)
class CitizenCall:
    """One call to a citizen: its linked id is ours, and its place in the queue that of ``arrived_at`` (Unix seconds).

    By ``line`` to ``number``, or, without a line, to the village phone ``device``, which shows ``shown``.
    """

    linked_id: str
    kind: CallbackKind
    number: str
    queue: str
    line: OutgoingLine | None
    arrived_at: float
    ring_s: int
    device: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt whose end is not known. ``ringing``: its citizen was not put into the queue yet, as far as the ledger tells."""

    linked_id: str
    queue: str
    age_s: float
    ringing: bool
    told: bool


class CitizenCalls(Protocol):
    """Calls to citizens, the only ones this product starts."""

    async def room(self, line: OutgoingLine) -> int:
        """How many more calls the line carries now, by Asterisk's own count."""
        ...

    async def reaches(self, device: str) -> bool:
        """Whether a village's phone is registered and answers."""
        ...

    async def call(self, call: CitizenCall) -> None:
        """Have Asterisk dial; returns when it took the order. Raises CallRefused, and ValueError for an unfit number."""
        ...

    async def is_live(self, linked_id: str) -> bool:
        """Whether Asterisk has a channel of this id."""
        ...


class CallbackDesk(Protocol):
    """The jobs, in the hands of the one controller that keeps them now. Times are the database's, in Unix seconds."""

    async def now(self) -> float: ...

    async def tidy(self) -> None:
        """Withdraw kept places whose citizen was answered meanwhile, and fail jobs whose time is over."""
        ...

    async def waiting(self) -> Sequence[CallbackJob]:
        """Open jobs not being called, the earliest first, without those whose citizen is on the line with us now."""
        ...

    async def open_attempts(self) -> Sequence[OpenAttempt]: ...

    async def arrivals(self, linked_ids: Collection[str]) -> dict[str, float]:
        """When these calls arrived; for a call-back, when the call that asked for it did."""
        ...

    async def begin(self, job: CallbackJob, linked_id: str, number: str) -> bool:
        """Write the attempt down before ``number`` ('' for a village's phone) is dialled; False when the job no longer waits."""
        ...

    async def not_placed(self, linked_id: str) -> None:
        """Close an attempt that never became a call."""
        ...


class CallbackStore(Protocol):
    """The jobs, for whoever leads."""

    def leading(self) -> AbstractAsyncContextManager[CallbackDesk | None]:
        """The desk, or None while another controller has it; it is lost with the connection, never shared."""
        ...
