"""Attempts to log in, counted before anything is looked at, so that parallel guesses get no extra tries."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from ivr.ports.web import LockedOut
from ivr.storage.views import connected


class LoginAttempts:
    """Counts under a key, which is the digest of a login name or of a ticket."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], failures: int, window: timedelta) -> None:
        self._pool = pool
        self._failures = failures
        self._window = window

    async def count(self, key: bytes) -> None:
        """Count one attempt, or raise LockedOut; a lock neither grows nor counts while it lasts."""
        async with connected(self._pool) as connection:
            row = await connection.fetchrow(
                "INSERT INTO login_failure AS f (name_digest, failures, window_ends)"
                " VALUES ($1, 1, now() + $2::interval)"
                " ON CONFLICT (name_digest) DO UPDATE SET"
                "   failures = CASE WHEN f.window_ends <= now() THEN 1 ELSE least(f.failures + 1, 1000) END,"
                "   window_ends = CASE WHEN f.window_ends <= now() OR f.failures + 1 = $3"
                "                      THEN now() + $2::interval ELSE f.window_ends END,"
                "   locked_until = CASE WHEN f.window_ends <= now() THEN NULL WHEN f.failures + 1 >= $3"
                "                       THEN coalesce(f.locked_until, now() + $2::interval) END"
                " RETURNING failures, ceil(extract(epoch FROM locked_until - now()))::int AS retry_after_s",
                key,
                self._window,
                self._failures,
            )
        assert row is not None
        if row["failures"] > self._failures:
            raise LockedOut(max(1, row["retry_after_s"] or 1))

    async def take_back(self, key: bytes) -> None:
        """The attempt was no failure, only not complete: what was counted before it stays."""
        async with connected(self._pool) as connection:
            await connection.execute(
                "UPDATE login_failure SET failures = failures - 1, locked_until = NULL"
                " WHERE name_digest = $1 AND failures BETWEEN 1 AND $2",
                key,
                self._failures,
            )

    async def forget(self, key: bytes) -> None:
        """A good login, or a new password: nothing counts any more."""
        async with connected(self._pool) as connection:
            await connection.execute("DELETE FROM login_failure WHERE name_digest = $1", key)
