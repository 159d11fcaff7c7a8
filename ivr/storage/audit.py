"""The audit trail: append-only rows, each holding the digest of the one before, so that a change shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from ivr.storage.views import connected

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

GENESIS = bytes(32)
_LOCK = 0x1234_8A0D  # advisory lock: one writer at a time, so that the chain has no forks


def row_digest(
    previous: bytes, at: datetime, actor: str, action: str, object_name: str, detail: Mapping[str, str | int | bool]
) -> bytes:
    """sha256 over the previous digest and the row in one canonical JSON form, microseconds in UTC."""
    row = [at.astimezone(UTC).isoformat(timespec="microseconds"), actor, action, object_name, dict(detail)]
    text = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + text.encode()).digest()


async def append_row(
    connection: Connection, actor: str, action: str, object_name: str, detail: Mapping[str, str | int | bool]
) -> None:
    """Write one row inside the caller's transaction: the act and its row are kept together, or neither.

    The chain's lock is held until that transaction ends: call this late, before the feed's, and keep the transaction short.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    previous = await connection.fetchval("SELECT digest FROM audit_event ORDER BY id DESC LIMIT 1")
    at: datetime = await connection.fetchval("SELECT clock_timestamp()")
    previous = GENESIS if previous is None else bytes(previous)
    await connection.execute(
        "INSERT INTO audit_event (at, actor, action, object, detail, previous, digest)"
        " VALUES ($1, $2, $3, $4, ($5::text)::jsonb, $6, $7)",
        at, actor, action, object_name, json.dumps(dict(detail), ensure_ascii=False), previous,
        row_digest(previous, at, actor, action, object_name, detail),
    )


class PostgresAudit:
    """ivr.ports.web.AuditTrail; also verifies the chain."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def append(self, actor: str, action: str, object_name: str, detail: Mapping[str, str | int | bool]) -> None:
        async with connected(self._pool) as connection, connection.transaction():
            await append_row(connection, actor, action, object_name, detail)

    async def count(self) -> int:
        """How many rows there are."""
        async with connected(self._pool) as connection:
            return int(await connection.fetchval("SELECT count(*) FROM audit_event"))

    async def first_broken(self) -> int | None:
        """The id of the first row that does not follow from the one before it; None when the chain holds.

        Rows cut off at the end leave a chain that holds: keep the last digest elsewhere to see that too.
        """
        expected = GENESIS
        async with connected(self._pool) as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(
                "SELECT id, at, actor, action, object, detail::text AS detail, previous, digest"
                "  FROM audit_event ORDER BY id"
            ):
                detail = json.loads(row["detail"])
                digest = row_digest(expected, row["at"], row["actor"], row["action"], row["object"], detail)
                if bytes(row["previous"]) != expected or bytes(row["digest"]) != digest:
                    return int(row["id"])
                expected = digest
        return None
