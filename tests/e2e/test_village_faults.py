"""Village phones that misbehave: a broken clock, nonsense in Expires, a flood of registrations. The others are registered and served."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import command
from tests.e2e.village import HEAD, PlainPhone, eventually, secret_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

DEVICE, OTHER = "v-640105001-L01-1", "v-640105001-L01-2"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[RunningHotline]:
    async with running_hotline() as running:
        (running.folder / "devices.csv").write_text(HEAD + f"{DEVICE},康庄社区,,,,,\n{OTHER},康庄社区,,,,,\n")
        await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


async def held_s(product: RunningHotline, device: str) -> float | None:
    """For how many seconds from now Asterisk holds this registration; None when it holds none."""
    shown = await command(product, "database show registrar/contact")
    found = re.search(rf"^/registrar/contact/{device};@\S+\s*:\s*(\{{.*\}})\s*$", shown, re.MULTILINE)
    return float(json.loads(found[1])["expiration_time"]) - time.time() if found else None


async def test_a_flood_and_a_broken_clock_of_one_phone_leave_the_other_registered_and_served(product: RunningHotline) -> None:
    async with PlainPhone(product.sip, DEVICE, await secret_of(product, DEVICE)) as phone, PlainPhone(
        product.sip, OTHER, await secret_of(product, OTHER)
    ) as other:

        async def registers() -> bool:
            return await phone.register() == 200 and await other.register() == 200

        await eventually(registers)
        server = f"sip:127.0.0.1:{product.sip}"
        for expires, date, wanted in (
            ("4294967295", "Thu, 01 Jan 1970 00:00:00 GMT", {200}), ("7200", "Mon, 31 Dec 2099 23:59:59 GMT", {200}),
            ("1", "yesterday", {200, 423}), ("99999999999999999999", "", set()), ("-5", "Thu, 99 Foo 0000", set()), ("soon", "今天", set()),
        ):
            more = f"Expires: {expires}\r\n" + (f"Date: {date}\r\n" if date else "")
            status = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wanted else 1):  # what is no SIP need not be answered, and ends nothing
                    status = await phone._ask("REGISTER", server, more)
            assert not wanted or status in wanted, expires
            assert await phone.register() == 200
            held = await held_s(product, DEVICE)
            assert held is not None and 0 < held <= 605, f"Expires: {expires}"
        assert await phone._ask("REGISTER", server, "Expires: 4294967295\r\n") == 200
        held = await held_s(product, DEVICE)
        assert held is not None and held <= 605, "what a phone wishes is bounded, so that it is missed in time"

        before = len(product.asterisk_log)
        async with PlainPhone(product.sip, DEVICE, "wrong") as thief:

            async def flood(who: PlainPhone, count: int) -> set[int]:
                return {await who.register() for _ in range(count)}

            begun = time.monotonic()
            right, wrong, served = await asyncio.gather(flood(phone, 300), flood(thief, 300), flood(other, 20))
            print(f"620 registrations in {time.monotonic() - begun:.1f} s")
            assert (right, served) == ({200}, {200}) and 200 not in wrong
            assert await other.call("1") == 200
        assert len(product.asterisk_log) - before < 400 * 300, "one line for each refusal at most, and none for what is right"
        assert await held_s(product, DEVICE) and await held_s(product, OTHER)
        async with aiohttp.ClientSession() as client, client.get(f"{product.url}/healthz") as answer:
            assert (await answer.json())["status"] == "ok"
        await product.cli("devices", "block", OTHER, "--reason", "测试结束")
