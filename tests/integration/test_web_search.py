"""Search over HTTP on a real database: offsets, pages, rights, and the audit row of every search."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.web_world import add_call, add_track
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


async def say(s: Site, linked_id: str, text: str, at: datetime = T0) -> None:
    """A call in which the caller says one thing, two characters a word, half a second each."""
    await add_call(s.pool, linked_id, at)
    track = await add_track(s.pool, linked_id, "caller", f"{linked_id}-rx.wav")
    words = [{"text": text[n : n + 2], "start_s": 4 + n / 4, "end_s": 4.5 + n / 4, "confidence": 1} for n in range(0, len(text), 2)]
    await s.pool.execute(
        "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
        " VALUES ($1, 0, $2, 'caller', 4, 9, $3, 1, ($4::text)::jsonb)", track, linked_id, text, json.dumps(words),
    )


async def test_a_hit_says_where_the_words_stand_and_when_they_were_said(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("operator") as client:
        await say(s, "a-1", "老板<b>拖欠工资三个月")
        await s.pool.execute("INSERT INTO work_order (number, channel, opened_at) VALUES ('640105126', 'hotline', $1)", T0)
        await s.pool.execute("INSERT INTO work_order_call SELECT 'a-1', id FROM work_order")
        answer = await (await client.get("/api/v1/search", params={"q": "三个 拖欠"})).json()
        assert answer["next"] is None
        (hit,) = answer["hits"]
        assert [hit["text"][f["start"] : f["end"]] for f in hit["found"]] == ["拖欠", "三个"]
        assert hit["text"] == "老板<b>拖欠工资三个月" and hit["words_at_s"] == 5.0
        assert (hit["part"], hit["call"], hit["order"], hit["speaker"]) == ("segment", "a-1", "640105126", "caller")
        assert (hit["start_s"], hit["end_s"], hit["at"]) == (4.0, 9.0, "2026-11-23T09:30:00.000+08:00")


async def test_pages_go_on_where_the_last_one_ended(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client:
        for n in range(9):
            await say(s, f"p-{n}", "离婚财产", T0 - timedelta(days=n // 3))
        seen: list[str] = []
        asked = {"q": "离婚", "limit": "4", "from": "2026-11-01"}
        while True:
            page = await (await client.get("/api/v1/search", params=asked)).json()
            seen += [hit["call"] for hit in page["hits"]]
            await say(s, f"new-{len(seen)}", "离婚", T0 + timedelta(hours=len(seen)))
            if page["next"] is None:
                break
            asked["cursor"] = page["next"]
        assert sorted(seen) == [f"p-{n}" for n in range(9)] and len(set(seen)) == 9
        assert seen[6:] == ["p-8", "p-7", "p-6"]


async def test_every_search_is_an_audit_row(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client:
        await say(s, "a-1", "土地承包合同")
        for q, town in (("承包", {}), ("彩礼", {}), ("承包", {"town": "640105001"})):
            await client.get("/api/v1/search", params={"q": q, **town})
        rows = await s.pool.fetch("SELECT actor, object, detail::text FROM audit_event WHERE action = 'search' ORDER BY id")
        assert [(r["actor"], r["object"]) for r in rows] == [("token:m-0", q) for q in ("承包", "彩礼", "承包")]
        details = [json.loads(r["detail"]) for r in rows]
        assert [d["hits"] for d in details] == [1, 0, 0]
        assert [d.get("town") for d in details] == [None, None, "640105001"] and not any(d["further"] for d in details)


async def test_confidential_texts_are_found_by_supervisors_alone(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("operator") as operator, s.machine("supervisor") as supervisor:
        await say(s, "a-1", "家庭暴力")
        await s.pool.execute("INSERT INTO work_order (number, channel, confidential) VALUES ('1', 'hotline', true)")
        await s.pool.execute("INSERT INTO work_order_call SELECT 'a-1', id FROM work_order")
        found = {
            name: len((await (await client.get("/api/v1/search", params={"q": "暴力"})).json())["hits"])
            for name, client in (("operator", operator), ("supervisor", supervisor))
        }
        assert found == {"operator": 0, "supervisor": 1}
        rows = await s.pool.fetch("SELECT actor, object FROM audit_event WHERE action = 'order.read_confidential'")
        assert [tuple(r) for r in rows] == [("token:m-1", "1")], "what a supervisor finds of it was read"


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "q: Field required"), ("q=%E9%92%B1", "q: "), ("q=%E9%92%B1+a", "at least 2"), ("q=ab&cursor=WyIyMDI2", "cursor"),
     ("q=ab&from=5", "from"), ("q=ab&text=1", "text: is not a parameter"), ("q=ab&limit=0", "limit"), ("q=" + "a" * 101, "100"),
     ("q=ab&cursor=WyIyMDI2LTExLTIzVDAxOjMwOjAwLjAwMDAwMCswMDowMCIsICJ4Il0", "cursor")],
)  # fmt: skip
async def test_what_cannot_be_searched_is_told(web_database: WebDatabase, query: str, said: str) -> None:
    async with site(web_database) as s, s.machine("operator") as client:
        async with client.get(f"/api/v1/search?{query}") as response:
            assert response.status == 400 and said in (await response.json(content_type=None))["detail"]
        assert await s.pool.fetchval("SELECT count(*) FROM audit_event WHERE action = 'search'") == 0


async def test_who_may_not_read_transcripts_may_not_search(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("auditor") as client:
        async with client.get("/api/v1/search", params={"q": "工资"}) as response:
            assert response.status == 403
