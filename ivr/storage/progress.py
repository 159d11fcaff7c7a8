"""Orders as callers may hear of them, and the count of numbers keyed in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.domain.progress import LastFour, OrderProgress
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_COLUMNS = "SELECT number, state, owner_work_number, due_at, confidential FROM work_order"
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
                    f"{_COLUMNS} WHERE caller_number = $1 AND caller_number <> '' AND right(number, 4) = $2"
                    " AND outcome <> 'self_service' ORDER BY opened_at DESC LIMIT 1", caller_number, asked.digits,
                )
            else:
                row = await connection.fetchrow(f"{_COLUMNS} WHERE number = $1 AND outcome <> 'self_service'", asked)
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
