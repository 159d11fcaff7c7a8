"""Lengths of recent conversations, for the expected wait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool


class PostgresTalkTimes:
    """ivr.ports.waits.TalkTimes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def recent_talks_s(self, queue: str) -> Sequence[float]:
        """See the port: at most thirty, of the last seven days. Reads the index of arrivals from its end."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT extract(epoch FROM coalesce(talk_ended_at, ended_at) - answered_at)::float8 AS talk_s FROM call"
                " WHERE arrived_at > now() - interval '7 days' AND queue = $1 AND answered_at IS NOT NULL"
                " AND ended_at IS NOT NULL ORDER BY arrived_at DESC LIMIT 30", queue,
            )
        return [r["talk_s"] for r in rows]
