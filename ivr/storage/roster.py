"""The duty roster, read by the moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ivr.domain.roster import Duty
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool

DUTIES = "SELECT starts_at, work_number, speciality, ends_at, name FROM duty"


class PostgresRoster:
    """ivr.ports.enquiry.RosterStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def on_duty(self) -> Sequence[Duty]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"{DUTIES} WHERE starts_at <= now() AND ends_at > now() ORDER BY work_number, speciality"
            )
        return [Duty(**dict(r)) for r in rows]

    async def between(self, start: datetime, end: datetime, limit: int = 5000) -> Sequence[Duty]:
        """Duties that touch the time from ``start`` to before ``end`` (aware), the earliest first, at most ``limit``."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"{DUTIES} WHERE ends_at > $1 AND starts_at < $2 ORDER BY starts_at, work_number, speciality LIMIT $3",
                start, end, limit,
            )
        return [Duty(**dict(r)) for r in rows]
