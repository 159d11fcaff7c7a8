"""Take a screenshot of every page from the running product, with real calls: `make screenshots`.

``python -m tests.e2e.screenshots wall dispatch`` takes only those.
"""

from __future__ import annotations

import asyncio
import csv
import re
import sys
from contextlib import AsyncExitStack

from playwright.async_api import Page, expect

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.demo.script import DIALOGUE
from ivr.settings import PROJECT_ROOT
from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, operator_signs_in, sits_down
from tests.e2e.desk import state as seat_state
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.test_menus import facts
from tests.e2e.village import HEAD

IMAGES = PROJECT_ROOT / "docs/images"
_MOST_DEVICES = 10
_PAGES = (
    ("floor", "/", "call-row"), ("calls", "/calls", "call-row"), ("review", "/calls/{call}", "transcript-segment"),
    ("orders", "/orders", "order-row"), ("order", "/orders/{order}", "order-state"), ("tasks", "/tasks", "task-kinds"),
    ("dispatch", "/dispatch?figure=arrived", "call-row"), ("wall", "/wall", "tile-value"), ("analysis", "/analysis", "warning-state"),
    ("quality", "/quality", "quality-state"), ("devices", "/devices", "device-counts"),
    ("adviser-hours", "/devices?view=hours", "hours-link"), ("knowledge", "/knowledge", "article-new"),
    ("roster", "/roster", "roster-week"), ("day", "/day", "day-shown"), ("retention", "/retention", "retention-kinds"),
    ("account", "/account", "factor-start"), ("supervisor", "/supervisor", "sup-seat"), ("login", "/login", "login-name"),
)
"""Name, path and what is there once the page is; as a supervisor sees it, the last one signed out."""


async def main() -> None:
    """A finished call and a missed one, one at a browser's seat, two who wait; then every page."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with desk_hotline() as hotline:
        (hotline.folder / "devices.csv").write_text(_devices())
        await hotline.cli("devices", "import", str(hotline.folder / "devices.csv"))
        async with AsyncExitStack() as stack:
            await _shoot(hotline, stack)


def _devices() -> str:
    """A phone in each of the first villages of the product's own table of places."""
    with (PROJECT_ROOT / "ivr/domain/tables/places-640105.csv").open(encoding="utf-8", newline="") as table:
        villages = [row["code"] for row in csv.DictReader(table) if row["kind"] == "village" and row["status"] == "confirmed"][:_MOST_DEVICES]
    return HEAD + "".join(f"v-{code}-1,{code},马秀兰,8003,一楼大厅,GXV3480,\n" for code in villages)


async def _shoot(hotline: DeskHotline, stack: AsyncExitStack) -> None:
    client = await stack.enter_async_context(hotline.client())
    one = await stack.enter_async_context(hotline.operator("one"))
    await client.queue_until(lambda q: q["members"]["available"] == 1)
    async with hotline.caller("13895112348", "马建国") as caller:
        await caller.dial("12348")
        linked_id = await arrival(client, "13895112348")
        await one.wait_for("CALL_INCOMING")
        await one.answer()
        await state(client, linked_id, "talking")
        await _speaks(hotline, caller, one)
        await one.hang_up()
        await facts(hotline, linked_id, lambda seen: ("RATING_ASKED", "1") in seen)
        await caller.press("5")  # so that there is somebody to call and a call to hear
        await caller.wait_for("CALL_CLOSED", within_s=30)
        number = (await filled_order(client, linked_id))["number"]
    async with hotline.caller("13995001122") as impatient:
        await impatient.dial("12348")
        await state(client, await arrival(client, "13995001122"), "queued")
        await impatient.hang_up()
    desk = await stack.enter_async_context(desk_browser(hotline, says=hotline.silence))
    await operator_signs_in(hotline, desk, "zhang")
    await sits_down(desk)
    await desk.get_by_test_id("desk-ready").click()
    await seat_state(desk, "available")
    callers = [
        await stack.enter_async_context(hotline.caller(number, name))
        for number, name in (("15909510808", "杨秀英"), ("18695110033", ""), ("13709515566", "丁玉兰"))
    ]
    await callers[0].dial("12348")
    talking = await arrival(client, "15909510808")
    await seat_state(desk, "ringing", 40)
    await desk.keyboard.press("F2")
    await state(client, talking, "talking")
    await _speaks(hotline, callers[0], None)
    for waiting in ("18695110033", "13709515566"):
        await callers[1 + (waiting == "13709515566")].dial("12348")
        await state(client, await arrival(client, waiting), "queued")
    await _shot(desk, "desk")
    room = await stack.enter_async_context(desk_browser(hotline))
    await hotline.cli("user", "add", "ban", "--role", "supervisor", "--display-name", "班督导")
    link = (await hotline.cli("user", "login-link", "ban")).strip()
    await room.goto(hotline.page_url + "/?ticket=" + link.rpartition("ticket=")[2])
    await expect(room.get_by_test_id("live-state")).to_contain_text("实时", timeout=15_000)
    await _every_page(hotline, room, client, linked_id, number)


async def _every_page(hotline: DeskHotline, page: Page, client: HotlineClient, linked_id: str, number: str) -> None:
    for name, path, awaited in _PAGES:
        if name == "login":
            await page.context.clear_cookies()
        await page.goto(hotline.page_url + path.format(call=linked_id, order=number))
        await page.get_by_test_id(awaited).first.wait_for()
        if name == "quality" and await page.get_by_test_id("quality-row").count():
            await page.get_by_test_id("quality-row").first.click()
        await _shot(page, name)


async def _speaks(hotline: DeskHotline, caller: ScriptedPhone, operator: ScriptedPhone | None) -> None:
    """The dialogue of the demonstration; at a browser's seat the microphone says its own."""
    for speaker, text in DIALOGUE:
        voice = "cmn-latn-pinyin+m3" if speaker == "caller" else "cmn-latn-pinyin+f2"
        wav, seconds = await asyncio.to_thread(hotline.speech, text, voice)
        phone = caller if speaker == "caller" else operator
        if phone is not None:
            await phone.say(wav)
            await asyncio.sleep(seconds + 0.4)


async def _shot(page: Page, name: str) -> None:
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    await expect(page.locator("body")).not_to_contain_text(re.compile("正在读取|读取中"), timeout=10_000)
    await page.wait_for_timeout(1500)  # fonts, charts and the waveform's drawing have no event of their own
    await page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
