"""A village phone sets itself up over HTTPS: from the command line's address and from the page's, until it is blocked."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from xml.etree import ElementTree

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.test_pages import CHROMIUM, sign_in
from tests.e2e.village import HEAD, PlainPhone, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

MAKERS, PLAIN = "v-640105001-L03-1", "v-640105001-L02-1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[RunningHotline]:
    """A product with its own authority and two phones in its register."""
    async with running_hotline("", web_more='tls = "local_ca"') as running:
        file = running.folder / "devices.csv"
        file.write_text(HEAD + f"{MAKERS},640105001-L03,马秀兰,,一楼大厅,GXV3480,\n{PLAIN},640105001-L02,,,,,\n")
        await running.cli("devices", "import", str(file))
        yield running


async def fetched(office: RunningHotline, address: str) -> str:
    """What a phone that trusts the product's authority, and nothing else, is sent; '' for what is not there."""
    authority = office.authority
    assert authority is not None and authority.verify_mode is ssl.CERT_REQUIRED
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=authority)) as phone, phone.get(address) as found:
        assert found.status in (200, 404)
        return await found.text() if found.status == 200 else ""


async def registers(office: RunningHotline, device: str, secret: str, status: int = 200) -> None:
    """A phone with this secret is told this status, once the controller has carried the register over."""
    async with PlainPhone(office.sip, device, secret) as phone:
        async def told() -> bool:
            return await phone.register() == status

        await eventually(told)


async def test_the_command_line_shows_an_address_once_and_the_phone_registers_with_what_it_fetches_there(office: RunningHotline) -> None:
    shown = dict(line.split(None, 1) for line in (await office.cli("devices", "provision", MAKERS)).splitlines()[:9])
    assert shown["address"].startswith(f"{office.url}/api/v1/provision/") and shown["app"] == f"{shown['address']}/linphone.xml"
    config = {e.tag: e.text for e in ElementTree.fromstring((await fetched(office, f"{shown['address']}/cfg000b82aabbcc.xml")).encode()).iter()}
    assert (config["P47"], config["P35"], config["P34"]) == (shown["server"], MAKERS, shown["secret"])
    await registers(office, MAKERS, str(config["P34"]))
    with pytest.raises(AssertionError, match="is shown once"):
        await office.cli("devices", "provision", MAKERS)
    await office.cli("devices", "rotate", MAKERS, "--reason", "换人")
    assert await fetched(office, f"{shown['address']}/cfg000b82aabbcc.xml") == ""
    await registers(office, MAKERS, str(config["P34"]), 401)


async def test_an_administrator_makes_an_address_on_the_page_and_blocking_the_phone_voids_it(office: RunningHotline) -> None:
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        context = await browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN", ignore_https_errors=True)
        page = await context.new_page()
        await sign_in(office, page)
        await page.goto(f"{office.url}/devices?device={PLAIN}")
        await page.get_by_test_id(f"device-{PLAIN}").click(timeout=30_000)
        make = page.get_by_test_id("device-provision")
        await expect(make).to_be_disabled()
        await page.get_by_test_id("device-reason").fill("新装终端")
        await make.click()
        card = page.get_by_test_id("device-address")
        await expect(card).to_contain_text("只显示这一次")
        assert await card.locator("img").evaluate("async i => (await i.decode(), i.naturalWidth)") > 100, "the picture is allowed and drawn"
        await expect(make).to_be_disabled()
        if picture := os.environ.get("IVR_PICTURE"):
            await page.screenshot(path=picture)
            await page.set_viewport_size({"width": 1920, "height": 1080})
            await page.screenshot(path=picture.replace(".png", "-wide.png"))
        address = await page.get_by_test_id("device-address-phone").inner_text()
        lines = dict(line.split(" ", 1) for line in (await fetched(office, address)).splitlines())
        assert lines["user"] == PLAIN
        assert lines["browser_start_page"] == await page.get_by_test_id("device-address-page").inner_text()
        assert "按一下键，找律师" in (rest := await fetched(office, lines["browser_start_page"])) or "话机没有连上" in rest
        await registers(office, PLAIN, lines["secret"])
        await page.get_by_test_id("device-reason").fill("终端丢失")
        await page.get_by_test_id("device-block").click()
        await expect(card).to_have_count(0)
        await expect(page.get_by_test_id("device-card")).to_contain_text("取配置")
        assert await fetched(office, address) == ""
        await browser.close()
