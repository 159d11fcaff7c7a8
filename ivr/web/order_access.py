"""Who may know what of orders: handlers and advisers only their own, nobody but a few a confidential one's content."""

from __future__ import annotations

from aiohttp import web

from ivr.domain.errors import Denied, NotFound
from ivr.domain.work_order import Actor, concerns, may_read
from ivr.ports.views import WorkOrderRecord
from ivr.web.access import may
from ivr.web.context import IDENTITY, SERVICES

CONFIDENTIAL = "This belongs to a confidential order: its owner, who it is assigned to, and supervisors may see it."


async def actor_of(request: web.Request) -> Actor:
    """The asker as orders know them. A machine's token holds no orders, whatever its name."""
    identity = request[IDENTITY]
    account = identity.name if identity.kind == "session" else ""
    return await request.app[SERVICES].orders.actor(identity.actor, identity.roles, account)


async def known_order(request: web.Request, actor: Actor) -> WorkOrderRecord:
    """The order of the address; NotFound when there is none, and for who is limited to their own when it is not theirs."""
    number = request.match_info["number"]
    found = await request.app[SERVICES].views.work_orders_named([number])
    if not found or not (may(request[IDENTITY], "orders.read") or concerns(found[0].life, actor)):
        raise NotFound(f"There is no work order {number[:80]}.")
    return found[0]


def demand_content(order: WorkOrderRecord, actor: Actor) -> None:
    """Raise Denied when the order is confidential and the actor is none of those who may see its content."""
    if not may_read(order.life, actor):
        raise Denied(CONFIDENTIAL)


async def demand_call(request: web.Request, linked_id: str, *, read: bool = False) -> None:
    """Raise Denied for a call of a confidential order, as ``demand_content``; ``read`` writes the audit row of reading it."""
    services = request.app[SERVICES]
    calls = await services.views.calls_named([linked_id])
    if not calls or not calls[0].confidential:
        return
    for order in await services.views.work_orders_named([calls[0].order_number]):
        demand_content(order, await actor_of(request))
        if read:
            await services.audit.append(request[IDENTITY].actor, "order.read_confidential", order.number, {"call": linked_id})
