"""A supervisor at a page while an operator talks at another: listening by softphone, words to the seat, a word of risk, a state set."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, operator_signs_in, shot, sits_down, sound, state
from tests.e2e.journeys import arrival, filled_order
from tests.e2e.journeys import state as call_state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[DeskHotline]:
    async with desk_hotline() as running:
        yield running


async def supervisor_signs_in(office: DeskHotline, page: Page, name: str) -> None:
    """A new supervisor who has the seat web-two for a telephone, in the supervisors' room."""
    await office.cli("user", "add", name, "--role", "supervisor", "--display-name", name)
    link = (await office.cli("user", "login-link", name)).strip()
    await page.goto(office.page_url + "/desk?ticket=" + link.rpartition("ticket=")[2])
    await expect(page.get_by_test_id("live-state")).to_contain_text("实时", timeout=15_000)
    await sits_down(page, "web-two")
    await page.get_by_test_id("nav-supervisor").click()
    await expect(page.get_by_test_id("sup-phone")).to_contain_text("话机已连上", timeout=15_000)


async def acts(page: Page, act: str, text: str, *, to: str = "") -> None:
    """One act about the seat web, with its reason or words."""
    row = page.locator('[data-testid="sup-seat"][data-seat="web"]')
    await row.get_by_test_id(f"act-{act}").click()
    if to:
        await page.get_by_test_id("force-to").click()
        await page.get_by_role("option", name=to).click()
    await page.get_by_test_id("act-text").fill(text)
    await page.get_by_test_id("act-do").click()
    await expect(page.get_by_test_id("act-text")).to_have_count(0, timeout=15_000)


async def test_a_supervisor_listens_writes_decides_and_sets_a_state(office: DeskHotline) -> None:
    said, _ = office.speech("老板拖欠工资我要打死他")
    async with desk_browser(office) as desk, desk_browser(office) as room, office.client() as client:
        await operator_signs_in(office, desk, "zhang")
        await sits_down(desk)
        await desk.get_by_test_id("desk-ready").click()
        await state(desk, "available")
        await supervisor_signs_in(office, room, "ban")
        row = room.locator('[data-testid="sup-seat"][data-seat="web"]')
        await expect(row).to_have_attribute("data-state", "available")
        await expect(row.get_by_test_id("act-listen")).to_be_disabled()
        async with office.caller("13896660001", "马建国") as caller:
            await caller.dial("12348")
            linked_id = await arrival(client, "13896660001")
            await state(desk, "ringing", 30)
            await desk.keyboard.press("F2")
            await call_state(client, linked_id, "talking")
            await expect(row).to_contain_text("138****0001", timeout=15_000)
            await acts(room, "listen", "新人带教")
            await expect(room.locator('[data-testid="watches"] li')).to_have_attribute("data-state", "on", timeout=20_000)
            await expect(desk.locator('[data-testid="watched"][data-mode="listen"]')).to_contain_text("ban", timeout=10_000)
            heard = (await sound(room))["energy"]
            # The word is there while the call goes on, on whatever page the supervisor has; on a busy machine once said again.
            await room.get_by_role("link", name="工单", exact=True).click()
            async with asyncio.timeout(90):
                while not await room.get_by_test_id("risk-banner").count():
                    await caller.say(said)
                    with contextlib.suppress(AssertionError):
                        await expect(room.get_by_test_id("risk-banner")).to_contain_text("打死", timeout=20_000)
            await expect(room.get_by_test_id("risk-banner")).to_contain_text("打死")
            assert client.calls[linked_id]["state"] == "talking"
            assert (await sound(room))["energy"] > heard + 0.001, "the supervisor hears the call"
            await room.get_by_test_id("risk-banner").get_by_role("link").click()
            await expect(room.get_by_test_id("risk-reason")).to_be_visible()
            await acts(room, "message", "请先稳住对方情绪 <b>别挂</b>")
            await expect(desk.get_by_test_id("seat-message")).to_contain_text("请先稳住对方情绪 <b>别挂</b>", timeout=10_000)
            await shot(desk, "desk-told")
            await desk.get_by_test_id("message-seen").click()
            await expect(desk.get_by_test_id("seat-message")).to_have_count(0)
            await expect(room.get_by_test_id("sent")).to_contain_text("已看", timeout=10_000)
            await acts(room, "whisper", "提示报警")
            await expect(desk.locator('[data-testid="watched"][data-mode="whisper"]')).to_be_visible(timeout=15_000)
            await shot(room, "supervisor")
            assert await room.evaluate("document.documentElement.scrollWidth") <= 1366
            await room.get_by_test_id("risk-reason").fill("要去伤人，已提示报警")
            await room.get_by_test_id("risk-real").click()
            await expect(room.get_by_test_id("risk-banner")).to_have_count(0, timeout=10_000)
            await expect(room.get_by_test_id("risk-open")).to_have_count(0)
            await room.get_by_test_id("end-watch").click()
            await expect(room.get_by_test_id("watches")).to_have_count(0, timeout=15_000)
            await expect(desk.get_by_test_id("watched")).to_have_count(0, timeout=10_000)
            assert client.calls[linked_id]["state"] == "talking"
            told = await _refused_sign_out(room)
            assert "conversation" in told
            await caller.hang_up()
        order = await filled_order(client, linked_id)
        assert order["urgent"] is True
        await expect(room.locator('[data-testid="sup-seat"][data-seat="web"]')).to_have_attribute("data-state", "wrapUp", timeout=15_000)
        await acts(room, "force", "去培训", to="培训")
        await state(desk, "paused")
        await expect(desk.get_by_test_id("desk-state")).to_contain_text("培训")
        await room.goto(office.page_url + "/orders")
        await expect(room.locator(f'[data-number="{order["number"]}"]').get_by_test_id("urgent")).to_be_visible(timeout=15_000)
        await room.goto(f"{office.page_url}/calls/{linked_id}")
        await room.get_by_test_id("word").filter(has_text="拖欠").dblclick()
        await room.get_by_test_id("word-edit").fill("脱欠")
        await room.get_by_test_id("word-edit").press("Enter")
        changed = room.get_by_test_id("word").filter(has_text="脱欠")
        await expect(changed).to_have_attribute("title", re.compile("原听：拖欠（ban 改）"), timeout=10_000)
        assert (await client.get("/search?q=脱欠"))["hits"][0]["call"] == linked_id, "the search follows"
        await shot(room, "corrected")
        await room.get_by_test_id("nav-supervisor").click()
        await acts(room, "force", "忘记离座", to="签退")
        await expect(desk).to_have_url(re.compile("/login"), timeout=30_000)
        await client.queue_until(lambda q: any(
            (m["interface"], m["paused_reason"]) == ("PJSIP/seat-web", "signed-out") for m in q["member_list"]
        ))


async def _refused_sign_out(room: Page) -> str:
    """During a conversation nobody is signed out; the row says why."""
    row = room.locator('[data-testid="sup-seat"][data-seat="web"]')
    await row.get_by_test_id("act-force").click()
    await room.get_by_test_id("force-to").click()
    await room.get_by_role("option", name="签退").click()
    await room.get_by_test_id("act-text").fill("忘记离座")
    await room.get_by_test_id("act-do").click()
    alert = room.locator(".ask [role=alert]")
    await expect(alert).to_be_visible(timeout=10_000)
    told = await alert.inner_text()
    await row.get_by_test_id("act-force").click()
    return told
