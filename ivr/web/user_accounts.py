"""Who may log in, for an administrator: take a lost second factor away, end somebody's access or give it back."""

from __future__ import annotations

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.errors import Denied
from ivr.ports.sessions import SessionRecord
from ivr.ports.web import Identity
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.desk import leave
from ivr.web.models import Moment, Wire
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.route import Route
from ivr.web.supervision_models import Reason

_MOST_SESSIONS = 100


class UserRow(Wire):
    """Somebody who may log in; without a password only by a link made on the server."""

    name: str
    display_name: str
    roles: list[str]
    disabled: bool
    has_password: bool
    second_factor_since: Moment | None
    last_seen_at: Moment | None


class Users(Wire):
    users: list[UserRow]


class FactorReset(Wire):
    reason: Reason


class AccessChange(Wire):
    disabled: bool
    reason: Reason


_RESET: TypeAdapter[FactorReset] = TypeAdapter(FactorReset)
_ACCESS: TypeAdapter[AccessChange] = TypeAdapter(AccessChange)


async def list_users(request: web.Request) -> web.Response:
    """GET /api/v1/users."""
    read_query(request, NoQuery)
    found = await request.app[SERVICES].users.users()
    return answer(Users(users=[
        UserRow(
            name=p.name, display_name=p.display_name, roles=list(p.roles), disabled=p.disabled, has_password=p.has_password,
            second_factor_since=p.second_factor_since, last_seen_at=p.last_seen_at,
        ) for p in found
    ]))


async def reset_factor(request: web.Request) -> web.Response:
    """POST /api/v1/users/{name}/second-factor-reset."""
    read_query(request, NoQuery)
    wish = await read_body(request, _RESET, request.app[OPTIONS].body_limit_bytes)
    name, open_now = await _another(request)
    await request.app[SERVICES].users.reset_factor(name, request[IDENTITY].actor, wish.reason)
    await _leave(request, open_now)
    return web.Response(status=204)


async def change_access(request: web.Request) -> web.Response:
    """POST /api/v1/users/{name}/access."""
    read_query(request, NoQuery)
    wish = await read_body(request, _ACCESS, request.app[OPTIONS].body_limit_bytes)
    name, open_now = await _another(request)
    await request.app[SERVICES].users.set_disabled(name, wish.disabled, request[IDENTITY].actor, wish.reason)
    await _leave(request, open_now)
    return web.Response(status=204)


async def _another(request: web.Request) -> tuple[str, list[SessionRecord]]:
    """Whom it is about, never oneself, and what they have open: those who sit at a desk are taken from it afterwards."""
    me, name = request[IDENTITY], request.match_info["name"]
    if me.kind == "session" and me.name == name:
        raise Denied("Nobody does this to themselves. Ask another administrator, or use the command line on the server.")
    return name, list(await request.app[SERVICES].sessions.sessions(name, _MOST_SESSIONS))


async def _leave(request: web.Request, were_open: list[SessionRecord]) -> None:
    for one in were_open:
        gone = Identity("session", one.name, one.display_name, frozenset(), one.credential)
        await leave(request.app[SERVICES].desk, gone)


USER_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/users", list_users, "Who may log in, with roles and second factor", {200: Users},
        permission="users.write",
    ),
    Route(
        "POST", "/api/v1/users/{name}/second-factor-reset", reset_factor,
        "Take somebody's lost second factor away; ends their sessions; audited with the reason", {204: None},
        permission="users.write", bodies=(FactorReset,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "POST", "/api/v1/users/{name}/access", change_access,
        "End somebody's access or give it back; ends their sessions; audited with the reason", {204: None},
        permission="users.write", bodies=(AccessChange,), problems=frozenset({413, 415}),
    ),
)
