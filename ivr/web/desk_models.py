"""What goes over the wire about operators' desks."""

from __future__ import annotations

from pydantic import Field

from ivr.domain.seat_state import ChosenPause
from ivr.web.models import Moment, Wire


class Seat(Wire):
    """One seat whose telephone is a page. ``holder`` is the account that has it now, '' for nobody."""

    seat: str
    interface: str = Field(description="as queues name it, for its state on the live stream")
    operator: str
    work_number: str
    queues: list[str]
    holder: str
    mine: bool


class SeatList(Wire):
    seats: list[Seat]


class SeatWish(Wire):
    """The seat to sit down at."""

    seat: str = Field(min_length=1, max_length=31)


class SeatAccess(Wire):
    """How this page's telephone registers. Nothing but the lease's own session is ever told ``secret``.

    No ICE server is named: page and exchange are on one network. ``wrap_up_s`` is the longest time after a conversation in
    which the seat is not rung.
    """

    seat: str
    interface: str
    operator: str
    work_number: str
    queues: list[str]
    user: str
    secret: str
    host: str = Field(description="host of SIP addresses; the digest's realm comes with the challenge")
    websocket: str
    ice_servers: list[str]
    wrap_up_s: int
    lease_s: float = Field(description="the seat is lost when it is not renewed within this time")
    fresh: bool = Field(description="false: the same operator had it already, in this window or in another that loses it")


class MySeat(Wire):
    """The seat of this session."""

    seat: str
    interface: str
    taken_at: Moment
    ends_at: Moment


class PauseWish(Wire):
    """Pause with a reason, or null to be rung again; also ends a wrap-up."""

    pause: ChosenPause | None
