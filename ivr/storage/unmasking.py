"""Unmaskings: one row each, in force until its end, with the audit row in the same transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ivr.storage.audit import append_row
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool


class PostgresUnmaskings:
    """ivr.ports.privacy.Unmaskings."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def unmask(self, person: str, object_name: str, reason: str, minutes: int) -> datetime:
        """See the port."""
        async with transaction(self._pool) as connection:
            ends_at: datetime = await connection.fetchval(
                "INSERT INTO unmasking (person, object, reason, ends_at) VALUES ($1, $2, $3, clock_timestamp() + $4)"
                " RETURNING ends_at", person, object_name, reason, timedelta(minutes=minutes),
            )
            await append_row(
                connection, person, "privacy.unmasked", object_name.partition(":")[2], {"reason": reason, "minutes": minutes}
            )
        return ends_at

    async def in_force(self, person: str, object_names: Collection[str]) -> datetime | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            ends_at: datetime | None = await connection.fetchval(
                "SELECT max(ends_at) FROM unmasking WHERE person = $1 AND object = ANY($2) AND ends_at > clock_timestamp()",
                person, sorted(object_names),
            )
        return ends_at
