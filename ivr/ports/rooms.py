"""What three sides need: a lawyer who asks somebody into a village's call, and an exchange that joins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.errors import CallerFault
from ivr.domain.room_film import FilmProblem, FilmState
from ivr.domain.video_room import RoomProblem

InvitationState = Literal["waiting", "calling", "ringing", "joined", "ending", "over"]


class RoomRefused(CallerFault):
    """Somebody is asked in already, or there is nobody like that."""

    code = "room_refused"


class NobodyToAsk(CallerFault):
    """The exchange's answer: the call goes on as it was, because of ``problem``."""

    code = "nobody_to_ask"

    def __init__(self, problem: RoomProblem) -> None:
        super().__init__(f"Nobody was asked into the call: {problem}.")
        self.problem: RoomProblem = problem


@dataclass(frozen=True, slots=True)
class Third:
    """Somebody who can be asked in: ``station``, ``adviser``, a work number, an extension or a mediator.

    ``title`` is '' for the first two; ``phone`` is a mediator's own, '' for all others.
    """

    who: str
    title: str
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A third side asked into the call ``linked_id`` of a seat; ``over`` with a ``problem`` when nobody came."""

    id: int
    seat: str
    who: str
    asked_by: str
    state: InvitationState
    problem: RoomProblem
    channel_id: str
    linked_id: str
    asked_at: datetime
    joined_at: datetime | None
    over_at: datetime | None
    film: FilmState = ""
    film_problem: FilmProblem = ""


@dataclass(frozen=True, slots=True)
class Guest:
    """Whom the exchange will ring for an invitation. ``address`` is a dial string of its own making, never of a caller's.

    ``line`` is the trunk of an outside telephone, '' for a phone of ours; ``codecs`` what is offered, with the one codec of
    pictures that the village's phone uses, or none. ``film`` is that codec when the room's picture can be recorded, '' with the
    reason in ``film_problem`` when it cannot.
    """

    address: str
    invited: str
    lawyer: str
    linked_id: str
    codecs: str
    line: str = ""
    film: str = ""
    film_problem: FilmProblem = ""


class Mediators(Protocol):
    """The people an office lists as mediators. Only their listed numbers are ever rung."""

    async def listed(self) -> Sequence[Third]:
        """Those who are there, by work number, at most 500."""
        ...

    async def phone(self, work_number: str) -> str:
        """Dialable digits; '' for who is no mediator, or not there any more."""
        ...


class RoomBook(Protocol):
    """The web's end. Every act is a row of the audit trail, written in the same transaction."""

    async def invite(self, seat: str, who: str, asked_by: str) -> Invitation:
        """Ask for it and return at once; RoomRefused while another invitation of the seat lasts."""
        ...

    async def latest(self, seat: str, asked_by: str) -> Invitation | None:
        """The last this person asked for at this seat today; one that nobody began in time is ``unanswered``."""
        ...

    async def dismiss(self, seat: str, by: str) -> None:
        """Stop ringing, or let the third go; NotFound when nobody is asked in."""
        ...

    async def stop_film(self, seat: str, by: str) -> None:
        """Record the room's picture no longer; NotFound when it is not being recorded."""
        ...


class RoomInbox(Protocol):
    """The controller's end."""

    async def wait_hint(self, timeout_s: float) -> bool: ...

    async def take(self) -> Invitation | None:
        """The oldest that waits and may still be begun; it is ``calling`` now."""
        ...

    async def begun(
        self, invitation: int, channel_id: str, linked_id: str, film: FilmState = "", film_problem: FilmProblem = ""
    ) -> None: ...

    async def filmed(self, invitation: int, film: FilmState, problem: FilmProblem = "") -> None:
        """What became of the room's picture; a reason that is there already stays."""
        ...

    async def joined(self, invitation: int) -> None: ...

    async def settle(self, invitation: int, problem: RoomProblem) -> None:
        """It is over."""
        ...

    async def unsettled(self) -> Sequence[Invitation]:
        """Those that have a channel, or will, and those whose room's picture is still being recorded."""
        ...


class RoomDoor(Protocol):
    """The exchange's end. Raises IvrError or TimeoutError."""

    async def find(self, seat: str, who: str) -> Guest:
        """Whom to ring for the call this seat is in; NobodyToAsk says why there is nobody."""
        ...

    async def ring(self, guest: Guest, channel_id: str) -> None:
        """Call them; who answers is joined by the dialplan."""
        ...

    async def hang_up(self, channel_id: str) -> None: ...

    async def is_up(self, channel_id: str) -> bool: ...

    async def films(self, linked_id: str) -> bool:
        """Whether the room's picture is being recorded now."""
        ...

    async def stop_film(self, linked_id: str) -> None:
        """End the recording of the picture; the room goes on."""
        ...
