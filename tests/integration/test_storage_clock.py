"""The database's clock set back: what was written before lies in the future and must hold nothing up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ivr.storage.ledger import PostgresLedger
from ivr.storage.views import PostgresViews
from tests.integration.storage_world import World, tracks

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_a_call_from_the_future_can_be_found_lost(pool: Pool) -> None:
    world = World(pool)
    await world.call(1, ended=False)
    ledger = PostgresLedger(pool, None)  # type: ignore[arg-type]
    linked_id = await pool.fetchval("SELECT linked_id FROM call")
    for arrived, lost in (("-1 minute", True), ("+1 minute", False), ("+1 hour", True)):
        await pool.execute("UPDATE call SET arrived_at = now() + $1::text::interval", arrived)
        assert (linked_id in await ledger.open_calls(time.time())) is lost, arrived


async def test_a_lease_given_before_the_clock_was_set_back_ends(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1)[:1])
    assert await world.tracks.take("dead", 20.0) is not None
    assert await world.tracks.take("next", 20.0) is None, "a lease in force is respected"
    await pool.execute("UPDATE recording_track SET lease_until = now() + interval '1 hour'")
    assert await world.tracks.take("next", 20.0) is not None


async def test_a_board_from_the_future_is_stale(pool: Pool) -> None:
    await pool.execute("INSERT INTO queue_live VALUES ('hotline', '{}', true, now())")
    assert (await PostgresViews(pool).health(6.0)).queue_live_stale is False
    await pool.execute("UPDATE queue_live SET as_of = now() + interval '1 hour'")
    assert (await PostgresViews(pool).health(6.0)).queue_live_stale is True
