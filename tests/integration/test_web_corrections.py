"""Corrected words: the original stays, the transcript and the search read the correction, frequent ones are offered as terms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.test_web_desk import people
from tests.integration.test_web_supervision import ask
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def spoken(s: Site, linked_id: str, *words: str) -> None:
    """A call whose caller said these words, a second each."""
    await s.pool.execute(
        "INSERT INTO call (linked_id, state, channel, caller_number, arrived_at, recording_name)"
        " VALUES ($1, 'ended', 'hotline', '139', now(), $1)", linked_id,
    )
    track = await s.pool.fetchval(
        "INSERT INTO recording_track (linked_id, base_name, track, path, seconds, bytes, sample_rate, state)"
        " VALUES ($1, $1, 'caller', $1 || '-caller.wav', 9, 9, 8000, 'transcribed') RETURNING id", linked_id,
    )
    await s.pool.execute(
        "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
        " VALUES ($1, 0, $2, 'caller', 1, 9, $3, 0.9, ($4::text)::jsonb)", track, linked_id, "".join(words),
        json.dumps([{"text": w, "start_s": 1.0 + n, "end_s": 2.0 + n, "confidence": 0.9} for n, w in enumerate(words)]),
    )


def path(linked_id: str) -> str:
    return f"/api/v1/calls/{linked_id}/corrections"


def wish(**more: Any) -> dict[str, Any]:
    return {"speaker": "caller", "start_s": 3.0, "reads": "正被报", "text": "镇北堡"} | more


async def found(client: Any, word: str) -> list[str]:
    return [hit["call"] for hit in (await ask(client, "GET", f"/api/v1/search?q={word}", status=200))["hits"]]


async def test_a_corrected_word_is_read_and_found_and_what_was_heard_stays(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator")
        await spoken(s, "t-1.1", "我", "住在", "正被报")
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            assert await found(ban, "正被报") == ["t-1.1"] and await found(ban, "镇北堡") == []
            await ask(ban, "POST", path("t-1.1"), wish(), status=204)
            assert await found(ban, "镇北堡") == ["t-1.1"] and await found(ban, "正被报") == []
            told = (await ask(wang, "GET", path("t-1.1"), status=200))["corrections"]
            assert [(c["heard"], c["corrected"], c["start_s"], c["corrected_by"]) for c in told] == [("正被报", "镇北堡", 3.0, "ban")]
            segment = (await ask(wang, "GET", "/api/v1/calls/t-1.1", status=200))["transcript"]["segments"][0]
            assert segment["text"] == "我住在镇北堡" and segment["words"][2]["text"] == "镇北堡"
            for body, status in (
                (wish(), 409), (wish(start_s=3.5), 404), (wish(speaker="operator"), 404), (wish(text=" "), 400), (wish(text="x" * 31), 400),
                (wish(text="a b"), 400), (wish(more=1), 400), (wish(start_s="NaN"), 400), (wish(speaker="bot"), 400),
            ):
                await ask(ban, "POST", path("t-1.1"), body, status=status)
            await ask(ban, "POST", path("t-9.9"), wish(), status=404)
            await ask(wang, "POST", path("t-1.1"), wish(reads="镇北堡", text="别处"), status=403)
            # A second correction keeps what was heard first, and that word takes it back.
            await ask(ban, "POST", path("t-1.1"), wish(reads="镇北堡", text="镇北堡镇"), status=204)
            assert [c["heard"] for c in (await ask(ban, "GET", path("t-1.1"), status=200))["corrections"]] == ["正被报"]
            await ask(ban, "POST", path("t-1.1"), wish(reads="镇北堡镇", text="正被报"), status=204)
            assert (await ask(ban, "GET", path("t-1.1"), status=200))["corrections"] == []
            assert await found(ban, "正被报") == ["t-1.1"]
        rows = await s.pool.fetch("SELECT actor, object, detail->>'from' AS f, detail->>'to' AS t FROM audit_event"
                                  " WHERE action = 'transcript.corrected' ORDER BY id")
        assert [tuple(r) for r in rows] == [
            ("ban", "t-1.1", "正被报", "镇北堡"), ("ban", "t-1.1", "镇北堡", "镇北堡镇"), ("ban", "t-1.1", "镇北堡镇", "正被报"),
        ]


async def test_what_is_corrected_often_is_offered_until_somebody_decides(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator")
        for n in range(3):
            await spoken(s, f"t-{n}.1", "我", "住在", "正被报")
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            await ask(ban, "POST", path("t-0.1"), wish(), status=204)
            assert (await ask(ban, "GET", "/api/v1/terms", status=200))["terms"] == []
            await ask(ban, "POST", path("t-1.1"), wish(), status=204)
            await ask(ban, "POST", path("t-2.1"), wish(text="镇北村"), status=204)
            offered = (await ask(ban, "GET", "/api/v1/terms", status=200))["terms"]
            assert [(t["term"], t["heard"], t["calls"], t["accepted"]) for t in offered] == [("镇北堡", "正被报", 2, None)]
            await ask(wang, "POST", "/api/v1/terms", {"term": "镇北堡", "accepted": True}, status=403)
            await ask(ban, "POST", "/api/v1/terms", {"term": "没有人改过", "accepted": True}, status=404)
            for accepted in (False, True):
                await ask(ban, "POST", "/api/v1/terms", {"term": "镇北堡", "accepted": accepted}, status=204)
                told = (await ask(ban, "GET", "/api/v1/terms", status=200))["terms"]
                assert [(t["term"], t["accepted"], t["decided_by"]) for t in told] == [("镇北堡", accepted, "ban")]
