"""Call-backs with real calls: a place kept by a key, a number said back, one call to the citizen, one order for all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.exchange_setup import database_url
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

SETTINGS = """
[callback]
hours = ["00:00-24:00"]
attempts = 2
spacing_s = 1
ring_s = 20
dissatisfied_delay_s = 1
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hotline() -> AsyncIterator[RunningHotline]:
    """A product that calls back again after a second."""
    async with running_hotline(SETTINGS, rtp=29000) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(hotline: RunningHotline) -> AsyncIterator[HotlineClient]:
    """The live stream and the API."""
    async with hotline.client() as connected:
        yield connected


async def rows(hotline: RunningHotline, sql: str, *values: Any) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        return [dict(r) for r in await connection.fetch(sql, *values)]
    finally:
        await connection.close()


async def until_rows(hotline: RunningHotline, sql: str, *values: Any, within_s: float = 30) -> list[dict[str, Any]]:
    """The rows once there are any."""
    async with asyncio.timeout(within_s):
        while not (found := await rows(hotline, sql, *values)):
            await asyncio.sleep(0.1)
    return found


async def asked(hotline: RunningHotline, linked_id: str, what: str, times: int = 1) -> None:
    """Return when the call-back dialogue asked this so often."""
    await until_rows(
        hotline, "SELECT 1 FROM call_fact WHERE linked_id = $1 AND kind = 'user:CALLBACK_ASKED' AND data->>'extra' = $2"
        " HAVING count(*) >= $3", linked_id, what, times,
    )


async def job(hotline: RunningHotline, number: str, *states: str, within_s: float = 40) -> dict[str, Any]:
    """The newest job of a number once it is in one of these states."""
    found = await until_rows(
        hotline, "SELECT * FROM (SELECT * FROM callback_job WHERE number = $1 ORDER BY id DESC LIMIT 1) j WHERE state = ANY($2)",
        number, list(states), within_s=within_s,
    )
    return found[0]


async def into_the_queue(client: HotlineClient, caller: ScriptedPhone, number: str) -> str:
    """Dial and wait in the queue; the call's linked id."""
    await caller.dial("12348")
    await caller.wait_for("CALL_ESTABLISHED")
    linked_id = await arrival(client, number)
    await caller.press("0")
    await state(client, linked_id, "queued")
    return linked_id


async def promised(hotline: RunningHotline, client: HotlineClient, caller: ScriptedPhone, number: str) -> str:
    """Keep the place by keys 7 and 1, and be hung up on; the call's linked id."""
    linked_id = await into_the_queue(client, caller, number)
    await caller.press("7")
    await asked(hotline, linked_id, "confirm")
    await caller.press("1")
    await state(client, linked_id, "ended", within_s=30)
    return linked_id


async def test_a_kept_place_is_called_back_into_one_order(hotline: RunningHotline, client: HotlineClient) -> None:
    number = "13896100001"
    async with hotline.caller(number, listen_port=hotline.carrier) as citizen:
        linked_id = await promised(hotline, client, citizen, number)
        order = await filled_order(client, linked_id)
        assert (order["outcome"], order["calls"]) == ("callback", [linked_id]) and number in order["note"]
        assert (await client.get(f"/calls/{linked_id}"))["outcome"] == "callback"
        async with hotline.operator() as operator:
            await citizen.wait_for("CALL_INCOMING", within_s=40)
            assert (await job(hotline, number, "calling"))["attempts"] == 0
            await citizen.answer()
            await operator.wait_for("CALL_INCOMING", within_s=40)
            await operator.answer()
            back = await client.until("the call-back", lambda: next(
                (c for c in client.calls.values() if c["channel"] == "callback" and c["caller_number"] == number), None))
            await state(client, back["linked_id"], "talking")
            said, seconds = hotline.speech("老板拖欠工资三个月了")
            await asyncio.sleep(1)
            await citizen.say(said)
            await asyncio.sleep(seconds + 1)
            await citizen.hang_up()
            await client.until("the order's blanks filled", lambda: next(
                (o for o in client.orders.values() if o["number"] == order["number"] and o["matter"]["name"]), None), 60)
    whole = await client.get(f"/work-orders/{order['number']}")
    assert whole["calls"] == [linked_id, back["linked_id"]] and whole["matter"]["name"] == "劳动争议"
    call = await client.get(f"/calls/{back['linked_id']}")
    assert (call["outcome"], call["order"], call["queue"]) == ("answered", order["number"], "hotline")
    assert "".join(g["text"] for g in call["transcript"]["segments"] if g["speaker"] == "caller") == "老板拖欠工资三个月了"
    assert (await job(hotline, number, "done"))["attempts"] == 1
