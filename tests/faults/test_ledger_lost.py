"""Asterisk cannot write its ledger while calls go on: the live view is the second witness, and no call is lost."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from ivr.exchange_setup import Places
from tests.e2e.hotline import RunningHotline
from tests.faults.load import Caller, Load
from tests.faults.small_volume import SmallVolume
from tests.faults.witness import (
    all_tracks_done,
    answered_in_queue_log,
    board_equals_asterisk,
    every_call_has_its_order,
    reconciled,
    rows,
)

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

BEFORE, DURING, GIVEN_UP, ACROSS, AFTER = (
    Caller("13820300001", 12.0), Caller("13820300002", 11.0), Caller("13820300003", 4.0), Caller("13820300004", 20.0),
    Caller("13820300005", 3.0),
)


def witnessed(product: RunningHotline) -> list[str]:
    """Linked ids of the calls the controller's log says were witnessed."""
    log = (Places(product.folder / "state").logs / "controller.log").read_text(errors="replace")
    return [e["linked_id"] for e in map(json.loads, log.splitlines()) if e["event"] == "call_witnessed"]


async def test_calls_made_while_the_ledger_cannot_be_written_have_their_orders(product: RunningHotline) -> None:
    ledger = Places(product.folder / "state").asterisk / "log/cel-custom"
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(product.client())
        for seat in ("one", "two"):
            await stack.enter_async_context(product.operator(seat, answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 2)
        volume = SmallVolume(ledger, 1)
        stack.callback(volume.close)
        first = await stack.enter_async_context(Load(product.folder / "first", product.sip, [BEFORE], 1.0))
        await client.queue_until(lambda q: q["members"]["talking"] == 1)
        volume.set_read_only()  # a full one still takes what fits into the file's last block
        load = await stack.enter_async_context(Load(product.folder / "load", product.sip, [DURING, GIVEN_UP, ACROSS], 5.0))
        assert await first.finished() == 0, "a caller was dropped"
        await client.queue_until(lambda q: q["members"]["talking"] == 2)
        await client.queue_until(lambda q: q["members"]["talking"] == 1)
        volume.set_writable()
        assert await load.finished() == 0, "a caller was dropped"
        outcomes = await every_call_has_its_order(product, [BEFORE, DURING, GIVEN_UP, ACROSS])
        assert outcomes == {c.number: "answered" for c in (BEFORE, DURING, ACROSS)} | {GIVEN_UP.number: "abandoned"}
        assert answered_in_queue_log(product) == 3
        told = await rows(
            product, "SELECT c.caller_number, count(f.kind) AS n FROM call c LEFT JOIN call_fact f"
            " ON f.linked_id = c.linked_id AND f.source = 'cel' GROUP BY 1")
        by_ledger = {r["caller_number"]: r["n"] for r in told}
        assert by_ledger[DURING.number] == 0 == by_ledger[GIVEN_UP.number], "the ledger could be written: nothing was tried"
        assert by_ledger[BEFORE.number] > 0 < by_ledger[ACROSS.number], "its half of these calls the ledger has"
        assert len(witnessed(product)) == len(set(witnessed(product))) == 4

        async with Load(product.folder / "after", product.sip, [AFTER], 1.0) as after:
            assert await after.finished() == 0
        everybody = [BEFORE, DURING, GIVEN_UP, ACROSS, AFTER]
        outcomes = await every_call_has_its_order(product, everybody)
        assert outcomes[AFTER.number] == "abandoned" and len(witnessed(product)) == 4, "the ledger tells again"
        await board_equals_asterisk(product, client, within_s=15)
        tracks = await all_tracks_done(product, at_least=6)
    assert len(tracks) == 6 and {t["state"] for t in tracks} <= {"transcribed", "no_speech"}
    async with asyncio.timeout(20):
        while await rows(product, "SELECT 1 FROM work_order WHERE filled_at IS NULL"):
            await asyncio.sleep(0.2)
    assert len(await rows(product, "SELECT 1 FROM work_order")) == 5 == len(await rows(product, "SELECT 1 FROM call"))
    calls = await rows(product, "SELECT * FROM call WHERE answered_at IS NOT NULL")
    assert all(c["recording_name"] and c["hangup_by"] == "caller" and c["queue"] == "hotline" for c in calls)
    await reconciled(product)
