"""Due times in working time, by Shanghai's clock: one place for the arithmetic of midnights, weekends and holidays.

A term of n working days ends at closing time of the n-th worked day after the day it began; the day it began is not
counted, worked or not, before closing or after. So a matter of Friday evening and one of Sunday are due together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ivr.domain.working_days import WorkingDays

SHANGHAI = ZoneInfo("Asia/Shanghai")
Card = Literal["", "yellow", "red"]

_LONGEST_BREAK = 60  # no office closes for so many days; a calendar that says so is broken


@dataclass(frozen=True, slots=True)
class WorkTime:
    """The office's days and its closing time in Shanghai."""

    days: WorkingDays
    closes: time = time(18)

    def due(self, began: datetime, working_days: int) -> datetime:
        """When a term of so many working days ends; ``began`` is any aware time, ``working_days`` at least 1."""
        if working_days < 1:
            raise ValueError(f"a term lasts at least one working day, not {working_days}")
        day = began.astimezone(SHANGHAI).date()
        for _ in range(working_days):
            day = self._worked_day(day, +1)
        return datetime.combine(day, self.closes, SHANGHAI)

    def card(self, now: datetime, due: datetime) -> Card:
        """Yellow from midnight of the last worked day before the day it is due, red once it is overdue."""
        if now > due:
            return "red"
        warned = self._worked_day(due.astimezone(SHANGHAI).date(), -1)
        return "yellow" if now.astimezone(SHANGHAI).date() >= warned else ""

    def carded_before(self, now: datetime) -> datetime:
        """Whatever is due before this moment has a card now, yellow or red: the same rule as ``card``, for a whole list."""
        day = self._worked_day(now.astimezone(SHANGHAI).date(), +1)
        return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)

    def _worked_day(self, day: date, step: Literal[1, -1]) -> date:
        """The next worked day after this one, or the last before it."""
        for n in range(1, _LONGEST_BREAK):
            found = day + timedelta(days=n * step)
            if self.days.worked(found):
                return found
        raise ValueError(f"no worked day within {_LONGEST_BREAK} days of {day}; correct calendar.days_off")
