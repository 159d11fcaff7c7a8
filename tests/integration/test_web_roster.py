"""The roster over HTTP on a real database: shifts under their version, files with a preview, nothing that cannot stand."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from ivr.storage.audit import PostgresAudit
from tests.integration.test_web_orders import told
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
SHIFTS, WEEK = "/api/v1/roster/shifts", {"from": "2026-11-23", "to": "2026-11-30"}
HEAD = "work_number,name,speciality,from,to\n"


def wish(start: str = "08:30", end: str = "12:00", day: str = "2026-11-26", **more: object) -> dict[str, Any]:
    return {
        "work_number": "8001", "name": "王律师", "starts_at": f"{day}T{start}:00+08:00", "ends_at": f"{day}T{end}:00+08:00",
        "specialities": ["labour"],
    } | more


def under(shift: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'"{shift["version"]}"'}


async def week(client: aiohttp.ClientSession) -> list[dict[str, Any]]:
    return list((await told(await client.get(SHIFTS, params=WEEK), 200))["shifts"])


async def chief(s: Site) -> None:
    for name, role in (("ban", "supervisor"), ("fu", "supervisor"), ("wang", "operator"), ("desk", "dispatcher")):
        await s.accounts.add_user(name, roles=[role], password=PASSWORD)


async def test_a_shift_is_added_changed_and_taken_out_under_its_version(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await chief(s)
        async with s.browser("ban") as ban, s.browser("fu") as fu, s.browser("wang") as wang:
            made = await told(await ban.post(SHIFTS, json=wish()), 201)
            assert made["id"] == "8001-202611260830-202611261200" and made["specialities"] == [{"code": "labour", "name": "劳动争议"}]
            assert await week(fu) == [made]
            assert (await told(await wang.get("/api/v1/roster", params=WEEK), 200))["duties"][0]["work_number"] == "8001", "callers may choose"
            address = f"{SHIFTS}/{made['id']}"
            assert (await told(await fu.put(address, json=wish(end="13:00")), 428))["code"] == "precondition_required"
            both = await asyncio.gather(*(one.put(address, json=wish(end=end), headers=under(made)) for one, end in ((ban, "13:00"), (fu, "14:00"))))
            assert sorted(a.status for a in both) in ([200, 404], [200, 412]), "one is first, and the other reads it anew"
            (now,) = await week(ban)
            renamed = await told(await ban.put(f"{SHIFTS}/{now['id']}", json=wish(end=now["ends_at"][11:16], name="王大律师"), headers=under(now)), 200)
            assert renamed["id"] == now["id"] and renamed["version"] != now["version"]
            for method, body in (("PUT", wish(end="15:00")), ("DELETE", None)):
                stale = await told(await fu.request(method, f"{SHIFTS}/{now['id']}", json=body, headers=under(now)), 412)
                assert stale["code"] == "stale_version", method
            assert await week(ban) == [renamed]
            await told(await fu.delete(f"{SHIFTS}/{now['id']}", headers=under(renamed)), 204)
            await told(await fu.delete(f"{SHIFTS}/{now['id']}", headers=under(renamed)), 404)
            assert await week(ban) == []
            rows = [r["action"] for r in await s.pool.fetch("SELECT action FROM audit_event WHERE action LIKE 'roster.%' ORDER BY id")]
            assert rows == ["roster.shift_added", "roster.shift_changed", "roster.shift_changed", "roster.shift_removed"]
            assert await PostgresAudit(s.pool).first_broken() is None


async def test_what_cannot_stand_is_refused_with_why(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await chief(s)
        async with s.browser("ban") as ban, s.browser("wang") as wang, s.browser("desk") as desk:
            first = await told(await ban.post(SHIFTS, json=wish()), 201)
            for body, part in (
                (wish("11:00", "14:00"), "已有同一专长的班"), (wish(work_number="8009"), "没有工号为 8009"), (wish(work_number="9001"), "不能由来电人输入"),
                (wish("12:00", "08:30"), "结束要在开始之后"), (wish(ends_at="2027-01-26T08:30:00+08:00"), "不超过 31 天"),
                (wish(specialities=["nonsense"]), "没有专长 nonsense"), (wish(name="王\u202e律师"), "不能显示"),
            ):
                refused = await told(await ban.post(SHIFTS, json=body), 409)
                assert refused["code"] == "bad_shift" and part in refused["detail"], refused
            for body in (wish(specialities=[]), wish(name=" "), wish(more=1), wish(starts_at="2026-11-26T08:30:30+08:00"), wish(starts_at=0)):
                await told(await ban.post(SHIFTS, json=body), 400)
            later = await told(await ban.post(SHIFTS, json=wish("12:00", "14:00")), 201)
            clash = await told(await ban.put(f"{SHIFTS}/{later['id']}", json=wish("11:59", "14:00"), headers=under(later)), 409)
            assert clash["code"] == "bad_shift" and await week(ban) == [first, later], "what was there stays"
            at_once = await asyncio.gather(*(ban.post(SHIFTS, json=wish("15:00", "17:00")) for _ in range(4)))
            assert sorted(a.status for a in at_once) == [201, 409, 409, 409]
            for one in (wang, desk):
                for answer in (
                    await one.get(SHIFTS), await one.post(SHIFTS, json=wish()), await one.delete(f"{SHIFTS}/{first['id']}", headers=under(first)),
                    await one.get("/api/v1/roster/export"), await one.post("/api/v1/roster/import", json={"csv": HEAD}),
                ):
                    await told(answer, 403)


async def test_a_file_is_looked_at_before_it_is_the_roster(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await chief(s)
        async with s.browser("ban") as ban:
            kept = await told(await ban.post(SHIFTS, json=wish(day="2026-11-25")), 201)
            gone = await told(await ban.post(SHIFTS, json=wish()), 201)
            text = HEAD + "8001,王律师,劳动争议,2026-11-26 13:00,2026-11-26 17:00\n8002,李律师,劳动争议,2026-11-26 08:30,2026-11-26 12:00\n"
            address = "/api/v1/roster/import"
            bad = await told(await ban.post(address, json={"csv": text + "8009,无,钓鱼,2026-11-26 08:30,x\n"}), 200)
            assert {b["line"] for b in bad["bad"]} == {4} and len(bad["bad"]) == 3 and not bad["written"]
            await told(await ban.post(address, json={"csv": text + "8009,,,,\n", "dry_run": False, "version": bad["version"]}), 400)
            seen = await told(await ban.post(address, json={"csv": text}), 200)
            assert ([one["id"][:4] for one in seen["added"]], [one["id"] for one in seen["removed"]]) == (["8002", "8001"], [gone["id"]])
            assert await week(ban) == [kept, gone], "a preview writes nothing"
            await told(await ban.post(address, json={"csv": text, "dry_run": False}), 400)
            extra = await told(await ban.post(SHIFTS, json=wish("18:00", "19:00")), 201)
            stale = await told(await ban.post(address, json={"csv": text, "dry_run": False, "version": seen["version"]}), 412)
            assert stale["code"] == "stale_version" and len(await week(ban)) == 3
            await told(await ban.delete(f"{SHIFTS}/{extra['id']}", headers=under(extra)), 204)
            done = await told(await ban.post(address, json={"csv": text, "dry_run": False, "version": seen["version"]}), 200)
            assert done["written"] and [one["id"] for one in await week(ban)] == [kept["id"], *(one["id"] for one in seen["added"])]
            async with ban.get("/api/v1/roster/export", params=WEEK) as response:
                assert response.status == 200 and response.headers["Content-Disposition"] == 'attachment; filename="roster-20261123-20261129.csv"'
                file = (await response.read()).decode()
            again = await told(await ban.post(address, json={"csv": file}), 200)
            assert (again["added"], again["removed"], again["unchanged"], again["bad"]) == ([], [], 3, []), "what is taken out goes in again"
            for body in ({"csv": "x"}, {"csv": HEAD, "dry_run": 1}, {"csv": HEAD, "version": "1"}, {"csv": "y" * 60_000}):
                await told(await ban.post(address, json=body), 400)
            await ban.post(SHIFTS, json=wish(day="2026-11-27", name="=cmd|x"))
            async with ban.get("/api/v1/roster/export", params=WEEK) as response:
                assert "'=cmd|x" in (await response.read()).decode(), "no cell runs"
            audit = await s.pool.fetch("SELECT actor, object FROM audit_event WHERE action = 'roster.import'")
            assert [tuple(r) for r in audit] == [("ban", "2026-11-26/2026-11-26")]
