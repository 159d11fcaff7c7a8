"""What the supervisors' room needs: an ear or a voice on an operator's call, words to a seat, a state somebody else sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, get_args

from ivr.domain.errors import CallerFault

WatchMode = Literal["listen", "whisper", "barge", "take_over"]
WATCH_MODES: tuple[WatchMode, ...] = get_args(WatchMode)
WatchState = Literal["waiting", "calling", "on", "changing", "ending", "over", "refused", "late"]


class WatchRefused(CallerFault):
    """The seat is in no conversation, the telephone is in use, or the supervisor is on another call already."""

    code = "watch_refused"


class SeatTalks(CallerFault):
    """The seat is in a conversation that signing it out would end."""

    code = "seat_talks"


@dataclass(frozen=True, slots=True)
class SupervisedSeat:
    """A seat of the settings. ``page``: its telephone is a page, and belongs to who holds its lease."""

    name: str
    operator: str
    work_number: str
    queues: tuple[str, ...]
    page: bool

    @property
    def interface(self) -> str:
        """The seat as queues name it."""
        return f"PJSIP/seat-{self.name}"


@dataclass(frozen=True, slots=True)
class Watch:
    """A supervisor on an operator's call. ``phone`` is the supervisor's own seat, ``linked_id`` the citizen's call.

    ``listen`` is heard by nobody, ``whisper`` by the operator alone, ``barge`` by both; after ``take_over`` the operator is gone.
    """

    id: int
    mode: WatchMode
    seat: str
    phone: str
    watcher: str
    reason: str
    state: WatchState
    problem: str
    channel_id: str
    linked_id: str
    asked_at: datetime
    begun_at: datetime | None
    over_at: datetime | None


@dataclass(frozen=True, slots=True)
class SeatMessage:
    """Words to who sits at a seat; ``seen_at`` None until that person put them away."""

    id: int
    seat: str
    text: str
    sent_by: str
    sent_at: datetime
    seen_at: datetime | None


class SupervisionBook(Protocol):
    """The web's end. Every act is a row of the audit trail, written in the same transaction."""

    async def watch(self, mode: WatchMode, seat: str, phone: str, watcher: str, reason: str) -> Watch:
        """Ask for it, and return when the telephone rings or the mode has changed; the watch is on once it answers.

        Somebody who is on the same seat's call already changes the mode. Raises WatchRefused, Busy or CommandUnanswered.
        """
        ...

    async def end(self, watch_id: int, ended_by: str) -> None:
        """Let the controller hang up the supervisor's telephone; NotFound when it is not on."""
        ...

    async def open_watches(self) -> Sequence[Watch]:
        """Those that last, the oldest first."""
        ...

    async def recent_watches(self, limit: int) -> Sequence[Watch]:
        """Those that are over, the newest first."""
        ...

    async def send(self, seat: str, text: str, sent_by: str) -> SeatMessage:
        """Tell who sits there; WatchRefused when nobody does."""
        ...

    async def messages_sent(self, limit: int) -> Sequence[SeatMessage]:
        """The newest first."""
        ...

    async def messages_for(self, holder: str) -> Sequence[SeatMessage]:
        """What this person has not put away, the oldest first."""
        ...

    async def seen(self, message_id: int, holder: str) -> None:
        """Put away; NotFound when it was sent to somebody else."""
        ...

    async def note_forced(self, seat: str, state: str, reason: str, by: str) -> None:
        """Write down that a state was set for somebody, and tell pages; call it before the act."""
        ...

    async def sign_out(self, seat: str, reason: str, by: str) -> None:
        """End the session that holds the seat, and its lease; NotFound when nobody sits there."""
        ...


class WatchInbox(Protocol):
    """The controller's end."""

    async def wait_hint(self, timeout_s: float) -> bool: ...

    async def take(self) -> Watch | None:
        """The oldest that waits and may still be begun; it is ``calling`` now."""
        ...

    async def current(self, watcher: str, besides: int) -> Watch | None:
        """What this supervisor is on already, and wants in another mode."""
        ...

    async def begun(self, watch_id: int, channel_id: str, linked_id: str) -> None:
        """The telephone is called, or has changed its mode."""
        ...

    async def on(self, watch_id: int) -> None:
        """The telephone answered."""
        ...

    async def settle(self, watch_id: int, problem: str) -> None:
        """It is over; ``problem`` says why it never was on."""
        ...

    async def stays(self, watch_id: int) -> None:
        """The mode did not change."""
        ...

    async def unsettled(self) -> Sequence[Watch]:
        """Those called, on or to be ended."""
        ...


class ListeningPost(Protocol):
    """The exchange's end. Raises IvrError or TimeoutError."""

    async def talking_channel(self, interface: str) -> tuple[str, str] | None:
        """Name of the channel by which this seat talks with a citizen now, and the call's linked id."""
        ...

    async def ring(self, phone: str, channel_id: str, mode: WatchMode, watched: str) -> None:
        """Call the supervisor's telephone; when it answers it is on the channel ``watched``."""
        ...

    async def change(self, channel_id: str, mode: WatchMode, watched: str) -> None:
        """Another mode for a telephone that is on already."""
        ...

    async def dismiss(self, channel: str, linked_id: str) -> None:
        """The operator is told that somebody else goes on with the citizen, and hung up; the recording goes on with who stays."""
        ...

    async def hang_up(self, channel_id: str) -> None: ...

    async def is_up(self, channel_id: str) -> bool: ...


@dataclass(frozen=True)
class SupervisionServices:
    """What the HTTP edge is given."""

    seats: Mapping[str, SupervisedSeat]
    book: SupervisionBook
