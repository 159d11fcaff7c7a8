"""A roster of one shift, in which everything else is free; for contract tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from ivr.domain.errors import NotFound
from ivr.domain.roster import Duty, RosterDiff, RosterFile, diff_roster
from ivr.domain.shifts import Shift, StaleRoster, check_shift, roster_version, shifts_of
from ivr.ports.roster import RosterServices

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
DUTY = Duty(T0, "8001", "labour", T0 + timedelta(hours=9), "甲")


class OneShift:
    """ivr.ports.roster.ShiftDesk, which keeps nothing."""

    async def between(self, start: datetime, end: datetime, limit: int = 5000) -> Sequence[Duty]:
        return [DUTY] if start < DUTY.ends_at and end > T0 else []

    async def add(self, shift: Shift, work_numbers: Collection[str], actor: str) -> None:
        check_shift(shift, work_numbers, [DUTY])

    async def change(self, shift_id: str, version: str, shift: Shift, work_numbers: Collection[str], actor: str) -> None:
        await self.remove(shift_id, version, actor)
        check_shift(shift, work_numbers, [])

    async def remove(self, shift_id: str, version: str, actor: str) -> None:
        (known,) = shifts_of([DUTY])
        if shift_id != known.id:
            raise NotFound("There is no such shift.")
        if version != known.version:
            raise StaleRoster("Somebody was faster.")

    async def replace(
        self, file: RosterFile, *, actor: str = "system", dry_run: bool = False, version: str | None = None
    ) -> tuple[RosterDiff, str]:
        if version not in (None, roster_version([DUTY])):
            raise StaleRoster("Somebody was faster.")
        return diff_roster([DUTY], file), roster_version([DUTY])


ONE_ROSTER = RosterServices(OneShift(), {"8001": "王律师", "8002": "李律师"})
