"""The database's side of the books, and what a reconciliation found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.domain.call import TRUNK_CONTEXT
from ivr.domain.reconciliation import CallFacts, Difference, TrackFacts
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.work_orders import WorkOrders

if TYPE_CHECKING:
    from ivr.storage.database import Pool


class PostgresBooks:
    """ivr.ports.pipeline.BookStore."""

    def __init__(self, pool: Pool, orders: WorkOrders) -> None:
        self._pool = pool
        self._orders = orders

    async def calls(self, since: float) -> dict[str, CallFacts]:
        """Calls that arrived since a Unix time."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT c.linked_id, extract(epoch FROM c.ended_at)::float8 AS ended_at,"
                " extract(epoch FROM c.arrived_at)::float8 AS arrived_at,"
                " extract(epoch FROM c.ended_at - c.answered_at)::float8 AS talk_s,"
                " c.answered_at IS NOT NULL AND NOT c.recording_refused AND c.recording_name <> '' AS recording_expected,"
                " coalesce(o.number, '') AS order_number, o.filled_at IS NOT NULL AS order_filled"
                " FROM call c LEFT JOIN work_order_call oc USING (linked_id) LEFT JOIN work_order o ON o.id = oc.order_id"
                " WHERE c.arrived_at >= $1", _moment(since),
            )
        return {r["linked_id"]: CallFacts(**dict(r)) for r in rows}

    async def tracks(self, since: float) -> list[TrackFacts]:
        """Tracks taken in since a Unix time."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT linked_id, path, seconds, state, extract(epoch FROM ready_at)::float8 AS ready_at, problem"
                " FROM recording_track WHERE ready_at >= $1", _moment(since),
            )
        return [TrackFacts(**dict(r)) for r in rows]

    async def ledger_calls(self, since: float) -> frozenset[str]:
        """Linked ids whose ledger shows a citizen's call since a Unix time."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT linked_id FROM call_fact WHERE kind = 'CHAN_START' AND source = 'cel' AND at >= $1"
                " AND data->>'uniqueid' = linked_id AND starts_with(data->>'context', $2)",
                _moment(since), TRUNK_CONTEXT,
            )
        return frozenset(r["linked_id"] for r in rows)

    async def orders_without_call(self, since: float) -> tuple[str, ...]:
        """Numbers of orders opened by a call that is not there."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT o.number FROM work_order o LEFT JOIN call c ON c.linked_id = o.opened_by_call"
                " WHERE o.opened_by_call IS NOT NULL AND c.linked_id IS NULL AND o.opened_at >= $1", _moment(since),
            )
        return tuple(r["number"] for r in rows)

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


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
