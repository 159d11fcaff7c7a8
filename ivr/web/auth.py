"""Who asks: sessions by cookie, machines by bearer token; logins, and the guard against other sites' pages.

A session's idle clock is restarted by every authenticated request except the live stream and GET of the session
itself: a page left open, which only listens, is not a person at work.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Discriminator, Tag, TypeAdapter

from ivr.domain.errors import Unauthenticated
from ivr.ports.sessions import CodeNeeded, CodeRefused, Origin
from ivr.ports.web import Identity, LockedOut, LoginRefused, OpenedSession, WebOptions
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.desk import leave
from ivr.web.errors import BadRequest, CrossSite
from ivr.web.models import PasswordLogin, SessionAnswer, TicketLogin, User
from ivr.web.query import NoQuery, read_body, read_query

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def _way(body: object) -> str:
    """Which login a body is meant to be, so that what is wrong with it is said once and of that one."""
    return "ticket" if isinstance(body, dict) and "ticket" in body else "password"


LOGIN: TypeAdapter[PasswordLogin | TicketLogin] = TypeAdapter(
    Annotated[
        Annotated[PasswordLogin, Tag("password")] | Annotated[TicketLogin, Tag("ticket")],
        Discriminator(_way),
    ]
)


def cookie_name(options: WebOptions) -> str:
    """``__Host-`` pins the cookie to https, this host and the whole site; plain http is for loopback only."""
    return "__Host-ivr" if options.tls else "ivr_session"


def is_cross_site(request: web.Request, options: WebOptions) -> bool:
    """Whether a browser says that another site's page sent this; no browser, no header, no objection."""
    origin = request.headers.get("Origin")
    if origin is not None and origin in options.public_origins:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    own = f"{'https' if options.tls else 'http'}://{request.host}"
    return origin is not None and origin != own


async def identify(request: web.Request, *, activity: bool) -> Identity:
    """The identity behind the request's token or cookie; raises Unauthenticated. A token given wins over a cookie."""
    accounts = request.app[SERVICES].accounts
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(" ")
        identity = await accounts.token(secret.strip()) if scheme.lower() == "bearer" else None
        if identity is None:
            raise Unauthenticated("The token is unknown, revoked or expired.")
        return identity
    secret = request.cookies.get(cookie_name(request.app[OPTIONS]), "")
    identity = await accounts.session(secret, activity=activity) if secret else None
    if identity is None:
        raise Unauthenticated("Log in first: there is no session, or it was ended or idle for too long.")
    return identity


def refuse_cross_site(request: web.Request) -> None:
    """Raise CrossSite for an unsafe method sent by another site's page; bearer tokens are not sent by browsers."""
    if request.method in SAFE_METHODS or "Authorization" in request.headers:
        return
    if is_cross_site(request, request.app[OPTIONS]):
        raise CrossSite("This request came from another site's page and was not carried out.")


def _user(identity: Identity) -> SessionAnswer:
    return SessionAnswer(
        user=User(name=identity.name, display_name=identity.display_name, roles=sorted(identity.roles)),
        second_factor=identity.second_factor,
    )


def _origin(request: web.Request) -> Origin:
    """Of the browser's own words only what can be stored and shown in a line."""
    agent = request.headers.get("User-Agent", "").encode("utf-8", "replace").decode()
    return Origin(request.remote or "", "".join(c for c in agent if c.isprintable())[:200])


async def open_session(request: web.Request) -> web.Response:
    """POST /api/v1/session: log in. Every outcome is an audit row; none of them holds what was typed."""
    read_query(request, NoQuery)
    options, services = request.app[OPTIONS], request.app[SERVICES]
    login = await read_body(request, LOGIN, options.body_limit_bytes)
    way = "password" if isinstance(login, PasswordLogin) else "ticket"
    detail = {"way": way, "from": request.remote or ""}
    code = login.code.get_secret_value() if login.code is not None else None
    origin = _origin(request)
    try:
        opened: OpenedSession
        if isinstance(login, PasswordLogin):
            opened = await services.accounts.sign_in(login.name, login.password.get_secret_value(), code=code, origin=origin)
        else:
            opened = await services.accounts.redeem_ticket(login.ticket.get_secret_value(), code=code, origin=origin)
    except CodeNeeded as asked:
        await services.audit.append(asked.known_name, "session.code_asked", way, detail)
        raise
    except CodeRefused as refused:
        await services.audit.append(refused.known_name, "session.code_refused", way, detail)
        raise
    except LoginRefused as refused:
        await services.audit.append(refused.known_name or "(unknown)", "session.refused", way, detail)
        raise
    except LockedOut:
        await services.audit.append("(unknown)", "session.locked_out", way, detail)
        raise
    await services.audit.append(opened.identity.actor, "session.opened", way, detail)
    earlier = request.cookies.get(cookie_name(options))
    if earlier:
        await services.accounts.end_session(earlier)
    response = answer(_user(opened.identity))
    response.set_cookie(
        cookie_name(options),
        opened.secret,
        max_age=opened.lifetime_s,
        path="/",
        secure=options.tls,
        httponly=True,
        samesite="Strict",
    )
    return response


async def show_session(request: web.Request) -> web.Response:
    """GET /api/v1/session: who I am; does not restart the idle clock."""
    read_query(request, NoQuery)
    return answer(_user(request[IDENTITY]))


async def close_session(request: web.Request) -> web.Response:
    """DELETE /api/v1/session: log out; the session is revoked at once, in every window."""
    read_query(request, NoQuery)
    options, services, identity = request.app[OPTIONS], request.app[SERVICES], request[IDENTITY]
    if identity.kind != "session":
        raise BadRequest("A token has no session to end. Revoke it on the command line.")
    await leave(services.desk, identity)
    await services.accounts.end_session(request.cookies.get(cookie_name(options), ""))
    await services.audit.append(identity.actor, "session.closed", "session", {"from": request.remote or ""})
    response = web.Response(status=204)
    response.del_cookie(cookie_name(options), path="/", secure=options.tls, httponly=True, samesite="Strict")
    return response
