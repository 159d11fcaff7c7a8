"""Steps of the tests of call-backs: keys of the caller, the citizen's telephone, jobs as they are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.exchange_setup import database_url
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import into_the_queue, line_up, state
from tests.e2e.listening import hears_prompt


async def rows(hotline: RunningHotline, sql: str, *values: Any) -> list[dict[str, Any]]:
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        return [dict(r) for r in await connection.fetch(sql, *values)]
    finally:
        await connection.close()


async def until_rows(hotline: RunningHotline, sql: str, *values: Any, within_s: float = 30) -> list[dict[str, Any]]:
    """The rows once there are any."""
    try:
        async with asyncio.timeout(within_s):
            while not (found := await rows(hotline, sql, *values)):
                await asyncio.sleep(0.1)
    except TimeoutError:
        told = await rows(hotline, "SELECT linked_id, kind, data->>'extra' AS extra FROM call_fact WHERE kind LIKE 'user:%' ORDER BY at DESC LIMIT 30")
        raise AssertionError(f"never came: {sql} {values}; the last events: {told}") from None
    return found


async def asked(hotline: RunningHotline, linked_id: str, what: str, times: int = 1, within_s: float = 30) -> None:
    """Return when the call-back dialogue asked this so often."""
    await until_rows(
        hotline, "SELECT 1 FROM call_fact WHERE linked_id = $1 AND kind = 'user:CALLBACK_ASKED' AND data->>'extra' = $2"
        " HAVING count(*) >= $3", linked_id, what, times, within_s=within_s,
    )


def told(hotline: RunningHotline, event: str) -> int:
    """How often the ledger's file tells of a user event, whoever has read it."""
    return (hotline.folder / "state/run/asterisk/log/cel-custom/ledger.csv").read_text().count(f'"{event}"')


async def job(hotline: RunningHotline, number: str, *states: str, within_s: float = 40) -> dict[str, Any]:
    """The newest job of a number once it is in one of these states."""
    found = await until_rows(
        hotline, "SELECT * FROM (SELECT * FROM callback_job WHERE number = $1 ORDER BY id DESC LIMIT 1) j WHERE state = ANY($2)",
        number, list(states), within_s=within_s,
    )
    return found[0]


@asynccontextmanager
async def citizen_of(hotline: RunningHotline, number: str, **more: Any) -> AsyncIterator[ScriptedPhone]:
    """A citizen's telephone where the carrier delivers our calls, once Asterisk knows that the line is up."""
    async with hotline.caller(number, listen_port=hotline.carrier, **more) as phone:
        await line_up(hotline)
        yield phone


async def ask_for_call_back(hotline: RunningHotline, caller: ScriptedPhone, linked_id: str, times: int = 1) -> None:
    """Press 7 until the number is said back: a key sent in the moment of joining a queue may be missed by it."""
    for _ in range(5):
        await caller.press("7")
        with suppress(AssertionError):
            return await asked(hotline, linked_id, "confirm", times, within_s=3)
    raise AssertionError(f"key 7 did nothing for {linked_id}")


async def heard(hotline: RunningHotline, phone: ScriptedPhone, *prompts: str) -> None:
    """Return when the phone has heard every one of these prompts, in whichever call."""
    for prompt in prompts:
        await hears_prompt(hotline, phone, prompt, within_s=25)


async def promised(hotline: RunningHotline, client: HotlineClient, caller: ScriptedPhone, number: str) -> str:
    """Keep the place by keys 7 and 1, and be hung up on; the call's linked id."""
    linked_id = await into_the_queue(client, caller, number)
    await ask_for_call_back(hotline, caller, linked_id)
    await caller.press("1")
    await state(client, linked_id, "ended", within_s=30)
    return linked_id


def incoming(phone: ScriptedPhone) -> int:
    """How often this phone was called."""
    return sum(e.get("type") == "CALL_INCOMING" for e in phone.events)


async def called(phone: ScriptedPhone, times: int, within_s: float = 40) -> None:
    """Return when the phone was called this often."""
    async with asyncio.timeout(within_s):
        while incoming(phone) < times:
            await asyncio.sleep(0.05)


async def talk(hotline: RunningHotline, client: HotlineClient, citizen: ScriptedPhone, operator: ScriptedPhone, number: str, calls: int = 1) -> str:
    """The citizen picks up, the operator too; after a moment of talk the citizen hangs up. The call-back's linked id."""
    await citizen.answer()
    await called(operator, calls)
    await operator.answer()
    found = await until_rows(
        hotline, "SELECT linked_id FROM call WHERE channel = 'callback' AND caller_number = $1 AND state = 'talking'", number)
    linked_id = str(found[0]["linked_id"])
    await asyncio.sleep(2)
    await citizen.hang_up()
    await state(client, linked_id, "ended")
    return linked_id
