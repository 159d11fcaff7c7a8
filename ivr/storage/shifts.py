"""Changes of the duty roster: whole days by a file, single shifts under their version. Every change is audited."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.errors import NotFound
from ivr.domain.roster import Duty, RosterDiff, RosterFile, diff_roster
from ivr.domain.shifts import Shift, StaleRoster, check_shift, read_id, roster_version, shifts_of
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.feed import append
from ivr.storage.roster import DUTIES, PostgresRoster

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_LOCK = "LOCK TABLE duty IN SHARE ROW EXCLUSIVE MODE"


class PostgresShifts(PostgresRoster):
    """ivr.ports.roster.ShiftDesk."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._pool = pool

    async def replace(
        self, file: RosterFile, *, actor: str = "system", dry_run: bool = False, version: str | None = None
    ) -> tuple[RosterDiff, str]:
        """Make the file the whole roster of its days, in one transaction; ``dry_run`` only tells what would change.

        With the diff goes the version of what is stored of these days; StaleRoster when another ``version`` was expected.
        """
        async with transaction(self._pool) as connection:
            await connection.execute(_LOCK)
            stored = await _of_days(connection, file.days)
            found = roster_version(stored)
            if version is not None and version != found:
                raise StaleRoster("值班表在预览之后被别人改过；请再预览一次。")
            diff = diff_roster(stored, file)
            if not dry_run:
                await connection.executemany(
                    "DELETE FROM duty WHERE work_number = $1 AND speciality = $2 AND starts_at = $3",
                    [(d.work_number, d.speciality, d.starts_at) for d in diff.removed],
                )
                await connection.executemany(
                    "INSERT INTO duty (work_number, speciality, name, starts_at, ends_at) VALUES ($1, $2, $3, $4, $5)",
                    [(d.work_number, d.speciality, d.name, d.starts_at, d.ends_at) for d in diff.added],
                )
                first, last = file.days or ("", "")
                await append_row(connection, actor, "roster.import", f"{first}/{last}", {
                    "added": len(diff.added), "removed": len(diff.removed),
                })
                await append(connection, "roster", f"{first}/{last}")
        return diff, found

    async def add(self, shift: Shift, work_numbers: Collection[str], actor: str) -> None:
        """See ivr.ports.roster.ShiftDesk."""
        async with transaction(self._pool) as connection:
            await connection.execute(_LOCK)
            check_shift(shift, work_numbers, await _beside(connection, shift))
            await _write(connection, shift)
            await append_row(connection, actor, "roster.shift_added", shift.id, _told(shift))
            await append(connection, "roster", shift.id)

    async def change(self, shift_id: str, version: str, shift: Shift, work_numbers: Collection[str], actor: str) -> None:
        """See ivr.ports.roster.ShiftDesk."""
        async with transaction(self._pool) as connection:
            await connection.execute(_LOCK)
            await _take_out(connection, shift_id, version)
            check_shift(shift, work_numbers, await _beside(connection, shift))
            await _write(connection, shift)
            await append_row(connection, actor, "roster.shift_changed", shift_id, {"to": shift.id} | _told(shift))
            await append(connection, "roster", shift_id)

    async def remove(self, shift_id: str, version: str, actor: str) -> None:
        """See ivr.ports.roster.ShiftDesk."""
        async with transaction(self._pool) as connection:
            await connection.execute(_LOCK)
            shift = await _take_out(connection, shift_id, version)
            await append_row(connection, actor, "roster.shift_removed", shift_id, _told(shift))
            await append(connection, "roster", shift_id)


def _told(shift: Shift) -> dict[str, str | int | bool]:
    return {"name": shift.name, "specialities": ",".join(shift.specialities)}


async def _beside(connection: Connection, shift: Shift) -> list[Duty]:
    rows = await connection.fetch(
        f"{DUTIES} WHERE work_number = $1 AND ends_at > $2 AND starts_at < $3", shift.work_number, shift.starts_at, shift.ends_at
    )
    return [Duty(**dict(r)) for r in rows]


async def _write(connection: Connection, shift: Shift) -> None:
    await connection.executemany(
        "INSERT INTO duty (work_number, speciality, name, starts_at, ends_at) VALUES ($1, $2, $3, $4, $5)",
        [(d.work_number, d.speciality, d.name, d.starts_at, d.ends_at) for d in shift.duties],
    )


async def _take_out(connection: Connection, shift_id: str, version: str) -> Shift:
    """Delete a stored shift; NotFound when there is none, StaleRoster when it is another one by now."""
    key = read_id(shift_id)
    rows = [] if key is None else await connection.fetch(
        f"{DUTIES} WHERE work_number = $1 AND starts_at = $2 AND ends_at = $3", *key
    )
    found = shifts_of(Duty(**dict(r)) for r in rows)
    if not found or key is None:
        raise NotFound("There is no such shift.")
    if found[0].version != version:
        raise StaleRoster("这个班被别人改过；请重新读取后再试。")
    await connection.execute("DELETE FROM duty WHERE work_number = $1 AND starts_at = $2 AND ends_at = $3", *key)
    return found[0]


async def _of_days(connection: Connection, days: tuple[date, date] | None) -> list[Duty]:
    """Duties that begin on these Shanghai days."""
    if days is None:
        return []
    rows = await connection.fetch(
        f"{DUTIES} WHERE (starts_at AT TIME ZONE 'Asia/Shanghai') >= $1 AND (starts_at AT TIME ZONE 'Asia/Shanghai') < $2",
        datetime.combine(days[0], datetime.min.time()), datetime.combine(days[1] + timedelta(days=1), datetime.min.time()),
    )
    return [Duty(**dict(r)) for r in rows]
