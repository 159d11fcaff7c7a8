"""The outlook of an adviser's year: what the pace so far comes to, and what is left to do."""

from __future__ import annotations

from datetime import date

import pytest

from ivr.domain.adviser_hours import outlook


@pytest.mark.parametrize(("done", "today", "expected", "short"), [
    (0, date(2026, 2, 1), None, None), (10, date(2026, 2, 28), None, None),
    (25, date(2026, 7, 2), 49.9, 0.1), (26, date(2026, 7, 2), 51.9, 0.0), (12, date(2026, 7, 2), 23.9, 26.1),
    (40, date(2027, 1, 5), 40, 10), (60, date(2027, 1, 5), 60, 0), (0, date(2025, 12, 31), None, None),
])
def test_the_year_ends_as_it_went(done: float, today: date, expected: float | None, short: float | None) -> None:
    told = outlook(done, 2026, today)
    assert (told.expected_h and round(told.expected_h, 1), told.short_h and round(told.short_h, 1)) == (expected, short)


def test_each_month_left_has_its_share() -> None:
    assert round(outlook(0, 2026, date(2025, 12, 1)).month_h, 2) == 4.17
    assert round(outlook(25, 2026, date(2026, 7, 1)).month_h, 1) == 4.2
    assert outlook(50, 2026, date(2026, 7, 1)).month_h == 0
    assert outlook(20, 2026, date(2026, 12, 20)).month_h == 30, "less than a month is one"
    assert outlook(20, 2026, date(2027, 1, 1)).month_h == 0
