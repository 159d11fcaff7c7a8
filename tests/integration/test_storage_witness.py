"""What was seen live of a call, on a real PostgreSQL: stored only when the ledger does not tell it, and never twice."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from ivr.domain.events import Fact
from ivr.domain.witness import LiveWitness
from tests.integration.storage_world import FOLD, T0, World, base, batch, facts, heard, linked, tracks
from tests.scenarios.live_view import live_view

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


def seen(rows: list[Fact]) -> tuple[Fact, ...]:
    """The would-be facts of a whole call; of one that did not end, until nobody knew it any more."""
    witness = LiveWitness()
    for event in live_view(rows):
        witness.apply(event)
    (call,) = witness.calls.values()
    return call.told(T0 + 900)


@pytest.mark.parametrize("answered", [True, False])
async def test_without_any_ledger_the_call_has_its_order(pool: Pool, answered: bool) -> None:
    world = World(pool)
    rows = facts(1, answered=answered)
    call = await world.ledger.witness(linked(1), seen(rows), FOLD)
    assert call is not None and call.outcome == ("answered" if answered else "abandoned")
    order = await world.order(1)
    assert order["outcome"] == call.outcome and (order["filled_at"] is None) == answered
    assert [r["topic"] for r in await pool.fetch("SELECT topic FROM feed ORDER BY seq")] == ["call", "order"]


async def test_storing_it_twice_or_by_several_at_once_is_once(pool: Pool) -> None:
    world = World(pool)
    told = seen(facts(1))
    made = await asyncio.gather(*(world.ledger.witness(linked(1), told, FOLD) for _ in range(6)))
    assert sum(call is not None for call in made) == 1
    assert await world.count("call_fact") == len(told)
    assert await world.count("work_order") == 1 == await world.count("call")


async def test_a_ledger_that_told_the_end_needs_no_witness(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    assert await world.ledger.witness(linked(1), seen(facts(1)), FOLD) is None
    assert await world.count("call_fact", "source = 'controller'") == 0


@pytest.mark.parametrize("first", range(8))
async def test_a_ledger_that_comes_later_doubles_nothing(pool: Pool, first: int) -> None:
    """Any first part of the ledger, then the witness, then the rest."""
    world = World(pool)
    rows = facts(1)
    if first:
        await world.ledger.commit(batch(rows[:first]), FOLD)
    assert (await world.ledger.witness(linked(1), seen(rows), FOLD) is None) == (first == len(rows))
    before = await world.order(1)
    assert before["outcome"] == "answered"
    if first < len(rows):
        await world.ledger.commit(batch(rows[first:]), FOLD)
    assert await world.count("call_fact", "source = 'cel'") == len(rows)
    assert await world.count("work_order") == 1 == await world.count("work_order_call")
    after = await world.order(1)
    assert (after["number"], after["outcome"]) == (before["number"], "answered")
    call = dict(await pool.fetchrow("SELECT * FROM call"))
    alone = FOLD(rows)
    assert alone is not None
    assert (call["recording_name"], call["hangup_by"], call["member_interface"]) == (base(1), "caller", alone.member_interface)
    assert call["answered_at"].timestamp() == pytest.approx(alone.answered_at)
    assert call["ended_at"].timestamp() == pytest.approx(alone.ended_at)


async def test_ledger_and_witness_at_the_same_moment_open_one_order(pool: Pool) -> None:
    world = World(pool)
    chance = random.Random(3)
    work = []
    for n in range(20):
        rows = facts(n, answered=bool(n % 2), file_id=f"f-{n}")
        work += [world.ledger.commit(batch(rows, file_id=f"f-{n}"), FOLD), world.ledger.witness(linked(n), seen(rows), FOLD)]
    chance.shuffle(work)
    await asyncio.gather(*work)
    assert await world.count("work_order") == 20 == await world.count("call", "state = 'ended'")
    assert await world.count("work_order", "outcome = 'answered'") == 10


async def test_an_order_opened_in_error_is_put_right_and_filled_from_its_tracks(pool: Pool) -> None:
    """The ledger lost its middle and called it abandoned; the order was filled with nothing. Then the witness speaks."""
    world = World(pool)
    rows = [f for f in facts(1) if f.kind not in ("BRIDGE_ENTER", "user:RECORDING")]
    await world.ledger.commit(batch(rows), FOLD)
    wrong = await world.order(1)
    assert wrong["outcome"] == "abandoned" and "挂断" in str(wrong["note"]) and wrong["filled_at"] is not None
    await world.tracks.add(tracks(1))
    call = await world.ledger.witness(linked(1), seen(facts(1)), FOLD)
    assert call is not None and (call.outcome, call.recording_name) == ("answered", base(1))
    right = await world.order(1)
    assert (right["number"], right["outcome"], right["note"], right["filled_at"]) == (wrong["number"], "answered", "", None)
    for worker in ("a", "b"):
        job = await world.tracks.take(worker, 20)
        assert job is not None and await world.tracks.finish(job, worker, heard(job))
    assert (await world.order(1))["filled_at"] is not None
    assert world.composer.texts[linked(1)] == "您好|您好"


async def test_a_talk_whose_tracks_come_late_keeps_its_order_waiting_for_them(pool: Pool) -> None:
    world = World(pool)
    call = await world.ledger.witness(linked(1), seen(facts(1)), FOLD)
    assert call is not None and call.recording_expected, "a recording was begun, so one is expected"
    assert (await world.order(1))["filled_at"] is None
    await world.tracks.add(tracks(1))
    for worker in ("a", "b"):
        job = await world.tracks.take(worker, 20)
        assert job is not None and await world.tracks.finish(job, worker, heard(job))
    assert (await world.order(1))["filled_at"] is not None


async def test_a_call_nobody_saw_the_end_of_is_closed_once_by_witness_and_controller(pool: Pool) -> None:
    world = World(pool)
    rows = facts(1, ended=False)
    await world.ledger.commit(batch(rows), FOLD)
    await asyncio.gather(
        world.ledger.interrupt(linked(1), T0 + 900, FOLD), world.ledger.witness(linked(1), seen(rows), FOLD)
    )
    assert await pool.fetchval("SELECT outcome FROM call") == "interrupted" == (await world.order(1))["outcome"]
    assert await world.count("call_fact", "kind = 'INTERRUPTED'") == 1
    await world.ledger.commit(batch(facts(1)[5:], start=5), FOLD)
    assert await pool.fetchval("SELECT outcome FROM call") == "answered" == (await world.order(1))["outcome"]
