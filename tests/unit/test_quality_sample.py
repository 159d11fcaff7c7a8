"""Sampling: no fewer than the share, one of each block, the same for whoever asks, and nothing but the rules."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.quality_sample import Reason, SampleRules, by_itself, by_share, joined, left_over

MONTH = date(2026, 11, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.floats(0.01, 1), st.text(min_size=1, max_size=8), st.dates(date(2026, 1, 1), date(2027, 12, 1)))
def test_each_month_of_each_operator_has_its_share(count: int, share: float, operator: str, day: date) -> None:
    rules, month = SampleRules(share), day.replace(day=1)
    drawn = [r for n in range(1, count + 1) if (r := by_share(rules, operator, month, n))]
    assert drawn == [r for n in range(1, count + 1) if (r := by_share(rules, operator, month, n))]
    last = left_over(rules, operator, month, count)
    whole = [*drawn, *([last] if last else [])]
    assert len({r.number for r in whole}) == len(whole) == -(-count // rules.block), "one of each block, the last one too"
    assert len(whole) >= share * count - 1e-6
    assert all(1 <= r.number <= count and 1 <= r.place <= r.size <= rules.block for r in whole)


def test_operators_and_months_draw_differently() -> None:
    def numbers(operator: str, month: date) -> list[int]:
        return [n for n in range(1, 401) if by_share(SampleRules(0.05), operator, month, n)]

    assert len({tuple(numbers(o, m)) for o in ("wang", "li") for m in (MONTH, date(2026, 12, 1))}) == 4
    places = {(n - 1) % 20 for n in numbers("wang", MONTH)}
    assert len(places) > 5, "no place of the block is everybody's"


def test_no_share_draws_none() -> None:
    assert by_share(SampleRules(0), "wang", MONTH, 1) is None and left_over(SampleRules(0), "wang", MONTH, 7) is None


@pytest.mark.parametrize(("rating", "silence", "rules"), [
    (None, None, []), (3, 59.9, []), (4, 10, ["dissatisfied"]), (5, 60, ["dissatisfied", "long_silence"]), (None, 61, ["long_silence"]),
])
def test_all_dissatisfied_and_all_long_silences_are_heard(rating: int | None, silence: float | None, rules: list[str]) -> None:
    assert [r.rule for r in by_itself(SampleRules(), rating, silence)] == rules


def test_a_reason_is_told_once_and_the_first_stays() -> None:
    first, again = Reason("share", 7, 7, 20), Reason("share", 9, 9, 20)
    assert joined([first], [again, Reason("dissatisfied", rating=5)]) == (Reason("dissatisfied", rating=5), first)
    assert joined([], [again, first]) == (again,)
