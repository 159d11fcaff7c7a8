"""Analysis in a real browser against the running product: a rise is seen by the controller, signed on the page, and a call is seat time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import docx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from ivr.demo.client import HotlineClient
from ivr.exchange_setup import database_url
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, state
from tests.e2e.test_pages import browser_page
from tests.integration.analysis_world import HOME, TODAY, add_orders, add_quiet_past

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office() -> AsyncIterator[RunningHotline]:
    """A product of its own: ten weeks of orders would change what other tests count."""
    async with running_hotline() as running:
        yield running


async def test_a_rise_reaches_the_dispatch_page_and_is_signed_there_by_keyboard(office: RunningHotline) -> None:
    await office.cli("user", "add", "chen", "--role", "dispatcher", "--display-name", "陈调度")
    async with browser_page() as page, asyncpg.create_pool(database_url(office.settings), min_size=1, max_size=1) as pool:
        await page.goto((await office.cli("user", "login-link", "chen")).strip())
        await expect(page.get_by_test_id("live-state")).to_contain_text("实时", timeout=20_000)
        await page.goto(f"{office.url}/dispatch")
        await expect(page.get_by_test_id("groups")).to_be_visible(timeout=20_000)
        await expect(page.get_by_test_id("warning-strip")).to_have_count(0)
        await add_quiet_past(pool)
        await add_orders(pool, TODAY, 4)
        strip = page.get_by_test_id("warning-strip")
        await expect(strip).to_contain_text("待签发的预警 1 条，最高级别：关注", timeout=60_000)
        await strip.get_by_role("link").click()
        row = page.get_by_test_id("warning-row")
        await expect(row).to_contain_text("法律咨询")
        await row.get_by_test_id("warning-sign").press("Enter")
        reason = page.get_by_test_id("warning-reason")
        await expect(reason).to_be_focused()
        await expect(page.get_by_test_id("warning-confirmed")).to_be_disabled()
        # The number grows while the reason is typed: what is signed is what is shown, and the typed words stay.
        await reason.press_sequentially("<b>工地欠薪</b>")
        await add_orders(pool, TODAY, 4)
        await expect(row).to_contain_text("严重", timeout=60_000)
        await expect(reason).to_have_value("<b>工地欠薪</b>")
        await expect(reason).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("没有待签发的预警")).to_be_visible(timeout=15_000)
        await page.get_by_test_id("warning-state").get_by_text("已签署").click()
        await expect(page.get_by_test_id("warning-row")).to_contain_text("已签发")
        await expect(page.get_by_test_id("warning-row")).to_contain_text("<b>工地欠薪</b>")
        assert "state=signed" in page.url and await page.evaluate("document.documentElement.scrollWidth") <= 1366
        signed = await pool.fetchrow("SELECT decision, signed_level, signed_by FROM early_warning WHERE place = $1", HOME)
        assert tuple(signed) == ("confirmed", 3, "chen")
        async with page.expect_download() as download:
            await page.get_by_test_id("report-docx").click()
        file = await (await download.value).path()
        made = docx.Document(io.BytesIO(await asyncio.to_thread(file.read_bytes)))
        assert any("运行报告" in p.text for p in made.paragraphs)
    assert "前后相符" in await office.cli("audit", "verify")


async def seats(client: HotlineClient) -> list[dict[str, Any]]:
    """What each seat did today."""
    return list((await client.get("/statistics"))["seats"])


async def test_a_conversation_is_seat_time(office: RunningHotline) -> None:
    async with office.client() as client, office.operator() as operator, office.caller("13895127788") as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, "13895127788")
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        async with asyncio.timeout(60):
            while not (busy := [s for s in await seats(client) if s["talking_s"] > 1]):
                await asyncio.sleep(0.5)
        assert busy[0]["seat"] == "one" and busy[0]["occupancy"] > 0
        await caller.hang_up()
        await state(client, linked_id, "ended")
        async with asyncio.timeout(60):  # the conversation stops growing, the time after it does not
            before = busy[0]
            while True:
                (now,) = [s for s in await seats(client) if s["seat"] == "one"]
                if now["talking_s"] == before["talking_s"] and now["ready_s"] > before["ready_s"]:
                    break
                before = now
                await asyncio.sleep(0.5)
