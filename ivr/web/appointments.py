"""Appointments at the desk: the times to come, a booking made for a citizen, a booking taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from ivr.domain.appointment import SERVICES as TITLES
from ivr.domain.appointment import Booking, Slot
from ivr.domain.errors import NotFound
from ivr.domain.worktime import SHANGHAI
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.query import NoQuery, read_body, read_query

_LARGEST_ID = 2**53 - 1


class AppointmentBooking(BaseModel):
    """A place that a number has booked; ``words`` say service and time."""

    id: int
    number: str
    words: str


class AppointmentTime(BaseModel):
    """A time citizens may come at; ``free`` places are left."""

    id: int
    service: str
    title: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    places: int
    free: int
    bookings: list[AppointmentBooking]


class AppointmentTimes(BaseModel):
    """Times to come, the earliest first."""

    times: list[AppointmentTime]


class NewBooking(BaseModel):
    """A place for a citizen: the time's id, the citizen's number as orders show it, and the call it is booked in."""

    model_config = ConfigDict(extra="forbid", strict=True)

    time: Annotated[int, Field(ge=1, le=_LARGEST_ID)]
    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{3,20}$")]
    linked_id: Annotated[str, StringConstraints(max_length=80, pattern=r"^[A-Za-z0-9._-]*$")] = ""


_NEW = TypeAdapter(NewBooking)


async def list_times(request: web.Request) -> web.Response:
    """GET /api/v1/appointments."""
    read_query(request, NoQuery)
    coming = await request.app[SERVICES].appointments.coming()
    return answer(AppointmentTimes(times=[_time(slot, booked) for slot, booked in coming]))


async def book(request: web.Request) -> web.Response:
    """POST /api/v1/appointments: an audit row, then the booking; 409 when no place is left or the number comes already."""
    read_query(request, NoQuery)
    wanted = await read_body(request, _NEW, request.app[OPTIONS].body_limit_bytes)
    services = request.app[SERVICES]
    detail = {"number": wanted.number, "call": wanted.linked_id}
    await services.audit.append(request[IDENTITY].actor, "appointment.book", str(wanted.time), detail)
    made = await services.appointments.book(wanted.time, wanted.number, wanted.linked_id)
    return answer(_booking(made), status=201)


async def cancel(request: web.Request) -> web.Response:
    """DELETE /api/v1/appointments/{booking}: an audit row, then it is gone."""
    read_query(request, NoQuery)
    named = request.match_info["booking"]
    if not (named.isascii() and named.isdigit() and len(named) <= 15):
        raise NotFound(f"There is no booking {named[:40]}.")
    services = request.app[SERVICES]
    await services.audit.append(request[IDENTITY].actor, "appointment.cancel", named, {})
    await services.appointments.cancel(int(named))
    return web.Response(status=204)


def _time(slot: Slot, booked: Sequence[Booking]) -> AppointmentTime:
    bookings = [_booking(b) for b in booked]
    return AppointmentTime(
        id=slot.id, service=slot.service, title=TITLES.get(slot.service, slot.service),
        starts_at=slot.starts_at.astimezone(SHANGHAI), ends_at=slot.ends_at.astimezone(SHANGHAI),
        places=slot.places, free=max(0, slot.places - len(bookings)), bookings=bookings,
    )


def _booking(booking: Booking) -> AppointmentBooking:
    return AppointmentBooking(id=booking.id, number=booking.number, words=booking.slot.words)
