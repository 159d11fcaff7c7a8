"""Advisers' hours on the page and on the command line: a visit is entered with its proof, voided with a reason, and in the month's report.

A duty of yesterday at which nobody was is listed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from playwright.async_api import expect

from ivr.domain.worktime import SHANGHAI
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.test_pages import browser_page, sign_in
from tests.e2e.village import HEAD

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

VILLAGE = "640105001-L01"
SEAT = '\n[[seats]]\nname = "three"\noperator = "赵律师"\nwork_number = "8001"\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[RunningHotline]:
    async with running_hotline(SEAT) as running:
        (running.folder / "devices.csv").write_text(f"{HEAD}v-{VILLAGE}-1,康庄社区,马秀兰,8001,一楼大厅,GXV3480,\n")
        await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


async def test_a_visit_is_entered_voided_and_reported(product: RunningHotline, tmp_path: Path) -> None:
    today = datetime.now(SHANGHAI)
    missed = today - timedelta(days=1)
    duty = product.folder / "duty.csv"
    duty.write_text(f"work_number,name,speciality,from,to\n8001,赵律师,婚姻家庭,{missed:%Y-%m-%d} 09:00,{missed:%Y-%m-%d} 11:00\n")
    await product.cli("roster", "import", str(duty))
    async with browser_page() as page:
        await sign_in(product, page)
        await page.goto(f"{product.url}/devices?view=hours")
        row = page.get_by_test_id(f"hours-{VILLAGE}")
        await expect(row).to_contain_text("康庄社区", timeout=15_000)
        await row.get_by_role("button").click()
        work = page.get_by_test_id("work")
        await expect(work).to_contain_text("没有登记走访或讲座")
        await expect(page.get_by_test_id("work-enter")).to_be_disabled()
        await page.get_by_test_id("work-day").fill(f"{today:%Y-%m-%d}")
        await page.get_by_test_id("work-evidence").fill("签到表 12")
        await page.get_by_test_id("work-enter").click()
        await expect(work).to_contain_text("走访 60 分钟 · 8001 · 签到表 12", timeout=15_000)
        await expect(row).to_contain_text("1.0")
        await page.get_by_test_id("absence-month").fill(f"{missed:%Y-%m}")
        await expect(page.get_by_test_id("absence-8001")).to_contain_text(f"{missed:%Y-%m-%d} 09:00–11:00", timeout=15_000)
        await expect(page.get_by_test_id("absence-8001")).to_contain_text("未说明")
        assert "未说明" in await product.cli("advisers", "absences", f"{missed:%Y-%m}")
        if folder := os.environ.get("IVR_SHOTS"):
            await page.screenshot(path=Path(folder) / "hours.png")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
        await product.cli("advisers", "add", VILLAGE, "8001", "--kind", "lecture", "--day", f"{today:%Y-%m-%d}", "--minutes", "90", "--evidence", "照片 3")
        assert "2.5" in await product.cli("advisers", "hours")
        await work.get_by_role("button", name="作废").first.click()
        await work.get_by_role("textbox", name="原因").fill("记错村")
        await work.get_by_role("button", name="作废").first.click()
        await expect(work).to_contain_text("已作废：记错村", timeout=15_000)
        await expect(row).to_contain_text("1.5")
    month, _, _ = await report(product, today, tmp_path)
    told = next(row for row in ([c.value for c in row] for row in month.iter_rows()) if "康庄社区" in row)
    assert told[2:8] == ["8001", 0, 0, 0, 90, 0] and str(told[8]).startswith("不可用")
    _, _, absences = await report(product, missed, tmp_path)
    assert any("8001" in row and "未说明" in row for row in ([c.value for c in row] for row in absences.iter_rows()))


async def report(product: RunningHotline, day: datetime, folder: Path) -> list[Worksheet]:
    """The sheets of the villages' report of a day's month."""
    file = folder / "villages.xlsx"
    await product.cli("advisers", "report", f"{day:%Y-%m}", "--output", str(file))
    return list((await asyncio.to_thread(load_workbook, file)).worksheets)
