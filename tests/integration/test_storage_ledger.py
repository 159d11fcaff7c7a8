"""Facts, positions, calls and orders on a real PostgreSQL: together or not at all, and once however they come."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from ivr.domain.call import Call
from ivr.domain.errors import Unavailable
from ivr.domain.events import Fact, LedgerBatch
from ivr.storage.database import transaction
from ivr.storage.feed import append
from ivr.storage.queue_live import PostgresQueueLive
from tests.integration.storage_world import DUE, FOLD, T0, World, batch, facts, linked

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def test_facts_position_call_and_order_come_together(pool: Pool) -> None:
    world = World(pool)
    (call,) = await world.ledger.commit(batch(facts(1)), FOLD)
    assert (call.linked_id, call.outcome) == (linked(1), "answered")
    assert await world.ledger.positions("cel") == {"f": 7} and await world.ledger.positions("queue_log") == {}
    row = await pool.fetchrow("SELECT * FROM call")
    assert (row["caller_name_raw"], row["outcome"], row["member_interface"]) == ("马\"建国'", "answered", "PJSIP/seat-one")
    assert row["answered_at"].timestamp() == pytest.approx(T0 + 5)
    order = await world.order(1)
    assert order["outcome"] == "answered" and order["filled_at"] is None, "its recording is still awaited"
    assert [r["topic"] for r in await pool.fetch("SELECT topic FROM feed ORDER BY seq")] == ["call", "order"]


async def test_a_failure_leaves_nothing_behind(pool: Pool) -> None:
    world = World(pool)

    def broken(rows: object) -> Call | None:
        raise RuntimeError("no call today")

    with pytest.raises(RuntimeError, match="no call today"):
        await world.ledger.commit(batch(facts(1)), broken)
    for table in ("call_fact", "ledger_position", "call", "work_order", "feed"):
        assert await world.count(table) == 0, table
    assert await world.ledger.commit(batch(facts(1)), FOLD), "the same batch is taken afterwards"


@pytest.mark.parametrize("start", [1, 6, 8, 1000])
async def test_a_stale_batch_stores_nothing(pool: Pool, start: int) -> None:
    world = World(pool)
    await world.ledger.commit(batch(facts(1)), FOLD)
    assert await world.ledger.commit(batch(facts(2, first=100), start=start, end=2000), FOLD) == ()
    assert await world.ledger.positions("cel") == {"f": 7} and await world.count("call") == 1


async def test_several_controllers_on_one_file_store_each_fact_once(pool: Pool) -> None:
    world = World(pool)
    rows = [f for n in range(10) for f in facts(n, first=n * 7)]
    chance = random.Random(7)

    async def controller(seed: random.Random) -> None:
        while (position := (await world.ledger.positions("cel")).get("f", 0)) < len(rows):
            end = min(len(rows), position + seed.randrange(1, 12))
            await world.ledger.commit(batch(rows[position:end]), FOLD)

    await asyncio.gather(*(controller(random.Random(chance.random())) for _ in range(6)))
    assert await world.count("call_fact") == len(rows)
    assert await world.count("call", "outcome = 'answered'") == 10
    assert await world.count("work_order") == 10 == await world.count("work_order_call")


@pytest.mark.parametrize("seed", range(3))
async def test_shuffled_and_repeated_batches_open_exactly_one_order(pool: Pool, seed: int) -> None:
    """Each call's facts lie in files of their own, as after many rotations; they are committed in any order, twice."""
    world = World(pool)
    chance = random.Random(seed)
    batches: list[LedgerBatch] = []
    for n in range(15):
        rows = facts(n, answered=bool(n % 3))
        cut = chance.randrange(1, len(rows))
        for part, name in ((rows[:cut], f"a-{n}"), (rows[cut:], f"b-{n}")):
            moved = [Fact(f.source, name, i, f.linked_id, f.kind, f.at, f.data) for i, f in enumerate(part)]
            batches += [batch(moved, file_id=name)] * 2
    chance.shuffle(batches)
    waiting = iter(batches)

    async def committer() -> None:
        for one in waiting:
            await world.ledger.commit(one, FOLD)

    await asyncio.gather(*(committer() for _ in range(8)))
    assert await world.count("call", "state = 'ended'") == 15
    assert await world.count("call", "outcome = 'abandoned'") == 5
    assert await world.count("work_order") == 15 == await world.count("work_order_call")
    assert await world.count("work_order", "outcome = 'abandoned' AND filled_at IS NOT NULL") == 5
    assert await world.count("feed") == await pool.fetchval("SELECT seq FROM feed_head")


async def test_fifty_orders_at_once_have_fifty_numbers(pool: Pool) -> None:
    world = World(pool)
    await asyncio.gather(*(world.call(n, answered=False) for n in range(50)))
    numbers = [r["number"] for r in await pool.fetch("SELECT number FROM work_order ORDER BY number")]
    assert len(set(numbers)) == 50 == await pool.fetchval("SELECT last FROM order_serial")


async def test_the_feed_has_no_gap_whatever_is_rolled_back(pool: Pool) -> None:
    async def change(n: int) -> None:
        try:
            async with transaction(pool) as connection:
                await append(connection, "call", str(n))
                if n % 3 == 0:
                    raise LookupError
        except LookupError:
            pass

    await asyncio.gather(*(change(n) for n in range(60)))
    assert [r["seq"] for r in await pool.fetch("SELECT seq FROM feed ORDER BY seq")] == list(range(1, 41))


async def test_what_is_no_citizens_call_is_kept_as_facts_only(pool: Pool) -> None:
    world = World(pool)
    echo = [Fact("cel", "f", 0, "t-1-1.0", "CHAN_START", T0, {"uniqueid": "t-1-1.0", "context": "from-seat"}),
            Fact("cel", "f", 1, "t-1-1.0", "LINKEDID_END", T0 + 1, {"uniqueid": "t-1-1.0"})]
    assert await world.ledger.commit(batch(echo), FOLD) == []
    assert (await world.count("call_fact"), await world.count("call"), await world.count("work_order")) == (2, 0, 0)


async def test_queue_log_lines_are_kept_and_make_no_call(pool: Pool) -> None:
    world = World(pool)
    row = Fact("queue_log", "q", 0, linked(1), "CONNECT", T0, {"queue": "hotline", "member": "王律师", "data": ["5", "x", "3"]})
    assert await world.ledger.commit(LedgerBatch("queue_log", "q", 0, 60, (row,)), FOLD) == []
    assert await world.ledger.positions("queue_log") == {"q": 60} and await world.count("call") == 0
    await world.call(1)
    assert await world.count("call") == 1


async def test_a_batch_without_facts_moves_the_position(pool: Pool) -> None:
    world = World(pool)
    assert await world.ledger.commit(LedgerBatch("cel", "f", 0, 900, ()), FOLD) == []
    assert await world.ledger.positions("cel") == {"f": 900} and await world.count("feed") == 0


async def test_a_message_has_a_due_time_even_when_it_was_told_late(pool: Pool) -> None:
    world = World(pool)
    rows = facts(1, answered=False)
    left = Fact("cel", "late", 0, linked(1), "user:MESSAGE", rows[1].at, {"uniqueid": linked(1), "extra": "180"})
    await world.ledger.commit(batch(rows), FOLD)
    assert (await world.order(1))["due_at"] is None
    await world.ledger.commit(batch([left], file_id="late"), FOLD)
    order = await world.order(1)
    assert (order["outcome"], order["due_at"]) == ("message", DUE)


async def test_a_lost_call_is_closed_once_and_its_order_says_why(pool: Pool) -> None:
    world = World(pool)
    await world.call(1, ended=False)
    assert await world.ledger.open_calls(T0 + 900) == [linked(1)]
    assert await world.ledger.open_calls(T0 + 1) == [], "it arrived later"
    await asyncio.gather(*(world.ledger.interrupt(linked(1), T0 + 90, FOLD) for _ in range(4)))
    assert await world.ledger.open_calls(T0 + 900) == []
    assert await pool.fetchval("SELECT outcome FROM call") == "interrupted"
    assert await world.count("call_fact", "kind = 'INTERRUPTED'") == 1
    assert "中断" in str((await world.order(1))["note"])


async def test_a_proper_end_read_late_wins_over_an_interruption(pool: Pool) -> None:
    world = World(pool)
    rows = facts(1)
    await world.ledger.commit(batch(rows[:5]), FOLD)
    await world.ledger.interrupt(linked(1), T0 + 900, FOLD)
    await world.ledger.commit(batch(rows[5:]), FOLD)
    assert await pool.fetchval("SELECT outcome FROM call") == "answered"
    assert await world.count("work_order") == 1


async def test_a_lost_connection_is_unavailable_and_undone(pool: Pool) -> None:
    world = World(pool)
    with pytest.raises(Unavailable):
        async with transaction(pool) as connection:
            await append(connection, "call", "x")
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await pool.execute("SELECT pg_terminate_backend($1)", pid)
            await connection.execute("SELECT 1")
    assert await world.count("feed") == 0
    await world.call(1)


async def test_the_board_is_stamped_while_the_link_is_up_only(pool: Pool) -> None:
    live = PostgresQueueLive(pool)
    board = {"callers": [], "members": []}
    await live.save({"hotline": board, "old": board}, True, ["hotline"])
    stamped = await pool.fetchval("SELECT as_of FROM queue_live WHERE queue = 'hotline'")
    await live.save({"hotline": board, "old": board}, False, [])
    row = await pool.fetchrow("SELECT link_up, as_of FROM queue_live WHERE queue = 'hotline'")
    assert not row["link_up"] and row["as_of"] == stamped
    await live.save({"hotline": board | {"callers": [{"linked_id": "a"}]}}, True, ["hotline"])
    rows = await pool.fetch("SELECT queue, board, link_up, as_of FROM queue_live")
    assert [(r["queue"], r["link_up"], r["as_of"] > stamped) for r in rows] == [("hotline", True, True)]
    assert rows[0]["board"]["callers"] == [{"linked_id": "a"}]
    assert await pool.fetchval("SELECT count(*) FROM feed WHERE topic = 'queue'") == 2
