"""Three sides over HTTP: a lawyer asks somebody into the village's call of the own seat, and is told what becomes of it."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field, TypeAdapter

from ivr.domain.errors import Denied
from ivr.domain.room_film import FilmProblem, FilmState
from ivr.domain.video_room import RoomProblem
from ivr.ports.desk import DeskServices, SeatLost
from ivr.ports.rooms import Invitation, InvitationState, RoomRefused, Third
from ivr.ports.web import Identity
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment, Wire
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.route import Route

_ROOM = "/api/v1/desk/room"


class RoomThird(Wire):
    """Who can be asked in: ``station`` and ``adviser`` of the village that calls, a work number or extension, or a mediator."""

    who: str
    title: str
    phone: str = Field(description="a mediator's, who is rung there; '' for all others")


class RoomInvitation(Wire):
    """A third side asked into a call. ``over`` with a ``problem``: nobody came, and the call went on as it was."""

    id: int
    who: str
    state: InvitationState
    problem: RoomProblem
    linked_id: str = Field(description="the village's call; '' until somebody is rung")
    asked_at: Moment
    joined_at: Moment | None
    over_at: Moment | None
    film: FilmState = Field(
        description="the room's picture: '' never recorded here, none not of this one, asked people are told, on it is recorded"
    )
    film_problem: FilmProblem = Field(description="why it is not, or no longer")


class RoomView(Wire):
    """Who can be asked in, and whom this person asked last at this seat."""

    thirds: list[RoomThird]
    last: RoomInvitation | None


class RoomWish(Wire):
    """Ask this one in; ``who`` as the list of thirds names them."""

    who: str = Field(min_length=1, max_length=31)


_WISH: TypeAdapter[RoomWish] = TypeAdapter(RoomWish)


async def show_room(request: web.Request) -> web.Response:
    """GET /api/v1/desk/room."""
    read_query(request, NoQuery)
    me, desk = _person(request), request.app[SERVICES].desk
    lease = await desk.leases.held(me.name, me.credential)
    last = None if lease is None else await desk.rooms.latest(lease.seat, me.name)
    return answer(RoomView(
        thirds=[RoomThird(who=one.who, title=one.title, phone=one.phone) for one in await _thirds(desk)],
        last=_shown(last) if last else None,
    ))


async def invite(request: web.Request) -> web.Response:
    """POST /api/v1/desk/room: answered at once; the live stream says ``seat`` when there is news."""
    read_query(request, NoQuery)
    wish = await read_body(request, _WISH, request.app[OPTIONS].body_limit_bytes)
    me, desk = _person(request), request.app[SERVICES].desk
    if wish.who not in {one.who for one in await _thirds(desk)}:
        raise RoomRefused("There is nobody like that to ask into a call.")
    return answer(_shown(await desk.rooms.invite(await _seat(request, me), wish.who, me.name)), status=201)


async def dismiss(request: web.Request) -> web.Response:
    """DELETE /api/v1/desk/room."""
    read_query(request, NoQuery)
    me = _person(request)
    await request.app[SERVICES].desk.rooms.dismiss(await _seat(request, me), me.name)
    return web.Response(status=204)


async def _thirds(desk: DeskServices) -> list[Third]:
    return [*desk.thirds, *(await desk.mediators.listed() if desk.mediators else ())]


async def stop_film(request: web.Request) -> web.Response:
    """DELETE /api/v1/desk/room/film: what was recorded until then stays; the live stream says ``seat`` when it has ended."""
    read_query(request, NoQuery)
    me = _person(request)
    await request.app[SERVICES].desk.rooms.stop_film(await _seat(request, me), me.name)
    return web.Response(status=204)


async def _seat(request: web.Request, me: Identity) -> str:
    lease = await request.app[SERVICES].desk.leases.held(me.name, me.credential)
    if lease is None:
        raise SeatLost("You have no seat any more. Take one first.")
    return lease.seat


def _shown(one: Invitation) -> RoomInvitation:
    return RoomInvitation(
        id=one.id, who=one.who, state=one.state, problem=one.problem, linked_id=one.linked_id, asked_at=one.asked_at,
        joined_at=one.joined_at, over_at=one.over_at, film=one.film, film_problem=one.film_problem,
    )


def _person(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("Seats are for people: log in with a session, not a token.")
    return identity


ROOM_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", _ROOM, show_room, "Who can be asked into a village's call as a third side, and what became of the last who was",
        {200: RoomView}, permission="desk.use", activity=False,
    ),
    Route(
        "POST", _ROOM, invite, "Ask a third side into the village's call of this seat; rings them; audited", {201: RoomInvitation},
        permission="desk.use", bodies=(RoomWish,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "DELETE", _ROOM, dismiss, "Stop ringing the third side, or let it go; audited", {204: None}, permission="desk.use",
        problems=frozenset({404, 409}),
    ),
    Route(
        "DELETE", f"{_ROOM}/film", stop_film, "Record the room's picture no longer, the room goes on; audited", {204: None},
        permission="desk.use", problems=frozenset({404, 409}),
    ),
)
