"""The supervisors' room over HTTP: an ear or a voice on a call, a state set for somebody, words to a seat; with reasons."""

from __future__ import annotations

import dataclasses

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.errors import Denied, NotFound
from ivr.domain.seat_state import SIGNED_OUT
from ivr.ports import supervision as ports
from ivr.ports.supervision import SeatTalks, WatchRefused
from ivr.ports.web import Identity, WebServices
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.supervision_models import (
    ForcedState,
    MessageWish,
    MyMessages,
    SeatMessage,
    SupervisedSeat,
    Supervision,
    Watch,
    WatchWish,
)

_WATCH: TypeAdapter[WatchWish] = TypeAdapter(WatchWish)
_STATE: TypeAdapter[ForcedState] = TypeAdapter(ForcedState)
_MESSAGE: TypeAdapter[MessageWish] = TypeAdapter(MessageWish)
_SHOWN = 20


async def show_supervision(request: web.Request) -> web.Response:
    """GET /api/v1/supervision."""
    read_query(request, NoQuery)
    services, me = request.app[SERVICES], request[IDENTITY]
    book = services.supervision.book
    holders = {lease.seat: lease.holder for lease in await services.desk.leases.all()}
    return answer(Supervision(
        seats=[
            SupervisedSeat(
                seat=s.name, interface=s.interface, operator=s.operator, work_number=s.work_number, queues=list(s.queues),
                page=s.page, holder=holders.get(s.name, ""), mine=me.kind == "session" and holders.get(s.name) == me.name,
            ) for s in services.supervision.seats.values()
        ],
        watches=[_watch(w) for w in await book.open_watches()],
        over=[_watch(w) for w in await book.recent_watches(_SHOWN)],
        messages=[_message(m) for m in await book.messages_sent(_SHOWN)],
    ))


async def begin_watch(request: web.Request) -> web.Response:
    """POST /api/v1/supervision/watches."""
    read_query(request, NoQuery)
    wish = await read_body(request, _WATCH, request.app[OPTIONS].body_limit_bytes)
    me, services = _person(request), request.app[SERVICES]
    _seat(services, wish.seat)
    phone = await _own_phone(services, me, wish.phone)
    if phone == wish.seat:
        raise WatchRefused("That is your own seat.")
    begun = await services.supervision.book.watch(wish.mode, wish.seat, phone, me.name, wish.reason)
    return answer(_watch(begun), status=201)


async def end_watch(request: web.Request) -> web.Response:
    """DELETE /api/v1/supervision/watches/{watch}."""
    read_query(request, NoQuery)
    me = _person(request)
    await request.app[SERVICES].supervision.book.end(_number(request, "watch"), me.name)
    return web.Response(status=204)


async def force_state(request: web.Request) -> web.Response:
    """POST /api/v1/supervision/seats/{seat}/state: answered when Asterisk has done it."""
    read_query(request, NoQuery)
    wish = await read_body(request, _STATE, request.app[OPTIONS].body_limit_bytes)
    me, services = _person(request), request.app[SERVICES]
    seat = _seat(services, request.match_info["seat"])
    book, commands = services.supervision.book, services.desk.commands
    if wish.state == "signed_out":
        if await _talks(services, seat):
            raise SeatTalks("The seat is in a conversation. Take the call over first, or wait for its end.")
        await book.sign_out(seat.name, wish.reason, me.name)
        await commands.carry_out("pause", seat.name, SIGNED_OUT, me.name)
        return web.Response(status=204)
    await book.note_forced(seat.name, wish.state, wish.reason, me.name)
    ready = wish.state == "ready"
    await commands.carry_out("resume" if ready else "pause", seat.name, "" if ready else wish.state, me.name)
    return web.Response(status=204)


async def send_message(request: web.Request) -> web.Response:
    """POST /api/v1/supervision/seats/{seat}/messages."""
    read_query(request, NoQuery)
    wish = await read_body(request, _MESSAGE, request.app[OPTIONS].body_limit_bytes)
    me, services = _person(request), request.app[SERVICES]
    seat = _seat(services, request.match_info["seat"])
    sent = await services.supervision.book.send(seat.name, wish.text, me.name)
    return answer(_message(sent), status=201)


async def my_messages(request: web.Request) -> web.Response:
    """GET /api/v1/desk/messages: also told whether a supervisor is on the call."""
    read_query(request, NoQuery)
    me, services = _person(request), request.app[SERVICES]
    lease = await services.desk.leases.held(me.name, me.credential)
    book = services.supervision.book
    watches = [] if lease is None else [w for w in await book.open_watches() if w.seat == lease.seat]
    return answer(MyMessages(
        messages=[_message(m) for m in await book.messages_for(me.name)], watches=[_watch(w) for w in watches]
    ))


async def put_away(request: web.Request) -> web.Response:
    """DELETE /api/v1/desk/messages/{message}: seen."""
    read_query(request, NoQuery)
    await request.app[SERVICES].supervision.book.seen(_number(request, "message"), _person(request).name)
    return web.Response(status=204)


async def _own_phone(services: WebServices, me: Identity, phone: str | None) -> str:
    """A desk phone anybody may be called at; a page only by who sits there."""
    if phone is not None:
        named = services.supervision.seats.get(phone)
        if named is None or named.page:
            raise NotFound(f"There is no desk phone {phone}.")
        return named.name
    lease = await services.desk.leases.held(me.name, me.credential)
    if lease is None:
        raise WatchRefused("You have no telephone: take a seat on this page, or name a desk phone.")
    return lease.seat


async def _talks(services: WebServices, seat: ports.SupervisedSeat) -> bool:
    queues = await services.views.queues()
    return any(m.interface == seat.interface and m.state in ("talking", "ringing") for q in queues for m in q.members)


def _seat(services: WebServices, name: str) -> ports.SupervisedSeat:
    seat = services.supervision.seats.get(name)
    if seat is None:
        raise NotFound(f"There is no seat {name[:31]}.")
    return seat


def _number(request: web.Request, name: str) -> int:
    text = request.match_info[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise NotFound("There is no such thing.")
    return int(text)


def _watch(watch: ports.Watch) -> Watch:
    kept = dataclasses.asdict(watch)
    del kept["channel_id"]
    return Watch(**kept)


def _message(message: ports.SeatMessage) -> SeatMessage:
    return SeatMessage(**dataclasses.asdict(message))


def _person(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("This is for people: log in with a session, not a token.")
    return identity
