"""Calls that speak notices: written down before they are dialled, closed by what the ledger tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.call import Call
from ivr.domain.callback import DIALLED, attempt_id
from ivr.domain.voice_notice import VOICE, result_of
from ivr.ports.voice_notices import EarlierCall, SpokenNotice
from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_NUMBER_LOCK = 12348_0028


async def settle(connection: Connection, call: Call) -> list[str]:
    """Keep what a notice's call came to so far; the order's number when that changed. Told again, it changes nothing."""
    if call.channel != "callback":
        return []
    ended = call.state == "ended"
    result = result_of(call.notice_told, ended, call.outcome or "", call.hangup_cause)
    if result is None:
        return []
    number = await connection.fetchval(
        "UPDATE notice_call n SET result = $2,"
        " ended_at = CASE WHEN $3 THEN coalesce(n.ended_at, clock_timestamp()) ELSE n.ended_at END"
        " FROM work_order o WHERE n.linked_id = $1 AND o.id = n.order_id"
        " AND (n.result IS DISTINCT FROM $2 OR ($3 AND n.ended_at IS NULL)) RETURNING o.number", call.linked_id, result, ended,
    )
    return [number] if number else []


async def spoken_notices(connection: Connection, order_number: str) -> list[SpokenNotice]:
    """An order's notices by call, the oldest first; those of deliveries long deleted are left out."""
    rows = await connection.fetch(
        "SELECT e.event, e.at, d.state, coalesce(n.calls, 0)::int AS calls, n.result, n.called_at,"
        " CASE WHEN d.state = 'waiting' AND n.calls > 0 THEN d.not_before END AS next_at"
        " FROM outbox_delivery d JOIN outbox e ON e.id = d.event_id LEFT JOIN LATERAL"
        " (SELECT count(*) AS calls, max(started_at) AS called_at, (array_agg(result ORDER BY started_at DESC))[1] AS result"
        "  FROM notice_call WHERE delivery_id = d.id AND result IS DISTINCT FROM 'not_placed') n ON true"
        " WHERE e.order_number = $1 AND d.partner = $2 ORDER BY d.id", order_number, VOICE,
    )
    return [SpokenNotice(**dict(r)) for r in rows]


class PostgresVoiceNotices:
    """ivr.ports.voice_notices.VoiceNotices."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def earlier(self, delivery_id: int) -> Sequence[EarlierCall]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT n.linked_id, n.result, n.ended_at IS NOT NULL AS ended, c.linked_id IS NOT NULL AS told,"
                " extract(epoch FROM clock_timestamp() - n.started_at)::float8 AS age_s"
                " FROM notice_call n LEFT JOIN call c ON c.linked_id = n.linked_id WHERE n.delivery_id = $1 ORDER BY n.started_at",
                delivery_id,
            )
        return [EarlierCall(**dict(r)) for r in rows]

    async def begin(self, delivery_id: int, order_number: str, event: str, number: str, system: str) -> str:
        """See the port: call, and the fact that tells whom it is for, together. One at a time for each telephone."""
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", _NUMBER_LOCK, number)
            if await connection.fetchval(
                "SELECT EXISTS (SELECT FROM call WHERE state <> 'ended' AND caller_number = $1)"
                " OR EXISTS (SELECT FROM callback_job WHERE state = 'calling' AND number = $1)"
                " OR EXISTS (SELECT FROM notice_call n JOIN call_fact f ON f.linked_id = n.linked_id AND f.kind = $2"
                "  WHERE n.ended_at IS NULL AND f.data ->> 'number' = $1)", number, DIALLED,
            ):
                return ""
            now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
            made = await connection.fetchval("SELECT count(*) FROM notice_call WHERE delivery_id = $1", delivery_id)
            linked_id = attempt_id(system, delivery_id, made + 1, now, "vn")
            await connection.execute(
                "INSERT INTO notice_call (linked_id, delivery_id, order_id, event)"
                " SELECT $1, $2, id, $3 FROM work_order WHERE number = $4", linked_id, delivery_id, event, order_number,
            )
            await connection.execute(
                "INSERT INTO call_fact (source, file_id, position, linked_id, kind, at, data)"
                " VALUES ('controller', $1, 1, $1, $2, now(), $3)", linked_id, DIALLED,
                {"number": number, "queue": "", "kind": "notice"},
            )
            await append(connection, "order", order_number)
        return linked_id

    async def not_placed(self, linked_id: str) -> None:
        """See the port; a call the ledger has told of meanwhile stays what it was."""
        async with transaction(self._pool) as connection:
            number = await connection.fetchval(
                "UPDATE notice_call n SET result = 'not_placed', ended_at = clock_timestamp() FROM work_order o"
                " WHERE n.linked_id = $1 AND n.ended_at IS NULL AND n.result IS NULL AND o.id = n.order_id RETURNING o.number",
                linked_id,
            )
            if number:
                await append(connection, "order", number)
