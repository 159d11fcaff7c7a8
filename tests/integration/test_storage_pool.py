"""Connections go back to the pool as they came: no open transaction, no lock of a session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ivr.storage.database import held_connection, transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def test_a_held_connection_gives_its_session_locks_back(pool: Pool) -> None:
    async with held_connection(pool) as connection:
        await connection.execute("SELECT pg_advisory_lock(4242)")
        await connection.execute("SET statement_timeout = 1234")
    assert await pool.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4242") == 0
    assert await pool.fetchval("SHOW statement_timeout") != "1234ms"


async def test_a_cancelled_transaction_leaves_nothing_behind(pool: Pool) -> None:
    await pool.execute("CREATE TABLE scratch (n integer)")
    begun = asyncio.Event()

    async def stopped() -> None:
        async with transaction(pool) as connection:
            await connection.execute("INSERT INTO scratch VALUES (1)")
            begun.set()
            await connection.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(stopped())
    async with asyncio.timeout(20):
        await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    rows = await asyncio.gather(*(pool.fetchval("SELECT count(*) FROM scratch") for _ in range(12)))
    assert set(rows) == {0}
    assert await pool.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()") == 0
