"""Erlang C: how many seats a load of calls needs, so that enough of them are answered in time.

A. K. Erlang's formula of 1917 for calls that wait without leaving. Callers do leave, so it asks for a seat too many
rather than one too few. Written here, a dozen lines over floats, because the kept library for it brings a solver and a
data-frame library of hundreds of megabytes; tests hold it against published values.
"""

from __future__ import annotations

import math
from typing import Final

MOST_SEATS: Final = 1000


def waiting_probability(seats: int, load: float) -> float:
    """The share of calls that wait at all; ``load`` in erlangs (calls × handling time ÷ period). 1.0 where seats do not suffice."""
    if load <= 0:
        return 0.0
    if seats <= load:
        return 1.0
    lost = 1.0  # Erlang B by its recursion, which overflows for no number of seats
    for n in range(1, seats + 1):
        lost = load * lost / (n + load * lost)
    return lost / (1 - load / seats * (1 - lost))


def answered_within(seats: int, load: float, handle_s: float, within_s: float) -> float:
    """The share of calls answered within ``within_s`` seconds of joining the queue."""
    if load <= 0:
        return 1.0
    if seats <= load:
        return 0.0
    return 1 - waiting_probability(seats, load) * math.exp(-(seats - load) * within_s / handle_s)


def seats_needed(calls: float, period_s: float, handle_s: float, goal: float, within_s: float) -> int:
    """The fewest seats that answer ``goal`` of ``calls`` in a period within ``within_s``; 0 for no calls, 1000 at most."""
    if calls <= 0 or handle_s <= 0:
        return 0
    load = calls * handle_s / period_s
    seats = math.floor(load) + 1
    while seats < MOST_SEATS and answered_within(seats, load, handle_s, within_s) < goal:
        seats += 1
    return min(seats, MOST_SEATS)
