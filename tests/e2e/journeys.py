"""Steps every end-to-end test needs, as waits on what the product itself says."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.exchange_setup import Places, cache_folder
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.embedded import Console
from tests.e2e.hotline import RunningHotline

ORDER = ["arrived", "queued", "talking", "ended"]


async def arrival(client: HotlineClient, number: str) -> str:
    """The linked id of a call from this number that has not ended."""
    call = await client.until(f"a call from {number}", lambda: next(
        (c for c in client.calls.values() if c["caller_number"] == number and c["state"] != "ended"), None))
    return str(call["linked_id"])


async def state(client: HotlineClient, linked_id: str, wanted: str, within_s: float = 20) -> dict[str, Any]:
    """The call once it is in this state or beyond."""
    return await client.until(f"call {linked_id} {wanted}", lambda: (
        client.calls[linked_id] if linked_id in client.calls
        and ORDER.index(client.calls[linked_id]["state"]) >= ORDER.index(wanted) else None), within_s)


async def filled_order(client: HotlineClient, linked_id: str, within_s: float = 60) -> dict[str, Any]:
    """The call's one order, whole, once nothing more is awaited for it."""
    found = await client.until(f"the order of {linked_id}", lambda: next(
        (o for o in client.orders.values() if linked_id in o["calls"] and o["filled_at"]), None), within_s)
    return await client.get(f"/work-orders/{found['number']}")


async def command(running: RunningHotline, line: str) -> str:
    """One line on this product's Asterisk console."""
    console = Console(find_asterisk(running.settings.asterisk.root, cache_folder()), Places(running.folder / "state").asterisk)
    return str(await console.command(line))


async def line_up(running: RunningHotline) -> None:
    """Asterisk knows that somebody answers at the carrier's address; it asks by itself every half minute only."""
    async with asyncio.timeout(20):
        while not re.search(r"trunk-carrier/\S+\s+\S+\s+Avail", await command(running, "pjsip show contacts")):
            await command(running, "pjsip qualify trunk-carrier")
            await asyncio.sleep(0.2)


async def dialled(client: HotlineClient, caller: ScriptedPhone, number: str) -> str:
    """Dial, and skip greeting and notice by 0; the call's linked id."""
    await caller.dial("12348")
    await caller.wait_for("CALL_ESTABLISHED")
    linked_id = await arrival(client, number)
    await caller.press("0")
    return linked_id


async def into_the_queue(client: HotlineClient, caller: ScriptedPhone, number: str) -> str:
    """Dial and wait in the queue; the call's linked id."""
    linked_id = await dialled(client, caller, number)
    await state(client, linked_id, "queued")
    return linked_id
