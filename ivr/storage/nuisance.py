"""Listings of the nuisance rule; what was removed stays, with who removed it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ivr.domain.nuisance import Listing
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool


class PostgresListings:
    """ivr.ports.pipeline.Listings, and what people do with them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def in_force(self, limit: int | None = None) -> Sequence[Listing]:
        """Listings neither removed nor ended, by the database's time, the next to end first; all of them without a limit."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT number, reason, owner, listed_at, ends_at FROM nuisance_listing"
                " WHERE removed_at IS NULL AND ends_at > now() ORDER BY ends_at, number LIMIT $1", limit,
            )
        return [Listing(**row) for row in rows]

    async def now(self) -> datetime:
        """The database's time."""
        async with transaction(self._pool) as connection:
            at: datetime = await connection.fetchval("SELECT now()")
        return at

    async def add(self, listing: Listing) -> None:
        """List a number. One that is listed already gets the new reason, owner and end, and the old listing is closed."""
        async with transaction(self._pool) as connection:
            await connection.execute("LOCK TABLE nuisance_listing IN SHARE ROW EXCLUSIVE MODE")
            await _close(connection, listing.number, listing.owner)
            await connection.execute(
                "INSERT INTO nuisance_listing (number, reason, owner, ends_at) VALUES ($1, $2, $3, $4)",
                listing.number, listing.reason, listing.owner, listing.ends_at,
            )

    async def remove(self, number: str, by: str) -> bool:
        """End a number's listing now; False when there is none."""
        async with transaction(self._pool) as connection:
            return await _close(connection, number, by)


async def _close(connection: Connection, number: str, by: str) -> bool:
    return bool(await connection.fetchval(
        "UPDATE nuisance_listing SET removed_at = now(), removed_by = $2 WHERE number = $1 AND removed_at IS NULL"
        " RETURNING ends_at > now()", number, by,
    ))
