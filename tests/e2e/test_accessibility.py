"""axe over the main pages: nothing that keeps somebody with a screen reader, a keyboard or weak eyes from their work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from ivr.domain.worktime import SHANGHAI
from ivr.settings import PROJECT_ROOT
from tests.e2e.test_order_page import sign_in
from tests.e2e.test_pages import browser_page
from tests.e2e.test_tasks_page import NUMBER, fill
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(240)]
AXE = PROJECT_ROOT / "ivr/web/ui/node_modules/axe-core/axe.min.js"
ROOMS = (
    "/", "/desk", "/supervisor", "/tasks", "/quality", "/roster", "/calls", "/calls/c-1", "/orders", f"/orders/{NUMBER.format(2)}", "/dispatch",
    "/analysis", "/devices", "/wall", "/day", "/knowledge", "/account",
)
_FOUND = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations
  .filter((v) => ['serious', 'critical'].includes(v.impact))
  .map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + n.html.slice(0, 120)).join(' | ')}`)"""


async def found(page: Page) -> list[str]:
    """What axe calls serious or critical on the page as it is, once nothing is loading any more."""
    await expect(page.locator(".el-skeleton")).to_have_count(0, timeout=15_000)
    told: list[Any] = await page.evaluate(_FOUND)
    return [str(one) for one in told]


async def people(s: Site) -> None:
    await s.accounts.add_user("ban", roles=("supervisor",), display_name="张班长", password=PASSWORD)
    await fill(s)
    begins = datetime.now(SHANGHAI).replace(hour=8, minute=30, second=0, microsecond=0)
    await s.pool.execute(
        "INSERT INTO duty (work_number, speciality, name, starts_at, ends_at) VALUES ('8001', 'labour', '王律师', $1, $2)",
        begins, begins + timedelta(hours=4),
    )


async def test_axe_finds_nothing_serious(web_database: WebDatabase) -> None:
    async with site(web_database, static_dir=PROJECT_ROOT / "ivr/web/static") as s, browser_page() as page:
        await people(s)
        await page.add_init_script(path=AXE)
        problems: dict[str, list[str]] = {}
        await page.goto(f"{s.origin}/login")
        await expect(page.get_by_test_id("login-name")).to_be_visible()
        problems["/login"] = await found(page)
        await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"/favicon.svg\">')")
        assert [one.split()[0] for one in await found(page)] == ["image-alt"], "axe sees what is wrong"
        await sign_in(s, page, "ban")
        for room in ROOMS:
            await page.goto(f"{s.origin}{room}")
            await expect(page.locator("h1, h2").first).to_be_visible(timeout=15_000)
            problems[room] = await found(page)
        await page.goto(f"{s.origin}/tasks")
        await page.get_by_test_id("task-take").nth(3).click()
        await page.get_by_test_id("task-close").click()
        await expect(page.get_by_test_id("task-note")).to_be_visible()
        problems["a task being put away"] = await found(page)
        await page.goto(f"{s.origin}/roster")
        await page.get_by_test_id("shift").first.click()
        await expect(page.get_by_test_id("shift-form")).to_be_visible()
        problems["a shift"] = await found(page)
        await page.get_by_test_id("roster-import").click()
        await expect(page.get_by_test_id("roster-file")).to_be_visible()
        problems["a file"] = await found(page)
        assert {where: what for where, what in problems.items() if what} == {}
