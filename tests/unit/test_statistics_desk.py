"""Counting over HTTP stays within bounds: two at once, a line that ends, and one count for all walls."""

from __future__ import annotations

import asyncio

import pytest

from ivr.ports.statistics import HeatCell
from ivr.ports.web import Busy
from ivr.web.statistics import StatisticsDesk, heat_map
from tests.fakes.one_statistic import OneStatistic
from tests.fakes.web_services import COUNTED
from tests.fakes.web_world import TwoCodes

pytestmark = pytest.mark.timeout(30)


async def test_two_count_at_once_sixteen_wait_and_the_next_is_told_to_come_back() -> None:
    desk, at_work, most, go = StatisticsDesk(), 0, 0, asyncio.Event()

    async def count() -> None:
        nonlocal at_work, most
        async with desk.turn():
            at_work += 1
            most = max(most, at_work)
            await go.wait()
            at_work -= 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(18):
            tasks.create_task(count())
        while at_work < 2:
            await asyncio.sleep(0)
        with pytest.raises(Busy, match="Try again"):
            async with desk.turn():
                raise AssertionError("nineteen are too many")
        go.set()
    assert most == 2
    async with desk.turn():
        pass


async def test_whoever_gives_up_waiting_leaves_the_line() -> None:
    desk = StatisticsDesk()
    async with desk.turn(), desk.turn():
        for _ in range(50):
            waiting = asyncio.create_task(desk.turn().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


async def test_walls_that_ask_together_are_one_count_for_each_kind_of_map() -> None:
    desk, statistics = StatisticsDesk(), OneStatistic(COUNTED)
    found = await asyncio.gather(*(desk.wall(statistics, "category") for _ in range(40)))
    assert statistics.walls == 1 and all(one is found[0] for one in found)
    await desk.wall(statistics, "matter")
    assert statistics.walls == 2


def test_the_map_has_the_busiest_first_and_says_how_many_are_left_out() -> None:
    cells = [HeatCell(f"p{n:02}", f"第{n}村" if n else "", "labour", "v1", n + 1) for n in range(15)]
    cells.append(HeatCell("p03", "第3村", "unknown-code", "v1", 40))
    found = heat_map(cells, "matter", 30, TwoCodes())
    assert [(c.code, c.name) for c in found.columns] == [("labour", "劳动争议"), ("unknown-code", "unknown-code")]
    assert [(p.name, p.orders, p.total) for p in found.places[:2]] == [("第3村", [4, 40], 44), ("第14村", [15, 0], 15)]
    assert len(found.places) == 12 and found.further_places == 3
