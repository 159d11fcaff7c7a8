"""The roster's week and one's own day in a real browser, on the real web edge and database."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from ivr.domain.assignment import PeopleFile, Person
from ivr.domain.shifts import Shift
from ivr.domain.worktime import SHANGHAI
from ivr.settings import PROJECT_ROOT
from ivr.storage.people import PostgresPeople
from ivr.storage.shifts import PostgresShifts
from tests.e2e.test_order_page import HOSTILE, shot, sign_in
from tests.e2e.test_pages import browser_page
from tests.integration.test_web_own_day import did, rang, sat, talk
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(120)]
TODAY = datetime.now(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = f"{TODAY:%Y-%m-%d}"


async def fill(page: Page, start: str, end: str) -> None:
    await page.get_by_test_id("shift-from").fill(f"{DAY}T{start}")
    await page.get_by_test_id("shift-to").fill(f"{DAY}T{end}")


async def one_call(s: Site) -> None:
    """Wang sat at a seat for an hour of yesterday, answered a call there and let one ring."""
    begun = TODAY - timedelta(hours=10)
    await sat(s, "wang", "east", begun, begun + timedelta(hours=1))
    await talk(s, "c-1", "east", begun + timedelta(minutes=5), 185)
    await did(s, "east", "ready", begun, begun + timedelta(minutes=5))
    await did(s, "east", "talking", begun + timedelta(minutes=5), begun + timedelta(minutes=8))
    await rang(s, 1, "east律师", begun + timedelta(minutes=20), "15000")


async def test_a_week_is_filled_by_hand_and_by_file_and_seen_by_who_it_is_for(web_database: WebDatabase, tmp_path: Path) -> None:
    async with site(web_database, static_dir=PROJECT_ROOT / "ivr/web/static") as s, browser_page() as page:
        await s.accounts.add_user("ban", roles=("supervisor",), display_name="张班长", password=PASSWORD)
        await s.accounts.add_user("wang", roles=("operator",), display_name="王律师", password=PASSWORD)
        await PostgresPeople(s.pool).apply(PeopleFile((Person("8001", "王律师", "热线", "wang"),), ()))
        await one_call(s)
        await sign_in(s, page, "ban")
        await page.get_by_test_id("nav-roster").click()
        await expect(page.get_by_test_id("roster-week")).to_be_visible()
        await page.goto(f"{s.origin}/roster?week={DAY}")
        cell = page.locator(f'[data-person="8001"] [data-day="{DAY}"]')
        await cell.get_by_role("button", name="新增班次").click()
        await expect(page.get_by_test_id("shift-name")).to_have_value("王律师")
        await expect(page.get_by_test_id("shift-save")).to_be_disabled()
        await page.get_by_test_id("shift-labour").click()
        await fill(page, "08:30", "12:00")
        await page.get_by_test_id("shift-save").click()
        await expect(cell.get_by_test_id("shift")).to_contain_text("08:30–12:00")
        await cell.get_by_role("button", name="新增班次").click()
        await fill(page, "11:00", "14:00")
        await page.get_by_test_id("shift-save").click()
        await expect(page.get_by_test_id("shift-form").get_by_role("alert")).to_contain_text("已有同一专长的班")
        await fill(page, "13:00", "17:00")
        await page.get_by_test_id("shift-name").fill(HOSTILE[:40])
        await page.get_by_test_id("shift-save").click()
        await expect(cell.get_by_test_id("shift")).to_have_count(2)

        await cell.get_by_test_id("shift").nth(1).click()
        await s.pool.execute("UPDATE duty SET name = '别人改的' WHERE starts_at = $1", TODAY + timedelta(hours=13))
        await page.get_by_test_id("shift-name").fill("王律师")
        await page.get_by_test_id("shift-save").click()
        await expect(page.get_by_test_id("shift-form").get_by_role("alert")).to_contain_text("被别人改过")
        # What another supervisor writes is here without a reload, beside a form that keeps what was typed.
        other = Shift("8001", "王律师", TODAY + timedelta(hours=19), TODAY + timedelta(hours=20), ("labour",))
        await PostgresShifts(s.pool).add(other, {"8001"}, "other")
        await expect(cell.get_by_test_id("shift")).to_have_count(3, timeout=15_000)
        await expect(page.get_by_test_id("shift-name")).to_have_value("王律师")
        await shot(page, "roster")
        await PostgresShifts(s.pool).remove(other.id, other.version, "other")
        await expect(cell.get_by_test_id("shift")).to_have_count(2, timeout=15_000)
        await page.get_by_test_id("shift-form").get_by_role("button", name="关闭").click()
        await cell.get_by_test_id("shift").nth(1).click()
        await page.get_by_test_id("shift-remove").click()
        await page.get_by_test_id("shift-remove-sure").click()
        await expect(cell.get_by_test_id("shift")).to_have_count(1)

        async with page.expect_download() as download:
            await page.get_by_test_id("roster-export").click()
        file = tmp_path / "roster.csv"
        await (await download.value).save_as(file)
        text = file.read_text("utf-8-sig")
        assert text.splitlines()[1] == f"8001,王律师,劳动争议,{DAY} 08:30,{DAY} 12:00"
        file.write_bytes((text + f"8002,李律师,劳动争议,{DAY} 09:00,{DAY} 18:00\r\n8009,无,劳动争议,{DAY} 09:00,{DAY} 18:00\r\n").encode("gb18030"))
        await page.get_by_test_id("roster-import").click()
        await page.get_by_test_id("roster-choose").set_input_files(file)
        await expect(page.get_by_test_id("roster-bad")).to_contain_text("没有工号为 8009 的坐席")
        await expect(page.get_by_test_id("roster-write")).to_have_count(0)
        file.write_bytes((text + f"8002,李律师,劳动争议,{DAY} 09:00,{DAY} 18:00\r\n").encode("gb18030"))
        await page.get_by_test_id("roster-choose").set_input_files(file)
        await expect(page.get_by_test_id("roster-added")).to_contain_text("新增 1 个班次")
        await shot(page, "roster-file")
        await page.get_by_test_id("roster-write").click()
        await expect(page.locator(f'[data-person="8002"] [data-day="{DAY}"]').get_by_test_id("shift")).to_contain_text("09:00–18:00")
        await page.get_by_test_id("week-after").click()
        await expect(page.get_by_test_id("shift")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366 and await page.title() != "1"

        await page.get_by_test_id("sign-out").click()
        await expect(page.get_by_test_id("login-name")).to_be_visible(timeout=15_000)
        await sign_in(s, page, "wang")
        await page.get_by_test_id("nav-desk").click()
        await page.get_by_test_id("to-day").click()
        await expect(page.get_by_test_id("day-shown")).to_be_visible()
        await page.goto(f"{s.origin}/day?day={DAY}")
        await expect(page.get_by_test_id("day-shifts")).to_contain_text("08:30–12:00")
        await expect(page.get_by_test_id("day-shifts")).not_to_contain_text("09:00")
        await page.get_by_role("button", name="前一天").click()
        for fact, value in (("answered", "1"), ("ringOuts", "1"), ("talk", "3′05″"), ("ready", "5′00″")):
            await expect(page.locator(f'[data-fact="{fact}"]')).to_have_text(value)
        await expect(page.locator('[data-figure="occupancy"]')).to_have_text("37.5%")
        await shot(page, "my-day")
