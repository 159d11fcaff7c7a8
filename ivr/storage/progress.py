"""Orders as callers may hear of them, and the count of numbers keyed in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.domain.progress import LastFour, OrderProgress
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool

# An order that was merged is told as the one that goes on with its matter; it is confidential when either is.
_COLUMNS = (
    "SELECT w.number, coalesce(m.state, w.state) AS state,"
    " coalesce(m.owner_work_number, w.owner_work_number) AS owner_work_number,"
    " CASE WHEN m.id IS NULL THEN w.due_at ELSE m.due_at END AS due_at,"
    " w.confidential OR coalesce(m.confidential, false) AS confidential"
    " FROM work_order w LEFT JOIN work_order m ON m.number = w.merged_into AND w.merged_into <> ''"
)
_TODAY = "(now() AT TIME ZONE 'Asia/Shanghai')::date"


class PostgresProgress:
    """ivr.ports.enquiry.ProgressStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, asked: str | LastFour, caller_number: str) -> OrderProgress | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            if isinstance(asked, LastFour):
                row = await connection.fetchrow(
                    f"{_COLUMNS} WHERE w.caller_number = $1 AND w.caller_number <> '' AND right(w.number, 4) = $2"
                    " AND w.outcome <> 'self_service' ORDER BY w.opened_at DESC LIMIT 1", caller_number, asked.digits,
                )
            else:
                row = await connection.fetchrow(f"{_COLUMNS} WHERE w.number = $1 AND w.outcome <> 'self_service'", asked)
        return OrderProgress(**dict(row)) if row else None

    async def misses_today(self, caller_number: str) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            misses: int | None = await connection.fetchval(
                f"SELECT misses FROM enquiry_miss WHERE caller_number = $1 AND day = {_TODAY}", caller_number
            )
        return misses or 0

    async def count_miss(self, caller_number: str) -> None:
        """See the port; days gone by are forgotten."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                f"INSERT INTO enquiry_miss (caller_number, day, misses) VALUES ($1, {_TODAY}, 1)"
                " ON CONFLICT (caller_number, day) DO UPDATE SET misses = enquiry_miss.misses + 1", caller_number,
            )
            await connection.execute(f"DELETE FROM enquiry_miss WHERE day < {_TODAY}")
