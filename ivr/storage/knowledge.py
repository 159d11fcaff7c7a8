"""Articles of the knowledge base: one row a version, found by the pairs of characters as every other text is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ivr.domain.knowledge import Article, ArticleRefused, item_of, parse_articles, plain_item, problems_of
from ivr.domain.search_text import found_in, pairs_of
from ivr.ports.knowledge import ArticleChanged, ArticleVersion, WrittenArticle
from ivr.storage.audit import append_row
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

SHIPPED = "shipped"
_LOCK = 0x1234_8A35  # advisory lock: one writer at a time
_MOST = 500
_COLUMNS = (
    "slug, version, category, matter, title, body, statutes, sample, retired, checklist::text AS checklist, told, written_by,"
    " written_at"
)


async def read_article(connection: Connection, slug: str, version: int | None = None) -> WrittenArticle | None:
    """One version; None: the one in force."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM knowledge_article WHERE slug = $1 AND ($2::int IS NULL OR version = $2)"
        " ORDER BY version DESC LIMIT 1", slug, version,
    )
    return None if row is None else _written(row)


async def seed_articles(pool: Pool, text: str) -> None:
    """Write the articles that came with the program, where the office has none of that name or never touched it."""
    articles = await asyncio.to_thread(parse_articles, text)
    async with transaction(pool) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        for article, _ in articles:
            known = await read_article(connection, article.slug)
            if known is None or (known.written.written_by == SHIPPED and known.article != article):
                await _insert(connection, article, known.written.version + 1 if known else 1, SHIPPED)


class PostgresKnowledge:
    """ivr.ports.knowledge.KnowledgeBase."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(
        self, words: Sequence[str], category: str | None, matter: str | None, *, retired: bool
    ) -> Sequence[WrittenArticle]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM (SELECT DISTINCT ON (slug) * FROM knowledge_article ORDER BY slug, version DESC) a"
                " WHERE ($1::bigint[] = '{}' OR (a.slug, a.version) IN"
                "       (SELECT slug, version FROM knowledge_article WHERE search_keys(0, told) @> $1))"
                "   AND ($2::text IS NULL OR category = $2) AND ($3::text IS NULL OR matter = $3) AND (NOT retired OR $4)"
                " ORDER BY category, title, slug LIMIT $5", pairs_of(words), category, matter, retired, _MOST,
            )
        return [_written(row) for row in rows if not words or found_in(row["told"], words)]

    async def article(self, slug: str, version: int | None = None) -> WrittenArticle | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            return await read_article(connection, slug, version)

    async def versions(self, slug: str) -> Sequence[ArticleVersion]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT version, written_by, written_at FROM knowledge_article WHERE slug = $1 ORDER BY version DESC LIMIT $2",
                slug, _MOST,
            )
        return [ArticleVersion(**row) for row in rows]

    async def write(self, article: Article, basis: int, by: str) -> WrittenArticle:
        """See the port."""
        if problems := problems_of(article):
            raise ArticleRefused("；".join(problems))
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            known = await read_article(connection, article.slug)
            version = known.written.version if known else 0
            if version != basis:
                raise ArticleChanged(article.slug, version)
            if known is not None and known.article == article:
                return known
            await _insert(connection, article, version + 1, by)
            detail: dict[str, str | int | bool] = {"version": version + 1, "title": article.title, "retired": article.retired}
            await append_row(connection, by, "knowledge.written", article.slug, detail)
            written = await read_article(connection, article.slug)
            assert written is not None
            return written


async def _insert(connection: Connection, article: Article, version: int, by: str) -> None:
    await connection.execute(
        "INSERT INTO knowledge_article (slug, version, category, matter, title, body, statutes, sample, retired, checklist, told,"
        " written_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ($10::text)::jsonb, $11, $12)",
        article.slug, version, article.category, article.matter, article.title, article.body, list(article.statutes),
        article.sample, article.retired, json.dumps([plain_item(item) for item in article.checklist], ensure_ascii=False),
        article.told, by,
    )


def _written(row: Any) -> WrittenArticle:
    article = Article(
        row["slug"], row["category"], row["matter"], row["title"], row["body"], tuple(row["statutes"]), row["sample"],
        row["retired"], tuple(item_of(item) for item in json.loads(row["checklist"])),
    )
    return WrittenArticle(article, ArticleVersion(row["version"], row["written_by"], row["written_at"]))
