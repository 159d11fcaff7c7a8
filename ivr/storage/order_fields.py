"""What transcripts write into orders, and calls that join an order another call opened: they fill what is still blank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ivr.domain.call import Call
from ivr.domain.intake import Draft
from ivr.domain.order_notes import NOTE_RECORDING_MISSING

if TYPE_CHECKING:
    from ivr.storage.database import Connection


async def human_fields(connection: Connection, order_id: int) -> set[str]:
    """Fields a person has written or cleared: no transcript changes them any more."""
    rows = await connection.fetch("SELECT DISTINCT field FROM work_order_field WHERE order_id = $1 AND source = 'human'", order_id)
    return {r["field"] for r in rows}


async def write_fields(connection: Connection, order_id: int, linked_id: str, draft: Draft) -> None:
    """Write a draft's fields; what is there already stays. Beside a person's value only what the machine heard is kept."""
    human = await human_fields(connection, order_id)
    rows: list[tuple[Any, ...]] = [
        (order_id, f.name, f.ordinal, f.value, f.display, f.rule, linked_id, f.evidence.speaker, f.evidence.text,
         f.evidence.start_s, f.evidence.end_s, f.confidence, f.approximate)
        for f in draft.fields
    ]
    await connection.executemany(
        "INSERT INTO work_order_field (order_id, field, ordinal, value, display, source, rule, linked_id, speaker, text,"
        " start_s, end_s, confidence, approximate)"
        " VALUES ($1, $2, $3, $4, $5, 'machine', $6, $7, $8, $9, $10, $11, $12, $13)"
        " ON CONFLICT DO NOTHING", [row for row in rows if row[1] not in human],
    )
    await connection.executemany(
        "INSERT INTO work_order_field AS f (order_id, field, ordinal, value, display, source, machine_value, machine_display,"
        " rule, linked_id, speaker, text, start_s, end_s, confidence, approximate)"
        " VALUES ($1, $2, $3, '', '', 'human', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        " ON CONFLICT (order_id, field, ordinal) DO UPDATE SET machine_value = $4, machine_display = $5, rule = $6,"
        " linked_id = $7, speaker = $8, text = $9, start_s = $10, end_s = $11, confidence = $12, approximate = $13"
        " WHERE f.machine_value IS NULL", [row for row in rows if row[1] in human],
    )


async def write_device_place(connection: Connection, order_id: int, call: Call) -> None:
    """The place of a village phone's call: where the phone stands, known before anybody spoke. A person may correct it."""
    if call.village:
        await connection.execute(
            "INSERT INTO work_order_field (order_id, field, value, display, source, rule, linked_id)"
            " SELECT $1, 'place', v.code, CASE WHEN t.code IS NULL OR t.code = v.code THEN v.name ELSE t.name || v.name END,"
            "  'machine', 'device', $3 FROM place v LEFT JOIN place t ON t.code = v.town_code WHERE v.code = $2"
            " ON CONFLICT DO NOTHING", order_id, call.village, call.linked_id,
        )


async def device_fields(connection: Connection, order_id: int) -> set[str]:
    """Fields that a village phone told by being the one it is: what nobody said is no blank then."""
    rows = await connection.fetch("SELECT field FROM work_order_field WHERE order_id = $1 AND rule = 'device'", order_id)
    return {r["field"] for r in rows}


async def join_order(connection: Connection, call: Call) -> str:
    """Put a call-back, or a notice's call, into the order it serves; its number, '' for any other call and one that serves none."""
    if call.channel != "callback":
        return ""
    return str(await connection.fetchval(
        "WITH joined AS (INSERT INTO work_order_call (linked_id, order_id) SELECT a.linked_id, j.order_id FROM callback_attempt a"
        " JOIN callback_job j ON j.id = a.job_id WHERE a.linked_id = $1"
        " UNION ALL SELECT n.linked_id, n.order_id FROM notice_call n WHERE n.linked_id = $1 RETURNING order_id)"
        " UPDATE work_order o SET version = version + 1 FROM joined WHERE joined.order_id = o.id RETURNING o.number",
        call.linked_id,
    ) or "")


async def fill_joined(connection: Connection, order_id: int, linked_id: str, draft: Draft) -> None:
    """Fill the fields that are blank from a later call of the order. What earlier calls or people wrote stays whole.

    A field that has several values is taken from one call, never mixed from two.
    """
    rows = await connection.fetch("SELECT DISTINCT field FROM work_order_field WHERE order_id = $1", order_id)
    there = {r["field"] for r in rows}
    fresh = Draft(draft.table_version, tuple(f for f in draft.fields if f.name not in there), ())
    await write_fields(connection, order_id, linked_id, fresh)
    filled = there | {f.name for f in fresh.fields}
    await connection.execute(
        "UPDATE work_order SET version = version + 1, blanks = $2,"
        " category = coalesce(nullif(category, ''),"
        "  (SELECT value FROM work_order_field WHERE order_id = $1 AND field = 'category'), ''),"
        " matter = coalesce(nullif(matter, ''),"
        "  (SELECT value FROM work_order_field WHERE order_id = $1 AND field = 'matter'), '')"
        " WHERE id = $1", order_id,
        [{"field": r.field, "code": r.code, "message": r.message} for r in draft.reasons if r.field not in filled],
    )
    await mark_joined(connection, linked_id)


async def mark_joined(connection: Connection, linked_id: str) -> None:
    """Nothing more is awaited of a call that joined an order."""
    await connection.execute("UPDATE work_order_call SET filled_at = now() WHERE linked_id = $1", linked_id)


async def unfilled_joined(connection: Connection, limit: int) -> list[str]:
    """Calls that joined an order and wait for their transcript."""
    rows = await connection.fetch(
        "SELECT oc.linked_id FROM callback_attempt a JOIN work_order_call oc ON oc.linked_id = a.linked_id"
        " JOIN work_order o ON o.id = oc.order_id WHERE oc.filled_at IS NULL AND o.opened_by_call IS DISTINCT FROM oc.linked_id"
        " ORDER BY a.started_at LIMIT $1", limit,
    )
    return [r["linked_id"] for r in rows]


async def give_up_joined(connection: Connection, linked_id: str) -> None:
    """Say in the order that a later call's recording is missing for good."""
    await connection.execute(
        "WITH given_up AS (UPDATE work_order_call oc SET filled_at = now() FROM work_order o WHERE o.id = oc.order_id"
        " AND oc.linked_id = $1 AND oc.filled_at IS NULL AND o.opened_by_call IS DISTINCT FROM oc.linked_id"
        " AND NOT EXISTS (SELECT FROM recording_track WHERE linked_id = $1) RETURNING oc.order_id)"
        " UPDATE work_order SET note = note || $2, version = version + 1 WHERE id IN (SELECT order_id FROM given_up)",
        linked_id, NOTE_RECORDING_MISSING,
    )
