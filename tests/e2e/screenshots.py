"""Take the documentation's screenshots from the running product, with real calls on the board: `make screenshots`.

``python -m tests.e2e.screenshots wall dispatch`` takes only those.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import async_playwright

from ivr.demo.script import DIALOGUE
from ivr.settings import PROJECT_ROOT
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.test_pages import CHROMIUM

IMAGES = PROJECT_ROOT / "docs/images"


async def main() -> None:
    """One finished call, one in progress, two waiting; then the board, the review and the orders."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    running = RunningHotline()
    try:
        await running.start()
        await _shoot(running)
    finally:
        await running.stop()
        running.remove()


async def _shoot(hotline: RunningHotline) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(hotline.client())
        one = await stack.enter_async_context(hotline.operator("one"))
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        async with hotline.caller("13895112348", "马建国") as caller:
            await caller.dial("12348")
            linked_id = await arrival(client, "13895112348")
            await one.wait_for("CALL_INCOMING")
            await one.answer()
            await state(client, linked_id, "talking")
            for speaker, text in DIALOGUE:
                voice = "cmn-latn-pinyin+m3" if speaker == "caller" else "cmn-latn-pinyin+f2"
                wav, seconds = await asyncio.to_thread(hotline.speech, text, voice)
                await (caller if speaker == "caller" else one).say(wav)
                await asyncio.sleep(seconds + 0.4)
            await caller.hang_up()
            await filled_order(client, linked_id)
        async with hotline.caller("13995001122") as impatient:
            await impatient.dial("12348")
            await state(client, await arrival(client, "13995001122"), "queued")
            await impatient.hang_up()
        callers = [
            await stack.enter_async_context(hotline.caller(number, name))
            for number, name in (("15909510808", "杨秀英"), ("18695110033", ""), ("13709515566", "丁玉兰"))
        ]
        await callers[0].dial("12348")
        first = await arrival(client, "15909510808")
        await one.wait_for(lambda e: e.get("type") == "CALL_INCOMING" and "15909510808" in str(e))
        await one.answer()
        await state(client, first, "talking")
        two = await stack.enter_async_context(hotline.operator("two"))
        for caller, number in zip(callers[1:], ("18695110033", "13709515566"), strict=True):
            await caller.dial("12348")
            await state(client, await arrival(client, number), "queued")
        await two.wait_for("CALL_INCOMING")
        await client.queue_until(lambda q: q["waiting"] == 2 and q["members"]["ringing"] == 1)
        link = (await hotline.cli("user", "login-link", "admin")).strip()
        await _pages(hotline, link, linked_id, IMAGES)


async def _pages(hotline: RunningHotline, link: str, linked_id: str, images: Path) -> None:
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        context = await browser.new_context(
            viewport={"width": 1366, "height": 768}, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        page = await context.new_page()
        await page.goto(link)
        await page.get_by_test_id("queue-card").first.wait_for()
        for name, path, awaited in (
            ("floor", "/", "call-row"), ("review", f"/calls/{linked_id}", "transcript-segment"), ("orders", "/orders", "order-row"),
            ("dispatch", "/dispatch?figure=arrived", "call-row"), ("wall", "/wall", "tile-value"),
        ):
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            await page.goto(hotline.url + path)
            await page.get_by_test_id(awaited).first.wait_for()
            await page.wait_for_timeout(1200)  # fonts and the waveform's drawing have no event of their own
            await page.screenshot(path=images / f"{name}.png")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
