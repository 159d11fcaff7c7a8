"""Who asks for confidence has it, by what was said and by the operator's key, from the order's opening."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ivr.domain.recording import LEASE_S
from ivr.storage.confidence import conceal_for
from tests.integration.storage_world import FOLD, World, batch, facts, heard, linked, tracks

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def test_who_asks_for_confidence_has_it_before_anybody_reads(pool: Pool) -> None:
    world = World(pool)
    for n, text in ((1, "这件事请你们保密"), (2, "你们会保密吗")):
        await world.ledger.commit(batch(facts(n, file_id=f"w{n}"), file_id=f"w{n}"), FOLD)
        await world.tracks.add(tracks(n))
        while (job := await world.tracks.take("w", LEASE_S)) is not None:
            await world.tracks.finish(job, "w", heard(job, text if job.track == "caller" else "您好"))
    order = await world.order(1)
    assert order["confidential"] and not (await world.order(2))["confidential"]
    (event,) = await pool.fetch("SELECT actor, move, reason, version FROM order_event WHERE order_id = $1", order["id"])
    assert (event["actor"], event["move"]) == ("machine", "conceal") and "请你们保密" in event["reason"]
    assert event["version"] < order["version"], "filling it came after"
    await pool.execute("UPDATE work_order SET confidential = false WHERE id = $1", order["id"])  # a supervisor lifts it
    async with pool.acquire() as connection:
        await conceal_for(connection, linked(1), "来电人在第 3 秒说“请保密”")
    assert not (await world.order(1))["confidential"], "the machine does not argue"


async def test_the_operators_key_conceals_the_order_as_it_is_opened(pool: Pool) -> None:
    world = World(pool)
    rows = facts(1, file_id="k1")
    asked = replace(rows[2], kind="user:CONFIDENTIAL", position=90, data=rows[2].data | {"extra": "key-6"})
    await world.ledger.commit(batch([*rows, asked], file_id="k1"), FOLD)
    order = await world.order(1)
    assert order["confidential"]
    assert await pool.fetchval("SELECT reason FROM order_event WHERE order_id = $1", order["id"]) == "坐席在通话中按了保密键"
    assert await pool.fetchval("SELECT count(*) FROM audit_event WHERE action = 'order.conceal' AND actor = 'machine'") == 1
    assert await pool.fetchval("SELECT order_then->>'confidential' FROM outbox WHERE order_number = $1", order["number"]) == "true"
