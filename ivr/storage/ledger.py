"""Ledger facts, the calls they make, and how far each file was read: one transaction, so each fact counts once."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.domain.call import Call
from ivr.domain.events import Fact, LedgerBatch, Source
from ivr.ports.pipeline import FoldCall
from ivr.storage import appointments, caller_languages, outbox
from ivr.storage.callbacks import CallbackJobs
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.voice_notices import settle as settle_notice
from ivr.storage.work_orders import WorkOrders

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool


class PostgresLedger:
    """ivr.ports.pipeline.LedgerStore. ``remembered`` names the languages a caller is known by once a key chose them."""

    def __init__(
        self, pool: Pool, orders: WorkOrders, callbacks: CallbackJobs | None = None, remembered: Collection[str] = frozenset()
    ) -> None:
        self._pool = pool
        self._orders = orders
        self._callbacks = callbacks or CallbackJobs()
        self._remembered = remembered

    async def positions(self, source: Source) -> dict[str, int]:
        """{file id: bytes committed}."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch("SELECT file_id, position FROM ledger_position WHERE source = $1", source)
        return {r["file_id"]: r["position"] for r in rows}

    async def commit(self, batch: LedgerBatch, fold: FoldCall) -> Sequence[Call]:
        """See the port. The position's row lock makes a second controller wait, and then find its batch stale."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "INSERT INTO ledger_position (source, file_id, position) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
                batch.source, batch.file_id,
            )
            stored = await connection.fetchval(
                "SELECT position FROM ledger_position WHERE source = $1 AND file_id = $2 FOR UPDATE",
                batch.source, batch.file_id,
            )
            if stored != batch.start:
                return ()
            await _store(connection, batch.facts)
            await connection.execute(
                "UPDATE ledger_position SET position = $3, updated_at = now() WHERE source = $1 AND file_id = $2",
                batch.source, batch.file_id, batch.position,
            )
            touched = sorted({f.linked_id for f in batch.facts if f.linked_id}) if batch.source == "cel" else []
            for linked_id in touched:
                await lock_call(connection, linked_id)
            calls, orders = [], []
            for linked_id in touched:
                call, opened = await self._rebuild(connection, linked_id, fold)
                if call is not None:
                    calls.append(call)
                    orders += opened
            await _announce(connection, calls, orders)
            return calls

    async def open_calls(self, before: float) -> Sequence[str]:
        """See the port; oldest first. One that arrived minutes from now arrived before the clock was set back."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT linked_id FROM call WHERE state <> 'ended' AND (arrived_at < to_timestamp($1::float8)"
                " OR arrived_at > now() + interval '2 minutes') ORDER BY arrived_at LIMIT 5000", before,
            )
        return [r["linked_id"] for r in rows]

    async def interrupt(self, linked_id: str, at: float, fold: FoldCall) -> None:
        """Write the controller's own fact that the call is gone; twice is once, by the fact's key."""
        async with transaction(self._pool) as connection:
            await _store(connection, (Fact("controller", linked_id, 0, linked_id, "INTERRUPTED", at, {}),))
            await lock_call(connection, linked_id)
            call, orders = await self._rebuild(connection, linked_id, fold)
            await _announce(connection, [call] if call else [], orders)

    async def witness(self, linked_id: str, facts: Sequence[Fact], fold: FoldCall) -> Call | None:
        """See the port; decided under the call's lock, so that ledger and witness cannot both find the call untold."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, linked_id)
            stored = await facts_of_call(connection, linked_id)
            before, after = fold(stored), fold([*stored, *facts])
            if after is None or after.state != "ended" or (before is not None and before.outcome == after.outcome):
                return None
            await _store(connection, await _named(connection, linked_id, facts))
            call, orders = await self._rebuild(connection, linked_id, fold)
            await _announce(connection, [call] if call else [], orders)
            return call

    async def _rebuild(self, connection: Connection, linked_id: str, fold: FoldCall) -> tuple[Call | None, list[str]]:
        call = fold(await facts_of_call(connection, linked_id))
        if call is None:
            return None, []
        await _write(connection, call)
        await appointments.settle(connection, call)
        await caller_languages.learn(connection, call, self._remembered)
        told = await settle_notice(connection, call)
        if call.state != "ended":
            return call, told
        orders = await self._orders.open_for_call(connection, call) + told
        if call.rating is not None:
            await outbox.record_rating(connection, linked_id, call.rating)
        orders += await self._callbacks.settle(connection, call)
        return call, list(dict.fromkeys(orders))


async def facts_of_call(connection: Connection, linked_id: str) -> list[Fact]:
    """What Asterisk wrote of a call, and what was seen of it live; without its queue's own log."""
    rows = await connection.fetch(
        "SELECT source, file_id, position, linked_id, kind, extract(epoch FROM at)::float8 AS at, data::text AS data"
        " FROM call_fact WHERE linked_id = $1 AND source <> 'queue_log'", linked_id,
    )
    return [Fact(**{**r, "data": json.loads(r["data"])}) for r in rows]


async def _named(connection: Connection, linked_id: str, facts: Sequence[Fact]) -> list[Fact]:
    """The facts with the recording's name, which Asterisk does not tell live, from the tracks that were found on disk."""
    base = await connection.fetchval("SELECT min(base_name) FROM recording_track WHERE linked_id = $1", linked_id)
    return [
        replace(f, data={**f.data, "extra": base}) if base and f.kind == "user:RECORDING" else f for f in facts
    ]


async def _announce(connection: Connection, calls: Sequence[Call], orders: Sequence[str]) -> None:
    for call in calls:
        await append(connection, "call", call.linked_id)
    for number in orders:
        await append(connection, "order", number)


async def _store(connection: Connection, facts: Sequence[Fact]) -> None:
    await connection.executemany(
        "INSERT INTO call_fact (source, file_id, position, linked_id, kind, at, data)"
        " VALUES ($1, $2, $3, $4, $5, to_timestamp($6::float8), $7) ON CONFLICT DO NOTHING",
        [(f.source, f.file_id, f.position, f.linked_id, f.kind, f.at, dict(f.data)) for f in facts],
    )


async def _write(connection: Connection, call: Call) -> None:
    values = {name: getattr(call, name) for name in call.__slots__}
    for name in ("arrived_at", "queued_at", "answered_at", "talk_ended_at", "ended_at"):
        if values[name] is not None:
            values[name] = datetime.fromtimestamp(values[name], UTC)
    columns = list(values)
    await connection.execute(
        f"INSERT INTO call ({', '.join(columns)}) VALUES ({', '.join(f'${n}' for n in range(1, len(columns) + 1))})"
        f" ON CONFLICT (linked_id) DO UPDATE SET updated_at = now(), "
        + ", ".join(f"{c} = excluded.{c}" for c in columns if c != "linked_id"),
        *values.values(),
    )
