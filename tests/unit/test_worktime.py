"""Due times at midnights, weekends, worked weekends, holidays and year ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.china_holidays import working_days
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import SHANGHAI, WorkTime

STATE = WorkTime(working_days([], []))
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 1), timezones=st.just(SHANGHAI))


@pytest.mark.parametrize(
    ("began", "days", "due"),
    [
        ("2026-11-23 09:00", 1, "2026-11-24 18:00"),  # Monday
        ("2026-11-23 00:00", 1, "2026-11-24 18:00"),  # the first second of a day is of that day
        ("2026-11-23 23:59", 1, "2026-11-24 18:00"),
        ("2026-11-27 19:30", 1, "2026-11-30 18:00"),  # Friday evening
        ("2026-11-28 10:00", 1, "2026-11-30 18:00"),  # Saturday
        ("2026-11-29 23:59", 3, "2026-12-02 18:00"),  # Sunday
        ("2026-09-30 12:00", 1, "2026-10-08 18:00"),  # National Day, 1 to 7 October
        ("2026-10-09 12:00", 1, "2026-10-10 18:00"),  # Saturday the 10th is worked instead
        ("2026-09-18 12:00", 1, "2026-09-20 18:00"),  # so is Sunday the 20th
        ("2026-02-13 12:00", 2, "2026-02-24 18:00"),  # Saturday the 14th is worked, then Spring Festival to the 23rd
        ("2025-12-31 12:00", 1, "2026-01-04 18:00"),  # New Year; Sunday the 4th is worked
    ],
)
def test_terms_end_at_closing_time_of_a_worked_day(began: str, days: int, due: str) -> None:
    moment = datetime.fromisoformat(began).replace(tzinfo=SHANGHAI)
    assert STATE.due(moment, days) == datetime.fromisoformat(due).replace(tzinfo=SHANGHAI)
    assert STATE.due(moment.astimezone(UTC), days) == STATE.due(moment, days), "whatever clock tells it"


@given(MOMENTS, st.integers(1, 15))
def test_a_term_holds_exactly_so_many_worked_days(began: datetime, days: int) -> None:
    due = STATE.due(began, days)
    between = [began.date() + timedelta(days=n) for n in range(1, (due.date() - began.date()).days + 1)]
    assert sum(map(STATE.days.worked, between)) == days
    assert STATE.days.worked(due.date()) and due > began


@given(MOMENTS, MOMENTS, st.integers(1, 15))
def test_who_begins_later_is_never_due_earlier(one: datetime, other: datetime, days: int) -> None:
    first, second = sorted((one, other))
    assert STATE.due(first, days) <= STATE.due(second, days)
    assert STATE.due(first, days) < STATE.due(first, days + 1)


@given(MOMENTS, st.integers(2, 15))
def test_cards_go_from_none_to_yellow_to_red_and_never_back(began: datetime, days: int) -> None:
    due = STATE.due(began, days)
    rank = {"": 0, "yellow": 1, "red": 2}
    hours = int((due - began).total_seconds() // 3600) + 48
    seen = [rank[STATE.card(began + timedelta(hours=h), due)] for h in range(hours)]
    assert seen == sorted(seen) and STATE.card(due, due) == "yellow" and STATE.card(due + timedelta(seconds=1), due) == "red"


@given(MOMENTS, st.integers(-40, 40), st.integers(1, 12))
def test_a_list_by_card_holds_what_has_a_card(now: datetime, hours: int, days: int) -> None:
    due = STATE.due(now + timedelta(hours=hours), days)
    assert (due < STATE.carded_before(now)) == (STATE.card(now, due) != "")


@pytest.mark.parametrize(
    ("now", "due", "card"),
    [
        ("2026-09-29 23:59", "2026-10-08 18:00", ""),  # before National Day: the last worked day ahead is 30 September
        ("2026-09-30 00:00", "2026-10-08 18:00", "yellow"),
        ("2026-10-04 12:00", "2026-10-08 18:00", "yellow"),
        ("2026-10-08 18:00", "2026-10-08 18:00", "yellow"),
        ("2026-10-08 18:01", "2026-10-08 18:00", "red"),
        ("2026-09-18 00:00", "2026-09-20 18:00", "yellow"),  # Sunday the 20th is worked instead, Saturday is not
        ("2026-09-17 23:59", "2026-09-20 18:00", ""),
        ("2025-12-31 00:00", "2026-01-04 18:00", "yellow"),  # the year's end; the 4th is a worked Sunday
        ("2025-12-30 23:59", "2026-01-04 18:00", ""),
    ],
)
def test_cards_at_holidays_worked_weekends_and_the_years_end(now: str, due: str, card: str) -> None:
    moment, end = (datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) for text in (now, due))
    assert STATE.card(moment, end) == card
    assert (end < STATE.carded_before(moment)) == bool(card)


def test_the_yellow_card_comes_a_working_day_ahead() -> None:
    due = STATE.due(datetime(2026, 11, 25, 9, tzinfo=SHANGHAI), 3)  # Monday the 30th
    assert STATE.card(datetime(2026, 11, 26, 23, 59, tzinfo=SHANGHAI), due) == ""
    assert STATE.card(datetime(2026, 11, 27, 0, 0, tzinfo=SHANGHAI), due) == "yellow"


def test_the_office_may_close_at_another_time_and_on_other_days() -> None:
    own = WorkTime(WorkingDays({date(2026, 11, 24): False}), time(17, 30))
    assert own.due(datetime(2026, 11, 23, 9, tzinfo=SHANGHAI), 1) == datetime(2026, 11, 25, 17, 30, tzinfo=SHANGHAI)


def test_a_term_of_no_days_and_a_calendar_without_work_are_refused() -> None:
    now = datetime(2026, 11, 23, tzinfo=SHANGHAI)
    with pytest.raises(ValueError, match="at least one working day"):
        STATE.due(now, 0)
    never = WorkTime(WorkingDays({now.date() + timedelta(days=n): False for n in range(100)}))
    with pytest.raises(ValueError, match="no worked day within 60 days"):
        never.due(now, 1)
