"""The knowledge base in a real browser, on the real web edge and database: read, searched, written anew, and told in a call."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from ivr.domain.transcript import Segment, Word
from ivr.intake_tables import shipped_articles
from ivr.storage.checklists import PostgresChecklists
from ivr.storage.knowledge import seed_articles
from ivr.storage.live_words import PostgresLiveWords
from tests.e2e.test_order_page import HOSTILE, NUMBER, office, shot, sign_in
from tests.e2e.test_pages import browser_page
from tests.integration.web_database import WebDatabase, web_database

__all__ = ["web_database"]
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio, pytest.mark.timeout(120)]
SHIPPED = shipped_articles()
CALL = "b1-1.1"


async def test_an_article_is_found_written_anew_and_told_and_the_order_shows_by_whose_word(web_database: WebDatabase) -> None:
    async with office(web_database) as s, browser_page() as page:
        await seed_articles(s.pool, SHIPPED)
        await sign_in(s, page, "chief")
        await page.get_by_test_id("nav-knowledge").click()
        await expect(page.get_by_test_id("knowledge-row")).to_have_count(10)
        await page.get_by_test_id("knowledge-search").fill("冷静期")
        await expect(page.get_by_test_id("knowledge-row")).to_have_count(1, timeout=15_000)
        await page.get_by_test_id("knowledge-row").click()
        await expect(page.get_by_test_id("article")).to_contain_text("样文，待本中心律师审核")
        await shot(page, "knowledge")
        await page.get_by_test_id("article-edit").click()
        await page.get_by_test_id("article-title").fill(HOSTILE)
        items = await page.get_by_test_id("article-items").input_value()
        await page.get_by_test_id("article-items").fill(items + "\n买 | 什么")
        await page.get_by_test_id("article-save").click()
        await expect(page.get_by_role("alert")).to_contain_text("第 7 行")
        await page.get_by_test_id("article-items").fill(items + "\n带 | 户口簿 | 户口簿、户口本")
        await shot(page, "knowledge-edit")
        await s.pool.execute(
            "INSERT INTO knowledge_article SELECT slug, 2, category, matter, title, body, statutes, sample, retired, checklist, told, 'user:zhou'"
            " FROM knowledge_article WHERE slug = 'divorce'"
        )
        await page.get_by_test_id("article-save").click()
        await expect(page.get_by_role("alert")).to_contain_text("别人刚写了新版本")
        await page.get_by_test_id("article-save").click()
        await expect(page.get_by_test_id("article-version")).to_contain_text("第 3 版")
        await expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
        assert await page.title() != "1"
        await expect(page.get_by_test_id("notice").locator("li")).to_have_count(7)

        await PostgresChecklists(s.pool).decide(CALL, "divorce", {"certificate": False}, "user:chief")
        await page.goto(f"{s.origin}/orders/{NUMBER}")
        notice = page.get_by_test_id("order-notice")
        await expect(notice).to_contain_text("0/7", timeout=15_000)
        word = Word("请带上身份证和结婚证", 65.0, 68.0, 0.9)
        await PostgresLiveWords(s.pool).hear(CALL, 0, [Segment("operator", 65.0, 68.0, (word,))])
        await expect(notice.locator("[data-item=id]")).to_contain_text("机器听到 1′05″", timeout=15_000)
        await expect(notice.locator("[data-item=certificate]")).to_contain_text("chief 没有告知")
        await expect(notice).to_contain_text("1/7")
        await shot(page, "order-notice")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366


async def test_who_may_only_read_is_offered_no_pen(web_database: WebDatabase) -> None:
    async with office(web_database) as s, browser_page() as page:
        await seed_articles(s.pool, SHIPPED)
        await sign_in(s, page, "zhao")
        await page.get_by_test_id("nav-knowledge").click()
        await page.locator("[data-article=wages]").click()
        await expect(page.get_by_test_id("article")).to_contain_text("劳动仲裁不收费")
        for pen in ("article-edit", "article-new"):
            await expect(page.get_by_test_id(pen)).to_have_count(0)
