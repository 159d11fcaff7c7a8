"""What goes over the wire about supervisors on operators' calls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ivr.domain.seat_state import ChosenPause
from ivr.ports.supervision import WatchMode, WatchState
from ivr.web.models import Moment, Wire

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
"""Why it is done, as it stands in the audit trail."""


class SupervisedSeat(Wire):
    """One seat of the settings. ``page``: its telephone is a page. ``holder`` is who sits there, '' for nobody or a desk phone."""

    seat: str
    interface: str = Field(description="as queues name it, for its state on the live stream")
    operator: str
    work_number: str
    queues: list[str]
    page: bool
    holder: str
    mine: bool


class Watch(Wire):
    """A supervisor on a call: ``listen`` is heard by nobody, ``whisper`` by the operator alone, ``barge`` by both."""

    id: int
    mode: WatchMode
    seat: str
    phone: str
    watcher: str
    reason: str
    state: WatchState
    problem: str
    linked_id: str
    asked_at: Moment
    begun_at: Moment | None
    over_at: Moment | None


class SeatMessage(Wire):
    """Words to who sits at a seat; ``seen_at`` is when they were put away."""

    id: int
    seat: str
    text: str
    sent_by: str
    sent_at: Moment
    seen_at: Moment | None


class Supervision(Wire):
    """Seats, what lasts, and the last 20 that are over and the last 20 messages."""

    seats: list[SupervisedSeat]
    watches: list[Watch]
    over: list[Watch]
    messages: list[SeatMessage]


class WatchWish(Wire):
    """Be on the call of ``seat``. ``phone``: a desk phone's seat that is rung; null for the page of this session's own seat."""

    seat: str = Field(min_length=1, max_length=31)
    mode: WatchMode
    reason: Reason
    phone: str | None = Field(default=None, min_length=1, max_length=31)


class ForcedState(Wire):
    """``ready`` ends any pause; ``signed_out`` ends the session of who sits there, never during a conversation."""

    state: ChosenPause | Literal["ready", "signed_out"]
    reason: Reason


class MessageWish(Wire):
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class MyMessages(Wire):
    """What this person has not put away, and who is on the call of the person's seat now."""

    messages: list[SeatMessage]
    watches: list[Watch]


class SeatChange(Wire):
    """On the live stream: something about a seat is different; what, is asked for by who may know it."""

    seat: str
