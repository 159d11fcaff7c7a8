"""Orders over HTTP on a real database: moves under If-Match, each handler's own, confidential orders that leak nowhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from ivr.domain.assignment import PeopleFile, Person
from ivr.storage.audit import PostgresAudit
from ivr.storage.feed import append
from ivr.storage.people import PostgresPeople
from tests.fakes.web_world import add_call, add_track
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Events, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
NUMBER = "6401051261123000018"
SECRET = "13912345678"
COVERED = "139****5678"


@asynccontextmanager
async def office(database: WebDatabase, **options: Any) -> AsyncIterator[tuple[Site, dict[str, aiohttp.ClientSession]]]:
    """People of every kind, logged in by their names."""
    roles = {
        "chief": ("supervisor",), "desk": ("dispatcher",), "seat": ("operator",), "zhao": ("handler",), "qian": ("handler",),
        "root": ("administrator",), "books": ("auditor",),
    }
    async with site(database, **options) as s, AsyncExitStack() as stack:
        for name, granted in roles.items():
            await s.accounts.add_user(name, roles=granted, password=PASSWORD)
        await PostgresPeople(s.pool).apply(PeopleFile((
            Person("7001", "赵律师", "司法所", "zhao"), Person("7002", "钱律师", "司法所", "qian"), Person("8001", "坐席", "热线", "seat"),
        ), ()))
        yield s, {name: await stack.enter_async_context(s.browser(name)) for name in roles}


async def add_order(s: Site, number: str = NUMBER, **columns: object) -> str:
    """An order of one call, with a name that must not leak."""
    row = {"number": number, "channel": "hotline", "opened_at": T0, "category_table_version": "v1", "category": "consult",
           "matter": "labour", "caller_number": SECRET, "note": "秘密说明", **columns}  # fmt: skip
    marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    order = await s.pool.fetchval(f"INSERT INTO work_order ({', '.join(row)}) VALUES ({marks}) RETURNING id", *row.values())
    await add_call(s.pool, f"c-{number}", T0, state="ended", outcome="answered", caller_number=SECRET, caller_name_raw="马建国",
                   answered_at=T0 + timedelta(seconds=5), ended_at=T0 + timedelta(seconds=60))  # fmt: skip
    await s.pool.execute("INSERT INTO work_order_call VALUES ($1, $2)", f"c-{number}", order)
    await s.pool.execute(
        "INSERT INTO work_order_field (order_id, field, ordinal, value, display, source) VALUES ($1, 'caller_name', 0, '马建国', '马建国', 'machine')",
        order,
    )
    return f"/api/v1/work-orders/{number}"


async def told(response: aiohttp.ClientResponse, status: int) -> Any:
    assert response.status == status, await response.text()
    return await response.json(content_type=None)


async def made(client: aiohttp.ClientSession, address: str, status: int = 200, **body: object) -> Any:
    """One move on the order as it is now."""
    etag = (await client.get(address)).headers["ETag"]
    async with client.post(f"{address}/moves", json=body, headers={"If-Match": etag}) as response:
        return await told(response, status)


async def test_an_order_goes_its_whole_way(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s, owner_work_number="8001")
        assert (await told(await by["zhao"].get(address), 404))["code"] == "not_found", "not theirs yet"
        assert (await told(await by["zhao"].get("/api/v1/work-orders"), 200))["orders"] == []
        order = await made(by["desk"], address, move="assign", to="7001", chosen=True, reason="当事人点名")
        assert (order["state"], order["assigned_to"], order["owner"]) == ("assigned", "7001", "8001")
        assert order["due_at"].endswith("T18:00:00.000+08:00") and order["history"][0]["detail"]["chosen"] is True
        moves = {m["move"]: m for m in order["moves"]}
        assert moves["reassign"]["allowed"] and not moves["accept"]["allowed"] and "7001" not in moves["reassign"]["why"]
        assert "没有登记工号" in moves["accept"]["why"] and moves["extend"]["needs"] == ["days", "reason"]
        mine = (await told(await by["zhao"].get("/api/v1/work-orders"), 200))["orders"]
        assert [o["number"] for o in mine] == [NUMBER]
        assert (await told(await by["qian"].get("/api/v1/work-orders"), 200))["orders"] == []
        assert (await told(await by["zhao"].get(address + "/candidates"), 403))["code"] == "denied"
        assert (await made(by["zhao"], address, move="accept"))["owner"] == "7001"
        edited = await told(await by["zhao"].patch(address, json={"remark": "已联系"}, headers={"If-Match": '"3"'}), 200)
        assert [f["set_by"] for f in edited["fields"] if f["field"] == "remark"] == ["zhao"] and edited["version"] == 4
        await made(by["zhao"], address, move="start")
        assert (await made(by["desk"], address, move="extend", days=3, reason="鉴定未出"))["extended"] is True
        await made(by["zhao"], address, move="resolve", reason="双方和解")
        await made(by["seat"], address, move="close")
        closed = await made(by["root"], address, move="archive")
        assert closed["state"] == "archived" and closed["card"] == ""
        assert [e["move"] for e in closed["history"]] == ["assign", "accept", "edit", "start", "extend", "resolve", "close", "archive"]
        for client in ("seat", "desk"):
            assert (await told(await by[client].patch(address, json={"remark": "x"}, headers={"If-Match": f'"{closed["version"]}"'}), 409))[
                "code"] == "edit_refused"
        assert (await told(await by["books"].get(address), 403))["code"] == "denied"
        rows = await s.pool.fetch("SELECT action FROM audit_event WHERE object = $1 ORDER BY id", NUMBER)
        assert [r["action"] for r in rows] == [f"order.{e['move']}" for e in closed["history"]]
        assert await PostgresAudit(s.pool).first_broken() is None


async def test_what_is_not_possible_is_told_with_what_is(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s)
        refused = await made(by["seat"], address, 409, move="archive")
        assert refused["code"] == "move_refused" and refused["possible"] == ["submit", "answer", "merge", "recuse", "conceal"]
        assert "待核对" in refused["detail"] and "提交审核" in refused["detail"]
        assert "supervisor" in (await made(by["seat"], address, 409, move="void", reason="x"))["detail"]
        assert (await made(by["desk"], address, 400, move="assign"))["code"] == "move_incomplete"
        assert (await made(by["desk"], address, 400, move="assign", to="9999"))["code"] == "move_incomplete"
        move = {"move": "submit"}
        assert (await told(await by["seat"].post(f"{address}/moves", json=move), 428))["code"] == "precondition_required"
        assert (await told(await by["seat"].post(f"{address}/moves", json=move, headers={"If-Match": "*"}), 428))["status"] == 428
        for etag in ('"2"', "1", 'W/"1"', '"x"', '"1", "2"'):
            async with by["seat"].post(f"{address}/moves", json=move, headers={"If-Match": etag}) as response:
                assert (await told(response, 412))["code"] == "stale_version" and response.headers["ETag"] == '"1"'
        for body in ({"move": "fly"}, {"move": "submit", "extra": 1}, {}, {"move": "extend", "days": "3"}, {"move": "merge", "into": "1"},
                     {"move": "void", "reason": "长" * 501}, [], {"move": "assign", "to": "abc"}):  # fmt: skip
            assert (await by["seat"].post(f"{address}/moves", json=body, headers={"If-Match": '"1"'})).status == 400, body
        for body in ({"category": "no-such"}, {"colour": "red"}, {"amount": "3000"}, {"note": "x"}, {"remark": None}):
            assert (await by["seat"].patch(address, json=body, headers={"If-Match": '"1"'})).status == 400, body
        assert await s.pool.fetchval("SELECT count(*) FROM order_event") == 0
        assert (await s.pool.fetchval("SELECT version FROM work_order")) == 1


async def test_fifty_pages_at_once_change_it_once(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s)

        async def write(n: int) -> int:
            async with by["seat"].patch(address, json={"remark": f"第{n}位"}, headers={"If-Match": '"1"'}) as response:
                return response.status

        statuses = await asyncio.gather(*(write(n) for n in range(50)))
        assert sorted(statuses) == [200] + [412] * 49
        assert await s.pool.fetchval("SELECT version FROM work_order") == 2


async def test_a_confidential_order_leaks_nowhere(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s, owner_work_number="8001")
        call = f"c-{NUMBER}"
        await add_track(s.pool, call, "caller", "x.wav")
        await made(by["desk"], address, move="assign", to="7001")
        hidden = await made(by["desk"], address, move="conceal")
        assert hidden["hidden"] is True and hidden["history"] == [] and hidden["assigned_to"] == "7001"

        def clean(text: str) -> None:
            assert SECRET not in text and "马建国" not in text and "秘密" not in text and "labour" not in text, text

        for name in ("desk", "root"):
            for path in (address, "/api/v1/work-orders", "/api/v1/calls"):
                async with by[name].get(path) as response:
                    text = await response.text()
                    assert response.status == 200 and NUMBER in text
                    clean(text)
            assert (await by[name].get(f"{address}/duplicates")).status == 403
            assert (await by[name].get(f"/api/v1/calls/{call}")).status == 403
            assert (await by[name].patch(address, json={"remark": "x"}, headers={"If-Match": '"3"'})).status == 403
        assert (await by["qian"].get(address)).status == 404
        assert (await by["root"].get(f"/api/v1/calls/{call}/audio")).status == 403
        assert (await by["root"].get(f"/api/v1/calls/{call}/peaks")).status == 403
        for query in ({"q": SECRET[3:]}, {"q": "马建国"}, {"q": "秘密"}, {"category": "consult"}):
            assert (await told(await by["root"].get("/api/v1/work-orders", params=query), 200))["orders"] == [], query
        assert (await told(await by["root"].get("/api/v1/calls", params={"q": SECRET[3:]}), 200))["calls"] == []
        found = (await told(await by["root"].get("/api/v1/work-orders", params={"q": NUMBER[-6:], "owner": "8001"}), 200))["orders"]
        assert [o["number"] for o in found] == [NUMBER]
        async with by["chief"].get("/api/v1/live") as stream, asyncio.timeout(20):
            events = Events(stream)
            snapshot = json.dumps((await events.next("snapshot"))[2], ensure_ascii=False)
            assert snapshot.count(NUMBER) > 1
            clean(snapshot)
            await made(by["chief"], address, move="urge", reason="到期")
            clean(json.dumps((await events.next("order"))[2], ensure_ascii=False))
            async with s.pool.acquire() as connection, connection.transaction():
                await append(connection, "call", call)
            clean(json.dumps((await events.next("call"))[2], ensure_ascii=False))
        before = await s.pool.fetchval("SELECT count(*) FROM audit_event WHERE action = 'order.read_confidential'")
        for n, name in enumerate(("chief", "zhao", "seat", "chief"), 1):
            order = await told(await by[name].get(address), 200)
            assert order["hidden"] is False and order["caller_number"] == (COVERED if name == "chief" else SECRET)
            assert order["fields"][0]["display"] == ("马**" if name == "chief" else "马建国") and order["masked"] is (name == "chief")
            rows = await s.pool.fetch("SELECT actor FROM audit_event WHERE action = 'order.read_confidential' ORDER BY id")
            assert len(rows) == before + n and rows[-1]["actor"] == name, "every read is a row"
        assert (await told(await by["chief"].get(f"/api/v1/calls/{call}"), 200))["caller_number"] == COVERED
        assert "reveal" not in (await made(by["desk"], address, 409, move="reveal", reason="x"))["possible"]
        assert (await made(by["chief"], address, move="reveal", reason="当事人同意"))["confidential"] is False
        assert (await told(await by["desk"].get(address), 200))["caller_number"] == COVERED


async def test_lists_by_card_and_owner(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        now = datetime.now(UTC)
        dues = {"1": now - timedelta(days=1), "2": now + timedelta(minutes=1), "3": now + timedelta(days=30), "4": None}
        for n, due in dues.items():
            await add_order(s, f"640105126112300{n}018", due_at=due, state="in_progress", owner_work_number="7001")
        await add_order(s, "6401051261123005018", due_at=now - timedelta(days=1), state="closed", owner_work_number="8001")

        async def listed(**query: str) -> list[tuple[str, str]]:
            found = await told(await by["desk"].get("/api/v1/work-orders", params=query), 200)
            return sorted((o["number"][-4], o["card"]) for o in found["orders"])

        assert await listed(card="red") == [("1", "red")]
        assert await listed(card="yellow") == [("2", "yellow")]
        assert await listed(owner="7001") == [("1", "red"), ("2", "yellow"), ("3", ""), ("4", "")]
        assert await listed(state="closed") == [("5", "")]
        assert await listed(owner="7001", card="red", state="in_progress") == [("1", "red")]
        for query in ({"card": "blue"}, {"owner": "x"}):
            assert (await by["desk"].get("/api/v1/work-orders", params=query)).status == 400


async def test_candidates_and_duplicates_over_http(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s)
        await add_order(s, "6401051261123000026")
        same = await told(await by["seat"].get(f"{address}/duplicates"), 200)
        assert (same["days"], [o["number"] for o in same["orders"]]) == (30, ["6401051261123000026"])
        found = (await told(await by["desk"].get(f"{address}/candidates"), 200))["candidates"]
        assert [c["work_number"] for c in found] == ["7001", "7002", "8001"] and found[0]["reasons"] == ["在办 0 件"]
        merged = await made(by["desk"], address, move="merge", into="6401051261123000026", reason="同一件事")
        assert merged["merged_into"] == "6401051261123000026"
        goes_on = await told(await by["desk"].get("/api/v1/work-orders/6401051261123000026"), 200)
        assert goes_on["merged"] == [NUMBER] and goes_on["history"][0]["move"] == "absorb"
        assert (await told(await by["seat"].get(f"{address}/duplicates?days=0"), 400))["code"] == "bad_request"


async def test_a_machine_holds_no_orders_and_acts_in_its_roles(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by), s.machine("dispatcher", "handler") as platform:
        address = await add_order(s)
        order = await made(platform, address, move="assign", to="7001")
        assert order["history"][0]["actor"].startswith("token:")
        assert "没有登记工号" in (await made(platform, address, 409, move="accept"))["detail"]


async def test_pick_lists_hold_what_fields_take(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await s.pool.execute(
            "INSERT INTO place (code, name, kind, town_code, status) VALUES ('640105001', '西花园路街道', 'town', '640105001', 'confirmed'),"
            " ('640105001-L01', '康庄社区', 'village', '640105001', 'confirmed'), ('640105001-P01', '待定', 'village', '640105001', 'placeholder')"
        )
        tables = await told(await by["zhao"].get("/api/v1/order-tables"), 200)
        assert tables == {
            "categories": [{"code": "consult", "name": "法律咨询"}], "matters": [{"code": "labour", "name": "劳动争议"}],
            "places": [{"code": "640105001", "name": "西花园路街道"}, {"code": "640105001-L01", "name": "西花园路街道康庄社区"}],
        }
        address = await add_order(s)
        order = await told(await by["seat"].patch(address, json={"place": "640105001-L01"}, headers={"If-Match": '"1"'}), 200)
        assert [f["display"] for f in order["fields"] if f["field"] == "place"] == ["西花园路街道康庄社区"]
        assert order["table_version"] == "v1" and (await told(await by["books"].get("/api/v1/order-tables"), 403))["status"] == 403
