"""Self-tests of village phones in a running product: at night, by hand on the command line and the page, and giving way to a caller."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from ivr.bootstrap import patient_pool
from ivr.domain.worktime import SHANGHAI
from ivr.storage.devices import PostgresDevices
from tests.e2e.echo_phone import EchoPhone
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import command
from tests.e2e.test_pages import browser_page, sign_in
from tests.e2e.village import HEAD, eventually, secret_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]

DEVICE, PLAIN = "v-640105001-L01-1", "v-640105001-L01-2"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product() -> AsyncIterator[RunningHotline]:
    """Its night has begun ten minutes ago."""
    night = datetime.now(SHANGHAI) - timedelta(minutes=10)
    async with running_hotline(f'\n[village]\nself_test_at = "{night:%H:%M}"\nself_test_minutes = 120\n') as running:
        rows = f"{DEVICE},康庄社区,马秀兰,,一楼大厅,GXV3480,,是\n{PLAIN},康庄社区,,,,,,否\n"
        (running.folder / "devices.csv").write_text(HEAD.strip() + f",self_test\n{rows}")
        await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


async def last_test(product: RunningHotline, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The latest self-test of the device, once it fits."""
    async with product.client() as client, asyncio.timeout(60):
        while True:
            tests = (await client.get(f"/devices/{DEVICE}/history"))["tests"]
            if tests and fits(tests[0]):
                return dict(tests[0])
            await asyncio.sleep(0.2)


async def asked(product: RunningHotline) -> None:
    """Ask for a self-test of the device, as the command line and the page do."""
    async with patient_pool(product.settings, "tests", size=1) as pool:
        await PostgresDevices(pool).test(DEVICE, "tests", "试")


async def test_a_phone_is_tested_at_night_and_by_hand_and_gives_way_to_its_own_caller(product: RunningHotline) -> None:
    nightly = await last_test(product, lambda test: True)
    assert (nightly["asked_by"], nightly["outcome"]) == ("", "absent"), "nobody had set it up yet"
    async with EchoPhone(product.sip, DEVICE, await secret_of(product, DEVICE)) as phone:

        async def registers() -> bool:
            return await phone.register() == 200

        await eventually(registers)
        told = await product.cli("devices", "test", DEVICE)
        late, level = (int(n) for n in re.search(r"回声正常：晚 (\d+) 毫秒，(-?\d+) dB", told).groups())  # type: ignore[union-attr]
        assert 100 <= late <= 600 and -15 <= level <= -9, "a quarter of the sound, 120 ms late and what the way adds"
        (invite,) = phone.invites
        assert "自检" in invite and "answer-after=0" in invite and "alert-autoanswer" in invite and "m=video" not in invite
        assert "self_test" in await product.cli("devices", "test", PLAIN, succeed=False)

        for manner, outcome in (("is_deaf", "no_sound"), ("declines", "refused")):
            phone.manner = manner  # type: ignore[assignment]
            await asked(product)
            await last_test(product, lambda test, outcome=outcome: test["outcome"] == outcome)  # type: ignore[misc]
        told = await product.cli("devices", "doctor")
        assert "不可用：自" in told and "自检连续 2 次未通过：拒绝了呼叫" in told

        phone.manner = "echoes"
        phone.answered.clear()
        phone.over.clear()
        await asked(product)
        async with asyncio.timeout(60):
            await phone.answered.wait()
        assert await phone.call("1") == 200
        await last_test(product, lambda test: test["outcome"] == "stopped")
        assert phone.over.is_set()
        assert "self-test" not in await command(product, "core show channels concise")
        async with product.client() as client:
            (call,) = (await client.get(f"/devices/{DEVICE}/history"))["calls"]
            assert [c["linked_id"] for c in client.calls.values()] in ([], [call["linked_id"]]), "tests are no calls"
    assert not [line for line in product.asterisk_log.splitlines() if "ERROR" in line], product.asterisk_log
    assert not list(product.recordings.rglob("*.wav")), "nothing of a test is kept"


async def test_the_page_names_who_needs_a_look_and_tests_a_phone(product: RunningHotline) -> None:
    async with browser_page() as page:
        await sign_in(product, page)
        await page.goto(f"{product.url}/devices")
        visits = page.get_by_test_id("device-visits")
        await expect(visits).to_contain_text("从未注册", timeout=30_000)
        await page.get_by_test_id(f"device-{DEVICE}").click()
        await expect(page.get_by_test_id("device-test-row").first).to_contain_text("已让出", timeout=30_000)
        await page.get_by_test_id("device-reason").get_by_role("textbox").or_(page.get_by_test_id("device-reason")).last.fill("上门检查")
        await page.get_by_test_id("device-test").click()
        await expect(page.get_by_test_id("device-card")).to_contain_text("已排队自检", timeout=15_000)
        await expect(page.get_by_test_id("device-test-row").filter(has_text="手动")).to_have_count(5, timeout=60_000)
        for width, height in ((1366, 768), (1920, 1080)):
            await page.set_viewport_size({"width": width, "height": height})
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            if folder := os.environ.get("IVR_SHOTS"):
                await page.screenshot(path=Path(folder) / f"devices-{width}.png")
