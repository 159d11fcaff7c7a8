"""The knowledge base on a real database: versions that stay, a lock that holds, words that are found, and notices told in calls."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import asyncpg
import pytest

from ivr.domain.transcript import Segment, Speaker, Word
from ivr.intake_tables import shipped_articles
from ivr.storage.knowledge import seed_articles
from ivr.storage.live_words import PostgresLiveWords
from tests.integration.test_web_desk import people
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

SHIPPED = shipped_articles()
KB = "/api/v1/knowledge"
CALL = "e2e-1-1764000000.7"
WISH = {
    "category": "notary", "matter": "", "title": "怎样办公证", "body": "先打电话问好时间。\n再带齐材料来。", "statutes": ["《公证法》第二十五条"],
    "checklist": [
        {"code": "id", "kind": "bring", "text": "身份证", "heard": ["身份证"]},
        {"code": "where", "kind": "where", "text": "公证处", "heard": ["公证处"]},
        {"code": "takes", "kind": "takes", "text": "十五个工作日", "heard": ["十五个工作日"]},
    ],
}


async def ask(
    client: aiohttp.ClientSession, method: str, path: str, body: Any = None, *, status: int = 200, version: int | None = None
) -> dict[str, Any]:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    async with client.request(method, path, json=body, headers=headers) as response:
        told: dict[str, Any] = await response.json(content_type=None) if response.content_length else {}
        assert response.status == status, (method, path, response.status, told)
        return told


def said(text: str, at_s: float, speaker: Speaker = "operator") -> Segment:
    return Segment(speaker, at_s, at_s + 2, (Word(text, at_s, at_s + 2, 0.9),))


async def call(s: Site, linked_id: str = CALL, number: str = "6401051261123000018", confidential: bool = False) -> None:
    await s.pool.execute(
        "INSERT INTO call (linked_id, state, channel, caller_number, arrived_at, answered_at) VALUES ($1, 'talking', 'hotline', '139', $2, $2)",
        linked_id, datetime.now(UTC),
    )
    order = await s.pool.fetchval(
        "INSERT INTO work_order (number, channel, state, opened_at, confidential) VALUES ($1, 'hotline', 'draft', $2, $3) RETURNING id",
        number, datetime.now(UTC), confidential,
    )
    await s.pool.execute("INSERT INTO work_order_call (order_id, linked_id) VALUES ($1, $2)", order, linked_id)


async def test_a_change_is_a_new_version_and_who_was_slower_is_told(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator")
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            await ask(wang, "PUT", f"{KB}/notary", WISH, version=0, status=403)
            await ask(ban, "PUT", f"{KB}/notary", WISH, status=428)
            first = await ask(ban, "PUT", f"{KB}/notary", WISH, version=0)
            assert (first["version"], first["current"], first["body"]) == (1, 1, WISH["body"])
            assert (await ask(ban, "PUT", f"{KB}/notary", WISH, version=1))["version"] == 1, "what is equal is no new version"
            both = await asyncio.gather(*(
                ban.put(f"{KB}/notary", json=WISH | {"title": title}, headers={"If-Match": '"1"'}) for title in ("公证一", "公证二")
            ))
            assert sorted(r.status for r in both) == [200, 412]
            slower = next(r for r in both if r.status == 412)
            assert slower.headers["ETag"] == '"2"' and (await slower.json(content_type=None))["code"] == "article_changed"
            old = await ask(wang, "GET", f"{KB}/notary?version=1")
            now = await ask(wang, "GET", f"{KB}/notary")
            assert (old["title"], old["current"], now["version"]) == ("怎样办公证", 2, 2)
            assert [(v["version"], v["written_by"]) for v in now["versions"]] == [(2, "ban"), (1, "ban")]
            await ask(wang, "GET", f"{KB}/notary?version=3", status=404)
            wrong = await ask(ban, "PUT", f"{KB}/Notary!", WISH, version=0, status=400)
            assert wrong["code"] == "article_refused" and "slug" in wrong["detail"]
            await ask(ban, "PUT", f"{KB}/notary", WISH | {"secret": 1}, version=2, status=400)
            retired = await ask(ban, "PUT", f"{KB}/notary", WISH | {"retired": True}, version=2)
            assert retired["version"] == 3 and (await ask(wang, "GET", KB))["articles"] == []
            assert [a["slug"] for a in (await ask(wang, "GET", f"{KB}?retired=true"))["articles"]] == ["notary"]
        audited = await s.pool.fetch("SELECT actor, object, detail FROM audit_event WHERE action = 'knowledge.written' ORDER BY id")
        assert [(r["actor"], r["object"]) for r in audited] == [("ban", "notary")] * 3
        for statement in ("UPDATE knowledge_article SET title = ''", "DELETE FROM knowledge_article"):
            with pytest.raises(asyncpg.RaiseError, match="never changes"):
                await s.pool.execute(statement)


async def test_words_are_found_and_shipped_articles_give_way_to_the_offices_own(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", he="handler", shen="auditor")
        await seed_articles(s.pool, SHIPPED)
        async with s.browser("ban") as ban, s.browser("he") as he, s.browser("shen") as shen:
            await ask(shen, "GET", KB, status=403)
            found = await ask(he, "GET", f"{KB}?q=冷静期 协议")
            assert [a["slug"] for a in found["articles"]] == ["divorce"] and "协议" in found["articles"][0]["excerpt"]
            assert (await ask(he, "GET", f"{KB}?q=从来没有这几个字"))["articles"] == []
            await ask(he, "GET", f"{KB}?q=" + "a " * 6, status=400)
            labour = await ask(he, "GET", f"{KB}?matter=labour")
            assert [(a["slug"], a["sample"], a["has_notice"]) for a in labour["articles"]] == [("wages", True, True)]
            whole = await ask(ban, "GET", f"{KB}/wages")
            own = {k: whole[k] for k in ("category", "matter", "statutes", "checklist")} | {"title": "讨薪", "body": "本中心审定。"}
            await ask(ban, "PUT", f"{KB}/wages", own, version=1)
            await seed_articles(s.pool, SHIPPED.replace("工资应当按月", "工资必须按月").replace("民间纠纷可以", "民间纠纷都可以"))
            assert (await ask(he, "GET", f"{KB}/wages"))["body"] == "本中心审定。", "what the office wrote stays"
            assert (await ask(he, "GET", f"{KB}/mediation"))["version"] == 2, "what nobody touched follows the program"
            assert [a["slug"] for a in (await ask(he, "GET", f"{KB}?q=冷静期"))["articles"]] == ["divorce"]


async def test_what_was_told_is_heard_or_ticked_and_a_persons_word_is_the_last(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator", he="handler")
        await call(s)
        live = PostgresLiveWords(s.pool)
        await live.hear(CALL, 0, [said("请您带上身份证", 7.5)])
        lists, one = f"/api/v1/calls/{CALL}/checklists", f"/api/v1/calls/{CALL}/checklists/notary"

        def ticks(told: dict[str, Any]) -> dict[str, tuple[bool, str | None, float | None]]:
            found, = told["checklists"]
            return {i["code"]: (i["told"], i["by"], i["at_s"]) for i in found["items"]}

        async with s.browser("ban") as ban, s.browser("wang") as wang, s.browser("he") as he:
            await ask(ban, "PUT", f"{KB}/notary", WISH, version=0)
            assert (await ask(wang, "GET", lists))["checklists"] == []
            await ask(he, "PUT", one, {"items": {}}, status=403)
            taken = await ask(wang, "PUT", one, {"items": {}})
            assert ticks(taken) == {"id": (True, "machine", 7.5), "where": (False, None, None), "takes": (False, None, None)}
            await live.hear(CALL, 1, [said("我去过公证处了", 9.0, "caller"), said("身份证别忘了到公证处办", 12.0)])
            await ask(wang, "PUT", one, {"items": {"takes": True, "where": False}})
            await live.hear(CALL, 3, [said("到公证处", 20.0)])
            told = await ask(wang, "GET", lists)
            assert ticks(told) == {"id": (True, "machine", 7.5), "where": (False, "human", 12.0), "takes": (True, "human", None)}
            assert told["checklists"][0]["items"][2]["decided_by"] == "wang"
            assert ticks(await ask(wang, "PUT", one, {"items": {"where": None}}))["where"] == (True, "machine", 12.0)
            await ask(ban, "PUT", f"{KB}/notary", WISH | {"checklist": WISH["checklist"][:1]}, version=1)
            assert len(ticks(await ask(wang, "GET", lists))) == 3, "a call keeps the version it was told from"
            assert (await ask(wang, "GET", "/api/v1/work-orders/6401051261123000018/checklists"))["checklists"][0]["call"] == CALL
            await ask(he, "GET", "/api/v1/work-orders/6401051261123000018/checklists", status=404)
            await ask(wang, "PUT", one, {"items": {"none": True}}, status=404)
            await ask(wang, "PUT", one, {"items": {"id": "yes"}}, status=400)
            for path in ("/api/v1/calls/none/checklists/notary", f"/api/v1/calls/{CALL}/checklists/none"):
                await ask(wang, "PUT", path, {"items": {}}, status=404)


async def test_a_confidential_orders_notice_is_its_peoples_alone(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator")
        await call(s, confidential=True)
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            await ask(ban, "PUT", f"{KB}/notary", WISH, version=0)
            for method, path in (("GET", ""), ("PUT", "/notary")):
                await ask(wang, method, f"/api/v1/calls/{CALL}/checklists{path}", {"items": {}} if path else None, status=403)
            await ask(wang, "GET", "/api/v1/work-orders/6401051261123000018/checklists", status=403)
            assert len((await ask(ban, "PUT", f"/api/v1/calls/{CALL}/checklists/notary", {"items": {}}))["checklists"]) == 1
