"""Early warning (晴雨表): matters of one place against what is usual in that place, by rise and not by count.

A day is held against the eight weeks before it, working days against working days and days off against days off. Of the
same weekday there would be eight numbers, in which two busy Mondays already move the median, and a holiday is no Monday at
all; of all days the quiet weekends pull the median down, and every Monday would be a rise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Final, Literal

from ivr.domain.working_days import WorkingDays

Level = Literal[0, 1, 2, 3]
Decision = Literal["confirmed", "dismissed"]
LEVEL_NAMES: Final[Mapping[int, str]] = {0: "已平复", 1: "关注", 2: "预警", 3: "严重"}
DECISION_NAMES: Final[Mapping[str, str]] = {"": "待签发", "confirmed": "已签发", "dismissed": "不予发布"}
FORMULA: Final = (
    "当日件数比过去 {weeks} 周同类日（工作日比工作日，休息日比休息日）的中位数：多 2 件且翻倍为关注，多 4 件且三倍为预警，"
    "多 7 件且五倍为严重；不足 {least} 件不报"
)
_STEPS: Final[tuple[tuple[Level, float, float], ...]] = ((3, 7, 4), (2, 4, 2), (1, 2, 1))
"""Level, the least rise in orders, the least rise in multiples of what is usual; the highest first."""


@dataclass(frozen=True, slots=True)
class WarningRules:
    """Nothing below ``least`` orders a day is a rise. Of the ``weeks`` looked back ``least_days`` must be known, or no verdict."""

    least: int = 3
    weeks: int = 8
    least_days: int = 5

    def told(self) -> str:
        """The rule in words, for people."""
        return FORMULA.format(weeks=self.weeks, least=self.least)


@dataclass(frozen=True, slots=True)
class Rise:
    """One place's orders about one thing on one day, above what is usual: the median of ``days`` earlier days."""

    place: str
    code: str
    day: date
    orders: int
    usual: float
    days: int
    level: Level


def level_of(orders: int, usual: float, least: int) -> Level:
    """How far ``orders`` of a day lie above what is usual; 0 for no rise worth telling."""
    if orders < least:
        return 0
    rise = orders - usual
    return next((level for level, more, times in _STEPS if rise >= more and rise >= times * usual), 0)


def compared_days(day: date, since: date, rules: WarningRules, calendar: WorkingDays) -> list[date]:
    """The days ``day`` is held against: of its kind, within the weeks before it, not before the record began."""
    first = max(since, day - timedelta(weeks=rules.weeks))
    before = (first + timedelta(days=n) for n in range((day - first).days))
    return [d for d in before if calendar.worked(d) == calendar.worked(day)]


def rises(
    counts: Mapping[tuple[str, str], Mapping[date, int]], day: date, since: date, rules: WarningRules, calendar: WorkingDays
) -> list[Rise]:
    """The rises of one day, the greatest first. ``counts``: orders by place and code, by day; a day that is missing had none.

    ``since`` is the first day of the record: where too few days are known, nothing is called a rise.
    """
    days = compared_days(day, since, rules, calendar)
    if len(days) < rules.least_days:
        return []
    found = []
    for (place, code), by_day in counts.items():
        orders = by_day.get(day, 0)
        usual = usual_of(by_day, days)
        if level := level_of(orders, usual, rules.least):
            found.append(Rise(place, code, day, orders, usual, len(days), level))
    return sorted(found, key=lambda r: (-r.level, r.usual - r.orders, r.place, r.code))


def usual_of(by_day: Mapping[date, int], days: Sequence[date]) -> float:
    """The median over these days; one that is missing had none."""
    return float(median(by_day.get(d, 0) for d in days))
