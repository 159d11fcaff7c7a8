"""The state's holidays and worked weekends, with the office's own days on top."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chinese_calendar.constants import holidays, workdays

from ivr.domain.working_days import WorkingDays


def working_days(days_off: Sequence[date], days_on: Sequence[date]) -> WorkingDays:
    """The published calendar (each November for the year that follows); what the office sets overrules it."""
    exceptions = dict.fromkeys(holidays, False) | dict.fromkeys(workdays, True)
    exceptions |= dict.fromkeys(days_off, False) | dict.fromkeys(days_on, True)
    return WorkingDays(exceptions, date(max(holidays).year, 12, 31))
