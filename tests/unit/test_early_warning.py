"""Rises by place and thing: what is one, what never is, and what must hold for any numbers at all."""

from __future__ import annotations

from datetime import date, timedelta
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.china_holidays import working_days
from ivr.domain.early_warning import WarningRules, compared_days, level_of, rises, usual_of
from ivr.domain.working_days import WorkingDays

MONDAY = date(2026, 11, 23)
LONG_AGO = date(2026, 1, 1)
RULES = WarningRules()
PLAIN = WorkingDays()
usuals = st.floats(0, 200, allow_nan=False).map(lambda x: round(2 * x) / 2)  # a median of counts is a whole or a half


@pytest.mark.parametrize(
    ("orders", "usual", "level"),
    [
        (2, 0, 0), (3, 0, 1), (4, 0, 2), (6, 0, 2), (7, 0, 3),  # from nothing
        (3, 1, 1), (3, 1.5, 0), (4, 2, 1), (3, 2, 0), (6, 2, 2), (10, 2, 3), (9, 2, 2),
        (12, 10, 0), (19, 10, 0), (20, 10, 1), (30, 10, 2), (50, 10, 3),  # a busy place must be busier still
        (100, 100, 0),
    ],
)  # fmt: skip
def test_a_rise_is_told_by_its_level(orders: int, usual: float, level: int) -> None:
    assert level_of(orders, usual, RULES.least) == level


@settings(deadline=None)
@given(st.integers(0, 500), usuals, st.integers(2, 20))
def test_more_orders_never_lower_the_level_and_a_busier_past_never_raises_it(orders: int, usual: float, least: int) -> None:
    level = level_of(orders, usual, least)
    assert level_of(orders + 1, usual, least) >= level >= level_of(orders, usual + 0.5, least)
    if orders < least or orders <= usual:
        assert level == 0
    if level:
        assert orders >= usual + 2 and orders >= 2 * usual


def history(day: date, orders: int, days: int = 60) -> dict[date, int]:
    return {day - timedelta(days=n): orders for n in range(1, days)}


def test_a_rise_is_a_rise_and_not_a_count() -> None:
    counts = {("busy", "c"): history(MONDAY, 9) | {MONDAY: 11}, ("quiet", "c"): {MONDAY: 5}}
    (found,) = rises(counts, MONDAY, LONG_AGO, RULES, PLAIN)
    assert (found.place, found.orders, found.usual, found.days, found.level) == ("quiet", 5, 0, 40, 2)


def test_working_days_are_held_against_working_days_and_a_worked_saturday_is_one() -> None:
    calendar = WorkingDays({date(2026, 11, 21): True, date(2026, 11, 20): False})
    days = compared_days(MONDAY, LONG_AGO, RULES, calendar)
    assert len(days) == 40 and date(2026, 11, 21) in days and date(2026, 11, 20) not in days and MONDAY not in days
    weekend = compared_days(date(2026, 11, 22), LONG_AGO, RULES, calendar)
    assert date(2026, 11, 20) in weekend and len(weekend) == 16  # eight Sundays, seven Saturdays, and the Friday that was off
    # The quiet of weekends does not make every Monday a rise.
    counts = {("p", "c"): dict.fromkeys(days, 4) | {MONDAY: 5}}
    assert rises(counts, MONDAY, LONG_AGO, RULES, calendar) == []


def test_golden_week_is_held_against_days_off() -> None:
    days = compared_days(date(2026, 10, 5), LONG_AGO, RULES, working_days([], []))
    assert days and all(d.weekday() >= 5 or d >= date(2026, 10, 1) or d.month == 9 for d in days)
    assert date(2026, 9, 28) not in days and date(2026, 10, 2) in days


def test_nothing_is_called_a_rise_while_too_little_is_known() -> None:
    counts = {("p", "c"): {MONDAY: 9}}
    assert rises(counts, MONDAY, MONDAY - timedelta(days=6), RULES, PLAIN) == []  # four working days
    (found,) = rises(counts, MONDAY, MONDAY - timedelta(days=7), RULES, PLAIN)
    assert found.days == 5


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xy")),
        st.dictionaries(st.dates(date(2026, 9, 1), date(2026, 11, 30)), st.integers(0, 30), max_size=40), max_size=6,
    ),
    st.dates(date(2026, 10, 1), date(2026, 11, 30)),
)
def test_each_rise_follows_from_its_own_past_alone_the_greatest_first(
    counts: dict[tuple[str, str], dict[date, int]], day: date
) -> None:
    found = rises(counts, day, LONG_AGO, RULES, PLAIN)
    assert [r.level for r in found] == sorted((r.level for r in found), reverse=True)
    days = [d for n in range(1, 57) if PLAIN.worked(d := day - timedelta(days=n)) == PLAIN.worked(day)]
    for r in found:
        by_day = counts[r.place, r.code]
        assert (r.orders, r.usual) == (by_day[day], median(by_day.get(d, 0) for d in days))
    told = {(r.place, r.code) for r in found}
    for key, by_day in counts.items():
        assert (key in told) == (level_of(by_day.get(day, 0), usual_of(by_day, days), 3) > 0)
        later = {k: v for k, v in by_day.items() if k <= day}  # what comes after a day changes nothing about it
        assert list(rises({key: later}, day, LONG_AGO, RULES, PLAIN)) == [r for r in found if (r.place, r.code) == key]
