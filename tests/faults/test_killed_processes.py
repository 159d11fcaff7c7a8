"""kill -9 of the controller, the worker, Asterisk and the database while calls are up."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import pytest

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline
from tests.faults.conftest import FULL
from tests.faults.load import Load, callers
from tests.faults.witness import (
    all_tracks_done,
    answered_in_queue_log,
    board_equals_asterisk,
    every_call_has_its_order,
    kill,
    pid_of,
    pid_returns,
    reconciled,
    rows,
)

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]

KILLS, CALLS = (20, 120) if FULL else (3, 10)
ASTERISK_KILLS, CALLS_UP = (5, 8) if FULL else (1, 3)
SEED = 20261
Tell = Callable[[str, object], None]


async def test_a_killed_controller_loses_and_doubles_nothing(product: RunningHotline, record_property: Tell) -> None:
    chance = random.Random(SEED)
    placed = callers(CALLS, SEED)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(product.client())
        for seat in ("one", "two"):
            await stack.enter_async_context(product.operator(seat, answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 2)
        load = await stack.enter_async_context(Load(product.folder / "load", product.sip, placed, 1.0))
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(1, 4))
            pid = pid_of(product, "controller")
            kill(pid, signal.SIGKILL)
            await pid_returns(product, "controller", pid)
            await board_equals_asterisk(product, client, within_s=5)
        assert await load.finished() == 0, "a caller was dropped"
        outcomes = await every_call_has_its_order(product, placed)
        answered = [n for n, o in outcomes.items() if o == "answered"]
        assert set(outcomes.values()) <= {"answered", "abandoned"}
        assert len(answered) == answered_in_queue_log(product) > 0
        outcomes = await _calls_nobody_followed(product)
        answered += [n for n, o in outcomes.items() if o == "answered"]
        assert len(answered) == answered_in_queue_log(product)
    tracks = await all_tracks_done(product, at_least=2 * len(answered))
    assert len(tracks) == 2 * len(answered)
    await reconciled(product)
    for name, value in (("seed", SEED), ("kills", KILLS), ("calls", CALLS), ("answered", len(answered))):
        record_property(name, value)


async def _calls_nobody_followed(product: RunningHotline) -> dict[str, str]:
    """Calls made while the controller is dead are answered by operators all the same, and found afterwards."""
    placed = callers(3, SEED + 1, shortest_s=12, longest_s=13)
    pid = pid_of(product, "controller")
    kill(pid, signal.SIGSTOP)  # hung: it neither follows nor is it started again
    try:
        async with Load(product.folder / "unseen", product.sip, placed, 0.5) as load:
            assert await load.finished() == 0
        assert await rows(product, "SELECT 1 FROM call WHERE caller_number = ANY($1)", [c.number for c in placed]) == []
    finally:
        kill(pid, signal.SIGKILL)
    await pid_returns(product, "controller", pid)
    outcomes = await every_call_has_its_order(product, placed, within_s=30)
    assert list(outcomes.values()).count("answered") > 0
    return outcomes


def two_talking(client: HotlineClient, calls_up: int) -> list[str] | None:
    """The linked ids of two conversations, once there are two among so many calls."""
    up = [c for c in client.calls.values() if c["state"] != "ended"]
    found = [c["linked_id"] for c in up if c["state"] == "talking"]
    return found if len(found) == 2 and len(up) == calls_up else None


async def test_a_killed_asterisk_closes_its_calls_and_keeps_their_sound(
    product: RunningHotline, record_property: Tell
) -> None:
    least_s = 1e9
    async with product.client() as client:
        for kill_number in range(ASTERISK_KILLS):
            placed = callers(CALLS_UP, SEED + 2 + kill_number, shortest_s=40, longest_s=41)
            async with AsyncExitStack() as stack:
                for seat in ("one", "two"):  # new phones each time: the old ones still hold a call nobody ended
                    await stack.enter_async_context(product.operator(seat, answers_itself=True))
                await client.queue_until(lambda q: q["members"]["available"] == 2, within_s=60)
                await stack.enter_async_context(Load(product.folder / "load", product.sip, placed, 2.0))
                talking = await client.until("all calls, two of them talking", lambda: two_talking(client, CALLS_UP), within_s=60)
                await asyncio.sleep(6)  # the first 32 KiB of each track reach the disk after two seconds
                asterisk = int((product.folder / "state/run/asterisk/run/asterisk.pid").read_text())
                kill(asterisk, signal.SIGKILL)
                outcomes = await every_call_has_its_order(product, placed, within_s=40)
            assert set(outcomes.values()) == {"interrupted"}
            await board_equals_asterisk(product, client, within_s=15)
            async with asyncio.timeout(60):
                while len(await rows(product, "SELECT 1 FROM recording_track WHERE linked_id = ANY($1)", talking)) < 4:
                    await asyncio.sleep(0.2)
            tracks = [t for t in await all_tracks_done(product) if t["linked_id"] in talking]
            assert sorted(t["track"] for t in tracks) == ["caller", "caller", "operator", "operator"]
            least_s = min(least_s, *(t["seconds"] for t in tracks))
            assert least_s >= 3.9, "more than the last 32 KiB was lost"
            for order in await rows(product, "SELECT note FROM work_order WHERE opened_by_call = ANY($1)", talking):
                assert "中断" in order["note"] or "没有听到" in order["note"]
    record_property("kills", ASTERISK_KILLS)
    record_property("calls up", CALLS_UP)
    record_property("shortest track kept of at least 6 s", f"{least_s:.1f} s")


async def test_a_killed_database_is_caught_up_with(product: RunningHotline) -> None:
    placed = callers(4, SEED + 3, shortest_s=10, longest_s=14)
    away_s = 120 if FULL else 5
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(product.client())
        await stack.enter_async_context(product.operator("one", answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        load = await stack.enter_async_context(Load(product.folder / "load", product.sip, placed, 1.0))
        await asyncio.sleep(4)
        postmaster = int((product.folder / "state/pg/data/postmaster.pid").read_text().split()[0])
        kill(postmaster, signal.SIGSTOP)
        await asyncio.sleep(away_s)
        kill(postmaster, signal.SIGKILL)
        assert await load.finished() == 0, "a caller was dropped"
        async with asyncio.timeout(60):
            while True:
                try:
                    await rows(product, "SELECT 1")
                    break
                except Exception:
                    await asyncio.sleep(0.2)
        outcomes = await every_call_has_its_order(product, placed, within_s=60)
        await board_equals_asterisk(product, client, within_s=15)
    assert list(outcomes.values()).count("answered") == answered_in_queue_log(product) > 0
    await all_tracks_done(product)
    await reconciled(product)


@pytest.mark.skipif(not FULL, reason="test_workers breaks the worker at every phase in the short form too")
async def test_a_killed_or_hung_worker_gives_its_track_back(product: RunningHotline) -> None:
    placed = callers(2, SEED + 4, shortest_s=14, longest_s=15)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(product.client())
        await stack.enter_async_context(product.operator("one", answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        worker = pid_of(product, "worker")
        kill(worker, signal.SIGSTOP)
        load = await stack.enter_async_context(Load(product.folder / "load", product.sip, placed[:1], 1.0))
        assert await load.finished() == 0
        await every_call_has_its_order(product, placed[:1])
        async with asyncio.timeout(20):
            while not await rows(product, "SELECT 1 FROM recording_track"):
                await asyncio.sleep(0.1)
        with suppress(ProcessLookupError):  # its supervisor may have seen that it hangs
            kill(worker, signal.SIGKILL)
        await pid_returns(product, "worker", worker)
        tracks = await all_tracks_done(product, within_s=40)
    assert {t["state"] for t in tracks} <= {"transcribed", "no_speech"} and len(tracks) == 2
    await reconciled(product)
