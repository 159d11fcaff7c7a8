"""Tasks on a real database: there while there is something to do, one person's at a time, called about on the call-backs' road."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from ivr.domain.callback import CallbackRules
from ivr.storage.audit import PostgresAudit
from ivr.storage.callbacks import PostgresCallbacks, end_attempt
from ivr.storage.database import open_pool
from tests.integration.test_storage_callbacks import Calls, dialler
from tests.integration.test_web_orders import COVERED, NUMBER, SECRET, T0, add_order, office, told
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Events, Site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
TASKS = "/api/v1/tasks"
MESSAGE = f"message-{NUMBER}"
RULES = CallbackRules()


async def add_job(s: Site, kind: str, number: str = SECRET, *, state: str = "waiting", order: str = NUMBER, attempts: int = 0) -> int:
    """A call-back of an order that is there, due now."""
    return int(await s.pool.fetchval(
        "INSERT INTO callback_job (kind, queue, number, order_id, state, arrived_at, promised_at, not_before, attempts)"
        " VALUES ($1, 'hotline', $2, (SELECT id FROM work_order WHERE number = $3), $4, now(), now() - interval '1 hour', now(), $5)"
        " RETURNING id", kind, number, order, state, attempts,
    ))


async def listed(client: aiohttp.ClientSession, **query: str) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in (await told(await client.get(TASKS, params=query), 200))["tasks"]}


async def look(database: WebDatabase, s: Site, calls: Calls, *, in_hours: bool = True) -> None:
    """One look of the controller, where the seat has its own queue beside the hotline's."""
    name = await s.pool.fetchval("SELECT current_database()")
    pool = await open_pool(f"postgresql://postgres@/{name}?host={database.folder}", application="test", size=2)
    async with pool, PostgresCallbacks(pool, RULES).leading() as desk:
        assert desk is not None
        await dialler(pool, calls, RULES, in_hours=in_hours, queues=("hotline", "lawyer-8001")).look(desk)


async def test_everything_that_waits_for_a_person_is_in_one_list(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await add_order(s, outcome="message", channel="voicemail", due_at=T0 + timedelta(days=1))
        await add_order(s, "6401051261123000026", state="returned", returns=3)
        await add_order(s, "6401051261123000034")
        waits = await add_job(s, "kept_place", order="6401051261123000034")
        gone = await add_job(s, "dissatisfied", "13900001111", order="6401051261123000034", state="failed", attempts=3)
        await add_job(s, "asked", "13900002222", order="6401051261123000034", state="failed")
        await add_job(s, "kept_place", "13900003333", order="6401051261123000034", state="done")
        found = await listed(by["seat"])
        assert {(t["id"], t["state"]) for t in found.values()} == {
            (MESSAGE, "open"), ("decision-6401051261123000026", "open"), (f"callback-{waits}", "planned"), (f"dissatisfied-{gone}", "open"),
        }
        assert (found[MESSAGE]["number"], found[MESSAGE]["call"], found[MESSAGE]["order"]) == (SECRET, f"c-{NUMBER}", NUMBER)
        assert found["decision-6401051261123000026"]["not_closable"] and found["decision-6401051261123000026"]["not_callable"]
        whole = await told(await by["desk"].get(TASKS), 200)
        assert whole["counts"] == {"callback": 1, "dissatisfied": 1, "message": 1, "decision": 1, "free": 4, "mine": 0}
        assert {t["number"] for t in whole["tasks"] if t["id"] == MESSAGE} == {COVERED}, "who makes no calls sees no number"
        assert list(await listed(by["seat"], kind="message")) == [MESSAGE]
        paged, cursor = [], ""
        for _ in range(4):
            page = await told(await by["seat"].get(TASKS, params={"limit": "1"} | ({"cursor": cursor} if cursor else {})), 200)
            paged += [t["id"] for t in page["tasks"]]
            cursor = page["next"]
        assert paged == list(found) and (await told(await by["seat"].get(TASKS, params={"cursor": cursor}), 200))["tasks"] == []
        for name in ("zhao", "books"):
            await told(await by[name].get(TASKS), 403)
        await told(await by["desk"].post(f"{TASKS}/{MESSAGE}/holder"), 403)
        await s.pool.execute("UPDATE work_order SET state = 'assigned'")
        assert set(await listed(by["seat"])) == {f"callback-{waits}", f"dissatisfied-{gone}"}, "an order that goes on is no task"


async def test_one_person_has_a_task_until_it_is_given_back_or_time_is_over(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await add_order(s, outcome="message")
        people = [by["seat"], by["chief"]]
        async with by["desk"].get("/api/v1/live") as stream, asyncio.timeout(30):
            events = Events(stream)
            await events.next("snapshot")
            answers = await asyncio.gather(*(one.post(f"{TASKS}/{MESSAGE}/holder") for one in people * 3))
            assert (await events.next("task"))[2] == {"id": MESSAGE}
        assert {a.status for a in answers[::2]} | {a.status for a in answers[1::2]} == {204, 409}
        has, has_not = people if answers[0].status == 204 else people[::-1]
        assert len({a.status for a in answers[::2]}) == 1, "the same one asks again and has it on"
        assert (await listed(has, whose="mine"))[MESSAGE]["mine"] and not await listed(has_not, whose="mine")
        assert not await listed(has, whose="free")
        for act, body in (("call", None), ("result", {"result": "talked"})):
            refused = await told(await has_not.post(f"{TASKS}/{MESSAGE}/{act}", json=body), 409)
            assert refused["code"] == "task_taken", act
        await s.pool.execute("UPDATE task SET ends_at = now() - interval '1 second'")
        assert list(await listed(has_not, whose="free")) == [MESSAGE], "whoever went home has nothing any more"
        refused = await told(await has.post(f"{TASKS}/{MESSAGE}/result", json={"result": "talked"}), 409)
        assert refused["code"] == "task_taken"
        await told(await by["seat"].post(f"{TASKS}/{MESSAGE}/holder"), 204)
        await s.accounts.add_user("other", roles=["operator"], password=PASSWORD)
        async with s.browser("other") as other:
            await told(await other.delete(f"{TASKS}/{MESSAGE}/holder"), 409)
            await told(await by["chief"].delete(f"{TASKS}/{MESSAGE}/holder"), 204)
            await told(await other.post(f"{TASKS}/{MESSAGE}/holder"), 204)
            await told(await other.delete(f"{TASKS}/{MESSAGE}/holder"), 204)
            await told(await other.delete(f"{TASKS}/{MESSAGE}/holder"), 404)
        actions = [r["action"] for r in await s.pool.fetch("SELECT action FROM audit_event WHERE object = $1 ORDER BY id", MESSAGE)]
        assert actions == ["task.taken", "task.taken", "task.given_back", "task.taken", "task.given_back"]
        assert await PostgresAudit(s.pool).first_broken() is None


async def test_a_result_puts_it_away_and_stands_in_the_order(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s, outcome="message", note="")
        owed = await add_job(s, "dissatisfied", "13900001111")
        kept = await add_job(s, "kept_place", "13900002222")
        seat = by["seat"]
        for task in (MESSAGE, f"dissatisfied-{owed}", f"callback-{kept}"):
            await told(await seat.post(f"{TASKS}/{task}/holder"), 204)
        for body in ({"result": "done"}, {"result": "talked", "note": "长" * 201}, {"result": "talked", "more": 1}, {}):
            await told(await seat.post(f"{TASKS}/{MESSAGE}/result", json=body), 400)
        await told(await seat.post(f"{TASKS}/{MESSAGE}/result", json={"result": "talked", "note": "=周五来"}), 204)
        assert "语音留言任务办结（seat）：已联系上，=周五来。" in (await told(await seat.get(address), 200))["note"]
        refused = await told(await seat.post(f"{TASKS}/dissatisfied-{owed}/result", json={"result": "not_needed"}), 409)
        assert refused["code"] == "task_refused", "who was not satisfied is called"
        await told(await seat.post(f"{TASKS}/callback-{kept}/result", json={"result": "not_needed"}), 204)
        assert await s.pool.fetchval("SELECT state FROM callback_job WHERE id = $1", kept) == "withdrawn"
        assert set(await listed(seat)) == {f"dissatisfied-{owed}"}
        await told(await seat.post(f"{TASKS}/{MESSAGE}/holder"), 404)
        await s.pool.execute("UPDATE callback_job SET state = 'failed' WHERE id = $1", owed)
        await told(await seat.post(f"{TASKS}/dissatisfied-{owed}/result", json={"result": "unreached"}), 204)
        assert await listed(seat) == {} and await s.pool.fetchval("SELECT state FROM callback_job WHERE id = $1", owed) == "failed"


async def test_a_call_goes_to_ones_own_seat_and_no_other_is_made_meanwhile(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s, outcome="message", note="")
        job = await add_job(s, "kept_place", "13900001111")
        seat, calls = by["seat"], Calls()
        await told(await seat.post(f"{TASKS}/callback-{job}/holder"), 204)
        await look(web_database, s, calls)
        assert calls.dialled == [], "whoever took it calls when they are ready"
        await told(await seat.post(f"{TASKS}/{MESSAGE}/call"), 409)
        await told(await seat.post(f"{TASKS}/{MESSAGE}/holder"), 204)
        await told(await seat.post(f"{TASKS}/{MESSAGE}/call"), 204)
        assert (await told(await seat.post(f"{TASKS}/{MESSAGE}/call"), 409))["code"] == "task_refused", "once"
        assert (await listed(seat))[MESSAGE]["state"] == "planned" and (await listed(seat))[MESSAGE]["asked"]
        await look(web_database, s, calls, in_hours=False)
        (dialled,) = calls.dialled
        assert (dialled.kind, dialled.number, dialled.queue) == ("asked", SECRET, "lawyer-8001")
        assert (await listed(seat))[MESSAGE]["state"] == "calling"
        async with s.pool.acquire() as connection, connection.transaction():
            await end_attempt(connection, dialled.linked_id, "unreached", RULES)
        task = (await listed(seat))[MESSAGE]
        assert (task["state"], task["last_result"], task["attempts"]) == ("open", "unreached", 1)
        assert "工单回电 13912345678 未完成：已拨打 1 次" in (await told(await seat.get(address), 200))["note"]
        await told(await seat.post(f"{TASKS}/callback-{job}/call"), 204)
        await look(web_database, s, calls)
        assert [(c.number, c.queue, c.kind) for c in calls.dialled[1:]] == [("13900001111", "lawyer-8001", "kept_place")]
        async with s.pool.acquire() as connection, connection.transaction():
            await end_attempt(connection, calls.dialled[1].linked_id, "answered", RULES)
        assert set(await listed(seat)) == {MESSAGE}
        done = await s.pool.fetchrow("SELECT result, done_by FROM task WHERE id = $1", f"callback-{job}")
        assert dict(done or {}) == {"result": "talked", "done_by": "seat"}


async def test_what_was_given_up_is_taken_up_again_and_lapses_again(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await add_order(s)
        job = await add_job(s, "dissatisfied", "", state="failed", attempts=3)
        task, calls = f"dissatisfied-{job}", Calls()
        await told(await by["seat"].post(f"{TASKS}/{task}/holder"), 204)
        await told(await by["seat"].post(f"{TASKS}/{task}/call"), 204)
        await s.pool.execute("UPDATE callback_job SET asked_until = now() - interval '1 second'")
        await look(web_database, s, calls)
        assert calls.dialled == [] and (await listed(by["seat"]))[task]["state"] == "open", "no seat got free in time: not called tomorrow"
        await told(await by["seat"].post(f"{TASKS}/{task}/call"), 204)
        await look(web_database, s, calls)
        assert [c.number for c in calls.dialled] == [SECRET], "the number its order holds"


async def test_calls_go_out_from_orders_to_their_own_number_only(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await add_order(s)
        await add_order(s, "6401051261123000026", caller_number="110")
        hidden = await add_order(s, "6401051261123000034", caller_number="13900001111", confidential=True, owner_work_number="7001")
        await told(await by["seat"].post("/api/v1/work-orders/6401051261123000026/call"), 409)
        await told(await by["seat"].post("/api/v1/work-orders/6401051261123000099/call"), 404)
        await told(await by["seat"].post(f"{hidden}/call"), 403)
        for name in ("zhao", "desk", "root", "books"):
            await told(await by[name].post(f"{address}/call"), 403)
        async with s.machine("operator") as machine:
            await told(await machine.post(f"{address}/call"), 403)
        await told(await by["seat"].post(f"{address}/call"), 204)
        job = await s.pool.fetchrow("SELECT kind, number, asked_by, asked_queue FROM callback_job")
        assert tuple(job or ()) == ("asked", SECRET, "seat", "lawyer-8001")
        await told(await by["chief"].post(f"{address}/call"), 409)
        rows = await s.pool.fetch("SELECT actor, object FROM audit_event WHERE action = 'order.called'")
        assert [tuple(r) for r in rows] == [("seat", NUMBER)]


PHONE, OTHER, ELSEWHERE = "v-640105001-L01-1", "v-640105001-L01-2", "v-640105001-L02-1"


async def test_a_village_is_called_back_from_its_order_on_its_phone_or_its_telephone(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await s.pool.execute(
            "INSERT INTO device (id, village, town, salt, telephone, state) SELECT id, substr(id, 3, 13), '640105001', 's', tel, state FROM"
            " unnest($1::text[], $2::text[], $3::text[]) d (id, tel, state)",
            [PHONE, OTHER, ELSEWHERE, "v-640105001-L01-3"], ["13895110039", "", "", ""], ["active", "active", "active", "blocked"],
        )
        address = await add_order(s, channel="village_video", caller_number="")
        plain = await add_order(s, "6401051261123000026")
        await s.pool.execute("UPDATE call SET device = $1, village = '640105001-L01' WHERE linked_id = $2", PHONE, f"c-{NUMBER}")
        seat, calls = by["seat"], Calls()
        for url, body, status in (
            (plain, {}, 409), (address, {"device": ELSEWHERE}, 409), (address, {"device": "v-640105001-L01-3"}, 409),
            (address, {"device": "110"}, 400), (address, {"number": "110"}, 400), ("/api/v1/work-orders/6401051261123000099", {}, 404),
        ):
            await told(await seat.post(f"{url}/village-call", json=body), status)
        for name in ("zhao", "desk", "root", "books"):
            await told(await by[name].post(f"{address}/village-call", json={}), 403)
        assert await s.pool.fetchval("SELECT count(*) FROM callback_job") == 0
        calls.registered = {PHONE}
        await told(await seat.post(f"{address}/village-call", json={}), 204)
        assert (await told(await seat.post(f"{address}/village-call", json={}), 409))["code"] == "task_refused", "once"
        await look(web_database, s, calls, in_hours=False)
        (rung,) = calls.dialled
        assert (rung.device, rung.number, rung.line, rung.queue, rung.shown) == (PHONE, "", None, "lawyer-8001", "12348") and rung.ring_s == 60
        fact = await s.pool.fetchrow("SELECT data->>'device', data->>'number' FROM call_fact WHERE linked_id = $1", rung.linked_id)
        assert tuple(fact or ()) == (PHONE, "")
        async with s.pool.acquire() as connection:
            await end_attempt(connection, rung.linked_id, "answered", RULES)
        calls.registered = set()
        for device, road in ((PHONE, ("", "13895110039")), (OTHER, None)):
            calls.dialled.clear()
            await told(await seat.post(f"{address}/village-call", json={"device": device}), 204)
            await look(web_database, s, calls)
            assert [(c.device, c.number) for c in calls.dialled] == ([road] if road else [])
        job = await s.pool.fetchrow("SELECT state, reason FROM callback_job WHERE device = $1", OTHER)
        assert tuple(job or ()) == ("failed", "not_placed"), "away, and without a telephone"
        assert f"工单回电 {OTHER} 未完成" in await s.pool.fetchval("SELECT note FROM work_order WHERE number = $1", NUMBER)
        rows = await s.pool.fetch("SELECT actor, detail->>'device' FROM audit_event WHERE action = 'order.village_called' ORDER BY id")
        assert [tuple(r) for r in rows] == [("seat", PHONE), ("seat", PHONE), ("seat", OTHER)]


async def test_a_decision_is_its_deciders_and_a_confidential_order_hides_its_number(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await add_order(s, state="returned", returns=3)
        await add_order(s, "6401051261123000034", outcome="message", confidential=True)
        await told(await by["seat"].post(f"{TASKS}/decision-{NUMBER}/holder"), 403)
        await told(await by["chief"].post(f"{TASKS}/decision-{NUMBER}/holder"), 204)
        await told(await by["chief"].post(f"{TASKS}/decision-{NUMBER}/result", json={"result": "handled"}), 409)
        secret = (await listed(by["seat"]))["message-6401051261123000034"]
        assert secret["confidential"] and secret["number"] == ""
        await told(await by["seat"].post(f"{TASKS}/message-6401051261123000034/holder"), 403)
        for wrong in ("message-1", "callback-0", "callback-999", "risk-1", "callback-1'--"):
            await told(await by["seat"].post(f"{TASKS}/{wrong}/holder"), 404)
