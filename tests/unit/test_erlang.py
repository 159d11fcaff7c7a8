"""Erlang C against published values, and what must hold for any load."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.erlang import MOST_SEATS, answered_within, seats_needed, waiting_probability

HALF_HOUR = 1800.0


def test_the_worked_example_of_100_calls_of_three_minutes_in_half_an_hour() -> None:
    """Published twice: Call Centre Helper, "Erlang C Formula – Made Simple" (to a tenth of a per cent), and pyworkforce's README."""
    load = 100 * 180 / HALF_HOUR
    assert load == 10
    assert waiting_probability(11, load) == pytest.approx(0.682, abs=0.0005)
    assert answered_within(11, load, 180, 20) == pytest.approx(0.390, abs=0.001)
    assert waiting_probability(14, load) == pytest.approx(0.1741319335950498)
    assert answered_within(14, load, 180, 20) == pytest.approx(0.8883500191794669)
    assert waiting_probability(14, load) * 180 / (14 - load) == pytest.approx(7.8, abs=0.05)  # mean wait in seconds
    assert seats_needed(100, HALF_HOUR, 180, 0.8, 20) == 14


def exact(seats: int, load: Fraction) -> float:
    """The formula as Erlang wrote it, in fractions."""
    last = load**seats / math.factorial(seats) * seats / (seats - load)
    return float(last / (sum(load**n / math.factorial(n) for n in range(seats)) + last))


@settings(deadline=None)
@given(st.integers(1, 60), st.fractions(Fraction(1, 50), Fraction(59), max_denominator=50))
def test_the_recursion_is_the_formula(seats: int, load: Fraction) -> None:
    if load < seats:
        assert waiting_probability(seats, float(load)) == pytest.approx(exact(seats, load), rel=1e-9)
    else:
        assert waiting_probability(seats, float(load)) == 1.0


@settings(deadline=None)
@given(st.floats(0.01, 2000), st.floats(10, 1800), st.floats(0.5, 0.99), st.floats(0, 60))
def test_so_many_seats_suffice_and_one_less_does_not(calls: float, handle_s: float, goal: float, within_s: float) -> None:
    seats, load = seats_needed(calls, HALF_HOUR, handle_s, goal, within_s), calls * handle_s / HALF_HOUR
    assert 1 <= seats <= MOST_SEATS
    if seats < MOST_SEATS:
        assert answered_within(seats, load, handle_s, within_s) >= goal
    assert seats == 1 or answered_within(seats - 1, load, handle_s, within_s) < goal
    assert seats_needed(calls * 1.5, HALF_HOUR, handle_s, goal, within_s) >= seats


def test_no_calls_need_no_seat_and_no_number_of_seats_overflows() -> None:
    assert seats_needed(0, HALF_HOUR, 300, 0.9, 15) == 0 and answered_within(1, 0, 300, 15) == 1.0
    assert 0 < waiting_probability(1000, 990.0) < 1
    assert seats_needed(1e9, HALF_HOUR, 300, 0.9, 15) == MOST_SEATS
