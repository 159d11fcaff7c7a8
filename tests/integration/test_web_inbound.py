"""Tasks of partners over HTTP on a real database: signed, filed once, answered with our number, urgent ones loud."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest

from ivr.domain.delivery import signature
from ivr.domain.order_number import parse
from ivr.pipeline.watch_tasks import UrgentTaskWatch
from ivr.storage.inbound import PostgresInbox
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import SECRETS, Events, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
PATH = "/api/v1/inbound/tasks"


def task(reference: str, **more: Any) -> dict[str, Any]:
    return {"reference": reference, "title": "工伤认定咨询", **more}


def signed(body: bytes, key: str, partner: str = "region", *, at: float | None = None, secret: bytes | None = None) -> dict[str, str]:
    moment = str(int(time.time() if at is None else at))
    return {
        "Content-Type": "application/json", "Ivr-Partner": partner, "Ivr-Time": moment, "Idempotency-Key": key,
        "Ivr-Signature": signature(secret or SECRETS[partner], moment, key, body),
    }


async def file(s: Site, what: Mapping[str, Any] | bytes, key: str = "k-1", **how: Any) -> tuple[int, dict[str, Any]]:
    body = what if isinstance(what, bytes) else json.dumps(what, ensure_ascii=False).encode()
    async with aiohttp.ClientSession(s.origin) as client, client.post(PATH, data=body, headers=signed(body, key, **how)) as response:
        return response.status, await response.json(content_type=None)


async def test_a_task_becomes_an_order_with_our_number_and_partners_are_told(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as desk, s.machine("operator") as reader:
        await s.pool.execute(
            "INSERT INTO place (code, name, kind, town_code, status) VALUES ('640105100', '兴泾镇', 'town', '640105100', 'confirmed')"
        )
        status, filed = await file(s, task(
            "NX-1", description="<b>第一行</b>\n第二行", place="640105100", caller_name="马建国", caller_number="13895112348",
        ))
        assert status == 201 and parse(filed["number"]).channel == "import" and filed["reference"] == "NX-1"
        assert filed["number"].endswith(filed["short_number"]) and len(filed["short_number"]) == 13
        order = await (await reader.get(f"/api/v1/work-orders/{filed['number']}")).json()
        assert (order["channel"], order["state"], order["caller_number"]) == ("import", "draft", "13895112348")
        assert "NX-1" in order["note"] and order["note"].endswith("<b>第一行</b>\n第二行")
        assert {f["field"]: f["display"] for f in order["fields"]} == {
            "place": "兴泾镇", "caller_name": "马建国", "callback_number": "13895112348",
        }
        event = await s.pool.fetchrow("SELECT event, order_number, order_then::text FROM outbox")
        assert (event["event"], event["order_number"]) == ("order.created", filed["number"])
        assert json.loads(event["order_then"])["reference"] == "NX-1"
        found = await (await desk.get("/api/v1/search", params={"q": "第二行"})).json()
        assert [hit["order"] for hit in found["hits"]] == [filed["number"]]


async def test_the_same_key_is_the_same_task_however_often_and_at_once(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        answers = await asyncio.gather(*(file(s, task("NX-1")) for _ in range(12)))
        assert {status for status, _ in answers} == {201} and len({json.dumps(a) for _, a in answers}) == 1
        assert await s.pool.fetchval("SELECT count(*) FROM work_order") == 1
        status, problem = await file(s, task("NX-1", urgent=True))
        assert (status, problem["code"]) == (422, "key_reused")
        status, problem = await file(s, task("NX-1"), key="k-2")
        assert (status, problem["code"]) == (409, "already_filed") and answers[0][1]["number"] in problem["detail"]
        status, other = await file(s, task("NX-1"), partner="court")
        assert status == 201 and other["number"] != answers[0][1]["number"], "keys and references are each partner's own"
        assert await s.pool.fetchval("SELECT count(*) FROM work_order") == 2


async def test_who_does_not_prove_to_be_a_partner_files_nothing(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        body = json.dumps(task("NX-1")).encode()
        good, now = signed(body, "k-1"), time.time()
        tries: list[tuple[dict[str, str], bytes, str]] = [
            ({**good, "Ivr-Signature": "v1=" + "0" * 64}, body, "does not fit"),
            (good, body.replace(b"NX-1", b"NX-2"), "does not fit"),
            ({**good, "Idempotency-Key": "k-2"}, body, "does not fit"),
            ({**good, "Ivr-Partner": "court"}, body, "does not fit"),
            ({**good, "Ivr-Partner": "nobody"}, body, "does not fit"),
            (signed(body, "k-1", secret=b"x" * 40), body, "does not fit"),
            (signed(body, "k-1", at=now - 302), body, "more than 300 seconds"),
            (signed(body, "k-1", at=now + 302), body, "more than 300 seconds"),
            ({k: v for k, v in good.items() if k != "Ivr-Time"}, body, "Ivr-Time are missing"),
            ({"Content-Type": "application/json"}, b"{", "missing"),
        ]
        async with aiohttp.ClientSession(s.origin) as client, s.machine("administrator") as machine:
            for headers, sent, said in tries:
                async with client.post(PATH, data=sent, headers=headers) as response:
                    problem = await response.json(content_type="application/problem+json")
                    assert response.status == 401 and problem["code"] == "bad_signature" and said in problem["detail"], headers
            async with machine.post(PATH, data=body, headers={"Content-Type": "application/json"}) as response:
                assert response.status == 401, "a token is no signature"
        assert await s.pool.fetchval("SELECT count(*) FROM work_order") == 0
        assert (await file(s, body))[0] == 201


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, ""), (b"[]", 400, ""), (b'{"reference":"NX-1"}', 400, "title: Field required"),
        (b'{"reference":"NX-1","title":"x","urgent":"yes"}', 400, "urgent"), (b'{"reference":7,"title":"x"}', 400, "reference"),
        (b'{"reference":"NX-1","title":"x","state":"closed"}', 400, "state: is not a parameter"),
        (b'{"reference":"NX-1","title":"x\\u0000"}', 400, "NUL"), (b'{"reference":"NX-1","title":"a\\nb"}', 400, "one line"),
        (b'{"reference":"NX-1","title":"x","description":"a\\u001b[0m"}', 400, "control"), (b'{"reference":"NX-1","title":"\\ud800"}', 400, ""),
        (b'{"reference":"NX-1","title":"x","category":"nothing"}', 400, "category: is no code"),
        (b'{"reference":"NX-1","title":"x","place":"nowhere"}', 400, "no town or village nowhere"),
        (b'{"reference":"NX-1","title":"x","caller_number":"+86"}', 400, "caller_number"),
        (b'{"reference":"NX-1","title":"' + b"x" * 101 + b'"}', 400, "title"), (b" " * 70_000, 413, "65536"), (b"[" * 60_000, 400, ""),
    ],
)  # fmt: skip
async def test_bad_tasks_are_told_what_is_wrong_and_change_nothing(web_database: WebDatabase, body: bytes, status: int, said: str) -> None:
    async with site(web_database) as s:
        got, problem = await file(s, body)
        assert got == status and said in problem["detail"], problem
        for table in ("work_order", "inbound_task", "outbox", "order_serial"):
            assert await s.pool.fetchval(f"SELECT count(*) FROM {table}") == 0
        assert (await file(s, task("NX-1")))[0] == 201, "a key that failed is free"


async def test_a_body_that_is_not_json_by_its_header_is_refused(web_database: WebDatabase) -> None:
    async with site(web_database) as s, aiohttp.ClientSession(s.origin) as client:
        body = json.dumps(task("NX-1")).encode()
        async with client.post(PATH, data=body, headers=signed(body, "k") | {"Content-Type": "text/plain"}) as response:
            assert response.status == 415


async def test_an_urgent_task_is_on_the_pages_at_once_louder_when_nobody_accepts_and_gone_when_somebody_does(
    web_database: WebDatabase,
) -> None:
    async with site(web_database) as s, s.machine("supervisor") as page:
        async with page.get("/api/v1/live") as stream:
            events = Events(stream)
            await events.next("snapshot")
            _, filed = await file(s, task("NX-9", urgent=True))
            await file(s, task("NX-10"), key="k-2")
            inbox, name = PostgresInbox(s.pool, "v1"), f"urgent-{filed['number']}"
            watch = asyncio.create_task(UrgentTaskWatch(inbox, 600.0, 0.05).run())
            try:
                _, _, alarm = await events.next("alarm")
                assert (alarm["name"], alarm["active"]) == (name, True) and "工伤认定咨询" in alarm["text"] and "region" in alarm["text"]
                await s.pool.execute("UPDATE inbound_task SET received_at = received_at - interval '11 minutes'")
                _, _, alarm = await events.next("alarm")
                assert alarm["name"] == name and "10 分钟无人接单" in alarm["text"]
                await s.pool.execute("UPDATE work_order SET state = 'accepted'")
                _, _, alarm = await events.next("alarm")
                assert (alarm["name"], alarm["active"]) == (name, False)
            finally:
                watch.cancel()
                await asyncio.wait([watch])
        rows = await s.pool.fetch("SELECT urgent, escalated_at IS NOT NULL AS louder, settled_at IS NOT NULL AS done FROM inbound_task")
        assert sorted(tuple(r) for r in rows) == [(False, False, False), (True, True, True)]


async def test_deliveries_are_shown_to_whom_they_concern(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as desk, s.machine("operator") as operator:
        await file(s, task("NX-1"))
        await s.pool.execute(
            "INSERT INTO outbox_delivery (event_id, partner, state, attempts, status, problem)"
            " SELECT id, 'region', 'held', 24, 500, '<script>' FROM outbox"
        )
        shown = await (await desk.get("/api/v1/deliveries?state=held&partner=region&limit=1")).json()
        (row,) = shown["deliveries"]
        assert (row["event"], row["state"], row["status"], row["problem"]) == ("order.created", "held", 500, "<script>")
        assert shown["next"] == row["id"]
        assert (await (await desk.get(f"/api/v1/deliveries?before={row['id']}")).json())["deliveries"] == []
        assert (await operator.get("/api/v1/deliveries")).status == 403
        for wrong in ("state=lost", "before=0", "before=x", "limit=500", "x=1"):
            assert (await desk.get(f"/api/v1/deliveries?{wrong}")).status == 400
