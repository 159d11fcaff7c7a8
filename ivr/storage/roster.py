"""The duty roster: replaced by whole days, read by the moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.roster import Duty, RosterDiff, RosterFile, diff_roster
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_COLUMNS = "SELECT starts_at, work_number, speciality, ends_at, name FROM duty"


class PostgresRoster:
    """ivr.ports.enquiry.RosterStore, and the import."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def on_duty(self) -> Sequence[Duty]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"{_COLUMNS} WHERE starts_at <= now() AND ends_at > now() ORDER BY work_number, speciality"
            )
        return [Duty(**dict(r)) for r in rows]

    async def between(self, start: datetime, end: datetime, limit: int = 5000) -> Sequence[Duty]:
        """Duties that touch the time from ``start`` to before ``end`` (aware), the earliest first, at most ``limit``."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"{_COLUMNS} WHERE ends_at > $1 AND starts_at < $2 ORDER BY starts_at, work_number, speciality LIMIT $3",
                start, end, limit,
            )
        return [Duty(**dict(r)) for r in rows]

    async def replace(self, file: RosterFile, *, dry_run: bool = False) -> RosterDiff:
        """Make the file the whole roster of its days, in one transaction; ``dry_run`` only tells what would change."""
        async with transaction(self._pool) as connection:
            await connection.execute("LOCK TABLE duty IN SHARE ROW EXCLUSIVE MODE")
            diff = diff_roster(await _of_days(connection, file.days), file)
            if not dry_run:
                await connection.executemany(
                    "DELETE FROM duty WHERE work_number = $1 AND speciality = $2 AND starts_at = $3",
                    [(d.work_number, d.speciality, d.starts_at) for d in diff.removed],
                )
                await connection.executemany(
                    "INSERT INTO duty (work_number, speciality, name, starts_at, ends_at) VALUES ($1, $2, $3, $4, $5)",
                    [(d.work_number, d.speciality, d.name, d.starts_at, d.ends_at) for d in diff.added],
                )
        return diff


async def _of_days(connection: Connection, days: tuple[date, date] | None) -> list[Duty]:
    """Duties that begin on these Shanghai days."""
    if days is None:
        return []
    rows = await connection.fetch(
        f"{_COLUMNS} WHERE (starts_at AT TIME ZONE 'Asia/Shanghai') >= $1 AND (starts_at AT TIME ZONE 'Asia/Shanghai') < $2",
        datetime.combine(days[0], datetime.min.time()), datetime.combine(days[1] + timedelta(days=1), datetime.min.time()),
    )
    return [Duty(**dict(r)) for r in rows]
