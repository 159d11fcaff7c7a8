"""Numbers and names over HTTP: covered by role in every answer, shown to one person for one matter after a reason, and heard as tones."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ivr.speech.archive import RecordingArchive
from ivr.storage.audit import PostgresAudit
from tests.fakes.web_world import add_call, add_track, wav
from tests.integration.test_web_orders import COVERED, NUMBER, SECRET, T0, add_order, made, office, told
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Events, Site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]
CALL = f"c-{NUMBER}"
SAID = "我叫马建国电话幺三九幺二三四五六七八"
CARD = "身份证11010519491231002X"


async def spoken(s: Site) -> str:
    """An order of a call in which a name, a number and an identity card are said, a tenth of a second a character."""
    address = await add_order(s, note="来电人 13912345678")
    for track, text in (("caller", SAID), ("operator", CARD)):
        number = await add_track(s.pool, CALL, track, f"{track}.wav")
        words = [{"text": c, "start_s": n / 10, "end_s": (n + 1) / 10, "confidence": 0.9} for n, c in enumerate(text)]
        await s.pool.execute(
            "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
            " VALUES ($1, 0, $2, $3, 0, 9, $4, 0.9, ($5::text)::jsonb)", number, CALL, track, text, json.dumps(words),
        )
    return address


def leaks(text: str) -> list[str]:
    return [secret for secret in (SECRET, "马建国", "幺三九幺二三四五六七八", "110105194912", "13900001111") if secret in text]


async def test_every_answer_is_covered_for_who_need_not_know(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await spoken(s)
        for name in ("chief", "desk", "root"):
            for path in (address, "/api/v1/work-orders", "/api/v1/calls", f"/api/v1/calls/{CALL}", "/api/v1/queues", "/api/v1/callbacks"):
                text = await (await by[name].get(path)).text()
                assert not leaks(text), (name, path, leaks(text))
            async with by[name].get("/api/v1/live") as stream, asyncio.timeout(20):
                assert not leaks(json.dumps((await Events(stream).next("snapshot"))[2], ensure_ascii=False)), name
        call = await told(await by["chief"].get(f"/api/v1/calls/{CALL}"), 200)
        assert call["masked"] is True and call["sound"] == "tones" and call["caller_number"] == COVERED
        segments = {one["speaker"]: one for one in call["transcript"]["segments"]}
        assert segments["caller"]["text"] == "我叫马**电话幺三九****五六七八" and segments["operator"]["text"] == "身份证" + "*" * 14 + "002X"
        assert "".join(w["text"] for w in segments["caller"]["words"]) == segments["caller"]["text"]
        seat = await told(await by["seat"].get(f"/api/v1/calls/{CALL}"), 200)
        assert seat["transcript"]["segments"][0]["text"] in (SAID, "身份证" + "*" * 14 + "002X") and seat["caller_number"] == SECRET
        assert "110105194912" not in json.dumps(seat), "nobody sees a card unasked"
        async with by["seat"].get("/api/v1/live") as stream, asyncio.timeout(20):
            assert SECRET in json.dumps((await Events(stream).next("snapshot"))[2])
        await made(by["desk"], address, move="assign", to="7001")
        order = await told(await by["zhao"].get(address), 200)
        assert order["caller_number"] == SECRET and order["fields"][0]["display"] == "马建国", "the handler calls back"


async def test_a_list_is_filtered_by_no_part_of_a_number_or_name(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await spoken(s)
        part, whole = SECRET[3:8], SECRET
        for path, rows in (("/api/v1/calls", "calls"), ("/api/v1/work-orders", "orders")):
            for who, asked, count in (
                ("chief", part, 0), ("chief", whole, 1), ("chief", NUMBER[:6], 1), ("desk", "建国", 0), ("seat", part, 1),
            ):
                found = (await told(await by[who].get(path, params={"q": asked}), 200))[rows]
                assert len(found) == count, (path, who, asked)
        assert (await told(await by["chief"].get("/api/v1/work-orders", params={"q": "马建国"}), 200))["orders"]
        assert not (await told(await by["chief"].get("/api/v1/work-orders", params={"q": "13912"}), 200))["orders"], "a number in a note"
        assert (await told(await by["chief"].get("/api/v1/work-orders", params={"q": "来电人"}), 200))["orders"]


async def test_a_search_finds_no_number_piece_by_piece(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await spoken(s)
        for words, hits in (("电话", 1), ("幺二三四", 0), ("三九幺二", 0), ("五六七八", 0), ("建国", 0), ("马建国", 2), ("幺三九幺二三四五六七八", 1)):
            found = (await told(await by["chief"].get("/api/v1/search", params={"q": words}), 200))["hits"]
            assert len(found) == hits, (words, found)
            assert not leaks(json.dumps(found, ensure_ascii=False)), words
        found = (await told(await by["seat"].get("/api/v1/search", params={"q": "幺二三四"}), 200))["hits"]
        assert [hit["text"] for hit in found] == [SAID]


async def test_a_reason_opens_one_matter_to_one_person_for_a_while(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await spoken(s)
        for body, status in (({}, 400), ({"reason": " x "}, 400), ({"reason": "核对", "more": 1}, 400), ({"reason": 7}, 400)):
            await told(await by["chief"].post(f"{address}/unmasking", json=body), status)
        for name in ("root", "books"):
            assert (await told(await by[name].post(f"{address}/unmasking", json={"reason": "看看"}), 403))["code"] == "denied"
        await told(await by["zhao"].post(f"{address}/unmasking", json={"reason": "不是我的"}), 404)
        async with s.machine("supervisor") as machine:
            await told(await machine.post(f"{address}/unmasking", json={"reason": "机器"}), 403)
        await told(await by["chief"].post("/api/v1/calls/none/unmasking", json={"reason": "没有"}), 404)
        assert "until" in await told(await by["chief"].post(f"{address}/unmasking", json={"reason": "核对身份证"}), 200)
        for path in (address, f"/api/v1/calls/{CALL}"):
            text = await (await by["chief"].get(path)).text()
            assert SECRET in text and json.loads(text)["masked"] is False
            assert not leaks(await (await by["desk"].get(path)).text()), "nobody else"
        assert "11010519491231002X" in await (await by["chief"].get(f"/api/v1/calls/{CALL}")).text()
        assert not leaks(await (await by["chief"].get("/api/v1/calls")).text()), "lists stay as they are"
        row = await s.pool.fetchrow("SELECT actor, object, detail::text AS detail FROM audit_event WHERE action = 'privacy.unmasked'")
        assert (row["actor"], row["object"], json.loads(row["detail"])) == ("chief", NUMBER, {"reason": "核对身份证", "minutes": 15})
        assert await PostgresAudit(s.pool).first_broken() is None
        await s.pool.execute("UPDATE unmasking SET ends_at = clock_timestamp()")
        assert not leaks(await (await by["chief"].get(f"/api/v1/calls/{CALL}")).text()), "its time is over"
        await told(await by["chief"].post(f"/api/v1/calls/{CALL}/unmasking", json={"reason": "只看来电"}), 200)
        assert (await told(await by["chief"].get(f"/api/v1/calls/{CALL}"), 200))["masked"] is False
        assert not leaks(await (await by["chief"].get(address)).text()), "the order is another object"


async def test_what_was_seen_covered_is_never_stored(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        address = await spoken(s)
        order = await told(await by["chief"].get(address), 200)
        assert order["fields"][0]["value"] == "马**"
        version = {"If-Match": f'"{order["version"]}"'}
        changed = await told(await by["chief"].patch(address, json={"caller_name": "马**", "remark": "已核对"}, headers=version), 200)
        assert changed["version"] == order["version"] + 1
        assert await s.pool.fetchval("SELECT value FROM work_order_field WHERE field = 'caller_name'") == "马建国"
        version = {"If-Match": f'"{changed["version"]}"'}
        for body in ({"remark": "电话 139****5678"}, {"caller_name": "牛***"}):
            refused = await told(await by["chief"].patch(address, json=body, headers=version), 409)
            assert refused["code"] == "edit_refused" and "遮盖" in refused["detail"]
        await told(await by["chief"].patch(address, json={"caller_name": "牛建国"}, headers=version), 200)


async def test_sound_has_tones_over_it_in_every_range(web_database: WebDatabase, tmp_path: Path) -> None:
    for track in ("caller", "operator"):
        (tmp_path / f"{track}.wav").write_bytes(wav(4.0, 99))
    async with office(web_database, recordings_dir=tmp_path) as (s, by):
        object.__setattr__(s.services, "audio", RecordingArchive())
        address = await spoken(s)
        sound = f"/api/v1/calls/{CALL}/audio?track=caller"

        async def heard(name: str, **headers: str) -> tuple[bytes, str]:
            async with by[name].get(sound, headers=headers) as answer:
                assert answer.status in (200, 206), await answer.text()
                return await answer.read(), answer.headers["ETag"]

        plain = (tmp_path / "caller.wav").read_bytes()
        toned, etag = await heard("chief")
        assert len(toned) == len(plain) and toned != plain
        # 马建国 is said from 0.2 to 0.5 s, the number from 0.7 s on; 电话 between them is heard.
        assert toned[44 + 2 * 2000 : 44 + 2 * 4000 - 3000] != plain[44 + 2 * 2000 : 44 + 2 * 4000 - 3000]
        assert toned[44 + 2 * 16000 :] == plain[44 + 2 * 16000 :]
        for first, last in ((0, 10), (43, 47), (44 + 2 * 3001 + 1, 44 + 2 * 3999), (5000, 64043)):
            part, same = await heard("chief", Range=f"bytes={first}-{last}")
            assert part == toned[first : last + 1] and same == etag
        whole, other = await heard("seat")
        assert whole == plain and other != etag, "an operator hears names and telephone numbers"
        peaks = await told(await by["chief"].get(f"/api/v1/calls/{CALL}/peaks?points=40"), 200)
        assert len(set(peaks["caller"])) == 2
        rows = await s.pool.fetch("SELECT actor, detail->>'tones' AS tones FROM audit_event WHERE action = 'recording.play' ORDER BY id")
        assert [tuple(r) for r in rows] == [("chief", "true"), ("seat", "false")]
        await s.pool.execute("UPDATE recording_track SET state = 'quarantined' WHERE track = 'caller'")
        assert (await told(await by["chief"].get(sound), 409))["code"] == "not_masked_yet"
        assert (await told(await by["chief"].get(f"/api/v1/calls/{CALL}"), 200))["sound"] == "locked"
        await told(await by["chief"].post(f"{address}/unmasking", json={"reason": "隔离录音须人工收听"}), 200)
        assert (await heard("chief"))[0] == plain
        assert (tmp_path / "caller.wav").read_bytes() == plain


async def test_the_draft_of_a_call_that_goes_on_is_covered_like_an_order(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by):
        await add_call(s.pool, "c-on", T0, state="talking", answered_at=T0, caller_number="13912345678")
        path = "/api/v1/calls/c-on/draft"
        assert await told(await by["seat"].get(path), 200) == {"table_version": "", "fields": []}
        await s.pool.execute(
            "INSERT INTO heard_segment (linked_id, speaker, ordinal, start_s, end_s, text, confidence)"
            " VALUES ('c-on', 'caller', 0, 2, 12, '老板拖欠工资' || $1, 0.9)", SAID,
        )
        seat = {f["field"]: f for f in (await told(await by["seat"].get(path), 200))["fields"]}
        assert (seat["caller_name"]["value"], seat["matter"]["display"], seat["matter"]["source"]) == ("马建国", "劳动争议", "machine")
        assert 2 <= seat["matter"]["evidence"]["start_s"] < 5
        chief = await told(await by["chief"].get(path), 200)
        assert not leaks(json.dumps(chief, ensure_ascii=False)) and len(chief["fields"]) == len(seat)
        await s.pool.execute("UPDATE call SET state = 'ended', ended_at = now() WHERE linked_id = 'c-on'")
        order = await s.pool.fetchval(
            "INSERT INTO work_order (number, opened_by_call, channel) VALUES ('640105126112300077', 'c-on', 'hotline') RETURNING id")
        await s.pool.execute("INSERT INTO work_order_call (linked_id, order_id) VALUES ('c-on', $1)", order)
        assert (await told(await by["seat"].get(path), 200))["fields"] == [], "the order has them now"
        assert (await by["seat"].get("/api/v1/calls/none/draft")).status == 404
