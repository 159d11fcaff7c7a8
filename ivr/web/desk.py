"""Operators' desks over HTTP: sit down, stay, pause, leave. States are not answered here: they are Asterisk's, on the stream."""

from __future__ import annotations

import re

import structlog
from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.errors import Denied, IvrError, NotFound, Unavailable
from ivr.domain.seat_state import SIGNED_IN, SIGNED_OUT
from ivr.ports.desk import BrowserSeat, DeskServices, SeatLost
from ivr.ports.web import Identity
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.desk_models import MySeat, PauseWish, Seat, SeatAccess, SeatList, SeatWish
from ivr.web.query import NoQuery, read_body, read_query

_WISH: TypeAdapter[SeatWish] = TypeAdapter(SeatWish)
_PAUSE: TypeAdapter[PauseWish] = TypeAdapter(PauseWish)
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_log = structlog.get_logger(__name__)


async def list_seats(request: web.Request) -> web.Response:
    """GET /api/v1/desk/seats."""
    read_query(request, NoQuery)
    desk = request.app[SERVICES].desk
    holders = {lease.seat: lease.holder for lease in await desk.leases.all()}
    me = _person(request).name
    return answer(SeatList(seats=[
        Seat(
            seat=s.name, interface=s.interface, operator=s.operator, work_number=s.work_number, queues=list(s.queues),
            holder=holders.get(s.name, ""), mine=holders.get(s.name) == me,
        ) for s in desk.seats.values()
    ]))


async def show_seat(request: web.Request) -> web.Response:
    """GET /api/v1/desk/seat: also how a page says that somebody works at it, which keeps the session."""
    read_query(request, NoQuery)
    me = _person(request)
    desk = request.app[SERVICES].desk
    lease = await desk.leases.held(me.name, me.credential)
    if lease is None or lease.seat not in desk.seats:
        raise NotFound("You have no seat. Take one first.")
    return answer(MySeat(
        seat=lease.seat, interface=desk.seats[lease.seat].interface, taken_at=lease.taken_at, ends_at=lease.ends_at,
    ))


async def take_seat(request: web.Request) -> web.Response:
    """POST /api/v1/desk/seat: the lease, and the secret of the seat's telephone. Sat down at anew, the seat is paused."""
    read_query(request, NoQuery)
    wish = await read_body(request, _WISH, request.app[OPTIONS].body_limit_bytes)
    me, desk = _person(request), request.app[SERVICES].desk
    seat = desk.seats.get(wish.seat)
    if seat is None:
        raise NotFound(f"There is no seat {wish.seat} whose telephone is a page.")
    if desk.websocket_port is None:
        raise Unavailable("Browsers cannot telephone here: set asterisk.wss_port and web.tls, and start again.")
    host = _host(request)
    fresh = await desk.leases.take(seat.name, me.name, me.credential, desk.lease_s)
    if fresh:
        await _pause_without_fail(desk, seat, SIGNED_IN, me)
    return answer(SeatAccess(
        seat=seat.name, interface=seat.interface, operator=seat.operator, work_number=seat.work_number,
        queues=list(seat.queues), user=seat.user, secret=seat.secret, host=host,
        websocket=f"wss://{host}:{desk.websocket_port}/ws", ice_servers=[], wrap_up_s=seat.wrap_up_s, lease_s=desk.lease_s,
        fresh=fresh,
    ))


async def keep_seat(request: web.Request) -> web.Response:
    """PUT /api/v1/desk/seat: the page is still there; does not restart the idle clock."""
    read_query(request, NoQuery)
    me, desk = _person(request), request.app[SERVICES].desk
    await desk.leases.renew(me.name, me.credential, desk.lease_s)
    return web.Response(status=204)


async def leave_seat(request: web.Request) -> web.Response:
    """DELETE /api/v1/desk/seat: paused, and free for others."""
    read_query(request, NoQuery)
    await leave(request.app[SERVICES].desk, _person(request))
    return web.Response(status=204)


async def set_state(request: web.Request) -> web.Response:
    """POST /api/v1/desk/state: answered when Asterisk has done it."""
    read_query(request, NoQuery)
    wish = await read_body(request, _PAUSE, request.app[OPTIONS].body_limit_bytes)
    me, desk = _person(request), request.app[SERVICES].desk
    lease = await desk.leases.held(me.name, me.credential)
    if lease is None:
        raise SeatLost("You have no seat any more. Take one first.")
    await desk.commands.carry_out("resume" if wish.pause is None else "pause", lease.seat, wish.pause or "", me.name)
    return web.Response(status=204)


async def leave(desk: DeskServices, identity: Identity) -> None:
    """Give back whatever seat the session has; also called when it ends."""
    seat = await desk.leases.give_back(identity.name, identity.credential)
    if seat is not None and seat in desk.seats:
        await _pause_without_fail(desk, desk.seats[seat], SIGNED_OUT, identity)


async def _pause_without_fail(desk: DeskServices, seat: BrowserSeat, reason: str, identity: Identity) -> None:
    """People come and go also while the controller is away: then Asterisk rings whatever telephone is registered."""
    try:
        await desk.commands.carry_out("pause", seat.name, reason, identity.name)
    except IvrError as failed:
        _log.warning("seat_not_paused", seat=seat.name, reason=reason, problem=str(failed))


def _person(request: web.Request) -> Identity:
    identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("Seats are for people: log in with a session, not a token.")
    return identity


def _host(request: web.Request) -> str:
    """The name under which the browser reached this server: the exchange's certificate is the same one."""
    name = request.host if request.host.endswith("]") else request.host.rpartition(":")[0] or request.host
    if not _HOST.fullmatch(name):
        raise NotFound("The Host header names no host.")
    return name
