"""The application: routes from the one list, four middlewares, the live hub as its only background task."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
from collections.abc import AsyncIterator
from functools import cache

import structlog
from aiohttp import web, web_response
from aiohttp.typedefs import Handler

from ivr.domain.errors import IvrError
from ivr.ports.sessions import EnrolmentNeeded
from ivr.ports.web import WebOptions, WebServices
from ivr.web import pages
from ivr.web.access import demand
from ivr.web.audit_once import AUDIT_ONCE, AuditOnce
from ivr.web.auth import cookie_name, identify, refuse_cross_site
from ivr.web.context import IDENTITY, OPENAPI, OPTIONS, SERVICES
from ivr.web.errors import AddressTooLong, BadRequest, TooManyRequests, problem, problem_of, problem_of_http
from ivr.web.field_mask import MASKED, PARAMETER, narrow, read_mask
from ivr.web.live import HUB, LiveHub
from ivr.web.openapi import document
from ivr.web.provisioning import FETCH_LIMIT
from ivr.web.rate_limit import RateLimit
from ivr.web.resources import HEALTH, HealthCheck
from ivr.web.route import Route
from ivr.web.routes import ROUTES
from ivr.web.statistics import DESK, StatisticsDesk

TOKEN_LIMIT: web.AppKey[RateLimit] = web.AppKey("token_limit", RateLimit)
_ADDRESS_LIMIT = 4096
_BY_PLACE: dict[tuple[str, str], Route] = {(route.method, route.path): route for route in ROUTES}
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_log = structlog.get_logger(__name__)


def route_of(request: web.Request) -> Route | None:
    """The declared route this request matched; None where there is none or the method is another."""
    resource = request.match_info.route.resource
    return None if resource is None else _BY_PLACE.get((request.method, resource.canonical))


def _told_path(request: web.Request) -> str:
    """The path for the log; an open route's path may hold what lets its bearer in."""
    route = route_of(request)
    return route.path if route is not None and route.open else request.path


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error as a problem document; what nobody expected says nothing of the inside and is logged whole."""
    try:
        return await handler(request)
    except IvrError as error:
        if (response := problem_of(error)).status >= 500:
            _log.warning("request_failed", path=_told_path(request), code=error.code, detail=str(error))
        return response
    except web.HTTPException as error:
        return problem_of_http(error)
    except Exception:
        _log.exception("request_failed", path=_told_path(request), method=request.method)
        return problem(500, "internal", "Something failed here that should not have. It is in the server's log.")


@web.middleware
async def sane_address(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what no client of ours sends and PostgreSQL cannot store."""
    if len(request.raw_path) > _ADDRESS_LIMIT:
        raise AddressTooLong(f"The address may have at most {_ADDRESS_LIMIT} characters.")
    if any(_UNSTORABLE.search(part) for part in (request.path, *request.query.keys(), *request.query.values())):
        raise BadRequest("The address holds a NUL character or bytes that are not UTF-8.")
    return await handler(request)


@web.middleware
async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Who asks, before what is asked for exists: without credentials every closed address, known or not, is a 401."""
    route = route_of(request)
    if route is None and request.match_info.http_exception is not None and pages.wants_page(request):
        return await pages.index(request)
    if route is not None and route.open:
        refuse_cross_site(request)
        return await handler(request)
    identity = await identify(request, activity=route is None or route.activity)
    refuse_cross_site(request)
    if identity.kind == "token":
        wait_s = request.app[TOKEN_LIMIT].take(identity.credential, asyncio.get_running_loop().time())
        if wait_s:
            raise TooManyRequests(math.ceil(wait_s))
    if identity.second_factor == "missing" and route is not None and not route.enrolling:
        raise EnrolmentNeeded
    if route is not None and route.permission is not None:
        demand(identity, route.permission)
    request[IDENTITY] = identity
    return await handler(request)


@web.middleware
async def cut_down(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give only the fields that were asked for, where a route offers that."""
    route = route_of(request)
    model = route.answers.get(200) if route is not None and route.masks else None
    if not isinstance(model, type) or len(wanted := request.query.getall(PARAMETER, [])) != 1:
        return await handler(request)
    mask = read_mask(wanted[0], model)
    request[MASKED] = True
    return narrow(await handler(request), mask)


async def _live(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(app[HUB].run(), name="live-hub")
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _end_streams(app: web.Application) -> None:
    app[HUB].close()


@cache
def _document(cookie: str) -> bytes:
    """The API document as it is sent; making it takes a third of a second, and many applications are made in one process."""
    return json.dumps(document(ROUTES, cookie), ensure_ascii=False).encode()


def create_app(services: WebServices, options: WebOptions) -> web.Application:
    """The application, ready for ``create_runner`` (or a test client)."""
    app = web.Application(client_max_size=options.body_limit_bytes, middlewares=[problems, sane_address, admit, cut_down])
    app[SERVICES] = services
    app[OPTIONS] = options
    app[AUDIT_ONCE] = AuditOnce(services.audit, options.play_audit_window_s)
    app[HEALTH] = HealthCheck()
    app[TOKEN_LIMIT] = RateLimit(options.token_requests_a_minute)
    app[FETCH_LIMIT] = RateLimit(options.fetches_a_minute)
    app[HUB] = LiveHub(services, options)
    app[DESK] = StatisticsDesk()
    app[OPENAPI] = _document(cookie_name(options))
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
    app.on_response_prepare.append(pages.secure_headers)
    app.cleanup_ctx.append(_live)
    app.on_shutdown.append(_end_streams)
    return app


def create_runner(app: web.Application) -> web.AppRunner:
    """A runner with our limits: header lines of 8 KiB, ten seconds to end what is under way, no access log."""
    # Requests its parser refuses never reach on_response_prepare; there aiohttp would name itself and its version.
    web_response.SERVER_SOFTWARE = "ivr"  # type: ignore[attr-defined]
    return web.AppRunner(
        app, access_log=None, shutdown_timeout=10.0, keepalive_timeout=75.0, max_line_size=8190, max_field_size=8190
    )
