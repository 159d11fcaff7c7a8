"""The database's side of the books, and what a reconciliation found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.domain.call import TRUNK_CONTEXT, VILLAGE_CONTEXT
from ivr.domain.reconciliation import Books, CallFacts, Difference, TrackFacts
from ivr.domain.video_room import is_invitation
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.work_orders import WorkOrders

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool


class PostgresBooks:
    """ivr.ports.pipeline.BookStore."""

    def __init__(self, pool: Pool, orders: WorkOrders) -> None:
        self._pool = pool
        self._orders = orders

    async def read(self, since: float, paths: Sequence[str]) -> Books:
        """See the port. All in one snapshot: what is written meanwhile must not look like a difference."""
        moment = _moment(since)
        async with transaction(self._pool) as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            ledger_calls, ended = await _ledger_calls(connection, moment)
            return Books(
                calls=await _calls(connection, moment), tracks=await _tracks(connection, moment, paths),
                ledger_calls=ledger_calls, ended_in_ledger=ended,
                orders_without_call=await _orders_without_call(connection, moment),
                facts_deleted=frozenset(r["linked_id"] for r in await connection.fetch(
                    "SELECT linked_id FROM retention_deletion WHERE kind = 'log'"
                )),
                segments_astray=await _segments_astray(connection, moment),
                ledger_positions={
                    r["file_id"]: r["position"]
                    for r in await connection.fetch("SELECT file_id, position FROM ledger_position")
                },
            )

    async def recordings_awaited(self, ended_before: float) -> Sequence[tuple[str, str]]:
        """See the port; oldest first."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT c.linked_id, c.recording_name FROM work_order o JOIN work_order_call oc ON oc.order_id = o.id"
                " JOIN call c ON c.linked_id = oc.linked_id"
                " WHERE CASE WHEN o.opened_by_call = oc.linked_id THEN o.filled_at ELSE oc.filled_at END IS NULL"
                " AND c.state = 'ended' AND c.ended_at < $1"
                " AND (c.answered_at IS NOT NULL OR c.outcome = 'message')"
                " AND NOT c.recording_refused AND c.recording_name <> ''"
                " AND NOT EXISTS (SELECT FROM recording_track t WHERE t.linked_id = c.linked_id)"
                " ORDER BY o.opened_at LIMIT 500", _moment(ended_before),
            )
        return [(r["linked_id"], r["recording_name"]) for r in rows]

    async def give_up_recording(self, linked_id: str) -> None:
        """Fill the order of a call whose recording will not come, and say so in its note."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, linked_id)
            for number in await self._orders.fill_without_recording(connection, linked_id):
                await append(connection, "order", number)

    async def remember(self, at: float, differences: Sequence[Difference]) -> None:
        """Keep the outcome of one run."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "INSERT INTO reconciliation (at, differences) VALUES ($1, $2)", _moment(at),
                [{"kind": d.kind, "subject": d.subject, "detail": d.detail, "reason": d.reason} for d in differences],
            )


async def _calls(connection: Connection, since: datetime) -> dict[str, CallFacts]:
    rows = await connection.fetch(
        "SELECT c.linked_id, extract(epoch FROM c.ended_at)::float8 AS ended_at,"
        " extract(epoch FROM c.arrived_at)::float8 AS arrived_at,"
        " CASE WHEN c.answered_at IS NOT NULL THEN least(c.recorded_s,"
        "  extract(epoch FROM coalesce(c.talk_ended_at, c.ended_at) - c.answered_at)::float8) END AS talk_s,"
        " (c.answered_at IS NOT NULL OR c.outcome = 'message') AND NOT c.recording_refused"
        " AND c.recording_name <> '' AS recording_expected,"
        " c.recording_refused, coalesce(c.outcome, '') AS outcome, coalesce(o.number, '') AS order_number,"
        # An order tells the outcome of the call that opened it, and is filled once for each of its calls.
        " CASE WHEN o.opened_by_call = c.linked_id THEN o.outcome ELSE coalesce(c.outcome, '') END AS order_outcome,"
        " extract(epoch FROM CASE WHEN o.opened_by_call = c.linked_id THEN o.filled_at ELSE oc.filled_at END)::float8"
        "  AS order_filled_at"
        " FROM call c LEFT JOIN work_order_call oc USING (linked_id) LEFT JOIN work_order o ON o.id = oc.order_id"
        " WHERE c.arrived_at >= $1", since,
    )
    return {r["linked_id"]: CallFacts(**dict(r)) for r in rows}


async def _tracks(connection: Connection, since: datetime, paths: Sequence[str]) -> tuple[TrackFacts, ...]:
    rows = await connection.fetch(
        "SELECT t.linked_id, t.path, t.track, t.seconds, t.bytes, t.state, t.problem,"
        " extract(epoch FROM t.ready_at)::float8 AS ready_at, extract(epoch FROM t.finished_at)::float8 AS finished_at,"
        " s.segments, s.heard_until_s, EXISTS (SELECT FROM call c WHERE c.linked_id = t.linked_id) AS call_known,"
        " t.deleted_at IS NOT NULL AS deleted, t.transcript_deleted_at IS NOT NULL AS transcript_deleted"
        " FROM recording_track t CROSS JOIN LATERAL (SELECT count(*) AS segments,"
        " coalesce(max(end_s), 0) AS heard_until_s FROM transcript_segment WHERE track_id = t.id) s"
        " WHERE t.ready_at >= $1 OR t.path = ANY($2)", since, list(paths),
    )
    return tuple(TrackFacts(**dict(r)) for r in rows)


async def _ledger_calls(connection: Connection, since: datetime) -> tuple[frozenset[str], frozenset[str]]:
    """Citizens' calls the stored facts show, those witnessed live among them, and which of them ended."""
    rows = await connection.fetch(
        "SELECT b.linked_id, EXISTS (SELECT FROM call_fact e WHERE e.linked_id = b.linked_id"
        " AND e.kind = 'LINKEDID_END' AND e.source <> 'queue_log') AS ended"
        " FROM call_fact b WHERE b.kind = 'CHAN_START' AND b.source <> 'queue_log' AND b.at >= $1"
        " AND b.data->>'uniqueid' = b.linked_id AND (starts_with(b.data->>'context', $2) OR b.data->>'context' = $3)",
        since, TRUNK_CONTEXT, VILLAGE_CONTEXT,
    )
    began = {r["linked_id"]: r["ended"] for r in rows if not is_invitation(r["linked_id"])}
    return frozenset(began), frozenset(linked_id for linked_id, ended in began.items() if ended)


async def _orders_without_call(connection: Connection, since: datetime) -> tuple[str, ...]:
    """Numbers of orders opened by, or holding, a call that is not there."""
    rows = await connection.fetch(
        "SELECT o.number FROM work_order o WHERE o.opened_at >= $1 AND ("
        " o.opened_by_call IS NOT NULL AND NOT EXISTS (SELECT FROM call c WHERE c.linked_id = o.opened_by_call)"
        " OR EXISTS (SELECT FROM work_order_call oc WHERE oc.order_id = o.id"
        " AND NOT EXISTS (SELECT FROM call c WHERE c.linked_id = oc.linked_id)))", since,
    )
    return tuple(r["number"] for r in rows)


async def _segments_astray(connection: Connection, since: datetime) -> tuple[str, ...]:
    """Calls with transcript segments of no track, or of another call's or speaker's."""
    rows = await connection.fetch(
        "SELECT DISTINCT c.linked_id FROM call c JOIN transcript_segment s USING (linked_id)"
        " LEFT JOIN recording_track t ON t.id = s.track_id"
        " WHERE c.arrived_at >= $1 AND (t.id IS NULL OR t.linked_id <> s.linked_id OR t.track <> s.speaker)", since,
    )
    return tuple(r["linked_id"] for r in rows)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
