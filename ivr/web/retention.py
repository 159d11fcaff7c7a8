"""Retention over HTTP: what the next run deletes, what is held, and the proof of what went."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from aiohttp import web
from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter

from ivr.domain.errors import Denied, NotFound
from ivr.domain.retention import TITLES, Kind
from ivr.ports.privacy import call_object, order_object
from ivr.ports.web import Identity
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.errors import BadRequest
from ivr.web.models import SHANGHAI, Moment, Wire
from ivr.web.query import NoQuery, Query, plain_digits, read_body, read_query
from ivr.web.route import Route
from ivr.web.supervision_models import Reason

_LONGEST = timedelta(days=36_500)


class DueKind(Wire):
    """One kind: ``days`` it is kept (0: for ever), how much the next run deletes, and the names of the first of it."""

    kind: Kind
    title: str
    days: int
    due: int
    first: list[str]


class HoldRow(Wire):
    """A call or an order with its calls that is not deleted before ``until``."""

    id: int
    order: str = Field(description="number, '' for a call")
    call: str = Field(description="linked id, '' for an order")
    reason: str
    set_by: str
    set_at: Moment
    until: Moment


class ProofRow(Wire):
    """What was deleted; ``sha256`` is of the file, or of the deleted rows as canonical JSON."""

    kind: Kind
    object: str
    call: str
    sha256: str
    bytes: int
    born_at: Moment
    deleted_at: Moment


class RetentionAnswer(Wire):
    """``next_run`` is when it begins; orders under way and what is held are never deleted."""

    next_run: Moment
    kinds: list[DueKind]
    holds: list[HoldRow]
    proofs: list[ProofRow]


class RetentionQuery(Query):
    proofs: Annotated[int, Field(ge=0, le=200, description="most rows of proof"), BeforeValidator(plain_digits)] = 20


class HoldWish(Wire):
    """Hold one order with its calls, or one call, to the end of a day in Shanghai."""

    order: Annotated[str, StringConstraints(pattern=r"^([0-9]{19})?$")] = ""
    call: Annotated[str, StringConstraints(max_length=120, pattern=r"^[A-Za-z0-9.-]*$")] = ""
    reason: Reason
    until: date


class LiftWish(Wire):
    reason: Reason


_HOLD: TypeAdapter[HoldWish] = TypeAdapter(HoldWish)
_LIFT: TypeAdapter[LiftWish] = TypeAdapter(LiftWish)


async def show_retention(request: web.Request) -> web.Response:
    """GET /api/v1/retention."""
    wanted = read_query(request, RetentionQuery)
    privacy = request.app[SERVICES].privacy
    found = await privacy.retention.preview(10)
    proofs = await privacy.retention.proofs(wanted.proofs)
    holds = await privacy.holds.in_force()
    return answer(RetentionAnswer(
        next_run=privacy.retention.next_run(),
        kinds=[
            DueKind(
                kind=kind, title=title, days=privacy.retention.days(kind), due=found[kind][0] if kind in found else 0,
                first=[due.object_name for due in found[kind][1]] if kind in found else [],
            ) for kind, title in TITLES.items()
        ],
        holds=[
            HoldRow(
                id=h.id, order=h.object_name[6:] if h.object_name.startswith("order:") else "",
                call=h.object_name[5:] if h.object_name.startswith("call:") else "", reason=h.reason, set_by=h.set_by,
                set_at=h.set_at, until=h.until,
            ) for h in holds
        ],
        proofs=[
            ProofRow(
                kind=p.kind, object=p.object_name, call=p.linked_id, sha256=p.sha256.hex(), bytes=p.size_bytes, born_at=p.born_at,
                deleted_at=p.at,
            ) for p in proofs
        ],
    ))


async def hold(request: web.Request) -> web.Response:
    """POST /api/v1/holds."""
    read_query(request, NoQuery)
    wish = await read_body(request, _HOLD, request.app[OPTIONS].body_limit_bytes)
    me, now = _person(request), datetime.now(UTC)
    if bool(wish.order) == bool(wish.call):
        raise BadRequest("Name an order or a call, and one of them only.")
    if not now.astimezone(SHANGHAI).date() <= wish.until <= (now + _LONGEST).date():
        raise BadRequest("until: a day that is not over, and within a hundred years")
    until = datetime.combine(wish.until + timedelta(days=1), time(), SHANGHAI)
    thing = order_object(wish.order) if wish.order else call_object(wish.call)
    await request.app[SERVICES].privacy.holds.hold(thing, wish.reason, until, me.name)
    return web.Response(status=204)


async def lift(request: web.Request) -> web.Response:
    """POST /api/v1/holds/{hold}/lift."""
    read_query(request, NoQuery)
    wish = await read_body(request, _LIFT, request.app[OPTIONS].body_limit_bytes)
    me, text = _person(request), request.match_info["hold"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise NotFound("There is no such hold in force.")
    await request.app[SERVICES].privacy.holds.lift(int(text), wish.reason, me.name)
    return web.Response(status=204)


def _person(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("A person answers for this: log in with a session, not a token.")
    return identity


RETENTION_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/retention", show_retention, "What the next run deletes, what is held, and the proof of what went",
        {200: RetentionAnswer}, permission="retention.read", query=RetentionQuery,
    ),
    Route(
        "POST", "/api/v1/holds", hold, "Hold an order with its calls, or a call, with a reason; audited", {204: None},
        permission="holds.write", bodies=(HoldWish,), problems=frozenset({404, 413, 415}),
    ),
    Route(
        "POST", "/api/v1/holds/{hold}/lift", lift, "End a hold before its day, with a reason; audited", {204: None},
        permission="holds.write", bodies=(LiftWish,), problems=frozenset({413, 415}),
    ),
)
