"""Seat times in PostgreSQL: cut at the span, closed when a controller died, the same from two of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.counted_call import Limits
from ivr.domain.figures import figures, occupancy
from ivr.domain.intervals import SHANGHAI
from ivr.domain.seat_time import Activity, SeatTime
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import WorkTime
from ivr.ports.seat_time import ActivityAt
from ivr.ports.statistics import CallsWanted
from ivr.storage.seat_time import PostgresSeatTimes, seat_times
from ivr.storage.statistics import PostgresStatistics
from tests.fakes.web_world import add_call

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
T0 = datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)
ONE = "PJSIP/seat-one"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def change(activity: Activity | None, seconds: float) -> ActivityAt:
    return ActivityAt(ONE, activity, at(seconds))


async def between(pool: Pool, start: float, end: float) -> SeatTime | None:
    async with pool.acquire() as connection:
        return (await seat_times(connection, at(start), at(end))).get(ONE)


async def test_time_is_cut_at_the_span_and_what_is_open_counts_until_it_was_seen(pool: Pool) -> None:
    times = PostgresSeatTimes(pool)
    await times.note([change("ready", 0), change("talking", 10), change("wrap_up", 20), change("paused", 25)], [ONE], at(30))
    assert await between(pool, 0, 100) == SeatTime(10, 10, 5, 5)
    assert await between(pool, 5, 22) == SeatTime(5, 10, 2, 0)
    assert await between(pool, -50, 0) is None and await between(pool, 31, 99) is None
    await times.note([change(None, 33)], [], at(33))
    assert await between(pool, 0, 100) == SeatTime(10, 10, 5, 8)
    assert await pool.fetchval("SELECT count(*) FROM seat_time WHERE ended_at IS NULL") == 0


async def test_a_controller_that_died_leaves_no_time_it_did_not_see(pool: Pool) -> None:
    times = PostgresSeatTimes(pool)
    await times.note([change("talking", 0)], [ONE], at(10))
    # The next controller comes after ten minutes, and finds the seat talking: it may be another conversation.
    await times.note([change("talking", 600)], [ONE], at(605))
    assert await between(pool, 0, 1000) == SeatTime(talking_s=15)


async def test_who_saw_the_seat_all_the_while_loses_nothing_to_a_database_that_was_away(pool: Pool) -> None:
    times = PostgresSeatTimes(pool)
    await times.note([change("ready", 0)], [ONE], at(10))
    await times.note([], [ONE], at(600), held=[ONE])
    assert await between(pool, 0, 1000) == SeatTime(ready_s=600)


async def test_two_controllers_and_the_same_change_twice_are_one_truth(pool: Pool) -> None:
    times = PostgresSeatTimes(pool)
    for late in (0, 0.2):
        await times.note([change("ready", 0 + late), change("talking", 10 + late), change("ready", 20 + late)], [ONE], at(21 + late))
    found = await between(pool, 0, 21)
    assert found is not None and found.talking_s == pytest.approx(10, abs=0.5) and found.ready_s + found.talking_s == pytest.approx(21, abs=0.01)


async def test_a_telephone_that_is_ready_for_weeks_is_found_in_every_day(pool: Pool) -> None:
    times, hour = PostgresSeatTimes(pool), 3600
    await times.note([change("ready", 0)], [ONE], at(0))
    for n in range(1, 24 * 9):
        await times.note([], [ONE], at(n * hour), held=[ONE])
    assert await between(pool, 8 * 24 * hour, 8 * 24 * hour + hour) == SeatTime(ready_s=hour)
    assert await pool.fetchval("SELECT max(coalesce(ended_at, seen_at) - began_at) FROM seat_time") <= timedelta(hours=7)


async def test_occupancy_is_told_for_the_span_and_not_for_one_queue(pool: Pool) -> None:
    await PostgresSeatTimes(pool).note([change("ready", 0), change("talking", 60), change("wrap_up", 121)], [ONE], at(151))
    for name, queue, seat in (("a", "hotline", ONE), ("b", "legal", "PJSIP/unseen")):
        await add_call(pool, name, T0, state="ended", outcome="answered", queue=queue, queued_at=T0, answered_at=at(60), ended_at=at(120),
                       member_interface=seat)  # fmt: skip
    statistics = PostgresStatistics(pool, Limits(), WorkTime(WorkingDays()))
    counted = await statistics.counted(CallsWanted(T0, at(3600)), "queue", "1h")
    assert occupancy(counted.seats.values()).value == pytest.approx(91 / 151)
    by_queue = {g.key: {f.name: f for f in figures(g.tally)}["aht"] for g in (counted.total, *counted.groups)}
    assert by_queue[""].value == by_queue["hotline"].value == pytest.approx(90) and by_queue["legal"].value is None
    narrowed = await statistics.counted(CallsWanted(T0, at(3600), queue="hotline"), "queue", "1h")
    assert occupancy(narrowed.seats.values()).value is None
