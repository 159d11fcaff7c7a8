"""The audit trail covers who heard, searched, read and took away, and `first_broken` names any of those rows that is altered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.storage.audit import PostgresAudit
from tests.fakes.web_world import add_call, add_track, wav
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
T0 = datetime(2026, 10, 23, 1, 30, tzinfo=UTC)


async def test_play_search_reading_and_export_are_rows_and_each_altered_one_is_found(web_database: WebDatabase, tmp_path: Path) -> None:
    (tmp_path / "a-rx.wav").write_bytes(wav(1.0, 5))
    async with site(web_database, recordings_dir=tmp_path) as s, s.machine("supervisor") as client:
        await add_call(s.pool, "a-1", T0, state="ended", outcome="answered", answered_at=T0, ended_at=T0)
        track = await add_track(s.pool, "a-1", "caller", "a-rx.wav")
        await s.pool.execute(
            "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
            " VALUES ($1, 0, 'a-1', 'caller', 0, 1, '拖欠工资', 1, '[]')", track,
        )
        for address in (
            "/api/v1/calls/a-1", "/api/v1/calls/a-1/audio?track=caller", "/api/v1/search?q=工资", "/api/v1/reports/month.xlsx?month=2026-10",
        ):
            answer = await client.get(address)
            assert answer.status == 200, (address, await answer.text())
            await answer.read()
        rows = {r["action"]: r["id"] for r in await s.pool.fetch("SELECT id, action FROM audit_event ORDER BY id")}
        assert {"transcript.read", "recording.play", "search", "report.export"} <= set(rows)
        audit = PostgresAudit(s.pool)
        assert await audit.first_broken() is None
        for number in rows.values():
            for change, back in (
                ("actor = 'x' || actor", "actor = substr(actor, 2)"), ("object = 'x' || object", "object = substr(object, 2)"),
                ("at = at + interval '1 second'", "at = at - interval '1 second'"),
                ("detail = detail || '{\"x\": 1}'", "detail = detail - 'x'"),
            ):
                await s.pool.execute(f"UPDATE audit_event SET {change} WHERE id = $1", number)
                assert await audit.first_broken() == number, change
                await s.pool.execute(f"UPDATE audit_event SET {back} WHERE id = $1", number)
            assert await audit.first_broken() is None
        first = min(rows.values())
        await s.pool.execute("DELETE FROM audit_event WHERE id = $1", first)
        assert await audit.first_broken() is not None
