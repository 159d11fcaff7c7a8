"""The one list of what this server answers: router, access control and OpenAPI document are all made from it."""

from __future__ import annotations

from aiohttp import web

from ivr.web import (
    appointments,
    audio,
    auth,
    deliveries,
    inbound,
    models,
    order_models,
    orders,
    pages,
    resources,
    search,
    statistics,
    statistics_models,
    stream,
)
from ivr.web.absences import ABSENCE_ROUTES
from ivr.web.account import ACCOUNT_ROUTES
from ivr.web.adviser_routes import ADVISER_ROUTES
from ivr.web.analysis_routes import ANALYSIS_ROUTES
from ivr.web.cases import CASE_ROUTES
from ivr.web.context import OPENAPI
from ivr.web.corrections import CORRECTION_ROUTES
from ivr.web.desk_routes import DESK_ROUTES
from ivr.web.device_routes import DEVICE_ROUTES
from ivr.web.films import FILM_ROUTES
from ivr.web.idle_page import IDLE_ROUTES
from ivr.web.knowledge import KNOWLEDGE_ROUTES
from ivr.web.live_drafts import DRAFT_ROUTES
from ivr.web.own_day import OWN_DAY_ROUTES
from ivr.web.pictures import PICTURE_ROUTES
from ivr.web.provisioning import PROVISIONING_ROUTES
from ivr.web.quality import QUALITY_ROUTES
from ivr.web.query import (
    AudioQuery,
    CallbackQuery,
    CallQuery,
    NoQuery,
    OrderQuery,
    PeaksQuery,
    RosterQuery,
    read_query,
)
from ivr.web.retention import RETENTION_ROUTES
from ivr.web.risk import RISK_ROUTES
from ivr.web.rooms import ROOM_ROUTES
from ivr.web.roster import ROSTER_ROUTES
from ivr.web.route import Route
from ivr.web.supervision_routes import SUPERVISION_ROUTES
from ivr.web.tasks import TASK_ROUTES
from ivr.web.user_accounts import USER_ROUTES
from ivr.web.veils import UNMASKING_ROUTES


async def show_openapi(request: web.Request) -> web.Response:
    """GET /api/openapi.json."""
    read_query(request, NoQuery)
    return web.Response(body=request.app[OPENAPI], headers={"Content-Type": "application/json"})


_AUDIO_HEADERS = {
    "Range": "one byte range, e.g. bytes=0-65535; several are answered with the whole",
    "If-Range": "the ETag the range belongs to; the whole is sent when it is another one",
}
_ORDER = "/api/v1/work-orders/{number}"
_IF_MATCH = {"If-Match": "the ETag of the order as it was read; without it the answer is 428, with another one 412"}
_CHANGED = frozenset({409, 412, 413, 415, 428})
_AUDIO = "/api/v1/calls/{linked_id}/audio"
_SIGNED = {
    "Ivr-Partner": "the partner's name",
    "Ivr-Time": "time of sending, whole Unix seconds, within five minutes of this server's",
    "Idempotency-Key": "1 to 100 letters, digits or . _ : - that name this message",
    "Ivr-Signature": "v1= and the hex HMAC-SHA256 over time, line feed, key, line feed, body",
}

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/healthz",
        resources.healthz,
        "Whether this process serves, and what it stands on",
        {200: models.HealthAnswer},
        open=True,
    ),
    Route(
        "POST",
        "/api/v1/session",
        auth.open_session,
        "Log in with name and password, or with a one-time ticket; sets the session cookie",
        {200: models.SessionAnswer},
        open=True,
        bodies=(models.PasswordLogin, models.TicketLogin),
        problems=frozenset({400, 401, 403, 413, 415, 429, 503}),
    ),
    Route(
        "GET",
        "/api/v1/session",
        auth.show_session,
        "Who I am; does not restart the idle clock",
        {200: models.SessionAnswer},
        activity=False,
        enrolling=True,
    ),
    Route("DELETE", "/api/v1/session", auth.close_session, "Log out", {204: None}, enrolling=True),
    *ACCOUNT_ROUTES,
    *USER_ROUTES,
    Route(
        "GET", "/api/v1/queues", resources.list_queues, "The queues as they are now", {200: models.QueueList},
        permission="queues.read",
    ),
    Route(
        "GET",
        "/api/v1/calls",
        resources.list_calls,
        "Calls, newest first",
        {200: models.CallList},
        permission="calls.read",
        query=CallQuery,
        masks=True,
    ),
    Route(
        "GET",
        "/api/v1/calls/{linked_id}",
        resources.show_call,
        "One call with its transcript; reading a transcript is audited",
        {200: models.CallAnswer},
        permission="transcripts.read",
        masks=True,
    ),
    Route(
        "GET",
        _AUDIO,
        audio.play,
        "The recording as WAV, with byte ranges; every play is audited",
        {200: "audio/wav", 206: "audio/wav"},
        permission="recordings.play",
        query=AudioQuery,
        headers=_AUDIO_HEADERS,
        problems=frozenset({409, 416, 422}),
    ),
    Route(
        "HEAD",
        _AUDIO,
        audio.play,
        "Size of the recording",
        {200: None},
        permission="recordings.play",
        query=AudioQuery,
        problems=frozenset({409, 422}),
    ),
    Route(
        "GET",
        "/api/v1/calls/{linked_id}/peaks",
        audio.peaks,
        "The waveform of the recording",
        {200: models.Peaks},
        permission="recordings.play",
        query=PeaksQuery,
        problems=frozenset({409, 422}),
    ),
    Route(
        "GET",
        "/api/v1/roster",
        resources.list_roster,
        "The lawyers on duty, whom callers may choose",
        {200: models.Roster},
        permission="queues.read",
        query=RosterQuery,
    ),
    Route(
        "GET",
        "/api/v1/nuisance",
        resources.list_nuisance,
        "Numbers that are not put through, with reason, owner and end",
        {200: models.NuisanceList},
        permission="nuisance.read",
    ),
    Route(
        "GET",
        "/api/v1/callbacks",
        resources.list_callbacks,
        "Call-backs owed to citizens, newest first",
        {200: models.CallbackList},
        permission="calls.read",
        query=CallbackQuery,
        masks=True,
    ),
    Route(
        "GET",
        "/api/v1/appointments",
        appointments.list_times,
        "Times citizens may come at, and who does, the earliest first",
        {200: appointments.AppointmentTimes},
        permission="appointments.write",
    ),
    Route(
        "POST",
        "/api/v1/appointments",
        appointments.book,
        "Book a place for a citizen; audited",
        {201: appointments.AppointmentBooking},
        permission="appointments.write",
        bodies=(appointments.NewBooking,),
        problems=frozenset({404, 409, 413, 415}),
    ),
    Route(
        "DELETE",
        "/api/v1/appointments/{booking}",
        appointments.cancel,
        "Take a booking back; audited",
        {204: None},
        permission="appointments.write",
    ),
    *DEVICE_ROUTES,
    *ADVISER_ROUTES,
    *ABSENCE_ROUTES,
    *PROVISIONING_ROUTES,
    *IDLE_ROUTES,
    *ANALYSIS_ROUTES,
    *SUPERVISION_ROUTES,
    *RISK_ROUTES,
    *CORRECTION_ROUTES,
    *QUALITY_ROUTES,
    *KNOWLEDGE_ROUTES,
    *DRAFT_ROUTES,
    *UNMASKING_ROUTES,
    *CASE_ROUTES,
    *PICTURE_ROUTES,
    *FILM_ROUTES,
    *RETENTION_ROUTES,
    Route(
        "GET",
        "/api/v1/work-orders",
        orders.list_work_orders,
        "Work orders, newest first; handlers and advisers are given their own",
        {200: models.WorkOrderList},
        permission="orders.own",
        query=OrderQuery,
        masks=True,
    ),
    Route(
        "GET",
        _ORDER,
        orders.show_work_order,
        "One work order, what may be done to it and what was; the ETag is its version",
        {200: order_models.WorkOrderDetail, 304: None},
        permission="orders.own",
        headers={"If-None-Match": "the ETag of what is known already"},
        masks=True,
    ),
    Route(
        "PATCH",
        _ORDER,
        orders.edit_work_order,
        "Confirm or correct fields; the machine's values stay recorded",
        {200: order_models.WorkOrderDetail},
        permission="orders.own",
        bodies=(order_models.OrderEdit,),
        headers=_IF_MATCH,
        problems=_CHANGED,
    ),
    Route(
        "POST",
        f"{_ORDER}/moves",
        orders.move_work_order,
        "Make one move of the life cycle; a 409 lists the moves that are possible",
        {200: order_models.WorkOrderDetail},
        permission="orders.own",
        bodies=(order_models.OrderMove,),
        headers=_IF_MATCH,
        problems=_CHANGED,
    ),
    Route(
        "GET",
        f"{_ORDER}/duplicates",
        orders.list_duplicates,
        "Orders likely to be about the same: same telephone and matter",
        {200: order_models.OrderDuplicates},
        permission="orders.read",
        query=order_models.DuplicateQuery,
    ),
    Route(
        "GET",
        f"{_ORDER}/candidates",
        orders.list_candidates,
        "Who may be given the order, the best first, with reasons",
        {200: order_models.OrderCandidates},
        permission="orders.assign",
    ),
    Route(
        "GET",
        "/api/v1/order-tables",
        orders.show_tables,
        "Categories, matters and places an order's fields may be set to",
        {200: order_models.OrderTables},
        permission="orders.own",
        query=order_models.TablesQuery,
    ),
    Route(
        "GET",
        "/api/v1/search",
        search.find,
        "Words in transcripts and orders, newest first; every search is audited",
        {200: search.SearchAnswer},
        permission="transcripts.read",
        query=search.SearchQuery,
        masks=True,
    ),
    Route(
        "POST",
        "/api/v1/inbound/tasks",
        inbound.file_task,
        "A partner files a matter, signed; the same key with the same body is answered alike, and files nothing again",
        {201: inbound.FiledAnswer},
        open=True,
        signed=True,
        bodies=(inbound.InboundTask,),
        headers=_SIGNED,
        problems=frozenset({400, 401, 403, 409, 413, 415, 422}),
    ),
    Route(
        "GET",
        "/api/v1/deliveries",
        deliveries.list_deliveries,
        "What partners were told of orders and what became of it, newest first",
        {200: deliveries.DeliveryList},
        permission="deliveries.read",
        query=deliveries.DeliveryQuery,
        masks=True,
    ),
    Route(
        "GET",
        "/api/v1/statistics",
        statistics.show_statistics,
        "Figures with numerator, denominator, formula and balance, in total and by group; does not restart the idle clock",
        {200: statistics_models.StatisticsAnswer},
        permission="statistics.read",
        activity=False,
        query=statistics_models.StatisticsQuery,
    ),
    Route(
        "GET",
        "/api/v1/statistics/calls",
        statistics.list_counted_calls,
        "The calls behind a number, newest first",
        {200: statistics_models.CountedCalls},
        permission="statistics.read",
        query=statistics_models.StatisticsCallsQuery,
        masks=True,
    ),
    Route(
        "GET",
        "/api/v1/statistics/wall",
        statistics.show_wall,
        "What the wall shows beside the live stream; does not restart the idle clock",
        {200: statistics_models.WallAnswer},
        permission="statistics.read",
        activity=False,
        query=statistics_models.WallQuery,
    ),
    Route(
        "GET",
        "/api/v1/live",
        stream.live,
        "Server-sent events: snapshot, then numbered changes (queue, call, order, alarm, seat, risk, task) and a clock",
        {200: "text/event-stream"},
        permission="live.read",
        activity=False,
        headers={"Last-Event-ID": "the number seen last, to go on from there"},
    ),
    *DESK_ROUTES,
    *ROOM_ROUTES,
    *OWN_DAY_ROUTES,
    *ROSTER_ROUTES,
    *TASK_ROUTES,
    Route("GET", "/api/openapi.json", show_openapi, "This document", {200: "application/json"}),
    Route("GET", "/", pages.index, "The pages", {200: "text/html"}, open=True, documented=False),
    Route("GET", "/favicon.svg", pages.favicon, "The icon", {200: "image/svg+xml"}, open=True, documented=False),
    Route("GET", "/assets/{name}", pages.asset, "Scripts and styles", {200: "*/*"}, open=True, documented=False),
)
