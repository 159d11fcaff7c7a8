"""The page of one order in a real browser, on the real web edge and database: moves, edits, and what is hidden."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from ivr.domain.assignment import PeopleFile, Person
from ivr.settings import PROJECT_ROOT
from ivr.storage.people import PostgresPeople
from tests.e2e.test_pages import browser_page
from tests.fakes.web_world import add_call
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(120)]
NUMBER = "6401051261123000018"
HOSTILE = "<img src=x onerror=document.title=1>"


@asynccontextmanager
async def office(database: WebDatabase) -> AsyncIterator[Site]:
    """The built pages over a database with people and one order of one call."""
    async with site(database, static_dir=PROJECT_ROOT / "ivr/web/static") as s:
        for name, shown, role in (("chief", "张班长", "supervisor"), ("desk", "刘调度", "dispatcher"), ("root", "管理员", "administrator")):
            await s.accounts.add_user(name, roles=(role,), display_name=shown, password=PASSWORD)
        await s.accounts.add_user("zhao", roles=("handler",), display_name="赵律师", password=PASSWORD)
        await PostgresPeople(s.pool).apply(PeopleFile((
            Person("7001", "赵律师", "司法所", "zhao", ("labour",)), Person("7002", HOSTILE[:40], "司法所"),
            Person("7003", "孙调解", "调解中心"),
        ), ()))
        opened = datetime.now(UTC) - timedelta(days=3)
        order = await s.pool.fetchval(
            "INSERT INTO work_order (number, channel, outcome, opened_at, filled_at, category_table_version, category, matter, caller_number,"
            " owner_work_number) VALUES ($1, 'hotline', 'answered', $2, $2, 'v1', 'consult', 'labour', '13912345678', '8001') RETURNING id",
            NUMBER, opened,
        )
        await add_call(s.pool, "b1-1.1", opened, state="ended", outcome="answered", caller_number="13912345678",
                       answered_at=opened + timedelta(seconds=9), ended_at=opened + timedelta(seconds=190))  # fmt: skip
        await s.pool.execute("INSERT INTO work_order_call VALUES ('b1-1.1', $1)", order)
        await s.pool.execute(
            "INSERT INTO work_order_field (order_id, field, ordinal, value, display, source, rule, linked_id, speaker, text, start_s, end_s,"
            " confidence) VALUES ($1, 'matter', 0, 'labour', '劳动争议', 'machine', 'cue', 'b1-1.1', 'caller', '老板欠工资', 21, 23, 0.9),"
            " ($1, 'caller_name', 0, '马建国', '马建国', 'machine', 'name', 'b1-1.1', 'caller', '我叫马建国', 12, 13, 0.8),"
            " ($1, 'amount', 0, '8000', '8000元', 'machine', 'money', 'b1-1.1', 'caller', '八千块', 31, 32, 0.95)", order,
        )
        yield s


async def sign_in(s: Site, page: Page, name: str) -> None:
    await page.goto(f"{s.origin}/login")
    await page.get_by_test_id("login-name").fill(name)
    await page.get_by_test_id("login-password").fill(PASSWORD)
    await page.get_by_test_id("login-submit").click()
    await expect(page.get_by_test_id("sign-out")).to_be_visible(timeout=15_000)


async def shot(page: Page, name: str) -> None:
    """A picture for who looks at the page, where IVR_SHOTS names a folder."""
    if folder := os.environ.get("IVR_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def test_a_supervisor_moves_and_edits_an_order(web_database: WebDatabase) -> None:
    async with office(web_database) as s, browser_page() as page:
        await sign_in(s, page, "chief")
        await page.goto(f"{s.origin}/orders/{NUMBER}")
        await expect(page.get_by_test_id("order-state")).to_have_text("待核对")
        await expect(page.get_by_test_id("move-accept")).to_have_count(0)
        await page.get_by_test_id("moves-refused").locator("summary").click()
        await expect(page.get_by_test_id("moves-refused")).to_contain_text("工单现在是待核对，不能接单")
        await shot(page, "order-draft")

        await page.get_by_test_id("move-assign").click()
        await expect(page.get_by_test_id("move-submit")).to_be_disabled()
        await page.get_by_test_id("move-to").locator("input").click()
        await expect(page.get_by_role("option", name=re.compile("7001 赵律师"))).to_contain_text("专长相符")
        await shot(page, "order-assign")
        await page.get_by_role("option", name=re.compile("7001 赵律师")).click()
        await page.get_by_test_id("move-reason").fill(f"当事人点名 {HOSTILE}")
        await page.get_by_test_id("move-submit").click()
        await expect(page.get_by_test_id("order-state")).to_have_text("已指派")
        await expect(page.get_by_test_id("order-event").first).to_contain_text(f"当事人点名 {HOSTILE}")
        await expect(page.get_by_test_id("order-actions")).to_contain_text("改派")

        await page.get_by_test_id("order-edit").click()
        await page.get_by_test_id("edit-caller_name").fill("马小建军")
        await page.get_by_test_id("edit-amount").fill("8000、500")
        await page.get_by_test_id("edit-callback_number").fill("12")
        await page.get_by_test_id("edit-save").click()
        await expect(page.get_by_test_id("order-editor").get_by_role("alert")).to_contain_text("回电号码：应为 11 位手机号")
        await shot(page, "order-edit")
        await page.get_by_test_id("edit-callback_number").fill("")
        await page.get_by_test_id("edit-confirm").click()
        name = page.get_by_test_id("field-row").filter(has_text="马***")
        await expect(name).to_contain_text("人工填写")
        await expect(name).to_contain_text("机器听到：马**")
        await expect(page.get_by_test_id("field-row").filter(has_text="500元")).to_contain_text("人工填写")
        await expect(page.get_by_test_id("field-row").filter(has_text="劳动争议")).to_have_attribute("data-source", "human")
        await expect(page.get_by_test_id("order-event").first).to_contain_text("事项：劳动争议（核对无误）")
        await s.pool.execute("UPDATE work_order SET due_at = now() - interval '1 minute', version = version + 1")
        await page.reload()
        await expect(page.get_by_test_id("due-card")).to_contain_text("红牌")
        await shot(page, "order-assigned")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
        assert await page.title() != "1"
        await page.goto(f"{s.origin}/orders?card=red")
        await expect(page.get_by_test_id("order-row")).to_have_count(1)
        await shot(page, "orders-red")
        await page.goto(f"{s.origin}/orders?card=yellow")
        await expect(page.get_by_test_id("order-row")).to_have_count(0)


async def test_who_was_faster_is_told_and_nothing_is_lost(web_database: WebDatabase) -> None:
    async with office(web_database) as s, browser_page() as page:
        await sign_in(s, page, "chief")
        await page.goto(f"{s.origin}/orders/{NUMBER}")
        await page.get_by_test_id("move-void").click()
        await page.get_by_test_id("move-reason").fill("测试来电")
        # Without a feed entry the page cannot know: the version is what protects the order.
        await s.pool.execute("UPDATE work_order SET version = version + 1, owner_work_number = '8002'")
        await page.get_by_test_id("move-submit").click()
        await expect(page.get_by_test_id("order-actions").get_by_role("alert")).to_contain_text("刚被别人改过")
        await expect(page.get_by_test_id("move-reason")).to_have_value("测试来电")
        assert await s.pool.fetchval("SELECT state FROM work_order") == "draft"
        await page.get_by_test_id("move-submit").click()
        await expect(page.get_by_test_id("order-state")).to_have_text("已作废")


async def test_a_confidential_order_is_empty_for_who_may_not_see_it(web_database: WebDatabase) -> None:
    async with office(web_database) as s:
        async with browser_page() as page:
            await sign_in(s, page, "chief")
            await page.goto(f"{s.origin}/orders/{NUMBER}")
            await page.get_by_test_id("move-conceal").click()
            await expect(page.get_by_text("▣ 保密")).to_be_visible()
            await expect(page.get_by_text("马**").first).to_be_visible()
        async with browser_page() as page:
            await sign_in(s, page, "root")
            for path in (f"/orders/{NUMBER}", "/orders"):
                await page.goto(s.origin + path)
                await expect(page.get_by_text("保密").first).to_be_visible()
                await expect(page.get_by_text("马建国")).to_have_count(0)
                await expect(page.get_by_text("13912345678")).to_have_count(0)
            await page.goto(f"{s.origin}/orders/{NUMBER}")
            await expect(page.get_by_text("这是保密工单")).to_be_visible()
            await shot(page, "order-hidden")


async def test_a_handler_has_the_own_orders_and_takes_one(web_database: WebDatabase) -> None:
    async with office(web_database) as s, browser_page() as page:
        await sign_in(s, page, "zhao")
        await expect(page).to_have_url(re.compile("/orders$"))
        await expect(page.get_by_text("没有工单").first).to_be_visible()
        await expect(page.get_by_role("link", name="来电")).to_have_count(0)
        await s.pool.execute("UPDATE work_order SET state = 'assigned', assigned_to = '7001', assigned_at = now(), version = version + 1")
        await page.reload()
        await page.get_by_test_id("order-row").click()
        await page.get_by_test_id("move-accept").click()
        await expect(page.get_by_test_id("order-state")).to_have_text("已接单")
        await expect(page.get_by_test_id("order-event")).to_contain_text("zhao（7001）")
        await shot(page, "order-handler")
