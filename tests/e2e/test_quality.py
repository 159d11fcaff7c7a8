"""A real call is checked by the running controller, and a supervisor hears a finding and scores it on the page."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from ivr.demo.client import HotlineClient
from ivr.domain.errors import Unavailable
from ivr.quality_setup import shipped_scorecard
from tests.e2e.call_backs import rows
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.test_pages import browser_page

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

POINTS = {"understood": 8, "answer": 12, "told_once": 6, "manner": 9, "order": 5}


async def checked(client: HotlineClient, linked_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            try:
                return await client.get(f"/quality/calls/{linked_id}")
            except Unavailable:  # not there yet
                await asyncio.sleep(0.3)


async def open_as(hotline: RunningHotline, page: Page, name: str, role: str, display_name: str, linked_id: str) -> None:
    """A new account's own look at the call under review."""
    await hotline.cli("user", "add", name, "--role", role, "--display-name", display_name)
    link = (await hotline.cli("user", "login-link", name)).strip()
    await page.goto(f"{hotline.url}/quality?call={linked_id}&ticket={link.rpartition('ticket=')[2]}")


async def appealed_and_decided(hotline: RunningHotline, linked_id: str, score: float) -> None:
    """Whose call it is sees the mark, appeals once and cannot change it; another supervisor decides, and the operator reads why."""
    async with browser_page() as mine, browser_page() as other:
        await open_as(hotline, mine, "quality-wang", "operator", "王律师", linked_id)
        await expect(mine.get_by_test_id("score")).to_have_text(re.compile(rf"^{score:g}(\.0)?$"), timeout=20_000)
        await expect(mine.get_by_test_id("hand-in")).to_have_count(0)
        await expect(mine.get_by_test_id("appeal")).to_be_disabled()
        await mine.get_by_test_id("appeal-words").fill("问候在接通前说过了 <b>请再听</b>")
        await mine.get_by_test_id("appeal").click()
        await expect(mine.get_by_test_id("appealed")).to_contain_text("<b>请再听</b>", timeout=15_000)
        await expect(mine.get_by_test_id("appeal")).to_have_count(0)
        await expect(mine.get_by_test_id("keep")).to_have_count(0)
        await open_as(hotline, other, "quality-li", "supervisor", "李班长", linked_id)
        await expect(other.get_by_test_id("keep")).to_be_disabled(timeout=20_000)
        await other.get_by_test_id("decide-reason").fill("录音里没有听到")
        await other.get_by_test_id("keep").click()
        await expect(other.get_by_test_id("keep")).to_have_count(0, timeout=15_000)
        await mine.reload()
        await expect(mine.get_by_test_id("appealed")).to_contain_text("录音里没有听到", timeout=20_000)
        await expect(mine.get_by_test_id("score")).to_have_text(re.compile(rf"^{score:g}(\.0)?$"))


async def test_a_call_is_checked_and_scored(hotline: RunningHotline, client: HotlineClient) -> None:
    asked, asked_s = hotline.speech("请问您的姓名", "cmn-latn-pinyin+f2")
    said, said_s = hotline.speech("我想咨询一下劳动争议我叫马建国")
    async with hotline.operator() as operator, hotline.caller("13895110077", "马建国") as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, "13895110077")
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        await operator.say(asked)
        await asyncio.sleep(asked_s + 0.5)
        for _ in range(3):  # shorter recordings are not judged
            await caller.say(said)
            await asyncio.sleep(said_s + 1)
        await caller.hang_up()
    order = await filled_order(client, linked_id)
    assert order["matter"]["name"] == "劳动争议"
    told = await checked(client, linked_id)
    results = {r["code"]: r for r in told["check"]["results"]}
    name = results["ask_name"]
    assert (name["verdict"], name["findings"][0]["words"]) == ("pass", "姓名")
    assert (results["greeting"]["verdict"], results["notice"]["verdict"], results["closing"]["verdict"]) == ("fail", "pass", "not_judged")
    assert told["check"]["measures"]["caller_s"] > told["check"]["measures"]["operator_s"] > 0
    await rows(hotline, "UPDATE quality_check SET operator = 'quality-wang' WHERE linked_id = $1", linked_id)
    async with browser_page() as page:
        await open_as(hotline, page, "quality-ban", "supervisor", "班长", linked_id)
        row = page.locator('[data-criterion="ask_name"]')
        await expect(row).to_contain_text("合格", timeout=20_000)
        assert "ticket" not in page.url
        seconds = page.get_by_test_id("time").locator("strong")
        await expect(seconds).to_have_text("0:00.0", timeout=15_000)
        async with page.expect_response(lambda r: r.url.partition("?")[0].endswith("/audio") and r.status in (200, 206), timeout=15_000):
            await row.get_by_test_id("finding").click()
        # A finding may be shorter than a look at the page: that it was played shows in where the player stands.
        end_s = name["findings"][0]["end_s"]
        await expect(seconds).to_have_text(re.compile(rf"^0:0?{int(end_s)}\.|^0:0?{int(end_s + 0.5)}\."), timeout=15_000)
        await expect(page.get_by_test_id("play")).to_have_attribute("data-playing", "false", timeout=15_000)
        await expect(page.get_by_test_id("hand-in")).to_be_disabled()
        for code, points in POINTS.items():
            await page.get_by_test_id(f"points-{code}").fill(str(points))
        await page.get_by_test_id("passed-privacy").get_by_text("合格", exact=True).click()
        await page.get_by_test_id("over-greeting").click()
        await expect(page.get_by_test_id("hand-in")).to_be_disabled()
        await page.get_by_test_id("points-greeting").fill("8")
        await page.get_by_test_id("reason-greeting").fill("问候在接通前说了")
        if folder := os.environ.get("IVR_SHOTS"):
            await page.screenshot(path=Path(folder) / "quality-sheet.png", full_page=True)
        await page.get_by_test_id("hand-in").click()
        await expect(page.get_by_test_id("score")).to_be_visible(timeout=15_000)
        shown = float(await page.get_by_test_id("score").inner_text())
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
        await page.get_by_test_id("quality-state").get_by_text("已评").click()
        await expect(page.locator(f'[data-call="{linked_id}"]')).to_contain_text("选评", timeout=15_000)
    marks = (await client.get(f"/quality/calls/{linked_id}"))["marks"]
    assert [(m["scorer"], m["score"]) for m in marks] == [("quality-ban", shown)] and 0 < shown <= 100
    assert linked_id in [c["linked_id"] for c in (await client.get("/statistics/calls?figure=human_scored"))["calls"]]
    await appealed_and_decided(hotline, linked_id, shown)
    (file := hotline.folder / "card.toml").write_text(shipped_scorecard().replace('"2026.1"', '"office.1"').replace("您贵姓", "您尊姓"))
    told = await hotline.cli("quality", "publish", str(file), "--dry-run")
    assert "有改动" in told and "没有发布" in told
    assert [c["card"]["version"] for c in (await client.get("/quality/cards"))["cards"]] == ["2026.1"]
