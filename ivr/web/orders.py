"""Work orders over HTTP: lists, one order with what may be done to it, moves and edits under If-Match."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.order_edits import EditedField
from ivr.domain.work_order import Actor, Wish, choices, decision_by, may_read
from ivr.ports.orders import OrderEventRecord, StaleVersion
from ivr.ports.views import PageMark, WorkOrderRecord
from ivr.web.access import may
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.errors import PreconditionRequired
from ivr.web.models import Code, WorkOrderList
from ivr.web.order_access import actor_of, demand_content, known_order
from ivr.web.order_models import (
    DuplicateQuery,
    MoveChoice,
    OrderCandidate,
    OrderCandidates,
    OrderDuplicates,
    OrderEdit,
    OrderEvent,
    OrderMove,
    OrderTables,
    TablesQuery,
    WorkOrderDetail,
)
from ivr.web.present import order_members, work_order
from ivr.web.query import NoQuery, OrderQuery, cursor_of, read_body, read_query

_MOVE: TypeAdapter[OrderMove] = TypeAdapter(OrderMove)
_EDIT: TypeAdapter[OrderEdit] = TypeAdapter(OrderEdit)


async def list_work_orders(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders: newest first; handlers and advisers are given their own."""
    services = request.app[SERVICES]
    now = datetime.now(UTC)
    query = read_query(request, OrderQuery)
    concerns = None
    if not may(request[IDENTITY], "orders.read"):
        actor = await actor_of(request)
        concerns = (actor.work_number, actor.unit)
    wanted = query.filter(now, services.orders.rules.worktime, concerns)
    orders = await services.views.work_orders(wanted)
    last = orders[-1] if len(orders) == wanted.limit else None
    mark = cursor_of(PageMark(last.opened_at, last.number)) if last is not None else None
    return answer(WorkOrderList(orders=[work_order(o, services.codes, services.orders.rules, now) for o in orders], next=mark))


async def show_work_order(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders/{number}: its version is the ETag, for If-Match; each read of a confidential one is audited."""
    read_query(request, NoQuery)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    etag = f'"{order.version}"'
    if etag in [tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")]:
        return web.Response(status=304, headers={"ETag": etag})
    return await _whole(request, order, actor)


async def move_work_order(request: web.Request) -> web.Response:
    """POST /api/v1/work-orders/{number}/moves: one move, whole or not at all."""
    read_query(request, NoQuery)
    wanted = await read_body(request, _MOVE, request.app[OPTIONS].body_limit_bytes)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    wish = Wish(wanted.move, wanted.reason.strip(), wanted.to, wanted.unit.strip(), wanted.days, wanted.into, wanted.chosen)
    await request.app[SERVICES].orders.move(order.number, wish, actor, _version(request, order))
    return await _changed(request, actor)


async def edit_work_order(request: web.Request) -> web.Response:
    """PATCH /api/v1/work-orders/{number}: fields a person confirms or corrects; only those that are sent."""
    read_query(request, NoQuery)
    wanted = await read_body(request, _EDIT, request.app[OPTIONS].body_limit_bytes)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    version = _version(request, order)
    fields: dict[EditedField, Sequence[str]] = {}
    for name in wanted.model_fields_set:
        value = getattr(wanted, name)
        fields[name] = value if isinstance(value, list) else [value]  # type: ignore[index]
    if fields:
        await request.app[SERVICES].orders.edit(order.number, fields, actor, version)
    return await _changed(request, actor)


async def list_duplicates(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders/{number}/duplicates."""
    days = read_query(request, DuplicateQuery).days
    services, actor = request.app[SERVICES], await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    numbers = await services.orders.duplicates(order.number, days)
    found = {o.number: o for o in await services.views.work_orders_named(numbers)}
    now = datetime.now(UTC)
    shown = [work_order(found[n], services.codes, services.orders.rules, now) for n in numbers if n in found]
    return answer(OrderDuplicates(days=days, orders=shown))


async def list_candidates(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders/{number}/candidates: people for this matter, the best first, each with the reasons."""
    read_query(request, NoQuery)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    ranked = await request.app[SERVICES].orders.candidates(order.number)
    return answer(OrderCandidates(candidates=[
        OrderCandidate(
            work_number=c.person.work_number, name=c.person.name, unit=c.person.unit, load=c.load, reasons=list(c.reasons),
        ) for c in ranked
    ]))


async def show_tables(request: web.Request) -> web.Response:
    """GET /api/v1/order-tables: the pick lists of an order's fields."""
    version = read_query(request, TablesQuery).version
    services = request.app[SERVICES]
    categories, matters = services.codes.codes(version, "category"), services.codes.codes(version, "matter")
    tables = (categories, matters, await services.orders.places())
    listed = [[Code(code=code, name=name) for code, name in table] for table in tables]
    return answer(OrderTables(categories=listed[0], matters=listed[1], places=listed[2]))


def _version(request: web.Request, order: WorkOrderRecord) -> int:
    """The version the change is about; PreconditionRequired without one, StaleVersion for any that is not the order's."""
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        raise PreconditionRequired("Send If-Match with the ETag of the order as you read it; '*' does not say which.")
    found = re.fullmatch(r'"([0-9]{1,9})"', given)
    if found is None:
        raise StaleVersion(order.version)
    return int(found[1])


async def _changed(request: web.Request, actor: Actor) -> web.Response:
    """The order as it is after a change; who gave it away may no longer read it, and is told only what everybody is."""
    found = await request.app[SERVICES].views.work_orders_named([request.match_info["number"]])
    return await _whole(request, found[0], actor)


async def _whole(request: web.Request, order: WorkOrderRecord, actor: Actor) -> web.Response:
    services = request.app[SERVICES]
    rules = services.orders.rules
    readable = may_read(order.life, actor)
    if order.confidential and readable:
        await services.audit.append(request[IDENTITY].actor, "order.read_confidential", order.number, {"version": order.version})
    history = await services.orders.history(order.number) if readable else ()
    now = datetime.now(UTC)
    detail = WorkOrderDetail.model_validate({
        **order_members(order, services.codes, rules, now, whole=readable),
        "hidden": not readable,
        "assigned_at": order.assigned_at,
        "decision_by": decision_by(order.life, rules),
        "conflicts": list(order.conflicts) if readable else [],
        "merged": list(await services.orders.merged(order.number)),
        "moves": [
            MoveChoice(move=c.move, title=c.title, allowed=c.allowed, why=c.why, needs=list(c.needs))
            for c in choices(order.life, actor, now, rules)
        ],
        "history": [_event(e) for e in history],
    })
    return answer(detail, headers={"ETag": f'"{order.version}"'})


def _event(event: OrderEventRecord) -> OrderEvent:
    return OrderEvent(
        at=event.at, actor=event.actor, role=event.role, work_number=event.work_number, move=event.move,
        from_state=event.from_state, to_state=event.to_state, reason=event.reason, detail=dict(event.detail), version=event.version,
    )
