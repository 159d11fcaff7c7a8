"""The wall clock stepped an hour back and a day on, during calls and across a restart of Asterisk."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline
from tests.faults.conftest import FULL
from tests.faults.load import Caller, Load, callers
from tests.faults.stepped_clock import SteppedClock
from tests.faults.witness import all_tracks_done, board_equals_asterisk, every_call_has_its_order, kill, rows

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

SEED = 20267
HOUR_S, DAY_S = 3600, 86_400
CALLS = 12 if FULL else 3


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stepped() -> AsyncIterator[tuple[RunningHotline, SteppedClock]]:
    """The product with a clock that can be set; each test goes on with what the other left."""
    # Asterisk measures longest_call_s by the wall clock: a step on beyond it ends every call, whatever we do.
    product = RunningHotline(f"[hotline]\nlongest_call_s = {2 * DAY_S}\n")
    clock = SteppedClock(product)
    try:
        await product.start()
        yield product, clock
    finally:
        left = await product.stop()
        product.remove()
    assert left == []


@pytest_asyncio.fixture(loop_scope="module")
async def desk(stepped: tuple[RunningHotline, SteppedClock]) -> AsyncIterator[HotlineClient]:
    """The true time, two operators who answer by themselves, and the live stream."""
    stepped[1].set_to(0)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(stepped[0].client())
        for seat in ("one", "two"):
            await stack.enter_async_context(stepped[0].operator(seat, answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 2)
        yield client


async def in_state(client: HotlineClient, chosen: list[Caller], state: str, count: int) -> None:
    """Wait until so many of these callers are in this state."""
    numbers = {c.number for c in chosen}
    await client.until(f"{count} calls {state}", lambda: {} if count <= sum(
        c["caller_number"] in numbers and c["state"] == state for c in client.calls.values()) else None)


async def no_time_is_negative(product: RunningHotline, client: HotlineClient) -> None:
    """In the database, and in everything the API says."""
    assert await rows(
        product, "SELECT * FROM call WHERE queued_at < arrived_at OR answered_at < coalesce(queued_at, arrived_at)"
        " OR ended_at < coalesce(answered_at, queued_at, arrived_at)",
    ) == []
    assert await rows(product, "SELECT * FROM transcript_segment WHERE start_s < 0 OR end_s < start_s") == []
    assert await rows(product, "SELECT * FROM recording_track WHERE finished_at IS NULL OR seconds < 0") == []
    assert negative(await client.get("/calls")) == [] == negative(await client.get("/queues"))
    assert negative([*client.calls.values(), *client.queues.values(), *client.orders.values()]) == []


def negative(told: Any, name: str = "") -> list[str]:
    """Names of all figures below zero in an answer."""
    if isinstance(told, dict):
        return [found for key, value in told.items() for found in negative(value, key)]
    if isinstance(told, list):
        return [found for value in told for found in negative(value, name)]
    return [f"{name} = {told}"] if isinstance(told, int | float) and told < 0 else []


async def test_an_hour_back_during_calls_and_across_a_restart_of_asterisk(
    stepped: tuple[RunningHotline, SteppedClock], desk: HotlineClient
) -> None:
    product, clock = stepped
    before = callers(CALLS, SEED, shortest_s=14, longest_s=15)
    async with Load(product.folder / "load1", product.sip, before, 2.0) as load:
        await in_state(desk, before, "talking", 2)
        await in_state(desk, before, "queued", 1)
        clock.set_to(-HOUR_S)
        await desk.queue_until(lambda q: q["waiting"] >= 1)
        assert negative(await desk.get("/queues")) == []
        assert await load.finished() == 0, "a caller was dropped"
    outcomes = await every_call_has_its_order(product, before)
    assert set(outcomes.values()) <= {"answered", "abandoned"} and list(outcomes.values()).count("answered") >= 2
    await board_equals_asterisk(product, desk, within_s=15)
    await all_tracks_done(product)
    await no_time_is_negative(product, desk)

    # This call arrives, the clock goes back another hour, and its Asterisk is killed: it is over, whatever the clock says.
    lost = callers(1, SEED + 1, shortest_s=60, longest_s=61)
    async with Load(product.folder / "load2", product.sip, lost, 1.0):
        await in_state(desk, lost, "talking", 1)
        clock.set_to(-2 * HOUR_S)
        kill(int((product.folder / "state/run/asterisk/run/asterisk.pid").read_text()), signal.SIGKILL)
        outcomes = await every_call_has_its_order(product, lost, within_s=40)
    assert list(outcomes.values()) == ["interrupted"]
    await board_equals_asterisk(product, desk, within_s=15)
    again = callers(1, SEED + 2, shortest_s=9, longest_s=10)
    async with Load(product.folder / "load3", product.sip, again, 1.0) as load:
        assert await load.finished() == 0
    assert list((await every_call_has_its_order(product, again)).values()) == ["answered"]
    await all_tracks_done(product)
    await no_time_is_negative(product, desk)
    orders = await rows(product, "SELECT count(DISTINCT number) AS numbers, count(*) AS orders FROM work_order")
    assert (orders[0]["numbers"], orders[0]["orders"]) == (CALLS + 2, CALLS + 2)


async def test_a_day_on_during_calls(stepped: tuple[RunningHotline, SteppedClock], desk: HotlineClient) -> None:
    product, clock = stepped
    orders = (await rows(product, "SELECT count(*) AS n FROM work_order"))[0]["n"]
    ledger = sorted((product.folder / "state/run/asterisk/log/cel-custom").iterdir())
    placed = callers(2, SEED + 3, shortest_s=13, longest_s=14)
    # With sound: a line that sends none is a dead one, and Asterisk counts that by the wall clock too.
    (sound := product.folder / "silence.alaw").write_bytes(b"\xd5" * 80_000)
    async with Load(product.folder / "load4", product.sip, placed, 2.0, sound) as load:
        await in_state(desk, placed, "talking", 2)
        clock.set_to(DAY_S)
        assert await load.finished() == 0, "a caller was dropped"
    outcomes = await every_call_has_its_order(product, placed)
    assert list(outcomes.values()) == ["answered", "answered"]
    await board_equals_asterisk(product, desk, within_s=15)
    await all_tracks_done(product)
    await no_time_is_negative(product, desk)
    # Nothing was deleted early: neither what is a day younger than it seems, nor a ledger file.
    assert (await rows(product, "SELECT count(*) AS n FROM work_order"))[0]["n"] == orders + 2
    assert set(ledger) <= set((product.folder / "state/run/asterisk/log/cel-custom").iterdir())
