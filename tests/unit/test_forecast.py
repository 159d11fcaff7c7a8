"""A day foretold from the days before it, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.erlang import seats_needed
from ivr.domain.forecast import SLOTS, Load, StaffingRules, forecast, like_days
from ivr.domain.intervals import SHANGHAI
from ivr.domain.working_days import WorkingDays

MONDAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=SHANGHAI)
RULES = StaffingRules(goal=0.8, answered_within_s=28, wrap_up_s=30)
PLAIN = WorkingDays()


def load(busy: int = 6, weeks: int = 9, **changes: object) -> Load:
    """``busy`` calls at ten each working day, one each day off."""
    days = [MONDAY - timedelta(days=n) for n in range(7 * weeks)]
    calls = {d: [busy if n == 20 and PLAIN.worked(d) else int(n == 20) for n in range(SLOTS)] for d in days}
    return replace(Load(days[-1], calls, 150.0, 8.0), **changes)  # type: ignore[arg-type]


def test_a_monday_is_foretold_from_eight_mondays_with_the_seats_it_needs() -> None:
    told = forecast(MONDAY, NOON, load(), RULES, PLAIN)
    assert list(told.days) == [MONDAY - timedelta(weeks=n) for n in range(8, 0, -1)]
    at_ten = told.slots[20]
    assert (at_ten.start, at_ten.expected, at_ten.came) == (datetime(2026, 11, 23, 10, tzinfo=SHANGHAI), 6.0, 6)
    # 150 s of talk and 30 of wrap-up; of the 28 seconds allowed the greeting has used up eight.
    assert told.handle_s == 180 and at_ten.seats == seats_needed(6, 1800, 180, 0.8, 20) == at_ten.seats_for_came
    assert told.slots[0].seats == 0 and told.off_share is not None


def test_what_is_not_over_has_not_come_true() -> None:
    slots = forecast(MONDAY, NOON, load(), RULES, PLAIN).slots
    assert slots[23].came == 0 and slots[24].came is None and slots[24].seats_for_came is None
    tomorrow = forecast(MONDAY + timedelta(days=1), NOON, load(), RULES, PLAIN)
    assert all(s.came is None for s in tomorrow.slots) and tomorrow.slots[20].expected == 6


def test_a_holiday_monday_is_no_monday() -> None:
    off = WorkingDays({MONDAY: False, MONDAY - timedelta(weeks=1): False})
    assert MONDAY - timedelta(weeks=1) not in like_days(MONDAY - timedelta(weeks=2), date(2026, 1, 1), MONDAY, 8, off)
    days = like_days(MONDAY, date(2026, 1, 1), MONDAY, 8, off)
    assert MONDAY - timedelta(weeks=1) in days and all(not off.worked(d) for d in days) and len(days) == 17


def test_too_short_a_record_foretells_nothing() -> None:
    empty = forecast(MONDAY, NOON, Load(None, {}), RULES, PLAIN)
    short = forecast(MONDAY, NOON, Load(MONDAY - timedelta(days=3), {}), RULES, PLAIN)  # Friday, and two days off
    assert not empty.slots and not short.slots and short.off_share is None
    two_weeks = forecast(MONDAY, NOON, load(weeks=2), RULES, PLAIN)
    assert len(two_weeks.days) == 9 and two_weeks.slots[20].expected == 6  # two Mondays are too few: all working days


def test_earlier_forecasts_are_held_against_what_came() -> None:
    before = load()
    busier = dict(before.calls) | {MONDAY - timedelta(days=3): [0] * 20 + [9] + [0] * 27}  # Friday: nine came, six were expected
    told = forecast(MONDAY, NOON, replace(before, calls=busier), RULES, PLAIN)
    friday = told.replayed[-3]
    assert (friday.day, friday.expected, friday.came, friday.missed) == (MONDAY - timedelta(days=3), 6.0, 9, 3.0)
    assert told.off_share == pytest.approx(3 / (10 * 6 + 3 + 4))
    assert len(told.replayed) == 14 and all(r.day < MONDAY for r in told.replayed)


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), min_size=SLOTS, max_size=SLOTS), st.integers(0, 20))
def test_a_forecast_never_looks_at_its_own_day_or_later(came: list[int], later: int) -> None:
    before = load()
    after = replace(before, calls={**before.calls, MONDAY: came, MONDAY + timedelta(days=later): came})
    was, told = forecast(MONDAY, NOON, before, RULES, PLAIN), forecast(MONDAY, NOON, after, RULES, PLAIN)
    assert [(s.expected, s.seats) for s in told.slots] == [(s.expected, s.seats) for s in was.slots]
    assert told.replayed == was.replayed
    for past in (MONDAY - timedelta(days=n) for n in range(1, 4)):  # nor does a replayed one
        day = forecast(past, NOON, before, RULES, PLAIN)
        assert sum(s.expected for s in day.slots) == next(r.expected for r in was.replayed if r.day == past)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=SLOTS, max_size=SLOTS), min_size=8, max_size=8))
def test_half_hours_add_up_to_the_mean_of_the_day(days: list[list[int]]) -> None:
    calls = {MONDAY - timedelta(weeks=n + 1): slots for n, slots in enumerate(days)}
    told = forecast(MONDAY, NOON, Load(date(2026, 1, 1), calls), RULES, PLAIN)
    assert sum(s.expected for s in told.slots) == pytest.approx(sum(map(sum, days)) / 8)
