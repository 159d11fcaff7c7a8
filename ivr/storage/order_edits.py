"""Fields as people write them: the machine's value stays beside, and no later transcript touches them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ivr.domain.order_edits import EditedField, Written, checked, editor_role
from ivr.domain.work_order import Actor, Event
from ivr.storage.order_reads import PLACE_NAMES

if TYPE_CHECKING:
    from ivr.ports.web import CodeTables
    from ivr.storage.database import Connection
    from ivr.storage.order_life import LockedOrder


async def write_edits(
    connection: Connection, order: LockedOrder, fields: Mapping[EditedField, Sequence[str]], actor: Actor, codes: CodeTables
) -> Event:
    """Check and write the fields of a locked order; BadEdit or EditRefused before anything is written."""
    role = editor_role(order.life, actor)
    places = await _place_names(connection, [code.strip() for code in fields.get("place", ())])
    names = {
        "category": partial(codes.name, order.table_version, "category"),
        "matter": partial(codes.name, order.table_version, "matter"),
    }
    written = {
        field: checked(field, values, names.get(field, _nameless), lambda code: places.get(code, ""))
        for field, values in fields.items()
    }
    detail: dict[str, str | int | bool] = {}
    for field, values in written.items():
        before = await connection.fetch(
            "SELECT display FROM work_order_field WHERE order_id = $1 AND field = $2 AND display <> '' ORDER BY ordinal",
            order.id, field,
        )
        await _write(connection, order, field, values, actor)
        shown = "、".join(v.display for v in values if v.display)
        detail[field] = f"{'、'.join(r['display'] for r in before) or '空'} → {shown or '空'}"
    await connection.execute(
        "UPDATE work_order SET version = version + 1, blanks = (SELECT coalesce(jsonb_agg(b), '[]') FROM"
        " jsonb_array_elements(blanks) b WHERE b->>'field' <> ALL($2::text[])) WHERE id = $1", order.id, list(written),
    )
    for column in ("category", "matter"):
        if column in written:
            await connection.execute(f"UPDATE work_order SET {column} = $2 WHERE id = $1", order.id, written[column][0].value)
    return Event("edit", role, order.life.state, order.life.state, "", detail)


def _nameless(code: str) -> None:
    """Fields without a code table have no names."""


async def _write(connection: Connection, order: LockedOrder, field: str, values: Sequence[Written], actor: Actor) -> None:
    stored = await connection.fetchval(
        "SELECT coalesce(max(ordinal) + 1, 0) FROM work_order_field WHERE order_id = $1 AND field = $2", order.id, field
    )
    cleared = [Written("", "")] * max(0, stored - len(values))
    await connection.executemany(
        "INSERT INTO work_order_field AS f (order_id, field, ordinal, value, display, source, set_by, set_at)"
        " VALUES ($1, $2, $3, $4, $5, 'human', $6, $7)"
        " ON CONFLICT (order_id, field, ordinal) DO UPDATE SET value = $4, display = $5, source = 'human',"
        " set_by = $6, set_at = $7,"
        " machine_value = CASE WHEN f.source = 'machine' THEN f.value ELSE f.machine_value END,"
        " machine_display = CASE WHEN f.source = 'machine' THEN f.display ELSE f.machine_display END",
        [
            (order.id, field, ordinal, one.value, one.display, actor.name, order.now)
            for ordinal, one in enumerate([*values, *cleared])
        ],
    )


async def _place_names(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    rows = await connection.fetch(f"{PLACE_NAMES} AND p.code = ANY($1::text[])", list(codes))
    return {r["code"]: r["shown"] for r in rows}
