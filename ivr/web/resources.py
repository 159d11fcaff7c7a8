"""Handlers of the lists and details: read the query, ask the read side, answer with the documented shape."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import web

from ivr.domain.disclosure import CALLING, Veil
from ivr.domain.errors import NotFound
from ivr.ports.views import Health, PageMark
from ivr.web.audit_once import AUDIT_ONCE
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.live import HUB
from ivr.web.models import CallbackList, CallList, HealthAnswer, NuisanceList, QueueList, Roster
from ivr.web.order_access import demand_call
from ivr.web.present import call_answer, call_row, callback, duty, nuisance_listing, queue_status
from ivr.web.query import CallbackQuery, CallQuery, NoQuery, RosterQuery, cursor_of, read_query
from ivr.web.veils import hidden_from, veil_of_call


class HealthCheck:
    """Asks the database at most once a second, however often and by whomever it is asked itself."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._known: tuple[float, Health] | None = None

    async def current(self, app: web.Application) -> Health:
        now = asyncio.get_running_loop().time()
        async with self._lock:
            if self._known is None or now - self._known[0] >= 1.0:
                health = await app[SERVICES].views.health(app[OPTIONS].stale_after_s)
                self._known = (asyncio.get_running_loop().time(), health)
            return self._known[1]


HEALTH: web.AppKey[HealthCheck] = web.AppKey("health", HealthCheck)


async def healthz(request: web.Request) -> web.Response:
    """GET /healthz: 200 while this process serves; what it stands on is in the body: restart the right part."""
    health = await request.app[HEALTH].current(request.app)
    database = health.database and request.app[HUB].database.standing is None
    good = database and not health.queue_live_stale
    return answer(
        HealthAnswer(status="ok" if good else "degraded", database=database, queue_live_stale=health.queue_live_stale)
    )


async def list_queues(request: web.Request) -> web.Response:
    """GET /api/v1/queues."""
    read_query(request, NoQuery)
    stale_after_s, veil = request.app[OPTIONS].stale_after_s, Veil(hidden_from(request[IDENTITY]))
    live = await request.app[SERVICES].views.queues()
    return answer(QueueList(queues=[queue_status(q, stale_after_s, veil) for q in live]))


async def list_calls(request: web.Request) -> web.Response:
    """GET /api/v1/calls: newest first; ``next`` continues where this page ends, whatever arrives meanwhile."""
    wanted = replace(read_query(request, CallQuery).filter(), covered=bool(hidden_from(request[IDENTITY]) & CALLING))
    calls = await request.app[SERVICES].views.calls(wanted)
    last = calls[-1] if len(calls) == wanted.limit else None
    mark = cursor_of(PageMark(last.arrived_at, last.linked_id)) if last is not None else None
    veil = Veil(hidden_from(request[IDENTITY]))
    return answer(CallList(calls=[call_row(c, veil) for c in calls], next=mark))


async def show_call(request: web.Request) -> web.Response:
    """GET /api/v1/calls/{linked_id}: with transcript; reading one is an audit row, once per window."""
    read_query(request, NoQuery)
    linked_id = request.match_info["linked_id"]
    detail = await request.app[SERVICES].views.call(linked_id)
    if detail is None:
        raise NotFound(f"There is no call {linked_id[:80]}.")
    if detail.call.confidential:
        await demand_call(request, linked_id, read=True)
    if detail.segments or detail.heard:
        await request.app[AUDIT_ONCE].note(request[IDENTITY], "transcript.read", linked_id, {})
    return answer(call_answer(detail, await veil_of_call(request, detail.call)))


async def list_roster(request: web.Request) -> web.Response:
    """GET /api/v1/roster: who is on duty, the earliest first."""
    start, end = read_query(request, RosterQuery).span()
    services = request.app[SERVICES]
    return answer(Roster(duties=[duty(d, services.codes) for d in await services.views.roster(start, end)]))


async def list_nuisance(request: web.Request) -> web.Response:
    """GET /api/v1/nuisance: listings in force, the next to end first."""
    read_query(request, NoQuery)
    found = await request.app[SERVICES].views.nuisance_listings()
    return answer(NuisanceList(listings=[nuisance_listing(one) for one in found]))


async def list_callbacks(request: web.Request) -> web.Response:
    """GET /api/v1/callbacks: newest first."""
    wanted = read_query(request, CallbackQuery).filter()
    found = await request.app[SERVICES].views.callbacks(wanted)
    last = found[-1].id if len(found) == wanted.limit else None
    veil = Veil(hidden_from(request[IDENTITY]))
    return answer(CallbackList(callbacks=[callback(c, veil) for c in found], next=last))
