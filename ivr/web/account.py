"""One's own second factor, and sessions: one's own to end, everybody's for an administrator with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import segno
from aiohttp import web
from pydantic import Field, StringConstraints, TypeAdapter

from ivr.domain.errors import Denied, NotFound
from ivr.domain.one_time_code import key_address, secret_text
from ivr.ports.sessions import FactorState, SessionRecord
from ivr.ports.web import Identity
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.desk import leave
from ivr.web.models import Moment, Wire
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.route import Route
from ivr.web.supervision_models import Reason

ISSUER = "12348 热线"
_SHOWN = 500
_NUMBER_DIGITS = 15


class SecondFactor(Wire):
    """``required``: the settings ask for it of one of my roles. Recovery codes are good once each."""

    state: FactorState
    required: bool
    confirmed_at: Moment | None
    recovery_codes_left: int


class Enrolment(Wire):
    """Shown once, to be read by an authenticator app. ``picture`` is the rows of the QR code, ``#`` for dark."""

    secret: str
    address: str = Field(description="otpauth://totp/…")
    picture: list[str]


class RecoveryCodes(Wire):
    """Ten codes for the day the telephone is lost; told once, and never again."""

    codes: list[str]


class CodeProof(Wire):
    code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class OpenSession(Wire):
    """``mine``: the session this was asked in."""

    id: int
    name: str
    display_name: str
    opened_at: Moment
    last_seen_at: Moment
    address: str
    agent: str = Field(description="the browser's own words")
    mine: bool


class OpenSessions(Wire):
    sessions: list[OpenSession]


class RevocationWish(Wire):
    reason: Reason


_PROOF: TypeAdapter[CodeProof] = TypeAdapter(CodeProof)
_REVOCATION: TypeAdapter[RevocationWish] = TypeAdapter(RevocationWish)


async def show_factor(request: web.Request) -> web.Response:
    """GET /api/v1/session/second-factor."""
    read_query(request, NoQuery)
    status = await request.app[SERVICES].second_factors.status(_person(request).name)
    return answer(
        SecondFactor(
            state=status.state, required=status.required, confirmed_at=status.confirmed_at,
            recovery_codes_left=status.recovery_codes_left,
        )
    )


async def start_factor(request: web.Request) -> web.Response:
    """POST /api/v1/session/second-factor."""
    read_query(request, NoQuery)
    me = _person(request)
    secret = await request.app[SERVICES].second_factors.start(me.name)
    address = key_address(secret, ISSUER, me.name)
    rows = ["".join("#" if dark else " " for dark in row) for row in segno.make(address, error="m", micro=False).matrix]
    return answer(Enrolment(secret=secret_text(secret), address=address, picture=rows), status=201)


async def confirm_factor(request: web.Request) -> web.Response:
    """POST /api/v1/session/second-factor/confirmation."""
    read_query(request, NoQuery)
    proof = await read_body(request, _PROOF, request.app[OPTIONS].body_limit_bytes)
    me = _person(request)
    codes = await request.app[SERVICES].second_factors.confirm(me.name, proof.code, me.credential)
    return answer(RecoveryCodes(codes=list(codes)))


async def remove_factor(request: web.Request) -> web.Response:
    """POST /api/v1/session/second-factor/removal."""
    read_query(request, NoQuery)
    proof = await read_body(request, _PROOF, request.app[OPTIONS].body_limit_bytes)
    await request.app[SERVICES].second_factors.remove(_person(request).name, proof.code)
    return web.Response(status=204)


async def list_mine(request: web.Request) -> web.Response:
    """GET /api/v1/session/all; a token's name is nobody's account, so it has none."""
    read_query(request, NoQuery)
    me: Identity = request[IDENTITY]
    found = await request.app[SERVICES].sessions.sessions(me.name, _SHOWN) if me.kind == "session" else ()
    return answer(_listed(found, me))


async def list_everybodys(request: web.Request) -> web.Response:
    """GET /api/v1/sessions."""
    read_query(request, NoQuery)
    return answer(_listed(await request.app[SERVICES].sessions.sessions(None, _SHOWN), request[IDENTITY]))


async def end_mine(request: web.Request) -> web.Response:
    """DELETE /api/v1/session/all/{session}: another's is as unknown here as one that never was."""
    read_query(request, NoQuery)
    me, session = _person(request), await _session(request)
    if session.name != me.name:
        raise NotFound("There is no such session.")
    await _end(request, session, "")
    return web.Response(status=204)


async def revoke(request: web.Request) -> web.Response:
    """POST /api/v1/sessions/{session}/revocation."""
    read_query(request, NoQuery)
    wish = await read_body(request, _REVOCATION, request.app[OPTIONS].body_limit_bytes)
    await _end(request, await _session(request), wish.reason)
    return web.Response(status=204)


async def _session(request: web.Request) -> SessionRecord:
    number = request.match_info["session"]
    fits = number.isascii() and number.isdigit() and len(number) <= _NUMBER_DIGITS
    session = await request.app[SERVICES].sessions.one(int(number)) if fits else None
    if session is None:
        raise NotFound("There is no such session, or it is over.")
    return session


async def _end(request: web.Request, session: SessionRecord, reason: str) -> None:
    """Give its seat back first, as a logout does: nobody is rung who is not there any more."""
    services, by = request.app[SERVICES], request[IDENTITY].actor
    gone = Identity("session", session.name, session.display_name, frozenset(), session.credential)
    await services.sessions.revoke(session, by, reason)
    await leave(services.desk, gone)


def _listed(found: Iterable[SessionRecord], me: Identity) -> OpenSessions:
    return OpenSessions(
        sessions=[
            OpenSession(
                id=one.id, name=one.name, display_name=one.display_name, opened_at=one.opened_at, last_seen_at=one.last_seen_at,
                address=one.address, agent=one.agent, mine=me.kind == "session" and one.credential == me.credential,
            )
            for one in found
        ]
    )


def _person(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("Only a person has a second factor and sessions: log in with a session, not a token.")
    return identity


_FACTOR = "/api/v1/session/second-factor"
ACCOUNT_ROUTES: tuple[Route, ...] = (
    Route("GET", _FACTOR, show_factor, "My second factor", {200: SecondFactor}, enrolling=True),
    Route(
        "POST", _FACTOR, start_factor, "A new secret for an authenticator app, in force once confirmed; audited",
        {201: Enrolment}, enrolling=True, problems=frozenset({409}),
    ),
    Route(
        "POST", f"{_FACTOR}/confirmation", confirm_factor,
        "Put the second factor in force by its first code; ends my other sessions; audited",
        {200: RecoveryCodes}, enrolling=True, bodies=(CodeProof,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "POST", f"{_FACTOR}/removal", remove_factor, "Take my second factor away by one of its codes; audited",
        {204: None}, bodies=(CodeProof,), problems=frozenset({409, 413, 415}),
    ),
    Route("GET", "/api/v1/session/all", list_mine, "My sessions, last used first", {200: OpenSessions}),
    Route(
        "DELETE", "/api/v1/session/all/{session}", end_mine, "End one of my sessions; audited", {204: None},
    ),
    Route(
        "GET", "/api/v1/sessions", list_everybodys, "Everybody's sessions, the 500 last used", {200: OpenSessions},
        permission="sessions.revoke",
    ),
    Route(
        "POST", "/api/v1/sessions/{session}/revocation", revoke, "End anybody's session, with the reason; audited", {204: None},
        permission="sessions.revoke", bodies=(RevocationWish,), problems=frozenset({413, 415}),
    ),
)
