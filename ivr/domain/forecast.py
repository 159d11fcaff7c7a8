"""How many calls a day will bring, half-hour by half-hour, how many seats they need, and how earlier forecasts came true.

The expected calls of a half-hour are the mean of the same weekday of the eight weeks before, of days that were worked
alike (a holiday Monday is no Monday). A mean and not a median: seats are for the load, means of half-hours add up to the
mean of the day, and the median of small numbers is mostly nought. A forecast for a day uses days before it only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from ivr.domain.erlang import seats_needed
from ivr.domain.intervals import SHANGHAI
from ivr.domain.working_days import WorkingDays

SLOT_S: Final = 1800
SLOTS: Final = 48
REPLAYED_DAYS: Final = 14
_LEAST_DAYS: Final = 3
FORMULA: Final = (
    "过去 {weeks} 周相同星期几（不足 {few} 天时用同类日）每半小时进队来电的平均；"
    "坐席数按 Erlang C，{goal} 的来电在 {within} 秒内接通"
)


@dataclass(frozen=True, slots=True)
class StaffingRules:
    """``goal``: share of calls answered within ``answered_within_s`` of their arrival; ``wrap_up_s`` follows every conversation."""

    goal: float = 0.9
    answered_within_s: float = 15.0
    wrap_up_s: float = 30.0
    weeks: int = 8
    usual_talk_s: float = 360.0

    def told(self) -> str:
        """The rule in words, for people."""
        return FORMULA.format(
            weeks=self.weeks, few=_LEAST_DAYS, goal=f"{self.goal:.0%}", within=f"{self.answered_within_s:g}"
        )


@dataclass(frozen=True, slots=True)
class Load:
    """The record a forecast is made from: calls that joined a queue, by day in 48 half-hours of Shanghai's clock.

    ``since`` is the first day of the record, None for an empty one. A day since then that is missing had no call.
    ``greeting_s`` passes between a call's arrival and its queue; ``talk_s`` is the mean conversation, None when there was none.
    """

    since: date | None
    calls: Mapping[date, Sequence[int]]
    talk_s: float | None = None
    greeting_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Slot:
    """One half-hour. ``came`` and ``seats_for_came`` are None until it is over."""

    start: datetime
    expected: float
    seats: int
    came: int | None
    seats_for_came: int | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """A past day: what its forecast would have said, from the days before it, and what came.

    ``missed`` adds up how far each half-hour was off, in calls.
    """

    day: date
    expected: float
    came: int
    missed: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """A day in half-hours; no slots when the record is too short. ``days`` are what it was made from."""

    day: date
    days: Sequence[date]
    handle_s: float
    slots: Sequence[Slot]
    replayed: Sequence[Replayed]

    @property
    def off_share(self) -> float | None:
        """Σ |expected − came| ÷ Σ came over the half-hours of the replayed days; None when nothing came."""
        came = sum(r.came for r in self.replayed)
        return sum(r.missed for r in self.replayed) / came if came else None


def like_days(day: date, since: date, until: date, weeks: int, calendar: WorkingDays) -> list[date]:
    """The days before ``day`` and ``until`` it is expected to be like; [] when there are fewer than three."""
    first, end = max(since, day - timedelta(weeks=weeks)), min(day, until)
    alike = [
        d for d in (first + timedelta(days=n) for n in range((end - first).days)) if calendar.worked(d) == calendar.worked(day)
    ]
    same = [d for d in alike if d.weekday() == day.weekday()]
    found = same if len(same) >= _LEAST_DAYS else alike
    return found if len(found) >= _LEAST_DAYS else []


def expected(load: Load, days: Sequence[date]) -> list[float]:
    """Mean calls of each half-hour over these days."""
    none = [0] * SLOTS
    return [sum(load.calls.get(d, none)[n] for d in days) / len(days) for n in range(SLOTS)] if days else []


def forecast(day: date, now: datetime, load: Load, rules: StaffingRules, calendar: WorkingDays) -> Forecast:
    """The forecast for ``day`` as of ``now``, with what came true so far and how the last two weeks' would have done."""
    today = now.astimezone(SHANGHAI).date()
    handle_s = (load.talk_s if load.talk_s is not None else rules.usual_talk_s) + rules.wrap_up_s
    # The time limit counts from the arrival; the greeting has used up some of it.
    within_s = max(1.0, rules.answered_within_s - load.greeting_s)

    def seats(calls: float) -> int:
        return seats_needed(calls, SLOT_S, handle_s, rules.goal, within_s)

    nothing = Forecast(day, [], handle_s, [], [])
    if load.since is None:
        return nothing
    days = like_days(day, load.since, today, rules.weeks, calendar)
    came = load.calls.get(day, [0] * SLOTS)
    midnight = datetime.combine(day, time(), SHANGHAI)
    slots = []
    for n, calls in enumerate(expected(load, days)):
        start = midnight + timedelta(seconds=n * SLOT_S)
        over = start + timedelta(seconds=SLOT_S) <= now and day >= load.since
        slots.append(Slot(start, calls, seats(calls), came[n] if over else None, seats(came[n]) if over else None))
    replayed = []
    last = min(day, today)
    for n in range(REPLAYED_DAYS, 0, -1):
        past = last - timedelta(days=n)
        if told := expected(load, like_days(past, load.since, past, rules.weeks, calendar)):
            true = load.calls.get(past, [0] * SLOTS)
            missed = sum(abs(a - b) for a, b in zip(told, true, strict=True))
            replayed.append(Replayed(past, sum(told), sum(true), missed))
    return replace(nothing, days=days, slots=slots, replayed=replayed)


def first_day_needed(day: date, weeks: int) -> date:
    """The first day of the record that a forecast for ``day`` with its replays looks at."""
    return day - timedelta(days=REPLAYED_DAYS, weeks=weeks)
