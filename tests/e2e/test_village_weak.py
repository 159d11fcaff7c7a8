"""Old callers of a village: slow and louder words, and a key that says somebody helps, seen at the desk and on the order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import expect

from ivr.telephony.prompt_sound import measure
from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, leaves, state
from tests.e2e.journeys import command, filled_order
from tests.e2e.journeys import state as call_state
from tests.e2e.test_pages import sign_in
from tests.e2e.test_village_desk import DEVICE, at_the_desk, village
from tests.e2e.village import HEAD, secret_of, village_call

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[DeskHotline]:
    async with desk_hotline("") as running:
        (running.folder / "devices.csv").write_text(f"{HEAD}{DEVICE},康庄社区,马秀兰,8003,一楼大厅,GXV3480,\n")
        await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


async def heard(office: DeskHotline) -> str:
    """What Asterisk holds for the village's channel: variables and language."""
    channels = await command(office, "core show channels concise")
    name = next(line.split("!")[0] for line in channels.splitlines() if line.startswith(f"PJSIP/{DEVICE}-"))
    return await command(office, f"core show channel {name}")


async def test_a_helper_beside_the_caller_is_seen_at_the_desk_and_on_the_order_and_words_are_slow_and_louder(office: DeskHotline) -> None:
    prompts = office.folder / "state/run/prompts"
    slow, louder = (measure(prompts / which / "village-adviser.wav") for which in ("slow", "louder"))
    assert louder.seconds == slow.seconds and 4 < louder.speech_dbfs - slow.speech_dbfs < 7
    known: set[str] = set()
    secret = await secret_of(office, DEVICE)
    async with desk_browser(office) as page, office.client() as client, village(office, secret, video=False) as phone:
        await at_the_desk(office, page, "hua")
        for key, told in (("5", True), ("", False)):
            await phone.dial("1")
            await phone.wait_for("CALL_ESTABLISHED")
            linked_id = await village_call(client, known)
            await phone.press(key)
            await state(page, "ringing", 40)
            asterisk = await heard(office)
            assert "/louder" in asterisk and "zh_louder" in asterisk
            await expect(page.get_by_test_id("pop-facts")).to_be_visible()
            await expect(page.get_by_test_id("pop-helper")).to_have_count(int(told))
            await page.keyboard.press("F2")
            await state(page, "talking")
            await call_state(client, linked_id, "talking")
            if told and (shown := os.environ.get("IVR_PICTURE")):
                await page.screenshot(path=shown)
            await phone.hang_up()
            await state(page, "wrapUp")
            order = await filled_order(client, linked_id)
            assert order["helper_present"] is told
            assert (await client.get(f"/calls/{linked_id}"))["helper_present"] is told
            if told:
                first = (linked_id, order["number"])
            await page.get_by_test_id("desk-ready").click()
            await state(page, "available")
        await leaves(page, client)
    async with desk_browser(office) as page:
        await sign_in(office, page)  # at another address of the same product than the desk
        origin = await page.evaluate("location.origin")
        await page.goto(f"{origin}/orders/{first[1]}")
        await expect(page.get_by_text("旁边有人协助")).to_be_visible(timeout=30_000)
        if shown := os.environ.get("IVR_PICTURE"):
            await page.screenshot(path=shown.replace(".png", "-order.png"))
        await page.goto(f"{origin}/calls/{first[0]}")
        await expect(page.get_by_test_id("helper-present")).to_have_text("旁边有人协助", timeout=30_000)
