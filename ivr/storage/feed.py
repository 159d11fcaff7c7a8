"""The numbered feed of changes: written inside the caller's transaction, read by one reader per web process.

The table is the truth; NOTIFY on ``ivr_feed`` is only a hint that it is worth looking before the next poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from ivr.ports.web import DatabaseState, FeedBatch, FeedEntry, Topic
from ivr.storage.views import connected
from ivr.storage.write_probe import WriteProbe

CHANNEL = "ivr_feed"
KEEP_AT_LEAST = timedelta(hours=1)
KEEP_NEWEST = 1000
_log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]


async def append(connection: Connection, topic: Topic, key: str) -> int:
    """Number one change inside the caller's transaction and return its number.

    The row of feed_head stays locked until that transaction ends, so numbers become visible in order and without
    gaps: call this last, and keep the transaction short. Only what changed is kept; readers fetch how it is now.
    """
    seq: int = await connection.fetchval(
        "WITH head AS (UPDATE feed_head SET seq = seq + 1 RETURNING seq)"
        " INSERT INTO feed (seq, topic, key) SELECT seq, $1, $2 FROM head RETURNING seq",
        topic,
        key,
    )
    # Equal notifications of one transaction are folded into one by PostgreSQL.
    await connection.execute(f"NOTIFY {CHANNEL}")
    return seq


async def prune(connection: Connection, keep: timedelta = timedelta(hours=24), newest: int = KEEP_NEWEST) -> int:
    """Delete entries older than ``keep`` (never younger than an hour) and return how many.

    The ``newest`` stay whatever their age: a clock set forward for a moment must not cost every page its place.
    A reader that was away for longer sees the gap and takes a new snapshot.
    """
    status = await connection.execute(
        "DELETE FROM feed WHERE at < now() - $1::interval AND seq <= (SELECT seq FROM feed_head) - $2",
        max(keep, KEEP_AT_LEAST), newest,
    )
    return int(status.split()[-1])


class PostgresFeed:
    """ivr.ports.web.Feed: reads through the pool, listens on a connection of its own from ``connect``."""

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        connect: Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]],
        *,
        longest_backoff_s: float = 30.0,
        probe_every_s: float = 15.0,
        channel: str = CHANNEL,
    ) -> None:
        self._channel = channel
        self._pool = pool
        self._connect = connect
        self._longest_backoff_s = longest_backoff_s
        self._probe_every_s = probe_every_s
        self._probe = WriteProbe(connect)
        self._hint = asyncio.Event()

    async def after(self, seq: int, limit: int) -> FeedBatch:
        """Head first, then rows: a row committed in between is simply found next time."""
        async with connected(self._pool) as connection:
            head: int = await connection.fetchval("SELECT seq FROM feed_head")
            rows = await connection.fetch(
                "SELECT seq, topic, key, at FROM feed WHERE seq > $1 ORDER BY seq LIMIT $2", seq, limit
            )
        entries = [FeedEntry(row["seq"], row["topic"], row["key"], row["at"]) for row in rows]
        complete = seq == head if not entries else entries[0].seq == seq + 1
        return FeedBatch(max(head, entries[-1].seq) if entries else head, complete, entries)

    async def write_probe(self) -> DatabaseState | None:
        """See the port; on a connection of its own."""
        return await self._probe.ask()

    async def wait_hint(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._hint.wait()
        except TimeoutError:
            return False
        finally:
            self._hint.clear()
        return True

    async def listen(self) -> None:
        backoff_s = 0.5
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._listen_once()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                _log.warning("feed_hints_lost", error=type(error).__name__, polling=True)
            if asyncio.get_running_loop().time() - started > 60.0:
                backoff_s = 0.5
            await asyncio.sleep(backoff_s * random.uniform(0.5, 1.0))
            backoff_s = min(self._longest_backoff_s, backoff_s * 2)

    async def _listen_once(self) -> None:
        """One connection's life; a query now and then finds a server that died without a word."""
        async with asyncio.timeout(10.0):
            connection = await self._connect()
        try:
            await connection.add_listener(self._channel, self._on_hint)
            self._hint.set()
            while True:
                await asyncio.sleep(self._probe_every_s)
                await connection.fetchval("SELECT 1", timeout=5.0)
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(3.0):
                    await connection.close(timeout=2.0)

    def _on_hint(self, *_: Any) -> None:
        self._hint.set()
