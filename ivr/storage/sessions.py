"""Sessions people can tell apart and end, their own and, for administrators, everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from ivr.domain.errors import NotFound
from ivr.ports.sessions import SessionRecord
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.views import connected

_OPEN = (
    "SELECT s.id, u.name, u.display_name, s.created_at AS opened_at, s.last_seen_at, s.address, s.agent, s.token_hash AS credential"
    "  FROM app_session s JOIN app_user u ON u.id = s.user_id"
    " WHERE s.revoked_at IS NULL AND s.expires_at > now() AND NOT u.disabled AND s.last_seen_at > now() - $1::interval"
)


class PostgresSessions:
    """ivr.ports.sessions.SessionList; ``idle`` as in the login policy."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], idle: timedelta) -> None:
        self._pool = pool
        self._idle = idle

    async def sessions(self, name: str | None, limit: int) -> Sequence[SessionRecord]:
        """See the port."""
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                f"{_OPEN} AND ($2::text IS NULL OR u.name = $2) ORDER BY s.last_seen_at DESC, s.id DESC LIMIT $3",
                self._idle, name, limit,
            )
        return [SessionRecord(**row) for row in rows]

    async def one(self, session_id: int) -> SessionRecord | None:
        """See the port."""
        async with connected(self._pool) as connection:
            row = await connection.fetchrow(f"{_OPEN} AND s.id = $2", self._idle, session_id)
        return None if row is None else SessionRecord(**row)

    async def revoke(self, session: SessionRecord, by: str, reason: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            ended = await connection.fetchval(
                "UPDATE app_session SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING 1", session.id
            )
            if ended is None:
                raise NotFound("This session is over already.")
            await append_row(
                connection, by, "session.revoked", session.name, {"session": session.id, "from": session.address, "reason": reason}
            )
