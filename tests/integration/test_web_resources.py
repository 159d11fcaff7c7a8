"""Queues, calls, audio and work orders over HTTP, on a real database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.storage.accounts import CLI_ACTOR
from ivr.storage.audit import PostgresAudit
from tests.fakes.web_world import FileArchive, add_call, add_track, wav
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
HOSTILE = [
    "<svg onload=alert(1)>",
    "'; DROP TABLE call; --",
    "${SHELL(id)}",
    "=cmd|'/C calc'!A0",
    "张三\u202e李四",
    "%_\\",
]


async def test_a_queue_counts_waits_now_and_freezes_when_stale(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("operator") as client:
        now = datetime.now(UTC)
        board = {
            "callers": [
                {"linked_id": "b", "caller_number": "13900000002", "position": 2, "joined_at": now.timestamp() - 5},
                {"linked_id": "a", "caller_number": "13900000001", "position": 1, "joined_at": now.timestamp() - 30},
            ],
            "members": [
                {"name": "甲", "interface": "PJSIP/op-1", "state": "available", "paused_reason": ""},
                {"name": "乙", "interface": "PJSIP/op-2", "state": "paused", "paused_reason": "小休"},
            ],
        }
        await s.pool.execute(
            "INSERT INTO queue_live (queue, board, link_up, as_of) VALUES ('legal', ($1::text)::jsonb, true, now())",
            json.dumps(board),
        )
        queue = (await (await client.get("/api/v1/queues")).json())["queues"][0]
        assert (queue["queue"], queue["waiting"], queue["stale"], queue["stale_since"]) == ("legal", 2, False, None)
        assert 30 <= queue["longest_wait_s"] < 33 and [c["linked_id"] for c in queue["callers"]] == ["a", "b"]
        assert queue["members"] == {"available": 1, "ringing": 0, "talking": 0, "paused": 1, "offline": 0}
        assert queue["member_list"][1]["paused_reason"] == "小休" and queue["as_of"].endswith("+08:00")
        assert (await (await client.get("/healthz")).json())["status"] == "ok"
        for change in ("as_of = now() - interval '7 s'", "as_of = now() - interval '2 s', link_up = false"):
            await s.pool.execute(f"UPDATE queue_live SET {change}")
            queue = (await (await client.get("/api/v1/queues")).json())["queues"][0]
            assert queue["stale"] is True and queue["stale_since"] == queue["as_of"]
            assert queue["longest_wait_s"] < 31.5, "a stale board's waits do not grow"


async def test_fields_cut_an_answer_down_and_leave_everything_else_as_it_is(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client:
        for n in range(3):
            await add_call(s.pool, f"c{n}", T0 + timedelta(minutes=n))
        whole = await (await client.get("/api/v1/calls?limit=2")).json()
        short = await (await client.get("/api/v1/calls?limit=2&fields=calls.linked_id,calls.state,next")).json()
        assert short == {
            "calls": [{k: call[k] for k in ("linked_id", "state")} for call in whole["calls"]], "next": whole["next"],
        }
        assert [c["linked_id"] for c in short["calls"]] == ["c2", "c1"] and short["next"]
        one = await client.get("/api/v1/calls/c1?fields=linked_id,caller_number")
        assert set(await one.json()) == {"linked_id", "caller_number"}
        for wrong, code in (("calls?fields=calls.secret", 400), ("calls?fields=next&fields=next", 400), ("queues?fields=queues", 400)):
            refused = await client.get(f"/api/v1/{wrong}")
            assert refused.status == code and "fields" in (await refused.json())["detail"]
        assert (await client.get("/api/v1/calls/nosuch?fields=linked_id")).status == 404


async def test_call_pages_are_stable_while_calls_arrive(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client:
        for n in range(25):  # five calls share each moment: the linked id breaks the tie
            await add_call(s.pool, f"x-{n:02}", T0 + timedelta(seconds=n // 5))
        seen: list[str] = []
        cursor = ""
        while True:
            async with client.get(
                "/api/v1/calls", params={"limit": "4", **({"cursor": cursor} if cursor else {})}
            ) as r:
                page = await r.json()
            seen += [call["linked_id"] for call in page["calls"]]
            await add_call(s.pool, f"new-{len(seen)}", T0 + timedelta(hours=1, seconds=len(seen)))
            cursor = page["next"]
            if cursor is None:
                break
        assert seen == [f"x-{n:02}" for n in reversed(range(25))]


async def test_call_filters_and_durations(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("operator") as client:
        await add_call(
            s.pool,
            "talked",
            T0,
            state="ended",
            outcome="answered",
            caller_number="13912345678",
            member_interface="PJSIP/op-1",
            queued_at=T0 + timedelta(seconds=8),
            answered_at=T0 + timedelta(seconds=12.5),
            ended_at=T0 + timedelta(seconds=72.5),
        )
        await add_call(s.pool, "left", T0 + timedelta(days=1), state="ended", outcome="abandoned",
                       ended_at=T0 + timedelta(days=1, seconds=9))  # fmt: skip
        await add_call(s.pool, "waits", T0 + timedelta(days=2))

        async def ids(**query: str) -> list[str]:
            async with client.get("/api/v1/calls", params=query) as response:
                assert response.status == 200, await response.text()
                return [call["linked_id"] for call in (await response.json())["calls"]]

        calls = {c["linked_id"]: c for c in (await (await client.get("/api/v1/calls")).json())["calls"]}
        assert (calls["talked"]["wait_s"], calls["talked"]["talk_s"]) == (12.5, 60.0)
        assert (calls["left"]["wait_s"], calls["left"]["talk_s"]) == (9.0, None)
        assert (calls["waits"]["wait_s"], calls["waits"]["talk_s"]) == (None, None)
        assert calls["talked"]["arrived_at"] == "2026-11-23T09:30:00.000+08:00"
        assert calls["talked"]["operator"] == "PJSIP/op-1"
        assert await ids(state="ended", outcome="answered") == ["talked"]
        assert await ids(**{"from": "2026-11-24", "to": "2026-11-25"}) == ["left"]
        assert await ids(**{"from": "2026-11-24T09:30:00+08:00"}) == ["waits", "left"]
        assert await ids(to="2026-11-24T01:30:00Z") == ["talked"]
        assert await ids(q="1234567") == ["talked"] and await ids(q="op-1") == ["talked"]
        assert await ids(q="%") == [] and await ids(q="_") == []


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_stay_literal(web_database: WebDatabase, name: str) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client:
        await add_call(s.pool, "h", T0, caller_name_raw=name, caller_number_raw=name)
        async with client.get("/api/v1/calls/h") as response:
            call = await response.json()
            assert response.headers["Content-Type"].startswith("application/json")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert call["caller_name_raw"] == name and call["caller_number_raw"] == name
        assert call["caller_name"] == name.replace("\u202e", "\ufffd")
        async with client.get("/api/v1/calls", params={"q": name}) as response:
            assert [c["linked_id"] for c in (await response.json())["calls"]] == ["h"]


async def _recorded(s: Site, root: Path) -> bytes:
    await add_call(s.pool, "r-1.1", T0, state="ended", outcome="answered", recording_name="rec-r-1.1")
    sound = wav(1.0, 1000)
    (root / "2026").mkdir()
    (root / "2026/a-rx.wav").write_bytes(sound)
    (root / "2026/a-tx.wav").write_bytes(wav(1.0, 2000))
    track = await add_track(s.pool, "r-1.1", "caller", "2026/a-rx.wav")
    await add_track(s.pool, "r-1.1", "operator", "2026/a-tx.wav", state="no_speech")
    await s.pool.execute(
        "INSERT INTO transcript_segment"
        " VALUES ($1, 0, 'r-1.1', 'caller', 0.5, 1.0, '老板欠我工资', 0.9, ($2::text)::jsonb)",
        track,
        json.dumps([{"text": "老板", "start_s": 0.5, "end_s": 0.75, "confidence": 0.9}]),
    )
    return sound


async def test_a_call_with_transcript_and_its_audit(web_database: WebDatabase, tmp_path: Path) -> None:
    async with site(web_database, recordings_dir=tmp_path) as s, s.machine("supervisor") as client:
        await _recorded(s, tmp_path)
        for _ in range(3):
            call = await (await client.get("/api/v1/calls/r-1.1")).json()
        assert call["transcript"] == {
            "state": "complete",
            "segments": [
                {
                    "speaker": "caller",
                    "start_s": 0.5,
                    "end_s": 1.0,
                    "text": "老板欠我工资",
                    "confidence": 0.9,
                    "words": [{"text": "老板", "start_s": 0.5, "end_s": 0.75, "confidence": 0.9}],
                }
            ],
        }
        assert [(r["track"], r["state"]) for r in call["recordings"]] == [
            ("caller", "transcribed"),
            ("operator", "no_speech"),
        ]
        for state, expected in (("pending", "pending"), ("quarantined", "partial")):
            await s.pool.execute("UPDATE recording_track SET state = $1 WHERE track = 'operator'", state)
            assert (await (await client.get("/api/v1/calls/r-1.1")).json())["transcript"]["state"] == expected
        rows = await s.pool.fetch("SELECT actor, action, object FROM audit_event WHERE actor <> $1", CLI_ACTOR)
        assert [tuple(r) for r in rows] == [("token:m-0", "transcript.read", "r-1.1")]
        assert (await client.get("/api/v1/calls/nope")).status == 404


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [
        (None, 200, 0, 16044),
        ("bytes=0-43", 206, 0, 44),
        ("bytes=16000-", 206, 16000, 16044),
        ("bytes=-100", 206, 15944, 16044),
        ("bytes=-99999", 206, 0, 16044),
        ("bytes=16043-99999", 206, 16043, 16044),
        ("bytes=16044-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=5-4", 200, 0, 16044),
        ("bytes=0-1,5-6", 200, 0, 16044),
        ("lines=0-1", 200, 0, 16044),
    ],
)
async def test_audio_ranges(
    web_database: WebDatabase, tmp_path: Path, header: str | None, status: int, start: int, end: int
) -> None:
    async with site(web_database, recordings_dir=tmp_path) as s, s.machine("operator") as client:
        sound = await _recorded(s, tmp_path)
        headers = {"Range": header} if header else {}
        async with client.get("/api/v1/calls/r-1.1/audio?track=caller", headers=headers) as response:
            assert response.status == status
            assert response.headers["Accept-Ranges"] == "bytes"
            if status == 416:
                assert response.headers["Content-Range"] == "bytes */16044"
                assert response.content_type == "application/problem+json"
            else:
                assert await response.read() == sound[start:end]
                assert response.content_type == "audio/wav"
                assert int(response.headers["Content-Length"]) == end - start
            if status == 206:
                assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/16044"
        archive = s.services.audio
        assert isinstance(archive, FileArchive) and all(view.closed for view in archive.views)


async def test_a_play_is_one_audit_row_and_the_chain_shows_tampering(web_database: WebDatabase, tmp_path: Path) -> None:
    async with site(web_database, recordings_dir=tmp_path) as s, s.machine("operator") as client:
        await _recorded(s, tmp_path)
        address = "/api/v1/calls/r-1.1/audio"
        async with client.head(address) as response:
            assert response.status == 200 and response.headers["Content-Length"] == str(2 * 16044)
            etag = response.headers["ETag"]
        assert await s.pool.fetchval("SELECT count(*) FROM audit_event WHERE actor <> $1", CLI_ACTOR) == 0, "a size is no play"
        for first in (0, 1000, 2000):
            await (await client.get(address, headers={"Range": f"bytes={first}-"})).read()
        async with client.get(address, headers={"Range": "bytes=0-1", "If-Range": '"other"'}) as response:
            assert response.status == 200
        async with client.get(address, headers={"Range": "bytes=0-1", "If-Range": etag}) as response:
            assert response.status == 206
        await (await client.get(address, params={"track": "caller"})).read()
        rows = await s.pool.fetch("SELECT action, object FROM audit_event WHERE actor <> $1 ORDER BY id", CLI_ACTOR)
        assert [tuple(r) for r in rows] == [("recording.play", "r-1.1/both"), ("recording.play", "r-1.1/caller")]
        audit = PostgresAudit(s.pool)
        assert await audit.first_broken() is None
        forged = await s.pool.fetchval("UPDATE audit_event SET actor = 'somebody else' WHERE object = 'r-1.1/both' RETURNING id")
        assert await audit.first_broken() == forged


async def test_paths_stay_in_the_recordings_folder(web_database: WebDatabase, tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    root.mkdir()
    (tmp_path / "secret.wav").write_bytes(wav(0.1, 1))
    (root / "link.wav").symlink_to(tmp_path / "secret.wav")
    (root / "broken.wav").write_bytes(b"broken")
    async with site(web_database, recordings_dir=root) as s, s.machine("operator") as client:
        for n, (path, status) in enumerate(
            [("../secret.wav", 404), ("link.wav", 422), (str(tmp_path / "secret.wav"), 404), ("gone.wav", 404),
             ("broken.wav", 422), (".", 404)]
        ):  # fmt: skip
            await add_call(s.pool, f"p-{n}", T0)
            await add_track(s.pool, f"p-{n}", "caller", path)
            async with client.get(f"/api/v1/calls/p-{n}/audio?track=caller") as response:
                assert (path, response.status) == (path, status)
                assert str(tmp_path) not in await response.text()
        assert (await client.get("/api/v1/calls/p-0/audio?track=operator")).status == 404
        assert (await client.get("/api/v1/calls/..%2Fx/audio")).status == 404


async def test_peaks(web_database: WebDatabase, tmp_path: Path) -> None:
    async with site(web_database, recordings_dir=tmp_path) as s, s.machine("operator") as client:
        await _recorded(s, tmp_path)
        async with client.get("/api/v1/calls/r-1.1/peaks?points=20") as response:
            assert await response.json() == {"points": 20, "caller": [0.5] * 20, "operator": [0.5] * 20}
        assert (await client.get("/api/v1/calls/r-1.1/peaks?points=9")).status == 400


async def test_work_orders(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("dispatcher") as client:
        await add_call(s.pool, "c-1", T0)
        for n in range(3):
            order = await s.pool.fetchval(
                "INSERT INTO work_order (number, channel, opened_at, category_table_version, category, matter, version)"
                " VALUES ($1, 'hotline', $2, 'v1', $3, 'labour', 7) RETURNING id",
                f"6401051261123{n:05}1",
                T0,
                ("consult", "", "unknown")[n],
            )
        await s.pool.execute("INSERT INTO work_order_call VALUES ('c-1', $1)", order)
        await s.pool.execute(
            "INSERT INTO work_order_field (order_id, field, ordinal, value, display, source, rule, linked_id, speaker,"
            " text, start_s, end_s, confidence) VALUES ($1, 'amount', 0, '3000', '3000元', 'machine', 'money', 'c-1',"
            " 'caller', '三千块', 1.5, 2.25, 1.0), ($1, 'place', 0, '640105001', '西花园路街道', 'human', '', '', '',"
            " '', NULL, NULL, NULL)",
            order,
        )
        orders = (await (await client.get("/api/v1/work-orders")).json())["orders"]
        assert [o["number"][-6:-1] for o in orders] == ["00002", "00001", "00000"]
        assert orders[0]["category"] == {"code": "unknown", "name": "unknown"}
        assert orders[1]["category"] == {"code": "", "name": ""}
        assert orders[2]["category"] == {"code": "consult", "name": "法律咨询"}
        assert orders[0]["calls"] == ["c-1"]
        machine, human = orders[0]["fields"]
        assert machine["evidence"] == {
            "speaker": "caller",
            "text": "三千块",
            "start_s": 1.5,
            "end_s": 2.25,
            "confidence": 1.0,
        }
        assert human["evidence"] is None and human["source"] == "human"
        async with client.get(f"/api/v1/work-orders/{orders[0]['number']}") as response:
            assert response.headers["ETag"] == '"7"' and (await response.json()).items() >= orders[0].items()
        address = f"/api/v1/work-orders/{orders[0]['number']}"
        assert (await client.get(address, headers={"If-None-Match": '"7"'})).status == 304
        assert (await client.get("/api/v1/work-orders/1")).status == 404
        assert (await (await client.get("/api/v1/calls/c-1")).json())["order"] == orders[0]["number"]
        found = await (await client.get("/api/v1/work-orders", params={"q": "3000元"})).json()
        assert len(found["orders"]) == 1
        page = await (await client.get("/api/v1/work-orders?limit=2")).json()
        rest = await (await client.get("/api/v1/work-orders", params={"limit": 2, "cursor": page["next"]})).json()
        assert [o["number"] for o in page["orders"] + rest["orders"]] == [o["number"] for o in orders]
        assert rest["next"] is None


@pytest.mark.parametrize(
    "address",
    [
        "calls?limit=0", "calls?limit=201", "calls?limit=1_0", "calls?limit=ten", "calls?sort=up", "calls?state=gone",
        "calls?limit=1&limit=2", "calls?from=yesterday", "calls?from=1700000000", "calls?from=2026-11-23T09:00:00",
        "calls?to=9999-12-31T23:59:59-14:00", "calls?from=0001-01-01T00:00:00%2B14:00", "calls?cursor=abc",
        "calls?cursor=%F0%9F%98%80", "calls?q=a%00b", "calls/a%00b", "queues?x=1", "work-orders?state=",
        "calls/x/peaks?points=1e3",
        "calls/x/audio?track=left", "work-orders?q=" + "长" * 101,
    ],
)  # fmt: skip
async def test_bad_parameters_are_named(web_database: WebDatabase, address: str) -> None:
    async with site(web_database) as s, s.machine("administrator") as client:
        async with client.get(f"/api/v1/{address}") as response:
            problem = await response.json(content_type="application/problem+json")
            assert (response.status, problem["status"], problem["code"]) == (400, 400, "bad_request")
        if "%00" not in address and "limit=1&" not in address:
            assert problem["errors"][0]["where"] == "query"
            assert problem["errors"][0]["name"] == address.split("?")[1].split("=")[0]


async def test_a_database_away_is_a_503_and_health_says_so(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("administrator") as client:
        assert (await client.get("/api/v1/calls")).status == 200
        web_database.stop_in_loop()
        try:
            async with client.get("/api/v1/calls") as response:
                assert response.status == 503 and int(response.headers["Retry-After"]) > 0
                assert (await response.json(content_type=None))["code"] == "unavailable"
            async with client.get("/healthz") as response:
                assert response.status == 200
                assert await response.json() == {"status": "degraded", "database": False, "queue_live_stale": True}
            async with s.browser() as browser:
                login = {"name": "a", "password": "b"}
                assert (await browser.post("/api/v1/session", json=login)).status == 503
        finally:
            await web_database.start_in_loop()
        assert (await client.get("/api/v1/calls")).status == 200


async def test_listings_in_force_are_shown_to_those_who_answer_for_them(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as client, s.machine("operator") as operator:
        assert (await (await client.get("/api/v1/nuisance")).json()) == {"listings": []}
        for number, ends, removed in (("13800000001", 2, "NULL"), ("13800000002", 1, "NULL"), ("13800000003", 1, "now()"), ("13800000004", -1, "NULL")):
            await s.pool.execute(
                "INSERT INTO nuisance_listing (number, reason, owner, listed_at, ends_at, removed_at)"
                f" VALUES ($1, $2, '督导', now() - interval '2 days', now() + make_interval(days => $3), {removed})", number, HOSTILE[0], ends,
            )
        found = (await (await client.get("/api/v1/nuisance")).json())["listings"]
        assert [one["number"] for one in found] == ["13800000002", "13800000001"]
        assert (found[0]["owner"], found[0]["reason"]) == ("督导", HOSTILE[0]) and found[0]["ends_at"].endswith("+08:00")
        assert (await client.get("/api/v1/nuisance?limit=1")).status == 400
        assert (await operator.get("/api/v1/nuisance")).status == 403
