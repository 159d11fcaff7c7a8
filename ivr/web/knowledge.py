"""The knowledge base over HTTP, and the notices told in calls, by hand and by what was heard."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.errors import NotFound
from ivr.domain.knowledge import Article, NoticeItem
from ivr.domain.search_text import BadSearch, excerpt, words_of
from ivr.ports.knowledge import ArticleChanged, CallChecklist, WrittenArticle
from ivr.web import knowledge_models as models
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.errors import BadRequest, PreconditionRequired
from ivr.web.order_access import actor_of, demand_call, demand_content, known_order
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.route import Route

_ARTICLE: TypeAdapter[models.ArticleWish] = TypeAdapter(models.ArticleWish)
_CHECKLIST: TypeAdapter[models.ChecklistWish] = TypeAdapter(models.ChecklistWish)
_BEGINNING = 60


async def list_articles(request: web.Request) -> web.Response:
    """GET /api/v1/knowledge."""
    asked = read_query(request, models.KnowledgeQuery)
    try:
        words = words_of(asked.q) if asked.q is not None else ()
    except BadSearch as wrong:
        raise BadRequest(f"q: {wrong}", [{"where": "query", "name": "q", "problem": str(wrong)}]) from None
    found = await request.app[SERVICES].knowledge.base.find(words, asked.category, asked.matter, retired=asked.retired == "true")
    return answer(models.ArticleList(articles=[_head(one, words) for one in found]))


async def show_article(request: web.Request) -> web.Response:
    """GET /api/v1/knowledge/{slug}: its version is the ETag, for If-Match."""
    asked = read_query(request, models.ArticleQuery)
    return await _whole(request, asked.version)


async def write_article(request: web.Request) -> web.Response:
    """PUT /api/v1/knowledge/{slug}: a new version, on top of the one that If-Match names ("0" for an article that is new)."""
    read_query(request, NoQuery)
    wish = await read_body(request, _ARTICLE, request.app[OPTIONS].body_limit_bytes)
    slug, base = request.match_info["slug"], request.app[SERVICES].knowledge.base
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        raise PreconditionRequired('Send If-Match with the ETag of the article as you read it, "0" for a new one.')
    named = re.fullmatch(r'"([0-9]{1,6})"', given)
    if named is None:
        known = await base.article(slug)
        raise ArticleChanged(slug[:40], known.written.version if known else 0)
    members = wish.model_dump(exclude={"checklist", "statutes"})
    article = Article(
        slug=slug, **members | {"body": wish.body.strip()}, statutes=tuple(wish.statutes),
        checklist=tuple(NoticeItem(i.code, i.kind, i.text, tuple(i.heard)) for i in wish.checklist),
    )
    await base.write(article, int(named[1]), request[IDENTITY].actor)
    return await _whole(request, None)


async def show_call(request: web.Request) -> web.Response:
    """GET /api/v1/calls/{linked_id}/checklists."""
    read_query(request, NoQuery)
    await demand_call(request, request.match_info["linked_id"])
    return await _of_call(request)


async def decide(request: web.Request) -> web.Response:
    """PUT /api/v1/calls/{linked_id}/checklists/{slug}."""
    read_query(request, NoQuery)
    wish = await read_body(request, _CHECKLIST, request.app[OPTIONS].body_limit_bytes)
    linked_id = request.match_info["linked_id"]
    await demand_call(request, linked_id)
    lists = request.app[SERVICES].knowledge.checklists
    await lists.decide(linked_id, request.match_info["slug"], wish.items, request[IDENTITY].actor)
    return await _of_call(request)


async def show_order(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders/{number}/checklists: for who may see the order's content."""
    read_query(request, NoQuery)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    return _told(await request.app[SERVICES].knowledge.checklists.of_order(order.number))


async def _of_call(request: web.Request) -> web.Response:
    return _told(await request.app[SERVICES].knowledge.checklists.of_call(request.match_info["linked_id"]))


def _told(found: Sequence[CallChecklist]) -> web.Response:
    rows = []
    for one in found:
        members = dataclasses.asdict(one)
        rows.append(models.CallChecklist(call=members.pop("linked_id"), **members))
    return answer(models.ChecklistList(checklists=rows))


def _head(one: WrittenArticle, words: Sequence[str]) -> models.ArticleHead:
    a = one.article
    shown = excerpt(a.told, words).text if words else a.body[:_BEGINNING]
    return models.ArticleHead(
        slug=a.slug, version=one.written.version, category=a.category, matter=a.matter, title=a.title, sample=a.sample,
        retired=a.retired, has_notice=bool(a.checklist), excerpt=shown,
    )


async def _whole(request: web.Request, version: int | None) -> web.Response:
    slug, base = request.match_info["slug"], request.app[SERVICES].knowledge.base
    found = await base.article(slug, version)
    if found is None:
        raise NotFound(f"There is no article {slug[:40]} of this version.")
    versions = await base.versions(slug)
    members = dataclasses.asdict(found.article)
    whole = models.ArticleAnswer(
        version=found.written.version, current=versions[0].version, **members,
        versions=[models.ArticleVersion(**dataclasses.asdict(v)) for v in versions],
    )
    return answer(whole, headers={"ETag": f'"{found.written.version}"'})


_ONE = "/api/v1/knowledge/{slug}"
_CALL = "/api/v1/calls/{linked_id}/checklists"

KNOWLEDGE_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/knowledge", list_articles, "Articles of the knowledge base, by category and title",
        {200: models.ArticleList}, permission="knowledge.read", query=models.KnowledgeQuery,
    ),
    Route(
        "GET", _ONE, show_article, "One article with its notice; the ETag is its version", {200: models.ArticleAnswer},
        permission="knowledge.read", query=models.ArticleQuery,
    ),
    Route(
        "PUT", _ONE, write_article, "Write a new version of an article; the old ones stay; audited", {200: models.ArticleAnswer},
        permission="knowledge.write", bodies=(models.ArticleWish,), problems=frozenset({412, 413, 415, 428}),
        headers={"If-Match": 'the ETag of the article as it was read, "0" for a new one; without it 428, with another one 412'},
    ),
    Route(
        "GET", _CALL, show_call, "What of one-time notices was told in a call", {200: models.ChecklistList},
        permission="transcripts.read",
    ),
    Route(
        "PUT", _CALL + "/{slug}", decide, "Use an article's notice in a call, and say what of it was told",
        {200: models.ChecklistList}, permission="desk.use", bodies=(models.ChecklistWish,), problems=frozenset({413, 415}),
    ),
    Route(
        "GET", "/api/v1/work-orders/{number}/checklists", show_order, "What of one-time notices was told in the calls of an order",
        {200: models.ChecklistList}, permission="orders.own",
    ),
)
