"""Figures over HTTP on a real database: what is answered, the list behind it, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import aiohttp
import pytest

from ivr.domain.counted_call import SETS
from ivr.domain.intervals import SHANGHAI
from tests.fakes.web_world import add_call
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
DAY = datetime(2026, 11, 23, tzinfo=SHANGHAI)
THAT_DAY = {"from": "2026-11-23", "to": "2026-11-24"}


async def morning(s: Site) -> None:
    """Ten past ten: two answered (9 s and 30 s), one who waited 40 s in vain, one gone after 3 s; one before midnight."""
    at = DAY + timedelta(hours=10, minutes=10)
    for name, wait in (("quick", 9), ("slow", 30)):
        await add_call(
            s.pool, name, at, state="ended", outcome="answered", queue="hotline", queued_at=at + timedelta(seconds=8),
            answered_at=at + timedelta(seconds=wait), ended_at=at + timedelta(seconds=200), rating=2 if name == "quick" else None,
        )
    for name, wait, queue in (("waited", 40, "hotline"), ("gone", 3, "")):
        await add_call(
            s.pool, name, at + timedelta(seconds=1), state="ended", outcome="abandoned", queue=queue,
            queued_at=at + timedelta(seconds=8) if queue else None, ended_at=at + timedelta(seconds=1 + wait),
        )
    await add_call(s.pool, "eve", DAY - timedelta(seconds=1), state="ended", outcome="failed", ended_at=DAY)


async def told(client: aiohttp.ClientSession, path: str = "statistics", **query: str) -> dict[str, object]:
    async with client.get(f"/api/v1/{path}", params=query) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, object] = await response.json()
        return answer


async def test_a_day_by_quarters_with_formulas_and_balance(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client:
        await morning(s)
        found = await told(client, by="interval", interval="15m", **THAT_DAY)
        total = found["total"]
        assert (found["start"], found["end"]) == ("2026-11-23T00:00:00.000+08:00", "2026-11-24T00:00:00.000+08:00")
        figures = {f["name"]: f for f in total["figures"]}
        assert figures["connection_rate"] == {"name": "connection_rate", "value": 0.5, "numerator": 2, "denominator": 4}
        assert figures["service_level"] == {"name": "service_level", "value": 1 / 3, "numerator": 1, "denominator": 3}
        assert figures["satisfaction"]["value"] == 1 and figures["rated_share"]["value"] == 0.5
        assert figures["dissatisfied_called_back"]["value"] is None
        formulas = {f["name"]: f for f in found["formulas"]}
        assert formulas.keys() == {*figures, "on_time", "occupancy", "aht"}, "orders and seats have formulas of their own"
        assert formulas["service_level"]["formula"] == "15 秒内接通 ÷（接通 + 15 秒后放弃）"
        assert found["not_recorded"] == []
        assert total["balanced"] and [(b["kind"], b["arrived"], b["difference"]) for b in total["balances"]] == [
            ("number", 4, 0), ("queue", 3, 0)
        ]
        quarters = [g for g in found["groups"] if g["counts"]["arrived"]]
        assert len(found["groups"]) == 96 and [g["start"] for g in quarters] == ["2026-11-23T10:00:00.000+08:00"]
        assert quarters[0]["rolling_24h"] == {"name": "connection_rate", "value": 0.4, "numerator": 2, "denominator": 5}


async def test_a_record_that_contradicts_itself_is_a_warning_and_its_calls_can_be_seen(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client:
        await morning(s)
        await add_call(s.pool, "odd", DAY + timedelta(hours=11), state="ended", outcome="answered", ended_at=DAY + timedelta(hours=12))
        found = await told(client, interval="1h", **THAT_DAY)
        assert found["total"]["balanced"] is False
        assert [g["start"][11:13] for g in found["groups"] if not g["balanced"]] == ["11"]
        calls = await told(client, "statistics/calls", figure="unaccounted", **THAT_DAY)
        assert [c["linked_id"] for c in calls["calls"]] == ["odd"]


async def test_the_list_behind_a_number_is_paged_and_as_long_as_the_number(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client:
        await morning(s)
        counts = (await told(client, **THAT_DAY))["total"]["counts"]
        for name in SETS:
            seen: list[str] = []
            query = {"figure": name, "limit": "1", **THAT_DAY}
            while True:
                page = await told(client, "statistics/calls", **query)
                seen += [c["linked_id"] for c in page["calls"]]
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
            assert len(seen) == len(set(seen)) == counts[name], name
        page = await told(client, "statistics/calls", figure="abandoned", queue="hotline", **THAT_DAY)
        assert [c["linked_id"] for c in page["calls"]] == ["waited"]
        page = await told(
            client, "statistics/calls", figure="abandoned", **{"from": "2026-11-23T10:15:00+08:00", "to": "2026-11-23T10:30:00+08:00"}
        )
        assert page == {"calls": [], "next": None}


@pytest.mark.parametrize(("path", "query", "word"), [
    ("statistics", {"from": "2026-01-01", "to": "2026-12-01", "interval": "15m"}, "400 intervals"),
    ("statistics", {"from": "2026-11-23", "to": "2026-11-23"}, "must be later"),
    ("statistics", {"from": "2020-01-01", "to": "2026-12-01", "by": "queue"}, "400 days"),
    ("statistics", {"by": "moon"}, "by"), ("statistics", {"interval": "5m"}, "interval"), ("statistics", {"figure": "abandoned"}, "figure"),
    ("statistics/calls", {"figure": "moon"}, "known are"), ("statistics/calls", {"cursor": "x"}, "cursor"),
    ("statistics/calls", {"limit": "201"}, "limit"), ("statistics/wall", {"heat": "moon"}, "heat"),
])  # fmt: skip
async def test_what_cannot_be_counted_is_refused_with_a_reason(
    web_database: WebDatabase, path: str, query: dict[str, str], word: str
) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client:
        async with client.get(f"/api/v1/{path}", params=query) as response:
            assert response.status == 400 and word in (await response.json())["detail"]


async def test_who_may_not_see_calls_sees_no_figures(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        for roles in (("auditor",), ("handler",), ("adviser",)):
            async with s.machine(*roles) as client:
                for path in ("statistics", "statistics/calls", "statistics/wall"):
                    assert (await client.get(f"/api/v1/{path}")).status == 403


async def test_the_wall_is_today_and_a_map_of_places(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client:
        now: datetime = await s.pool.fetchval("SELECT now()")
        await add_call(s.pool, "a", now, state="ended", outcome="answered", answered_at=now + timedelta(seconds=9), ended_at=now)
        await s.pool.execute(
            "INSERT INTO place (code, name, kind, town_code, status) VALUES ('v1', '康庄社区', 'village', 't1', 'confirmed')"
        )
        for number, matter in (("1", "labour"), ("2", "labour"), ("3", "unheard-of")):
            order_id = await s.pool.fetchval(
                "INSERT INTO work_order (number, channel, matter, category_table_version) VALUES ($1, 'hotline', $2, 'v1') RETURNING id",
                number, matter,
            )
            await s.pool.execute(
                "INSERT INTO work_order_field (order_id, field, value, display, source) VALUES ($1, 'place', 'v1', '', 'human')", order_id
            )
        wall = await told(client, "statistics/wall", heat="matter")
        assert wall["today"]["counts"]["arrived"] == 1 and wall["connection_goal"] == 0.95
        assert wall["orders"] == [{"state": "draft", "orders": 3, "yellow": 0, "red": 0}]
        assert [c["name"] for c in wall["heat"]["columns"]] == ["劳动争议", "unheard-of"]
        assert wall["heat"]["places"] == [{"place": "v1", "name": "康庄社区", "orders": [2, 1], "total": 3}]
        assert wall["on_time"]["value"] is None


async def test_figures_that_a_page_reads_by_itself_keep_no_session_alive(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await s.accounts.add_user("li", roles=["dispatcher"], password=PASSWORD)
        async with s.browser("li") as client:
            stamp = "SELECT last_seen_at FROM app_session"
            await s.pool.execute("UPDATE app_session SET last_seen_at = now() - interval '10 minutes'")
            before = await s.pool.fetchval(stamp)
            for path in ("statistics", "statistics/wall"):
                await told(client, path)
            assert await s.pool.fetchval(stamp) == before
            await told(client, "statistics/calls")
            assert await s.pool.fetchval(stamp) > before
