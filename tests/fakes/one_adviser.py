"""One village's hours for contract tests, which keep nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from ivr.domain.adviser_hours import Work, checked_work
from ivr.domain.device import checked_reason
from ivr.domain.errors import NotFound
from ivr.ports.advisers import Absence, VillageHours, WorkEntry

TODAY = date(2026, 11, 23)
VILLAGE = "640105001-L01"
T0 = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


class OneAdviser:
    """ivr.ports.advisers.AdviserDesk."""

    async def today(self) -> date:
        return TODAY

    async def hours(self, year: int) -> list[VillageHours]:
        return [VillageHours(VILLAGE, "康庄社区", "西花园路街道", ["8001"], 91.5, 120, 60, 12, 2)]

    async def entries(self, village: str, year: int) -> list[WorkEntry]:
        self._known(village)
        work = Work(VILLAGE, "8001", "visit", TODAY, 90, "签到表 12")
        return [WorkEntry(1, work, "administrator", datetime(2026, 11, 23, tzinfo=UTC), "", "")]

    async def enter(self, work: Work, actor: str) -> int:
        self._known(work.village)
        checked_work(work, TODAY)
        return 1

    async def void(self, number: int, actor: str, reason: str) -> None:
        checked_reason(reason)
        if number != 1:
            raise NotFound("There is no such entry.")

    async def absences(self, start: date, end: date) -> list[Absence]:
        return [Absence("8001", "王律师", T0, T0 + timedelta(hours=4), "", "")]

    async def excuse(self, adviser: str, starts_at: datetime, reason: str, actor: str) -> None:
        checked_reason(reason)
        if (adviser, starts_at) != ("8001", T0):
            raise NotFound("There is no such absence.")

    @staticmethod
    def _known(village: str) -> None:
        if village != VILLAGE:
            raise NotFound("There is no such village.")
