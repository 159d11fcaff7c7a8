"""Retention on a real database and real files: what is due goes with proof, and nothing else does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ivr.domain.errors import NotFound
from ivr.domain.quality_check import Finding, Result
from ivr.domain.reconciliation import compare
from ivr.domain.retention import KINDS, Terms
from ivr.pipeline.retention import Retention
from ivr.ports.retention import FileDigest
from ivr.speech.shredder import RecordingShredder
from ivr.storage.audit import PostgresAudit
from ivr.storage.quality_checks import results_of, results_text
from ivr.storage.reconciliation import PostgresBooks
from ivr.storage.retention import PostgresHolds, PostgresRetention
from tests.fakes.web_world import add_call, wav
from tests.integration.web_database import WebDatabase, web_database

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
OLD = NOW - timedelta(days=400)
UUID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
TERMS = Terms({"recording": 365, "video": 200, "transcript": 365, "order": 365, "log": 365})


class House:
    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], folder: Path) -> None:
        self.pool, self.folder = pool, folder
        self.holds = PostgresHolds(pool)

    def retention(self, terms: Terms = TERMS, store: Any = None) -> Retention:
        return Retention(store or PostgresRetention(self.pool), RecordingShredder(self.folder), terms, clock=NOW.timestamp)

    async def call(self, n: int, *, ended: datetime = OLD, state: str = "closed", track: str = "transcribed", **columns: object) -> str:
        """A call with two files, a transcript, a ledger fact and an order; returns its linked id."""
        linked_id = f"b1-{1700000000 + n}.{n}"
        base = f"20251022/{linked_id}-{UUID}"
        await add_call(self.pool, linked_id, ended, state="ended", outcome="answered", answered_at=ended, ended_at=ended,
                       caller_number="13912345678", caller_name_raw="马建国", recording_name=base, **columns)  # fmt: skip
        (self.folder / "20251022").mkdir(exist_ok=True)
        (self.folder / f"{base}.taken").touch()
        for speaker in ("caller", "operator"):
            (self.folder / f"{base}-{speaker}.wav").write_bytes(wav(1.0, n))
            number = await self.pool.fetchval(
                "INSERT INTO recording_track (linked_id, base_name, track, path, seconds, bytes, sample_rate, state, ready_at)"
                " VALUES ($1, $2, $3, $2 || '-' || $3 || '.wav', 1, 16044, 8000, $4, $5) RETURNING id", linked_id, base, speaker, track, ended,
            )
            await self.pool.execute(
                "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
                " VALUES ($1, 0, $2, $3, 0, 1, '欠我工资', 1, '[]')", number, linked_id, speaker,
            )
        await self.pool.execute(
            "INSERT INTO call_fact VALUES ('cel', 'f', $1, $2, 'CHAN_START', $3, ($4::text)::jsonb)", n, linked_id, ended,
            json.dumps({"uniqueid": linked_id, "context": "from-trunk", "callerid": "13912345678"}),
        )
        order = await self.pool.fetchval(
            "INSERT INTO work_order (number, channel, state, opened_at, filled_at, opened_by_call, outcome, caller_number, note, category)"
            " VALUES ($1, 'hotline', $2, $3, $3, $4, 'answered', '13912345678', '说明', 'consult') RETURNING id", number_of(n), state, ended, linked_id,
        )
        await self.pool.execute("INSERT INTO work_order_call VALUES ($1, $2)", linked_id, order)
        await self.pool.execute(
            "INSERT INTO work_order_field (order_id, field, value, display, source, text) VALUES ($1, 'caller_name', '马建国', '马建国', 'machine', '我叫马建国')",
            order,
        )
        return linked_id

    def files(self) -> int:
        return sum(1 for path in self.folder.rglob("*") if path.is_file())

    async def count(self, table: str, linked_id: str) -> int:
        return int(await self.pool.fetchval(f"SELECT count(*) FROM {table} WHERE linked_id = $1", linked_id))


def number_of(n: int) -> str:
    return f"64010512510{n:08d}"


@asynccontextmanager
async def house(database: WebDatabase, folder: Path) -> AsyncIterator[House]:
    async with database.pool() as pool:
        yield House(pool, folder)


async def test_what_is_due_goes_with_proof_and_the_rest_stays(web_database: WebDatabase, tmp_path: Path) -> None:
    async with house(web_database, tmp_path) as h:
        due, recent = await h.call(1), await h.call(2, ended=NOW - timedelta(days=300))
        still_open, unheard = await h.call(3, state="in_progress"), await h.call(4, track="pending")
        video = await h.call(5, ended=NOW - timedelta(days=300), channel="village_video")
        held_call, held_order = await h.call(6), await h.call(7)
        merged, into = await h.call(8, state="merged"), await h.call(9, state="assigned")
        await h.pool.execute("UPDATE work_order SET merged_into = $2 WHERE number = $1", number_of(8), number_of(9))
        await h.holds.hold(f"call:{held_call}", "诉讼", NOW + timedelta(days=9999), "ban")
        await h.holds.hold(f"order:{number_of(7)}", "诉讼", NOW + timedelta(days=9999), "ban")
        digest = hashlib.sha256(wav(1.0, 1)).digest()
        shown = await h.retention().preview()
        assert {k: count for k, (count, _) in shown.items()} == {"recording": 1, "video": 1, "transcript": 2, "order": 0, "log": 2}
        assert h.files() == 27 and await h.pool.fetchval("SELECT count(*) FROM retention_deletion") == 0, "a preview touches nothing"
        gone = await h.retention().once()
        # A call that nobody has heard yet keeps its sound, and with it the content of its order.
        assert gone == {"recording": 1, "video": 1, "film": 0, "picture": 0, "transcript": 2, "log": 2, "order": 1}, gone
        assert await h.count("transcript_segment", due) == 0 and await h.count("call_fact", due) == 0
        for kept in (recent, still_open, held_call, held_order, merged, into):
            assert await h.count("transcript_segment", kept) == 2 and await h.count("call_fact", kept) == 1, kept
        assert h.files() == 27 - 6 and not list(tmp_path.rglob(f"*{due}*")) and not list(tmp_path.rglob(f"*{video}*"))
        assert len(list(tmp_path.rglob(f"*{unheard}*"))) == 3
        proofs = await PostgresRetention(h.pool).proofs(100)
        files = [p for p in proofs if p.object_name.endswith(".wav") and due in p.object_name]
        assert len(files) == 2 and all(p.sha256 == digest and p.size_bytes == 16044 and p.kind == "recording" for p in files)
        order = await h.pool.fetchrow("SELECT * FROM work_order WHERE number = $1", number_of(1))
        assert (order["caller_number"], order["note"], order["category"], order["state"]) == ("", "", "consult", "closed") and order["cleared_at"]
        left = await h.pool.fetchrow("SELECT caller_number, caller_name_raw, outcome FROM call WHERE linked_id = $1", due)
        assert tuple(left) == ("", "", "answered"), "the figures still count it"
        rows = await h.pool.fetchval("SELECT count(*) FROM audit_event WHERE action = 'retention.deleted'")
        assert rows == len(proofs) and await PostgresAudit(h.pool).first_broken() is None
        assert not any((await h.retention().once()).values()), "nothing goes twice"
        books = await PostgresBooks(h.pool, None).read(OLD.timestamp() - 1, ())  # type: ignore[arg-type]
        found = {(d.kind, d.subject) for d in compare(books, NOW.timestamp())}
        assert ("track_file_missing", video) not in found and not found & {
            (kind, due) for kind in ("track_file_missing", "transcript_missing", "call_without_facts", "facts_without_call")
        }, "deleted is not lost"
        assert ("track_file_missing", recent) in found, "no file was shown to the comparison, so what is not deleted is missed"


async def test_words_found_in_a_transcript_go_with_it(web_database: WebDatabase, tmp_path: Path) -> None:
    async with house(web_database, tmp_path) as h:
        due, kept = await h.call(1), await h.call(2, state="in_progress")
        await h.pool.execute("INSERT INTO scorecard (version, text, published_by) VALUES ('v1', 'x', 'shipped')")
        results = [Result("forbidden", "fail", None, "第 3 秒说了“你烦不烦”", (Finding(3.0, 4.5, "operator", "你烦不烦"),))]
        for linked_id in (due, kept):
            await h.pool.execute(
                "INSERT INTO quality_check (linked_id, card_version, arrived_at, operator, seat, month, number, score, fatal, results,"
                " measures) VALUES ($1, 'v1', $2, 'wang', '', '2025-10-01', $3, 60, false, ($4::text)::jsonb, '{}')",
                linked_id, OLD, 1 if linked_id == due else 2, results_text(results),
            )
            await h.pool.execute(
                "INSERT INTO risk_alert (linked_id, kind, phrase, words, said, at_s, source, table_version)"
                " VALUES ($1, 'violence', '打人', '打人', '他昨天又打人了', 3, 'transcript', '1')", linked_id,
            )
        assert (await h.retention().once())["transcript"] == 1
        said = dict(await h.pool.fetch("SELECT linked_id, said FROM risk_alert"))
        assert said == {due: "", kept: "他昨天又打人了"}
        found = {r["linked_id"]: results_of(r["results"]) for r in await h.pool.fetch("SELECT linked_id, results FROM quality_check")}
        assert found[kept] == results
        assert found[due] == [Result("forbidden", "fail", None, "第 3 秒说了“…”", (Finding(3.0, 4.5, "operator", ""),))]


async def test_a_hold_that_comes_or_an_order_taken_up_at_the_last_moment_is_seen(web_database: WebDatabase, tmp_path: Path) -> None:
    async with house(web_database, tmp_path) as h:
        first, _ = await h.call(1), await h.call(2)
        store = PostgresRetention(h.pool)
        due = [one for kind in KINDS for one in await store.due(kind, NOW, 10)]
        number = await h.holds.hold(f"order:{number_of(1)}", "投诉", NOW + timedelta(days=9999), "ban")
        await h.pool.execute("UPDATE work_order SET state = 'pending_review' WHERE number = $1", number_of(2))
        digest = FileDigest(b"x" * 32, 1)
        assert due and not any([await store.delete(one, dict.fromkeys(one.paths, digest)) for one in due])
        assert await h.pool.fetchval("SELECT count(*) FROM retention_deletion") == 0
        assert [one.id for one in await h.holds.in_force()] == [number]
        await h.holds.lift(number, "已结案", "ban")
        for wrong in (h.holds.lift(number, "再来", "ban"), h.holds.hold("call:none", "x", NOW, "ban"), h.holds.hold("user:ban", "x", NOW, "ban")):
            with pytest.raises(NotFound):
                await wrong
        assert (await h.retention().once())["recording"] == 1 and not list(tmp_path.rglob(f"*{first}*"))
        acts = [r["action"] for r in await h.pool.fetch("SELECT action FROM audit_event WHERE actor = 'ban' ORDER BY id")]
        assert acts == ["retention.held", "retention.hold_lifted"]


async def test_a_crash_between_proof_and_file_is_made_good_and_a_lost_file_stays_lost(web_database: WebDatabase, tmp_path: Path) -> None:
    async with house(web_database, tmp_path) as h:
        crashed, lost = await h.call(1), await h.call(2)
        for path in tmp_path.rglob(f"*{lost}*.wav"):
            path.unlink()
        await h.pool.execute("UPDATE recording_track SET deleted_at = $2 WHERE linked_id = $1", crashed, NOW)
        gone = await h.retention().once()
        assert not list(tmp_path.rglob(f"*{crashed}*")), "what was marked is removed"
        assert gone["recording"] == 0 and await h.pool.fetchval(
            "SELECT count(*) FROM recording_track WHERE linked_id = $1 AND deleted_at IS NULL", lost) == 2
        assert not await h.pool.fetchval("SELECT count(*) FROM retention_deletion WHERE linked_id = $1 AND kind = 'recording'", lost)


async def test_for_ever_is_for_ever_and_foreign_names_are_left_alone(web_database: WebDatabase, tmp_path: Path) -> None:
    async with house(web_database, tmp_path) as h:
        await h.call(1)
        assert await h.retention(Terms({})).preview() == {} and not any((await h.retention(Terms({})).once()).values())
        (tmp_path / "notes.wav").write_bytes(b"x")
        await RecordingShredder(tmp_path).remove(["notes.wav", "../notes.wav", "20251022/../../x-caller.wav"])
        assert (tmp_path / "notes.wav").exists() and await RecordingShredder(tmp_path).digests(["notes.wav"]) == {}
