"""The supervisors' room and words of risk over HTTP, on a real database: who may, what is kept, what pages are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from ivr.domain.transcript import Segment, Word
from ivr.intake_tables import shipped_risks
from ivr.ports.supervision import Watch
from ivr.storage.live_words import PostgresLiveWords
from ivr.storage.supervision import PostgresSupervision
from tests.integration.test_web_desk import Exchange, people
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
TABLE = shipped_risks()
WATCHES, ROOM, MINE, RISKS = "/api/v1/supervision/watches", "/api/v1/supervision", "/api/v1/desk/messages", "/api/v1/risks"


@asynccontextmanager
async def controller(s: Site, problem: str = "") -> AsyncIterator[list[Watch]]:
    """One that calls every telephone at once, or says why not; what it was asked for."""
    inbox = PostgresSupervision(s.pool)
    asked: list[Watch] = []

    async def run() -> None:
        while True:
            watch = await inbox.take()
            if watch is None:
                await asyncio.sleep(0.02)
                continue
            asked.append(watch)
            before = await inbox.current(watch.watcher, watch.id)
            if problem:
                await inbox.settle(watch.id, problem)
                continue
            if before is not None:
                await inbox.settle(before.id, "")
            await inbox.begun(watch.id, before.channel_id if before else f"t-watch-{watch.id}", "t-1.1")
            await inbox.on(watch.id)

    task = asyncio.create_task(run())
    try:
        yield asked
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def ask(client: aiohttp.ClientSession, method: str, path: str, body: Any = None, *, status: int) -> Any:
    async with client.request(method, path, json=body) as response:
        told = await response.json() if response.content_length else {}
        assert response.status == status, (method, path, response.status, told)
        return told


def wish(**more: Any) -> dict[str, Any]:
    return {"seat": "east", "mode": "listen", "reason": "新人带教", "phone": "desk"} | more


async def actions(s: Site) -> list[tuple[str, str, str]]:
    return [tuple(r) for r in await s.pool.fetch(
        "SELECT actor, action, object FROM audit_event WHERE action ~ '^(supervision|risk)[.]' ORDER BY id")]


async def test_a_watch_begins_changes_its_mode_and_ends(web_database: WebDatabase) -> None:
    async with site(web_database) as s, controller(s) as asked:
        await people(s, ban="supervisor", other="supervisor")
        async with s.browser("ban") as ban, s.browser("other") as other:
            first = await ask(ban, "POST", WATCHES, wish(), status=201)
            assert (first["state"], first["linked_id"], first["phone"]) in {("calling", "t-1.1", "desk"), ("on", "t-1.1", "desk")}
            assert "channel" not in str(first)
            second = await ask(ban, "POST", WATCHES, wish(mode="barge", reason="情绪激动"), status=201)
            room = await ask(other, "GET", ROOM, status=200)
            assert [(w["mode"], w["watcher"], w["reason"]) for w in room["watches"]] == [("barge", "ban", "情绪激动")]
            assert [(w["id"], w["state"]) for w in room["over"]] == [(first["id"], "over")]
            told = await ask(other, "POST", WATCHES, wish(), status=409)
            assert "Another supervisor" in told["detail"]
            await ask(ban, "POST", WATCHES, wish(seat="west"), status=409)
            await ask(ban, "DELETE", f"{WATCHES}/{second['id']}", status=204)
            for gone in (first["id"], 999, "x", "9" * 30):
                await ask(ban, "DELETE", f"{WATCHES}/{gone}", status=404)
        assert [(w.mode, w.channel_id) for w in asked] == [("listen", ""), ("barge", "")]
        assert await s.pool.fetchval("SELECT count(DISTINCT channel_id) FROM watch") == 1, "the same telephone goes on"
        assert await actions(s) == [
            ("ban", "supervision.listen", "east"), ("ban", "supervision.barge", "east"), ("ban", "supervision.ended", "east"),
        ]


async def test_what_the_exchange_refuses_leaves_no_watch_and_the_old_mode(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor")
        async with s.browser("ban") as ban:
            async with controller(s, "The seat talks with nobody now."):
                told = await ask(ban, "POST", WATCHES, wish(), status=409)
                assert told["code"] == "watch_refused" and "nobody" in told["detail"]
            told = await ask(ban, "POST", WATCHES, wish(), status=503)
            assert told["code"] == "command_unanswered"
            async with controller(s):
                await ask(ban, "POST", WATCHES, wish(), status=201)
            assert [w["state"] for w in (await ask(ban, "GET", ROOM, status=200))["over"]] == ["late", "refused"]


@pytest.mark.parametrize("body", [
    wish(mode="record"), wish(reason=""), wish(reason="  "), wish(reason="x" * 201), wish(more=1), wish(seat=""), {"seat": "east"}, [],
])
async def test_a_watch_needs_a_mode_and_a_reason(web_database: WebDatabase, body: Any) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor")
        async with s.browser("ban") as ban:
            await ask(ban, "POST", WATCHES, body, status=400)
        assert await actions(s) == []


async def test_whose_telephone_is_rung(web_database: WebDatabase) -> None:
    async with site(web_database) as s, Exchange(s), controller(s) as asked:
        await people(s, ban="supervisor")
        async with s.browser("ban") as ban:
            await ask(ban, "POST", WATCHES, wish(phone="west"), status=404)  # a page belongs to who sits there
            await ask(ban, "POST", WATCHES, wish(seat="nowhere"), status=404)
            told = await ask(ban, "POST", WATCHES, wish(phone=None), status=409)
            assert "no telephone" in told["detail"]
            await ask(ban, "POST", "/api/v1/desk/seat", {"seat": "west"}, status=200)
            await ask(ban, "POST", WATCHES, wish(seat="west", phone=None), status=409)
            await ask(ban, "POST", WATCHES, wish(phone=None), status=201)
        assert [w.phone for w in asked] == ["west"]


async def test_a_state_is_set_for_somebody_else_and_who_is_signed_out_is(web_database: WebDatabase) -> None:
    async with site(web_database) as s, Exchange(s) as exchange:
        await people(s, ban="supervisor", wang="operator")
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            await ask(wang, "POST", "/api/v1/desk/seat", {"seat": "east"}, status=200)
            for state, done in (("meal", ("pause", "east", "meal")), ("ready", ("resume", "east", ""))):
                await ask(ban, "POST", f"{ROOM}/seats/east/state", {"state": state, "reason": "人手不够"}, status=204)
                assert exchange.done[-1] == done
            await ask(ban, "POST", f"{ROOM}/seats/east/state", {"state": "ready"}, status=400)
            await ask(ban, "POST", f"{ROOM}/seats/east/state", {"state": "signed_out", "reason": "忘记离座"}, status=204)
            assert exchange.done[-1] == ("pause", "east", "signed-out")
            await ask(wang, "GET", "/api/v1/session", status=401)
            await ask(ban, "POST", f"{ROOM}/seats/east/state", {"state": "signed_out", "reason": "忘记离座"}, status=404)
        assert [a for _, a, _ in await actions(s)] == ["supervision.state", "supervision.state", "supervision.signed_out"]


async def test_words_reach_who_sits_there_and_nobody_else(web_database: WebDatabase) -> None:
    text = "<b>请</b>\n注意语速"
    async with site(web_database) as s, Exchange(s):
        await people(s, ban="supervisor", wang="operator", li="operator")
        async with s.browser("ban") as ban, s.browser("wang") as wang, s.browser("li") as li:
            told = await ask(ban, "POST", f"{ROOM}/seats/east/messages", {"text": text}, status=409)
            assert "Nobody sits" in told["detail"]
            await ask(wang, "POST", "/api/v1/desk/seat", {"seat": "east"}, status=200)
            sent = await ask(ban, "POST", f"{ROOM}/seats/east/messages", {"text": text}, status=201)
            assert (await ask(wang, "GET", MINE, status=200))["messages"][0]["text"] == text
            assert (await ask(li, "GET", MINE, status=200))["messages"] == []
            await ask(li, "DELETE", f"{MINE}/{sent['id']}", status=404)
            await ask(wang, "DELETE", f"{MINE}/{sent['id']}", status=204)
            assert (await ask(wang, "GET", MINE, status=200))["messages"] == []
            assert (await ask(ban, "GET", ROOM, status=200))["messages"][0]["seen_at"] is not None
            for bad in ({"text": ""}, {"text": "x" * 301}, {"text": "a", "to": "b"}, {}):
                await ask(ban, "POST", f"{ROOM}/seats/east/messages", bad, status=400)
        hints = await s.pool.fetch("SELECT key FROM feed WHERE topic = 'seat'")
        assert {h["key"] for h in hints} == {"east"} and len(hints) == 2


@pytest.mark.parametrize("role", ["operator", "administrator", "dispatcher", "handler", "adviser", "auditor"])
async def test_the_room_is_for_supervisors(web_database: WebDatabase, role: str) -> None:
    async with site(web_database) as s:
        await people(s, somebody=role)
        async with s.browser("somebody") as person:
            for method, path, body in (
                ("GET", ROOM, None), ("POST", WATCHES, wish()), ("DELETE", f"{WATCHES}/1", None),
                ("POST", f"{ROOM}/seats/east/state", {"state": "meal", "reason": "因为"}),
                ("POST", f"{ROOM}/seats/east/messages", {"text": "a"}), ("GET", RISKS, None),
                ("POST", f"{RISKS}/1/decision", {"decision": "real", "reason": "因为"}), ("GET", "/api/v1/risk-words", None),
            ):
                await ask(person, method, path, body, status=403)
        assert await actions(s) == []


def spoken(*words: str, at: float = 4.0) -> Segment:
    return Segment("caller", at, at + len(words), tuple(Word(w, at + n, at + n + 1, 0.9) for n, w in enumerate(words)))


async def test_a_word_of_risk_is_told_once_decided_once_and_counted(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", other="supervisor")
        await s.pool.execute(
            "INSERT INTO call (linked_id, state, channel, caller_number, arrived_at) VALUES ('t-1.1', 'talking', 'hotline', '139', now())"
        )
        words = PostgresLiveWords(s.pool, TABLE)
        await words.hear("t-1.1", 0, [spoken("我", "不想活", "了")])
        await words.hear("t-1.1", 0, [spoken("我", "不想活", "了"), spoken("不想活", at=20)])
        number = "640105126112300011"
        order_id = await s.pool.fetchval(
            "INSERT INTO work_order (number, opened_by_call, channel, outcome, caller_number, note, category_table_version, state)"
            " VALUES ($1, 't-1.1', 'hotline', 'answered', '139', '', '2026.1', 'draft') RETURNING id", number,
        )
        await s.pool.execute("INSERT INTO work_order_call (linked_id, order_id) VALUES ('t-1.1', $1)", order_id)
        async with s.browser("ban") as ban, s.browser("other") as other:
            found = (await ask(ban, "GET", RISKS, status=200))["alerts"]
            assert [(r["kind"], r["words"], r["at_s"], r["source"], r["order"]) for r in found] == [
                ("self_harm", "不想活", 5.0, "live", number)
            ]
            order = (await ask(ban, "GET", "/api/v1/work-orders", status=200))["orders"][0]
            assert order["urgent"] is True
            path = f"{RISKS}/{found[0]['id']}/decision"
            for bad in ({"decision": "maybe", "reason": "因为"}, {"decision": "real"}, {"decision": "real", "reason": " "}):
                await ask(ban, "POST", path, bad, status=400)
            await ask(ban, "POST", path, {"decision": "false", "reason": "说的是电视剧"}, status=204)
            told = await ask(other, "POST", path, {"decision": "real", "reason": "再看一遍"}, status=409)
            assert told["code"] == "already_decided"
            await ask(ban, "POST", f"{RISKS}/999/decision", {"decision": "real", "reason": "没有这条"}, status=404)
            assert (await ask(ban, "GET", RISKS, status=200))["alerts"] == []
            decided = (await ask(ban, "GET", f"{RISKS}?state=all", status=200))["alerts"][0]
            assert (decided["decision"], decided["decided_by"], decided["reason"]) == ("false", "ban", "说的是电视剧")
            counted = (await ask(ban, "GET", "/api/v1/risk-words", status=200))["words"][0]
            assert (counted["phrase"], counted["false"], counted["real"], counted["in_force"]) == ("不想活", 1, 0, True)
            assert (await ask(ban, "GET", "/api/v1/work-orders", status=200))["orders"][0]["urgent"] is False
        assert await s.pool.fetchval("SELECT count(*) FROM feed WHERE topic = 'risk'") == 2
        assert await s.pool.fetchval("SELECT count(*) FROM feed WHERE topic = 'order' AND key = $1", number) == 1
        assert await actions(s) == [("ban", "risk.decided", "t-1.1")]


async def test_machines_decide_and_listen_to_nothing(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as machine:
        await ask(machine, "GET", ROOM, status=200)
        await ask(machine, "POST", WATCHES, wish(), status=403)
        await ask(machine, "POST", f"{RISKS}/1/decision", {"decision": "real", "reason": "因为"}, status=403)
        await ask(machine, "GET", MINE, status=403)
