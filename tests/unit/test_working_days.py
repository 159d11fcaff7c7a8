"""Worked days and opening hours: the state's calendar, the office's own days, and spans that read like a door plate."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from ivr.china_holidays import working_days
from ivr.domain.working_days import OpeningHours, OpeningSpan

NATIONAL_DAY, WORKED_SATURDAY = date(2026, 10, 1), date(2026, 10, 10)


def test_the_state_calendar_is_known_and_the_office_overrules_it() -> None:
    days = working_days([], [])
    assert not days.worked(NATIONAL_DAY) and days.worked(WORKED_SATURDAY) and not days.worked(date(2026, 11, 28))
    assert days.known_until >= date(2026, 12, 31)
    own = working_days([WORKED_SATURDAY], [NATIONAL_DAY])
    assert own.worked(NATIONAL_DAY) and not own.worked(WORKED_SATURDAY)


def test_only_what_a_weekday_does_not_say_is_an_exception() -> None:
    days = working_days([], [])
    off = days.between(date(2026, 10, 1), date(2026, 10, 10), worked=False)
    assert NATIONAL_DAY in off and all(d.weekday() < 5 for d in off)
    assert days.between(date(2026, 10, 1), date(2026, 10, 10), worked=True) == [WORKED_SATURDAY]


def test_a_year_nobody_published_falls_back_to_weekdays() -> None:
    days = working_days([], [])
    year = [date(2040, 1, 1) + timedelta(n) for n in range(366)]
    assert all(days.worked(d) == (d.weekday() < 5) for d in year) and days.known_until < year[0]


@pytest.mark.parametrize(("text", "wrong"), [
    ("8:30-12:00", "no span"), ("08:30", "no span"), ("25:00-26:00", "no span"), ("12:00-08:00", "ends before"), ("12:00-12:00", "ends before"),
])
def test_a_span_that_is_none_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        OpeningSpan.parse(text, workdays=True)


def test_open_from_the_first_minute_until_before_the_last() -> None:
    hours = OpeningHours((OpeningSpan.parse("08:30-12:00", workdays=True), OpeningSpan.parse("20:00-24:00", workdays=False)))
    assert [hours.open_at(True, t) for t in ("0829", "0830", "1159", "1200")] == [False, True, True, False]
    assert [hours.open_at(False, t) for t in ("0830", "2000", "2359")] == [False, True, True]
