"""The pages cover numbers and names, show them after a reason, hand a case out, and tell what is kept and deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from ivr.cli_case import _examine
from tests.e2e.test_order_page import NUMBER, office, shot, sign_in
from tests.e2e.test_pages import browser_page
from tests.integration.web_database import WebDatabase, web_database

__all__ = ["web_database"]
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(180)]


async def test_a_supervisor_gives_a_reason_takes_the_case_along_and_holds_it(web_database: WebDatabase, tmp_path: Path) -> None:
    async with office(web_database) as s, browser_page() as page:
        await sign_in(s, page, "chief")
        await page.goto(f"{s.origin}/orders/{NUMBER}")
        await expect(page.get_by_text("马**").first).to_be_visible()
        await expect(page.get_by_text("139****5678").first).to_be_visible()
        await expect(page.get_by_text("马建国")).to_have_count(0)
        await expect(page.get_by_test_id("unmask")).to_be_disabled()
        await shot(page, "order-masked")
        await page.get_by_test_id("unmask-reason").fill("核对身份")
        await page.get_by_test_id("unmask").click()
        await expect(page.get_by_text("马建国").first).to_be_visible()
        await expect(page.get_by_text("13912345678").first).to_be_visible()
        await expect(page.get_by_test_id("unmask-bar")).to_have_count(0)
        await page.get_by_test_id("case-reason").fill("法院调卷")
        async with page.expect_download() as download:
            await page.get_by_test_id("case-export").click()
        file = tmp_path / "case.zip"
        await (await download.value).save_as(file)
        faults, _, about = await asyncio.to_thread(_examine, file)
        assert faults == [] and NUMBER in about
        await expect(page.get_by_test_id("case-done")).to_contain_text("已导出")
        await page.get_by_test_id("case-reason").fill("行政复议")
        await page.get_by_test_id("hold-until").fill("2090-12-31")
        await page.get_by_test_id("case-hold").click()
        await expect(page.get_by_test_id("case-done")).to_contain_text("已保全")
        await page.goto(f"{s.origin}/retention")
        row = page.get_by_test_id("retention-holds").locator("tbody tr")
        await expect(row).to_contain_text("行政复议")
        await expect(page.get_by_test_id("retention-kinds")).to_contain_text("一直保存")
        await shot(page, "retention")
        await row.get_by_role("textbox").fill("复议已结")
        await row.get_by_role("button", name="解除").click()
        await expect(page.get_by_text("没有保全的来电或工单。")).to_be_visible()
