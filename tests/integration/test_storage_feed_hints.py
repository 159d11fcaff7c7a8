"""Hints of the feed: their connection cut or hung in silence costs nothing but speed, and comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from ivr.storage.database import connect, transaction
from ivr.storage.feed import PostgresFeed, append
from tests.integration.conftest import Server

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]
NAME = "hint-test"


class Listening:
    """A feed that listens, and the server's process behind it."""

    def __init__(self, pool: Pool, url: str) -> None:
        self.pool = pool
        self.feed = PostgresFeed(pool, lambda: connect(url, application=NAME), longest_backoff_s=0.1, probe_every_s=0.2)

    async def listener(self, other_than: int = 0, within_s: float = 30) -> int:
        """The process id of the connection that listens now."""
        async with asyncio.timeout(within_s):
            while True:
                found = await self.pool.fetch(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND pid <> $2"
                    " AND datname = current_database() AND state = 'idle'", f"ivr-{NAME}", other_than,
                )
                if found and await self.is_told():
                    return int(found[-1]["pid"])
                await asyncio.sleep(0.05)

    async def change(self) -> int:
        """One numbered change."""
        async with transaction(self.pool) as connection:
            return await append(connection, "call", "x")

    async def is_told(self) -> bool:
        """Whether a change brings a hint soon."""
        while await self.feed.wait_hint(0.05):
            pass  # what was hinted before
        await self.change()
        return await self.feed.wait_hint(1.0)


@pytest_asyncio.fixture
async def listening(pool: Pool, server: Server) -> AsyncIterator[Listening]:
    made = Listening(pool, server.database(await pool.fetchval("SELECT current_database()")))
    task = asyncio.create_task(made.feed.listen())
    try:
        yield made
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_cut_listener_is_made_anew(listening: Listening) -> None:
    first = await listening.listener()
    await listening.pool.execute("SELECT pg_terminate_backend($1)", first)
    assert await listening.listener(other_than=first) != first and await listening.is_told()


async def test_a_listener_that_hangs_in_silence_is_found_and_reading_goes_on_meanwhile(listening: Listening) -> None:
    first = await listening.listener()
    os.kill(first, signal.SIGSTOP)
    try:
        seen = await listening.change()
        assert not await listening.feed.wait_hint(0.2), "its server is stopped: nothing can hint"
        batch = await listening.feed.after(seen - 1, 10)
        assert [e.seq for e in batch.entries] == [seen] and batch.complete
        second = await listening.listener(other_than=first)
        assert second != first and await listening.is_told()
    finally:
        os.kill(first, signal.SIGCONT)


async def test_hints_return_after_the_server_refused_everybody(listening: Listening, server: Server) -> None:
    first = await listening.listener()
    name = await listening.pool.fetchval("SELECT current_database()")
    await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await listening.pool.execute("SELECT pg_terminate_backend($1)", first)
    async with asyncio.timeout(10):
        while await listening.pool.fetchval("SELECT true FROM pg_stat_activity WHERE pid = $1", first):
            await asyncio.sleep(0.02)
    with pytest.raises(asyncpg.PostgresError):
        await connect(server.database(name), application="guest")
    await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await listening.listener(other_than=first)
