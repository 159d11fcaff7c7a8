"""The knowledge base without a database: one article, and a call in which half of its notice was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ivr.domain.errors import NotFound
from ivr.domain.knowledge import Article, NoticeItem
from ivr.ports.knowledge import ArticleChanged, ArticleVersion, CallChecklist, KnowledgeServices, ToldItem, WrittenArticle
from tests.fakes.one_quality import LINKED_ID

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
ITEMS = (NoticeItem("id", "bring", "身份证", ("身份证",)), NoticeItem("where", "where", "公证处", ("公证处",)))
ARTICLE = Article("notary", "notary", "", "怎样办理公证", "可以向住所地的公证机构申请。", ("《公证法》第二十五条",), True, False, ITEMS)


class OneArticle:
    """ivr.ports.knowledge.KnowledgeBase and Checklists."""

    async def find(self, words: Sequence[str], category: str | None, matter: str | None, *, retired: bool) -> Sequence[WrittenArticle]:
        return [WrittenArticle(ARTICLE, ArticleVersion(2, "zhou", T0))]

    async def article(self, slug: str, version: int | None = None) -> WrittenArticle | None:
        return WrittenArticle(ARTICLE, ArticleVersion(version or 2, "zhou", T0)) if slug == "notary" else None

    async def versions(self, slug: str) -> Sequence[ArticleVersion]:
        return [ArticleVersion(2, "zhou", T0), ArticleVersion(1, "shipped", T0)]

    async def write(self, article: Article, basis: int, by: str) -> WrittenArticle:
        if basis != 2:
            raise ArticleChanged(article.slug, 2)
        return WrittenArticle(article, ArticleVersion(3, by, T0))

    async def of_call(self, linked_id: str) -> Sequence[CallChecklist]:
        told = ToldItem("id", "bring", "身份证", True, "machine", 12.5, "", None)
        decided = ToldItem("where", "where", "公证处", False, "human", None, "wang", T0)
        return [CallChecklist(linked_id, "notary", 2, "怎样办理公证", "wang", T0, [told, decided])] if linked_id == LINKED_ID else []

    async def of_order(self, number: str) -> Sequence[CallChecklist]:
        return await self.of_call(LINKED_ID)

    async def decide(self, linked_id: str, slug: str, items: Mapping[str, bool | None], by: str) -> None:
        if linked_id != LINKED_ID or slug != "notary" or not set(items) <= {"id", "where"}:
            raise NotFound("There is no such call, article or item.")


ONE_KNOWLEDGE = KnowledgeServices(OneArticle(), OneArticle())
