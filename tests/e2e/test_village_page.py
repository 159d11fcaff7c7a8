"""The page of village phones in a real browser: the word for each, its history, and blocking it with a reason."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import expect

from tests.e2e.hotline import RunningHotline
from tests.e2e.test_pages import browser_page, sign_in
from tests.e2e.village import HEAD, PlainPhone, eventually, secret_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

DEVICE, NEVER = "v-640105001-L03-1", "v-640105100-1"


async def test_an_administrator_sees_what_can_be_used_and_blocks_a_lost_phone(hotline: RunningHotline) -> None:
    file = hotline.folder / "devices-page.csv"
    file.write_text(HEAD + f"{DEVICE},640105001-L03,马秀兰,,一楼大厅,GXV3480,劳动争议\n{NEVER},640105100,,,,,\n")
    await hotline.cli("devices", "import", str(file))
    async with PlainPhone(hotline.sip, DEVICE, await secret_of(hotline, DEVICE)) as phone, browser_page() as page:
        async def registers() -> bool:
            return await phone.register() == 200

        await eventually(registers)
        await sign_in(hotline, page)
        await page.get_by_role("link", name="村居终端").click()
        tile = page.get_by_test_id(f"device-{DEVICE}")
        await expect(tile).to_contain_text("可用未用", timeout=30_000)
        await expect(page.get_by_test_id(f"device-{NEVER}")).to_contain_text("不可用")
        await expect(page.get_by_test_id(f"device-{NEVER}")).to_contain_text("从未注册")
        await tile.click()
        card = page.get_by_test_id("device-card")
        await expect(card).to_contain_text("已注册")
        await expect(page.get_by_test_id("device-block")).to_be_disabled()
        await page.get_by_test_id("device-reason").fill("终端丢失")
        if picture := os.environ.get("IVR_PICTURE"):
            await page.screenshot(path=picture)
        await page.get_by_test_id("device-block").click()
        await expect(tile).to_contain_text("已停用：终端丢失")
        await expect(card).to_contain_text("停用 admin 终端丢失")
        assert DEVICE in page.url, "the opened device stays in the address"

        async def refused() -> bool:
            return await phone.register() == 401

        await eventually(refused)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
