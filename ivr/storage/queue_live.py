"""The queue board as the controller last knew it; its age is what tells a reader that it is stale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Pool


class PostgresQueueLive:
    """ivr.ports.pipeline.QueueLiveStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def save(self, boards: dict[str, dict[str, Any]], link_up: bool, changed: Sequence[str]) -> None:
        """Every board is stamped by the database's clock; while the link is down the stamp stays at its last truth."""
        async with transaction(self._pool) as connection:
            await connection.executemany(
                "INSERT INTO queue_live (queue, board, link_up, as_of) VALUES ($1, $2, $3, now())"
                " ON CONFLICT (queue) DO UPDATE SET board = excluded.board, link_up = excluded.link_up,"
                " as_of = CASE WHEN excluded.link_up THEN now() ELSE queue_live.as_of END",
                [(queue, board, link_up) for queue, board in boards.items()],
            )
            if link_up:
                await connection.execute("DELETE FROM queue_live WHERE NOT queue = ANY($1)", list(boards))
            for queue in changed:
                await append(connection, "queue", queue)
