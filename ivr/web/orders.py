"""Work orders over HTTP: lists, one order with what may be done to it, moves and edits under If-Match."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.disclosure import CALLING, OPEN, Veil
from ivr.domain.order_edits import EditedField, EditRefused
from ivr.domain.redaction import MASK
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
    SpokenNoticeRow,
    TablesQuery,
    WorkOrderDetail,
)
from ivr.web.present import order_members, shown_field, work_order
from ivr.web.query import NoQuery, OrderQuery, cursor_of, read_body, read_query
from ivr.web.veils import hidden_from, veil_of_order

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
    hidden = hidden_from(request[IDENTITY])
    wanted = replace(query.filter(now, services.orders.rules.worktime, concerns), covered=bool(hidden & CALLING))
    orders = await services.views.work_orders(wanted)
    last = orders[-1] if len(orders) == wanted.limit else None
    mark = cursor_of(PageMark(last.opened_at, last.number)) if last is not None else None
    shown = [work_order(o, services.codes, services.orders.rules, now, hidden=hidden) for o in orders]
    return answer(WorkOrderList(orders=shown, next=mark))


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
    _keep_covered(order, fields, await veil_of_order(request, order, actor))
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
    hidden = hidden_from(request[IDENTITY])
    shown = [work_order(found[n], services.codes, services.orders.rules, now, hidden=hidden) for n in numbers if n in found]
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


def _keep_covered(order: WorkOrderRecord, fields: dict[EditedField, Sequence[str]], veil: Veil) -> None:
    """What the asker sees covered and sends back as seen is confirmed as it stands; a covered value is never stored."""
    for name in ("caller_name", "callback_number", "remark"):
        if name in fields and veil.hidden:
            stored = [f for f in order.fields if f.field == name and f.value]
            if stored and list(fields[name]) == [shown_field(f, veil).value for f in stored] != [f.value for f in stored]:
                fields[name] = [f.value for f in stored]
            elif any(MASK * 3 in value for value in fields[name]):
                raise EditRefused("号码或姓名被遮盖着：请先说明理由查看，再修改。")


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
    return answer(await order_detail(request, order, actor), headers={"ETag": f'"{order.version}"'})


async def order_detail(request: web.Request, order: WorkOrderRecord, actor: Actor) -> WorkOrderDetail:
    """One order as the asker is shown it; reading a confidential one is audited."""
    services = request.app[SERVICES]
    rules = services.orders.rules
    readable = may_read(order.life, actor)
    if order.confidential and readable:
        await services.audit.append(request[IDENTITY].actor, "order.read_confidential", order.number, {"version": order.version})
    history = await services.orders.history(order.number) if readable else ()
    notices = await services.orders.spoken_notices(order.number) if readable else ()
    now, veil = datetime.now(UTC), await veil_of_order(request, order, actor)
    return WorkOrderDetail.model_validate({
        **(members := order_members(order, services.codes, rules, now, veil, whole=readable)),
        "hidden": not readable,
        "masked": bool(veil.hidden) and members != order_members(order, services.codes, rules, now, OPEN, whole=readable),
        "assigned_at": order.assigned_at,
        "decision_by": decision_by(order.life, rules),
        "conflicts": list(order.conflicts) if readable else [],
        "merged": list(await services.orders.merged(order.number)),
        "spoken_notices": [SpokenNoticeRow(**asdict(n)) for n in notices],
        "moves": [
            MoveChoice(move=c.move, title=c.title, allowed=c.allowed, why=c.why, needs=list(c.needs))
            for c in choices(order.life, actor, now, rules)
        ],
        "history": [_event(e, veil) for e in history],
    })


def _event(event: OrderEventRecord, veil: Veil) -> OrderEvent:
    return OrderEvent(
        at=event.at, actor=event.actor, role=event.role, work_number=event.work_number, move=event.move,
        from_state=event.from_state, to_state=event.to_state, reason=veil.text(event.reason), version=event.version,
        detail={name: veil.text(told) if isinstance(told, str) else told for name, told in event.detail.items()},
    )
