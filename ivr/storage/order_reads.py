"""What is asked about one order before somebody acts: its history, likely duplicates, who could take it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.assignment import Candidate, rank
from ivr.domain.errors import NotFound
from ivr.ports.orders import OrderEventRecord
from ivr.storage.database import transaction
from ivr.storage.people import load_people

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_MOST_EVENTS = 1000
_MOST_CANDIDATES = 200
_MOST_DUPLICATES = 50

PLACE_NAMES = (
    "SELECT p.code, CASE WHEN p.kind = 'village' THEN coalesce(t.name, '') ELSE '' END || p.name AS shown FROM place p"
    " LEFT JOIN place t ON t.code = p.town_code AND t.code <> p.code WHERE p.status = 'confirmed'"
)
"""Confirmed places with the names they are shown by, a village with its town."""


async def history(pool: Pool, number: str) -> Sequence[OrderEventRecord]:
    """See ivr.ports.orders."""
    async with transaction(pool) as connection:
        rows = await connection.fetch(
            "SELECT e.at, e.actor, e.role, e.work_number, e.move, e.from_state, e.to_state, e.reason, e.detail::text AS detail,"
            " e.version FROM order_event e JOIN work_order o ON o.id = e.order_id WHERE o.number = $1 ORDER BY e.id LIMIT $2",
            number, _MOST_EVENTS,
        )
    return [OrderEventRecord(**{**row, "detail": json.loads(row["detail"])}) for row in rows]


async def merged(pool: Pool, number: str) -> Sequence[str]:
    """See ivr.ports.orders."""
    async with transaction(pool) as connection:
        rows = await connection.fetch("SELECT number FROM work_order WHERE merged_into = $1 ORDER BY number LIMIT 100", number)
    return [r["number"] for r in rows]


async def duplicates(pool: Pool, number: str, days: int) -> Sequence[str]:
    """See ivr.ports.orders. An order without a known matter is like none; confidential ones are never offered."""
    async with transaction(pool) as connection:
        rows = await connection.fetch(
            "WITH phones AS (SELECT o.id, n.phone FROM work_order o CROSS JOIN LATERAL (SELECT o.caller_number AS phone UNION"
            "  SELECT f.value FROM work_order_field f WHERE f.order_id = o.id AND f.field = 'callback_number') n"
            "  WHERE o.number = $1 AND n.phone <> '')"
            " SELECT o.number FROM work_order o JOIN work_order me ON me.number = $1 WHERE o.id <> me.id"
            " AND o.matter = me.matter AND me.matter <> '' AND o.outcome <> 'self_service' AND NOT o.confidential"
            " AND o.state NOT IN ('merged', 'voided', 'archived')"
            " AND o.opened_at BETWEEN me.opened_at - make_interval(days => $2) AND me.opened_at + make_interval(days => $2)"
            " AND (o.caller_number IN (SELECT phone FROM phones) OR EXISTS (SELECT 1 FROM work_order_field f"
            "  WHERE f.order_id = o.id AND f.field = 'callback_number' AND f.value IN (SELECT phone FROM phones)))"
            " ORDER BY o.opened_at DESC, o.number DESC LIMIT $3", number, days, _MOST_DUPLICATES,
        )
    return [r["number"] for r in rows]


async def places(pool: Pool) -> Sequence[tuple[str, str]]:
    """See ivr.ports.orders."""
    async with transaction(pool) as connection:
        rows = await connection.fetch(
            f"{PLACE_NAMES} ORDER BY p.code LIMIT 2000"
        )
    return [(r["code"], r["shown"]) for r in rows]


async def candidates(pool: Pool, number: str) -> Sequence[Candidate]:
    """See ivr.ports.orders."""
    async with transaction(pool) as connection:
        order = await connection.fetchrow(
            "SELECT o.matter, coalesce(p.code, '') AS place, coalesce(p.kind, '') AS kind, coalesce(p.town_code, '') AS town,"
            " ARRAY(SELECT c.work_number FROM order_conflict c WHERE c.order_id = o.id) AS conflicts FROM work_order o"
            " LEFT JOIN work_order_field f ON f.order_id = o.id AND f.field = 'place' AND f.ordinal = 0"
            " LEFT JOIN place p ON p.code = f.value WHERE o.number = $1", number,
        )
        if order is None:
            raise NotFound(f"There is no work order {number[:80]}.")
        loads = await connection.fetch(
            "SELECT assigned_to, count(*) AS load FROM work_order WHERE assigned_to <> ''"
            " AND state IN ('assigned', 'accepted', 'in_progress') GROUP BY assigned_to"
        )
        people = await load_people(connection)
    village = order["place"] if order["kind"] == "village" else ""
    ranked = rank(
        people, {r["assigned_to"]: r["load"] for r in loads}, order["conflicts"],
        village=village, town=order["town"], matter=order["matter"],
    )
    return ranked[:_MOST_CANDIDATES]
