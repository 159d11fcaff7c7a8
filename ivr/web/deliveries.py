"""GET /api/v1/deliveries: what partners were told of orders, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field

from ivr.ports.partners import DeliveryRecord
from ivr.web.context import SERVICES, answer
from ivr.web.models import Moment, Wire
from ivr.web.query import Limit, Query, Word, read_query


def _digits(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise ValueError("must be a whole number")
    return value


class DeliveryQuery(Query):
    state: Literal["waiting", "sending", "delivered", "held"] | None = None
    partner: Word | None = Field(None, description="name in the settings")
    limit: Limit = 50
    before: Annotated[int, Field(ge=1, le=10**18), BeforeValidator(_digits)] | None = Field(
        None, description="the value of 'next' of the page before"
    )


class DeliveryRow(Wire):
    """One event on its way to one partner. ``held``: given up after too many tries, until it is replayed by hand."""

    id: int
    event_id: int = Field(description="the partner got it as Idempotency-Key event-<event_id>")
    event: str
    order: str
    partner: str
    state: Literal["waiting", "sending", "delivered", "held"]
    attempts: int
    at: Moment = Field(description="when the event happened")
    not_before: Moment = Field(description="earliest time of the next attempt, while it waits")
    changed_at: Moment
    status: int | None = Field(description="HTTP status of the partner's last answer; null: it never answered")
    problem: str = Field(description="what was wrong with the last attempt; '' when it went well or was none")


class DeliveryList(Wire):
    deliveries: list[DeliveryRow]
    next: int | None = Field(description="'before' of the next page, null on the last one")


async def list_deliveries(request: web.Request) -> web.Response:
    """Newest first."""
    asked = read_query(request, DeliveryQuery)
    desk = request.app[SERVICES].partners.deliveries
    found = await desk.deliveries(asked.state, asked.partner, asked.limit, asked.before)
    last = found[-1].id if len(found) == asked.limit else None
    return answer(DeliveryList(deliveries=[_row(one) for one in found], next=last))


def _row(one: DeliveryRecord) -> DeliveryRow:
    return DeliveryRow(
        id=one.id, event_id=one.event_id, event=one.event, order=one.order_number, partner=one.partner, state=one.state,
        attempts=one.attempts, at=one.at, not_before=one.not_before, changed_at=one.changed_at, status=one.status,
        problem=one.problem,
    )
