"""The list of tasks in a real browser, on the real web edge and database: taken, called about, put away, and live for the other one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Locator, Page, expect

from ivr.settings import PROJECT_ROOT
from tests.e2e.test_order_page import HOSTILE, shot, sign_in
from tests.e2e.test_pages import browser_page
from tests.fakes.web_world import add_call
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(120)]
NUMBER = "640105126112300{:04}"


async def fill(s: Site) -> None:
    """One task of each kind, and worse ones beside them."""
    now = datetime.now(UTC)
    for n, (columns, job) in enumerate((
        ({"outcome": "message", "channel": "voicemail", "due_at": now + timedelta(hours=20)}, None),
        ({"outcome": "answered"}, ("dissatisfied", "failed", 3, "unreached")), ({"outcome": "callback"}, ("kept_place", "waiting", 1, "gave_up")),
        ({"outcome": "answered", "state": "returned", "returns": 3}, None),
        ({"outcome": "message", "channel": "voicemail", "confidential": True, "due_at": now - timedelta(hours=5)}, None),
    ), 1):
        row = {"number": NUMBER.format(n), "channel": "hotline", "opened_at": now - timedelta(hours=10 - n), "caller_number": f"1391234000{n}"} | columns
        marks = ", ".join(f"${i}" for i in range(1, len(row) + 1))
        order = await s.pool.fetchval(f"INSERT INTO work_order ({', '.join(row)}) VALUES ({marks}) RETURNING id", *row.values())
        await add_call(s.pool, f"c-{n}", now - timedelta(hours=10 - n), state="ended", caller_number=f"1391234000{n}")
        await s.pool.execute("INSERT INTO work_order_call VALUES ($1, $2)", f"c-{n}", order)
        if job:
            kind, state, attempts, reason = job
            await s.pool.execute(
                "INSERT INTO callback_job (kind, queue, number, order_id, state, arrived_at, promised_at, not_before, attempts, reason)"
                " VALUES ($1, 'hotline', $2, $3, $4, now(), now() - interval '3 hours', now() + interval '9 minutes', $5, $6)",
                kind, f"1391234000{n}", order, state, attempts, reason,
            )


async def test_a_task_is_taken_called_about_and_put_away(web_database: WebDatabase) -> None:
    async with site(web_database, static_dir=PROJECT_ROOT / "ivr/web/static") as s, browser_page() as page, browser_page() as other:
        await s.accounts.add_user("wang", roles=("operator",), display_name="王律师", password=PASSWORD)
        await s.accounts.add_user("li", roles=("operator",), display_name=HOSTILE[:40], password=PASSWORD)
        await fill(s)
        for who, at in (("wang", page), ("li", other)):
            await sign_in(s, at, who)
            await at.get_by_test_id("nav-tasks").click()
            await expect(at.get_by_test_id("task")).to_have_count(5)
        await expect(page.get_by_test_id("task-count")).to_contain_text("5")
        await shot(page, "tasks")
        message = row(page, f"message-{NUMBER.format(1)}")
        await expect(message).to_contain_text("13912340001")
        await expect(row(page, f"message-{NUMBER.format(5)}")).not_to_contain_text("13912340005")
        await message.get_by_test_id("task-take").click()
        await expect(message).to_have_attribute("data-mine", "true")
        theirs = row(other, f"message-{NUMBER.format(1)}")
        await expect(theirs).to_contain_text("王律师 领走了")
        await expect(theirs.get_by_test_id("task-take")).to_have_count(0)
        await message.get_by_test_id("task-call").click()
        await expect(message).to_contain_text("您的座席一空闲就拨出")
        await expect(message.get_by_test_id("task-call")).to_be_disabled()
        assert [tuple(r) for r in await s.pool.fetch("SELECT number, asked_by FROM callback_job WHERE kind = 'asked'")] == [("13912340001", "wang")]
        await message.get_by_test_id("task-close").click()
        await message.get_by_test_id("task-result").get_by_text("无需处理").click()
        await message.get_by_test_id("task-note").fill(f"已自行解决 {HOSTILE}")
        await shot(page, "tasks-closing")
        await message.get_by_test_id("task-done").click()
        for at in (page, other):
            await expect(at.get_by_test_id("task")).to_have_count(4)
        note = await s.pool.fetchval("SELECT note FROM work_order WHERE number = $1", NUMBER.format(1))
        assert f"语音留言任务办结（王律师）：无需处理，已自行解决 {HOSTILE}。" in note
        hidden = row(page, f"message-{NUMBER.format(5)}")
        await hidden.get_by_test_id("task-take").click()
        await expect(hidden.get_by_role("alert")).to_contain_text("confidential")
        await page.get_by_test_id("task-kinds").get_by_text("不满意回访").click()
        await expect(page.get_by_test_id("task")).to_have_count(1)
        await page.reload()
        await expect(page.get_by_test_id("task")).to_have_count(1)
        await page.goto(f"{s.origin}/tasks?whose=mine")
        await expect(page.get_by_text("没有符合条件的任务")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366 and await other.title() != "1"


def row(page: Page, task: str) -> Locator:
    return page.locator(f'[data-task="{task}"]')
