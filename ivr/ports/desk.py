"""What an operator's desk needs: a seat of its own, and commands to the exchange that are carried out or answered in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.errors import CallerFault, Unavailable
from ivr.domain.roster import Duty
from ivr.domain.seat_time import SeatTime
from ivr.ports.rooms import Mediators, RoomBook, Third

CommandKind = Literal["pause", "resume"]


class SeatTaken(CallerFault):
    """Somebody else sits there, or the asker has another seat."""

    code = "seat_taken"


class SeatLost(CallerFault):
    """The lease ended: nobody renewed it."""

    code = "seat_lost"


class CommandRefused(CallerFault):
    """Asterisk said no; the text is its own."""

    code = "command_refused"


class CommandUnanswered(Unavailable):
    """No controller carried the command out in time; one that was not begun never will be."""

    code = "command_unanswered"


@dataclass(frozen=True, slots=True)
class BrowserSeat:
    """A seat whose telephone is a page. ``secret`` is told to who holds its lease, and to nobody else."""

    name: str
    operator: str
    work_number: str
    queues: tuple[str, ...]
    wrap_up_s: int
    secret: str = field(repr=False)

    @property
    def user(self) -> str:
        """The SIP user."""
        return f"seat-{self.name}"

    @property
    def interface(self) -> str:
        """The seat as queues name it."""
        return f"PJSIP/{self.user}"


@dataclass(frozen=True, slots=True)
class SeatLease:
    """Whose seat it is until ``ends_at``, by the database's clock."""

    seat: str
    holder: str
    taken_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ExchangeCommand:
    """One command as the controller takes it."""

    id: int
    kind: CommandKind
    seat: str
    reason: str


class SeatLeases(Protocol):
    """One operator for each seat, one seat for each operator; a lease belongs to one session."""

    async def all(self) -> Sequence[SeatLease]:
        """Leases in force."""
        ...

    async def held(self, holder: str, credential: bytes) -> SeatLease | None:
        """The lease of this session."""
        ...

    async def take(self, seat: str, holder: str, credential: bytes, lease_s: float) -> bool:
        """Lease the seat; True when it was free, False when the same operator had it already (another window loses it).

        Written to the audit trail in the same transaction. Raises SeatTaken.
        """
        ...

    async def renew(self, holder: str, credential: bytes, lease_s: float) -> None:
        """Keep the lease; SeatLost when it is gone, SeatTaken when the same operator took it along to another session."""
        ...

    async def give_back(self, holder: str, credential: bytes) -> str | None:
        """End the lease, audited; the seat's name, None when there was none."""
        ...

    async def expire(self) -> Sequence[str]:
        """End leases nobody renewed, audited; their seats."""
        ...


class SeatCommands(Protocol):
    """The web's end of the commands."""

    async def carry_out(self, kind: CommandKind, seat: str, reason: str, asked_by: str) -> None:
        """Return when it is done, and not before; raises CommandRefused or CommandUnanswered. Audited."""
        ...


class CommandInbox(Protocol):
    """The controller's end of the commands."""

    async def wait_hint(self, timeout_s: float) -> bool:
        """Return early when a command may be there."""
        ...

    async def take(self) -> ExchangeCommand | None:
        """The oldest that waits and may still be begun."""
        ...

    async def settle(self, command: ExchangeCommand, problem: str) -> None:
        """'' when it was done, else why it was not."""
        ...


class SeatControl(Protocol):
    """The exchange's end: pauses in all queues of a seat. Raises IvrError or TimeoutError."""

    async def pause_seat(self, interface: str, paused: bool, reason: str) -> None: ...


class SeatLegs(Protocol):
    """The exchange's end: the legs of seats that are up. Raises IvrError or TimeoutError."""

    async def legs_of(self, interface: str) -> Sequence[str]:
        """Names of the channels by which this seat is connected now."""
        ...

    async def packets_heard(self, channel: str) -> int | None:
        """RTP packets of sound that came by this leg so far; None when the leg is gone."""
        ...

    async def end_lost(self, channel: str) -> None:
        """End a leg whose telephone is gone, as one that was lost: the dialplan holds the citizen. One that ended is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Sat:
    """One seat, by its name in the settings, and when its person sat there."""

    seat: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class OwnDay:
    """What one person did in a span. ``talk_s`` is of the ``talked`` calls that have ended, hold included.

    ``answered`` counts what the queue brought, ``called_back`` our own calls to citizens, ``ring_outs`` rings of a second or more
    that nobody answered. ``time`` is the seats' own record, cut to when the person sat there.
    """

    work_number: str
    shifts: Sequence[Duty]
    sat: Sequence[Sat]
    answered: int
    called_back: int
    talked: int
    talk_s: float
    ring_outs: int
    time: SeatTime


class OwnDays(Protocol):
    """Everybody's own day, and nobody else's: there is no list of them."""

    async def day(self, account: str, start: datetime, end: datetime) -> OwnDay:
        """What this account did between two moments, by the seats it sat at and the desk phone with its work number."""
        ...


@dataclass(frozen=True)
class DeskServices:
    """What the HTTP edge is given for desks. ``lease_s``: a page that says nothing for this long has lost its seat."""

    seats: Mapping[str, BrowserSeat]
    leases: SeatLeases
    commands: SeatCommands
    websocket_port: int | None
    lease_s: float = 30.0
    days: OwnDays = field(kw_only=True)
    rooms: RoomBook = field(kw_only=True)
    thirds: Sequence[Third] = ()
    mediators: Mediators | None = None
