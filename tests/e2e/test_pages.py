"""The pages in a real browser against the running product: signed in by link, live while a real call happens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright, expect

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

HOSTILE_NAME = "<img src=x onerror=document.title=1>"
CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--autoplay-policy=no-user-gesture-required",
]


@asynccontextmanager
async def browser_page(width: int = 1366, height: int = 768) -> AsyncIterator[Page]:
    """A fresh headless Chromium at an office screen's size; page errors fail the test."""
    errors: list[str] = []
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        context = await browser.new_context(
            viewport={"width": width, "height": height}, locale="zh-CN", timezone_id="Asia/Shanghai"
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            yield page
        finally:
            await browser.close()
    assert errors == []


async def sign_in(hotline: RunningHotline, page: Page) -> None:
    link = (await hotline.cli("user", "login-link", "admin")).strip()
    await page.goto(link)
    await expect(page.get_by_test_id("live-state")).to_contain_text("实时", timeout=15_000)


async def test_the_board_follows_a_call_and_its_recording_can_be_reviewed(
    hotline: RunningHotline, client: HotlineClient
) -> None:
    said, seconds = hotline.speech("我想咨询一下邻里纠纷我叫马建国")
    async with browser_page() as page:
        await sign_in(hotline, page)
        assert "ticket" not in page.url
        async with hotline.operator() as operator, hotline.caller("13895120001", HOSTILE_NAME) as caller:
            await client.queue_until(lambda q: q["members"]["available"] == 1)
            await caller.dial("12348")
            linked_id = await arrival(client, "13895120001")
            await state(client, linked_id, "queued")
            await expect(page.get_by_test_id("queue-waiting").first).to_have_text("1", timeout=5_000)
            row = page.locator(f'[data-testid=call-row][data-id="{linked_id}"]')
            await expect(row).to_contain_text("138****0001")
            await operator.wait_for("CALL_INCOMING")
            await operator.answer()
            await expect(page.get_by_test_id("queue-waiting").first).to_have_text("0", timeout=5_000)
            await state(client, linked_id, "talking")
            await caller.say(said)
            await asyncio.sleep(seconds + 0.5)
            await caller.hang_up()
            order = await filled_order(client, linked_id)
        await row.click()
        await expect(page.get_by_test_id("transcript-segment").first).to_contain_text("邻里纠纷", timeout=10_000)
        await expect(page.get_by_text(HOSTILE_NAME).first).to_be_visible()
        assert await page.title() != "1"
        await expect(page.get_by_test_id("field-row").filter(has_text="马**")).to_contain_text("机器填写")
        await page.get_by_test_id("play").click()
        # Playing, the page follows the voice: a later word lights up than the one at the start.
        first = page.get_by_test_id("word").first
        await expect(page.locator("[data-testid=word][data-current]").first).to_be_visible(timeout=10_000)
        await expect(first).not_to_have_attribute("data-current", re.compile(".*"), timeout=15_000)
        assert float(await page.locator("[data-testid=audio]").evaluate("a => a.currentTime")) > 0
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1366
        await page.goto(f"{hotline.url}/orders/{order['number']}")
        await expect(page.get_by_test_id("field-row").filter(has_text="邻里纠纷")).to_be_visible()


async def test_without_a_session_only_the_login_page_is_shown(hotline: RunningHotline) -> None:
    async with browser_page() as page:
        await page.goto(f"{hotline.url}/calls")
        await expect(page.get_by_test_id("login-submit")).to_be_visible()
        await expect(page.get_by_test_id("call-row")).to_have_count(0)
        link = (await hotline.cli("user", "login-link", "admin")).strip()
        await page.goto(link)
        await expect(page.get_by_test_id("live-state")).to_contain_text("实时", timeout=15_000)
    async with browser_page() as page:
        await page.goto(link)
        await expect(page.get_by_test_id("login-submit")).to_be_visible()


async def test_a_password_lets_in_and_a_wrong_one_does_not(hotline: RunningHotline) -> None:
    await hotline.cli("user", "add", "zhang", "--role", "supervisor", "--display-name", "张班长")
    await hotline.cli("user", "password", "zhang", stdin=b"correct horse battery\ncorrect horse battery\n")
    async with browser_page() as page:
        await page.goto(f"{hotline.url}/login")
        await page.get_by_test_id("login-name").fill("zhang")
        await page.get_by_test_id("login-password").fill("wrong horse battery")
        await page.get_by_test_id("login-submit").click()
        await expect(page.get_by_role("alert").first).to_be_visible()
        await page.get_by_test_id("login-password").fill("correct horse battery")
        await page.get_by_test_id("login-submit").click()
        await expect(page.get_by_text("张班长")).to_be_visible()
