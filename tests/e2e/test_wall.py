"""Wall and dispatch in a real browser against the running product, while real calls come and are counted."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.async_api import Page, Route, expect

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.test_pages import browser_page, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def fits(page: Page, width: int, height: int) -> None:
    """The wall has no edge to scroll to, and no tile cuts its number off."""
    size = await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert size[0] <= width and size[1] <= height
    cut = await page.evaluate(
        "[...document.querySelectorAll('[data-testid=tile-value], [data-testid=wall-waiting], [data-testid=wall-longest]')]"
        ".filter(e => e.scrollWidth > e.parentElement.clientWidth + 1).length"
    )
    assert cut == 0


WATCH = """() => {
  const parts = '.tiles > *, .tiles [data-testid=tile-value], .queues > *, .places > *, .places canvas, [data-testid=wall-orders]'
  const watched = [...document.querySelectorAll(parts)]
  const seen = window.flicker = { watched, gone: [], shifts: [], changes: 0 }
  new MutationObserver((records) => {
    seen.changes += records.length
    for (const node of records.flatMap((record) => [...record.removedNodes])) {
      if (watched.some((kept) => node === kept || node.contains(kept))) seen.gone.push(node.outerHTML)
    }
  }).observe(document.querySelector('.wall'), { childList: true, subtree: true, characterData: true })
  seen.observer = new PerformanceObserver((list) => seen.take(list.getEntries()))
  seen.take = (entries) => { for (const entry of entries) {
    seen.shifts.push([entry.value, ...entry.sources.map((source) => source.node?.outerHTML ?? '')])
  } }
  seen.observer.observe({ type: 'layout-shift', buffered: false })
  return [watched.length, document.querySelectorAll('.places canvas').length]
}"""
SEEN = """() => {
  const seen = window.flicker
  seen.take(seen.observer.takeRecords())
  return { gone: seen.gone, lost: seen.watched.filter((node) => !node.isConnected).length, shifts: seen.shifts, changes: seen.changes }
}"""


class Heated:
    """The wall's figures as they are, with a village that has one order more at every reading: its chart is drawn again."""

    def __init__(self) -> None:
        self.times = 0

    async def answer(self, route: Route) -> None:
        response = await route.fetch()
        figures = await response.json()
        self.times += 1
        figures["heat"] |= {
            "columns": [{"code": "consultation", "name": "法律咨询"}], "further_places": 0,
            "places": [{"code": "640105001", "name": "西花园路街道", "orders": [self.times]}],
        }
        await route.fulfill(response=response, json=figures)


async def one_call(hotline: RunningHotline, client: HotlineClient, number: str) -> str:
    """A real call, answered and over."""
    said, seconds = await asyncio.to_thread(hotline.speech, "我想咨询一下邻里纠纷我叫马建国")
    async with hotline.operator() as operator, hotline.caller(number) as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, number)
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        await caller.say(said)
        await asyncio.sleep(seconds + 0.3)
        await caller.hang_up()
        await filled_order(client, linked_id)
    return linked_id


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (1920, 1080)])
async def test_the_wall_counts_a_real_call_and_shows_who_waits(
    hotline: RunningHotline, client: HotlineClient, width: int, height: int
) -> None:
    number = f"1389512{width}"
    async with browser_page(width, height) as page:
        await sign_in(hotline, page)
        drawn = Heated()
        await page.route("**/api/v1/statistics/wall*", drawn.answer)
        await page.goto(f"{hotline.url}/wall")
        value = page.get_by_test_id("tile-today").get_by_test_id("tile-value")
        await expect(value).to_have_text(re.compile(r"^\d+$"), timeout=15_000)
        before = int(await value.inner_text())
        await expect(page.locator(".places canvas").first).to_be_visible(timeout=15_000)
        first_drawn = drawn.times
        parts, charts = await page.evaluate(WATCH)
        assert parts >= 6 + 6 + 1 + 1 and charts >= 1
        async with hotline.caller(number) as caller:
            await caller.dial("12348")
            await state(client, await arrival(client, number), "queued")
            await expect(page.get_by_test_id("wall-waiting").first).to_have_text("1", timeout=5_000)
            await expect(page.get_by_test_id("wall-longest").first).to_have_text(re.compile(r"^0′\d\d″$"))
            await fits(page, width, height)
            await caller.hang_up()
        await expect(page.get_by_test_id("wall-waiting").first).to_have_text("0", timeout=5_000)
        await expect(value).to_have_text(str(before + 1), timeout=20_000)
        await expect(page.get_by_test_id("tile-rolling")).to_contain_text("人工接通 ÷ 到达")
        await expect(page.get_by_test_id("tile-satisfied")).to_contain_text("·")
        await expect(page.get_by_test_id("wall-orders")).to_contain_text("待核对")
        await expect(page.get_by_test_id("wall-unbalanced")).to_have_count(0)
        await fits(page, width, height)
        # What changed meanwhile is text and drawing: no part was taken out and put in again, none moved.
        assert drawn.times > first_drawn
        seen = await page.evaluate(SEEN)
        assert seen["changes"] > 0 and (seen["gone"], seen["lost"], seen["shifts"]) == ([], 0, []), seen


async def test_a_wall_that_reads_nothing_new_says_since_when(hotline: RunningHotline) -> None:
    async with browser_page() as page:
        await sign_in(hotline, page)
        await page.clock.install()
        await page.goto(f"{hotline.url}/wall")
        value = page.get_by_test_id("tile-today").get_by_test_id("tile-value")
        await expect(value).to_have_text(re.compile(r"^\d+$"), timeout=15_000)
        kept = await value.inner_text()
        await expect(page.get_by_test_id("wall-old")).to_have_count(0)
        await page.route("**/api/v1/statistics/wall*", lambda route: route.abort())
        await page.clock.fast_forward(60_000)
        await expect(page.get_by_test_id("wall-old")).to_have_text(re.compile(r"指标停在 \d\d:\d\d:\d\d"), timeout=15_000)
        await expect(value).to_have_text(kept)
        await page.unroute("**/api/v1/statistics/wall*")
        await page.clock.fast_forward(11_000)
        await expect(page.get_by_test_id("wall-old")).to_have_count(0, timeout=15_000)


async def test_every_number_of_dispatch_opens_its_calls_and_the_address_says_it_all(
    hotline: RunningHotline, client: HotlineClient
) -> None:
    linked_id = await one_call(hotline, client, "13895127001")
    async with browser_page() as page:
        await sign_in(hotline, page)
        await page.goto(f"{hotline.url}/dispatch")
        total = page.locator("[data-row=''] [data-set=answered]")
        await expect(total).to_have_text(re.compile(r"^[1-9]\d*$"), timeout=15_000)
        answered = int(await total.inner_text())
        await total.click()
        rows = page.get_by_test_id("counted").get_by_test_id("call-row")
        await expect(page.get_by_test_id("counted-title")).to_contain_text(f"{min(answered, 50)} 个来电")
        await expect(page.get_by_test_id("counted").locator(f"[data-id='{linked_id}']")).to_be_visible()
        assert await rows.count() == min(answered, 50)
        # By keyboard to the number of the hour, then its list, then back.
        await page.get_by_test_id("counted-close").press("Escape")
        await expect(page.get_by_test_id("counted")).to_have_count(0)
        await expect(total).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await expect(page.locator("[data-cell='1,1']")).to_be_focused()
        await page.locator("[data-row^='20'] [data-set=answered]:not(.none)").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_test_id("counted")).to_be_visible()
        query = parse_qs(urlparse(page.url).query)
        assert query["figure"] == ["answered"] and re.match(r"\d{4}-\d\d-\d\dT\d\d:00", query["row"][0])
        shared = page.url
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("counted")).to_have_count(0)
        await expect(page.locator(f"[data-row='{query['row'][0]}'] [data-set=answered]")).to_be_focused()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
    async with browser_page() as page:
        await sign_in(hotline, page)
        await page.goto(shared)
        await expect(page.get_by_test_id("counted").get_by_test_id("call-row").first).to_be_visible(timeout=15_000)
        await page.get_by_test_id("by").get_by_text("渠道").click()
        await expect(page.get_by_test_id("groups")).to_contain_text("热线")
        assert parse_qs(urlparse(page.url).query) == {"by": ["channel"]}
