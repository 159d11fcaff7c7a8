"""Quality review on a real database: checked once, sampled with a reason, scored by others, appealed once, and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ivr.domain.errors import BadSetting
from ivr.domain.quality_check import check_call
from ivr.domain.quality_sample import SampleRules, by_share, drawn_place
from ivr.pipeline.check_quality import QualityChecker
from ivr.quality_setup import shipped_scorecard
from ivr.storage.audit import append_row
from ivr.storage.quality_checks import PostgresQualityQueue
from ivr.storage.quality_reviews import PostgresQualityDesk
from tests.integration.test_web_desk import people
from tests.integration.test_web_supervision import ask
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

LIST, OWN = "/api/v1/quality/calls", "/api/v1/quality/own"
TODAY = datetime.now(UTC)
CARD = shipped_scorecard()
SHEET = [
    {"code": code, "points": points} for code, points in (("understood", 8), ("answer", 12), ("told_once", 4), ("manner", 9), ("order", 5))
] + [{"code": "privacy", "passed": True}]


def checker(s: Site, **rules: Any) -> QualityChecker:
    queue = PostgresQualityQueue(s.pool, SampleRules(**({"share": 0.0} | rules)), {"PJSIP/seat-desk": "8009"})
    return QualityChecker(queue, lambda: CARD, lambda: date(2026, 11, 30))


async def check(s: Site, **rules: Any) -> int:
    """Seed the card and look once."""
    queue = PostgresQualityQueue(s.pool, SampleRules(), {})
    await queue.seed(CARD)
    return await checker(s, **rules).look()


async def call(
    s: Site, linked_id: str, operator: Sequence[str] = ("您好", "请问", "怎么称呼"), *, seat: str = "PJSIP/seat-east", at: datetime = TODAY,
    rating: int | None = None, confidence: float = 0.95, seconds: float = 30.0, state: str = "transcribed",
) -> None:
    """An answered call whose operator said these words a second each, and whose caller spoke through the middle."""
    await s.pool.execute(
        "INSERT INTO call (linked_id, state, outcome, channel, caller_number, arrived_at, answered_at, ended_at, recording_name,"
        " member_interface, notice_version) VALUES ($1, 'ended', 'answered', 'hotline', '139', $2, $2, $3, $1, $4, 'v1')",
        linked_id, at, at + timedelta(seconds=seconds), seat,
    )
    for track, first, words in (("operator", 1.0, operator), ("caller", 8.0, ["老板", "没有", "发", "工资"])):
        number = await s.pool.fetchval(
            "INSERT INTO recording_track (linked_id, base_name, track, path, seconds, bytes, sample_rate, state)"
            " VALUES ($1, $1, $2, $1 || $2, $3, 9, 8000, 'pending') RETURNING id", linked_id, track, seconds,
        )
        told = [{"text": w, "start_s": first + n, "end_s": first + n + 1, "confidence": confidence} for n, w in enumerate(words)]
        await s.pool.execute(
            "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
            " VALUES ($1, 0, $2, $3, $4, $5, $6, 0.9, ($7::text)::jsonb)", number, linked_id, track, first, first + len(words),
            "".join(words), json.dumps(told),
        )
    await s.pool.execute("UPDATE recording_track SET state = $2 WHERE linked_id = $1", linked_id, state)
    if rating is not None:
        await s.pool.execute("UPDATE call SET rating = $2 WHERE linked_id = $1", linked_id, rating)


async def sits(s: Site, who: str, seat: str = "east", action: str = "desk.seat_taken", *, ago: timedelta = timedelta(minutes=5)) -> None:
    async with s.pool.acquire() as connection, connection.transaction():
        await append_row(connection, who, action, seat, {})
    # The trail is dated by the database; the call is later.
    await s.pool.execute("UPDATE audit_event SET at = $1 WHERE object = $2", TODAY - ago, seat)


async def test_a_call_is_checked_once_and_again_when_a_word_is_corrected(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator")
        await sits(s, "wang")
        await call(s, "t-1.1", ("您好", "这个", "不归我管"))
        await call(s, "t-2.1", state="leased")  # somebody hears it still
        await s.pool.execute(
            "INSERT INTO call (linked_id, state, outcome, channel, arrived_at) VALUES ('t-3.1', 'ended', 'message', 'hotline', now())"
        )
        await s.pool.execute("INSERT INTO quality_due (linked_id) VALUES ('t-3.1'), ('t-2.1')")
        assert await check(s) == 1 and await check(s) == 0
        assert await s.pool.fetchval("SELECT count(*) FROM quality_due") == 1, "what nobody answered is not waited for"
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            told = await ask(ban, "GET", f"{LIST}/t-1.1", status=200)
            results = {r["code"]: r for r in told["check"]["results"]}
            assert results["forbidden"]["findings"] == [{"start_s": 3.0, "end_s": 4.0, "speaker": "operator", "words": "不归我管"}]
            assert (told["check"]["score"], told["check"]["fatal"], told["call"]["operator"]) == (0.0, True, "wang")
            assert results["greeting"]["verdict"] == "pass" and results["ask_name"]["verdict"] == "fail"
            wish = {"speaker": "operator", "start_s": 3.0, "reads": "不归我管", "text": "可以管"}
            await ask(ban, "POST", "/api/v1/calls/t-1.1/corrections", wish, status=204)
            assert await check(s) == 1
            again = await ask(wang, "GET", f"{LIST}/t-1.1", status=200)
            assert again["check"]["fatal"] is False and again["check"]["score"] > 0 and again["own"] is True
        row = await s.pool.fetchrow("SELECT count(*) AS n, max(runs) AS runs FROM quality_check")
        assert tuple(row) == (1, 2), "one result for each call and card, whatever the runs"
        assert await s.pool.fetchval("SELECT count(*) FROM audit_event WHERE action = 'quality.read'") == 2


async def test_two_checkers_write_each_result_once_and_a_word_corrected_meanwhile_is_not_lost(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        for n in range(12):
            await call(s, f"t-{n}.1", at=TODAY - timedelta(minutes=n))
        one, other = (PostgresQualityQueue(s.pool, SampleRules(), {}) for _ in range(2))
        await one.seed(CARD)
        mine, theirs = await one.due(20), await other.due(20)
        await s.pool.execute("UPDATE transcript_segment SET words = '[]' WHERE linked_id = 't-0.1' AND speaker = 'operator'")
        kept = await asyncio.gather(
            *(q.keep(d, check_call(d.card, d.talk)) for q, found in ((one, mine), (other, theirs)) for d in found)
        )
        assert (len(mine), len(theirs), sum(kept)) == (12, 12, 12)
        numbers = [r["number"] for r in await s.pool.fetch("SELECT number FROM quality_check ORDER BY number")]
        assert numbers == list(range(1, 13)) and set(await s.pool.fetch("SELECT runs FROM quality_check")) == {(1,)}
        assert [d.linked_id for d in await one.due(20)] == ["t-0.1"]


async def test_an_unsure_transcript_makes_no_mark(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor")
        await call(s, "t-1.1", ("不归我管", "随便"), confidence=0.4, rating=5)
        await call(s, "t-2.1", seconds=5.0, rating=5)
        await call(s, "t-3.1", state="quarantined", rating=5)
        await check(s)
        async with s.browser("ban") as ban:
            for number in (2, 3):
                told = (await ask(ban, "GET", f"{LIST}/t-{number}.1", status=200))["check"]
                assert told["score"] is None and not told["fatal"] and {r["verdict"] for r in told["results"]} == {"not_judged"}
            unsure = (await ask(ban, "GET", f"{LIST}/t-1.1", status=200))["check"]
            assert {r["code"] for r in unsure["results"] if r["verdict"] != "not_judged"} == {"notice"}


async def test_a_number_in_a_finding_is_covered_as_in_the_transcript(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator")
        await sits(s, "wang")
        words = ["您好", "请问", "我", "跟您", "确认", "一下", "号码", *"13895112348"]  # at once with the caller from second 8 on
        await call(s, "t-1.1", words, seconds=40.0)
        await check(s)
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            told = {}
            for name, client in (("ban", ban), ("wang", wang)):
                found = (await ask(client, "GET", f"{LIST}/t-1.1", status=200))["check"]["results"]
                told[name] = {r["code"]: [f["words"] for f in r["findings"]] for r in found}
        assert told["wang"]["talk_over"] == ["1389"] and told["ban"]["talk_over"] == ["****"]
        assert told["ban"]["greeting"] == told["wang"]["greeting"] == ["您好"]


async def test_the_list_says_why_each_call_is_in_it(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator")
        await sits(s, "wang", ago=timedelta(days=1))
        for n in range(1, 21):
            await call(s, f"t-{n:02}.1", at=TODAY + timedelta(seconds=n), rating=5 if n == 3 else None, seconds=200.0 if n == 4 else 30.0)
        await check(s, share=0.1)
        month = TODAY.astimezone().date().replace(day=1)
        drawn = [n for n in range(1, 21) if by_share(SampleRules(0.1), "wang", month, n)]
        assert len(drawn) == 2
        async with s.browser("ban") as ban, s.browser("wang") as wang:
            told = await ask(ban, "GET", f"{LIST}?limit=200", status=200)
            why = {c["linked_id"]: {r["rule"]: r for r in c["reasons"]} for c in told["calls"]}
            assert {k for k, r in why.items() if "share" in r} == {f"t-{n:02}.1" for n in drawn}
            assert why["t-03.1"]["dissatisfied"]["rating"] == 5 and why["t-04.1"]["long_silence"]["seconds"] > 150
            share = why[f"t-{drawn[0]:02}.1"]["share"]
            assert (share["number"], share["place"], share["size"]) == (drawn[0], drawn[0], 10)
            assert (told["open"], told["appealed"]) == (len(why), 0)
            only = await ask(ban, "GET", f"{LIST}?rule=dissatisfied&operator=wang", status=200)
            assert [c["linked_id"] for c in only["calls"]] == ["t-03.1"]
            assert (await ask(ban, "GET", f"{LIST}?operator=nobody", status=200))["calls"] == []
            first = await ask(ban, "GET", f"{LIST}?limit=2", status=200)
            after = await ask(ban, "GET", f"{LIST}?limit=2&cursor={first['next']}", status=200)
            assert [c["linked_id"] for c in first["calls"] + after["calls"]] == [c["linked_id"] for c in told["calls"]][:4]
            await ask(wang, "GET", LIST, status=403)
            for wrong in ("state=none", "rule=luck", "limit=0", "more=1", "cursor=x"):
                await ask(ban, "GET", f"{LIST}?{wrong}", status=400)
        # A rating that came late puts its call there too.
        await s.pool.execute("UPDATE call SET rating = 4 WHERE linked_id = 't-09.1'")
        await check(s, share=0.1)
        assert "dissatisfied" in await s.pool.fetchval("SELECT reasons::text FROM quality_pick WHERE linked_id = 't-09.1'")


async def test_a_month_that_is_over_gives_the_last_block_its_call(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        october = datetime(2026, 10, 9, 2, tzinfo=UTC)
        for n in range(1, 4):
            await call(s, f"t-{n}.1", at=october + timedelta(minutes=n), seat="PJSIP/seat-phone")
        await check(s, share=0.05)
        drawn = drawn_place("PJSIP/seat-phone", date(2026, 10, 1), 0, 20)
        assert drawn > 3, "the test needs a block whose call did not come"
        queue = PostgresQualityQueue(s.pool, SampleRules(0.05), {})
        assert [await queue.close_month(date(2026, 10, 31)), await queue.close_month(date(2026, 11, 1))] == [0, 1]
        assert await queue.close_month(date(2026, 11, 2)) == 0
        assert await s.pool.fetchval("SELECT count(*) FROM quality_pick") == 1


async def test_four_eyes_score_appeal_and_decide(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", du="supervisor", wang="operator", li="operator")
        await sits(s, "wang")
        await sits(s, "ban", "west")
        await call(s, "t-1.1", rating=5)
        await call(s, "t-2.1", seat="PJSIP/seat-west", at=TODAY - timedelta(minutes=1))
        await check(s)
        marks, appeal, decision = (f"{LIST}/t-1.1/{part}" for part in ("marks", "appeal", "appeal/decision"))
        async with s.browser("ban") as ban, s.browser("du") as du, s.browser("wang") as wang, s.browser("li") as li, s.machine("supervisor") as m:
            await ask(ban, "POST", f"{LIST}/t-2.1/marks", {"lines": SHEET}, status=409)  # his own call
            await ask(m, "POST", marks, {"lines": SHEET}, status=403)
            await ask(wang, "POST", marks, {"lines": SHEET}, status=403)
            await ask(wang, "POST", appeal, {"words": "还没评"}, status=409)
            for body in (
                {"lines": SHEET[:-1]}, {"lines": []}, {"lines": [*SHEET, {"code": "greeting", "points": 0}]}, {"lines": SHEET, "more": 1},
                {"lines": [{"code": "answer", "points": "9"}]}, {"lines": [*SHEET, {"code": "nothing", "points": 1}]},
            ):
                await ask(ban, "POST", marks, body, status=400)
            await ask(ban, "POST", f"{LIST}/t-9.9/marks", {"lines": SHEET}, status=404)
            await ask(ban, "POST", marks, {"lines": SHEET, "note": "<b>讲得清楚</b>"}, status=204)
            override = {"code": "closing", "points": 5, "reason": "来电人自己挂的"}
            await ask(ban, "POST", marks, {"lines": [*SHEET, override]}, status=204)  # he thinks again
            await ask(du, "POST", marks, {"lines": SHEET}, status=409)
            told = await ask(wang, "GET", f"{LIST}/t-1.1", status=200)
            assert [m["round"] for m in told["marks"]] == [1, 2] and told["marks"][1]["score"] > told["marks"][0]["score"]
            assert (told["may_score"], told["may_appeal"], told["may_decide"]) == (False, True, False)
            line = next(x for x in told["marks"][1]["lines"] if x["code"] == "closing")
            assert line == {"code": "closing", "points": 5, "passed": None, "by": "human", "reason": "来电人自己挂的"}
            assert [c["linked_id"] for c in (await ask(wang, "GET", OWN, status=200))["calls"]] == ["t-1.1"]
            assert (await ask(li, "GET", OWN, status=200))["calls"] == []
            await ask(li, "GET", f"{LIST}/t-1.1", status=404)
            await ask(li, "POST", appeal, {"words": "替他说"}, status=404)
            await ask(wang, "POST", appeal, {"words": "静默时来电人在找合同"}, status=204)
            await ask(wang, "POST", appeal, {"words": "再说一次"}, status=409)
            await ask(ban, "POST", marks, {"lines": SHEET}, status=409)
            assert (await ask(ban, "GET", LIST, status=200))["appealed"] == 1
            await ask(ban, "POST", decision, {"decision": "kept", "reason": "自己判"}, status=409)
            await ask(wang, "POST", decision, {"decision": "kept", "reason": "自己判"}, status=403)
            await ask(du, "POST", decision, {"decision": "changed", "reason": "没有新的分"}, status=400)
            await ask(du, "POST", decision, {"decision": "kept", "reason": "x", "lines": SHEET}, status=400)
            best = [*SHEET[:1], {"code": "answer", "points": 15}, *SHEET[2:]]
            await ask(du, "POST", decision, {"decision": "changed", "reason": "申诉属实", "lines": best}, status=204)
            await ask(du, "POST", decision, {"decision": "kept", "reason": "又改主意"}, status=409)
            done = await ask(wang, "GET", f"{LIST}/t-1.1", status=200)
            assert (done["call"]["state"], done["call"]["scorer"], done["appeal"]["decision"], len(done["marks"])) == ("decided", "du", "changed", 3)
            shares = {f["name"]: f for f in (await ask(ban, "GET", "/api/v1/statistics?from=2026-01-01&to=2027-01-01&interval=1d", status=200))["total"]["figures"]}
            assert [(shares[n]["numerator"], shares[n]["denominator"]) for n in ("machine_checked_share", "human_scored_share")] == [(2, 2), (1, 2)]
            behind = await ask(ban, "GET", "/api/v1/statistics/calls?figure=human_scored&from=2026-01-01&to=2027-01-01", status=200)
            assert [c["linked_id"] for c in behind["calls"]] == ["t-1.1"]
        acts = await s.pool.fetch("SELECT actor, action FROM audit_event WHERE action ~ '^quality[.](scored|app)' ORDER BY id")
        assert [tuple(a) for a in acts] == [
            ("ban", "quality.scored"), ("ban", "quality.scored"), ("wang", "quality.appealed"), ("du", "quality.appeal_decided"),
        ]


async def test_marks_keep_the_card_they_were_made_with(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor")
        await call(s, "t-1.1")
        await check(s)
        desk = PostgresQualityDesk(s.pool)
        text = CARD.replace('version = "2026.1"', 'version = "office.1"').replace("weight = 15", "weight = 18").replace(
            'title = "工单与通话一致"\nweight = 5', 'title = "工单与通话一致"\nweight = 2'
        )
        assert (await desk.publish(text, "root", dry_run=True)).version == "office.1"
        assert [c.card.version for c in await desk.cards()] == ["2026.1"]
        await desk.publish(text, "root", dry_run=False)
        for wrong in (text.replace("weight = 18", "weight = 17").replace("weight = 2\n", "weight = 3\n"), CARD):
            with pytest.raises(BadSetting):
                await desk.publish(wrong, "root", dry_run=False)
        await PostgresQualityQueue(s.pool, SampleRules(), {}).seed(CARD)
        assert [c.card.version for c in await desk.cards()] == ["office.1", "2026.1"], "the office's card stays in force"
        await call(s, "t-2.1", at=TODAY - timedelta(minutes=1))
        await s.pool.execute("INSERT INTO quality_due (linked_id) VALUES ('t-1.1')")
        await check(s)
        versions = await s.pool.fetch("SELECT linked_id, card_version FROM quality_check ORDER BY 1")
        assert [tuple(v) for v in versions] == [("t-1.1", "2026.1"), ("t-2.1", "office.1")]
        with pytest.raises(asyncpg.RaiseError):
            await s.pool.execute("UPDATE scorecard SET text = ''")
        async with s.browser("ban") as ban:
            cards = (await ask(ban, "GET", "/api/v1/quality/cards", status=200))["cards"]
            assert [(c["card"]["version"], c["in_force"]) for c in cards] == [("office.1", True), ("2026.1", False)]


async def test_who_sat_at_the_seat_is_known_from_the_trail_and_the_register(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator", zhao="operator")
        await s.pool.execute("INSERT INTO unit (name) VALUES ('中心')")
        await s.pool.execute("INSERT INTO person (work_number, name, unit, account) VALUES ('8009', '赵', '中心', 'zhao')")
        await sits(s, "wang", ago=timedelta(hours=2))
        await call(s, "t-1.1")
        await call(s, "t-2.1", seat="PJSIP/seat-desk")
        await call(s, "t-3.1", seat="PJSIP/seat-west")
        await call(s, "t-0.1", at=TODAY - timedelta(hours=3))  # before anybody sat there
        await check(s)
        rows = await s.pool.fetch("SELECT linked_id, operator FROM quality_check ORDER BY 1")
        assert [tuple(r) for r in rows] == [("t-0.1", ""), ("t-1.1", "wang"), ("t-2.1", "zhao"), ("t-3.1", "")]


async def joined(s: Site, linked_id: str, *stretches: tuple[str, float, float], at: datetime = TODAY) -> None:
    """What the ledger tells of a call that waited 5 s, whose seats were joined with it from second to second."""
    citizen, end = (linked_id, "PJSIP/trunk-x-00000000"), stretches[-1][2]
    told = [("user:RECORDING", citizen, -5.0), ("BRIDGE_ENTER", citizen, 0.0)]
    for n, (seat, came, left) in enumerate(stretches, 1):
        leg = (f"{linked_id}-{n}", f"PJSIP/seat-{seat}-{n:08x}")
        told += [("BRIDGE_ENTER", leg, came), ("BRIDGE_EXIT", leg, left)]
    told += [("BRIDGE_EXIT", citizen, end), ("LINKEDID_END", citizen, end)]
    for position, (kind, (unique_id, channel), seconds) in enumerate(told):
        data = {"uniqueid": unique_id, "channame": channel, "bridge_id": "A", "extra": "x"}
        await s.pool.execute(
            "INSERT INTO call_fact VALUES ('cel', $2, $1, $2, $3, $4, ($5::text)::jsonb)", position, linked_id, kind,
            at + timedelta(seconds=seconds), json.dumps(data),
        )


async def test_a_hold_is_a_point_of_its_own_and_no_silence(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor")
        await call(s, "t-1.1", seconds=60.0)
        await joined(s, "t-1.1", ("east", 0.0, 60.0))
        await check(s)
        async with s.browser("ban") as ban:
            before = (await ask(ban, "GET", f"{LIST}/t-1.1", status=200))["check"]
            assert before["holds"] == [] and before["measures"]["silence_share"] > 0.8
            for start, end in ((13.0, 30.0), (40.0, 58.5)):
                await s.pool.execute(
                    "INSERT INTO call_hold (linked_id, interface, began_at, ended_at) VALUES ('t-1.1', 'PJSIP/seat-east', $1, $2)",
                    TODAY + timedelta(seconds=start), TODAY + timedelta(seconds=end),
                )
            assert await check(s) == 1, "what was written late is taken in"
            after = (await ask(ban, "GET", f"{LIST}/t-1.1", status=200))["check"]
        spans = [(h["start_s"], h["end_s"]) for h in after["holds"]]
        assert spans == [pytest.approx((13.0, 30.0)), pytest.approx((40.0, 58.5))]
        silent = (8 - 4.0) + (13 - 12 - 1) + (40 - 30)  # the rest of a second or two is no silence
        assert after["measures"]["silence_share"] == pytest.approx(silent / (60 - 17 - 18.5))
        assert (after["others"], after["stretches"]) == ([], [])


async def test_a_transferred_call_is_the_seats_that_talked_longest(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, ban="supervisor", wang="operator", li="operator")
        await sits(s, "wang")
        await sits(s, "li", "west")
        words = ("您好", "这个", "不归我管", "我", "给您", "转", "一下")
        await call(s, "t-1.1", words, seconds=60.0, rating=5)
        await call(s, "t-2.1", words, seconds=60.0, rating=5, at=TODAY + timedelta(seconds=1))
        await joined(s, "t-1.1", ("east", 0.0, 8.0), ("west", 8.0, 60.0))
        await joined(s, "t-2.1", ("east", 0.0, 40.0), ("west", 41.0, 60.0), at=TODAY + timedelta(seconds=1))
        await check(s)
        async with s.browser("ban") as ban, s.browser("li") as li, s.browser("wang") as wang:
            told = await ask(ban, "GET", f"{LIST}/t-1.1", status=200)
            assert (told["call"]["operator"], told["call"]["seat"]) == ("li", "PJSIP/seat-west")
            results = {r["code"]: r for r in told["check"]["results"]}
            assert results["greeting"]["verdict"] == "not_judged" and results["forbidden"]["verdict"] != "fail", "it is another's word"
            assert [(o["seat"], o["operator"], o["operator_name"]) for o in told["check"]["others"]] == [("PJSIP/seat-east", "wang", "wang")]
            assert told["check"]["others"][0]["talked_s"] == pytest.approx(8.0)
            assert [(x["start_s"], x["end_s"]) for x in told["check"]["stretches"]] == [pytest.approx((8.0, 60.0))]
            listed = await ask(ban, "GET", f"{LIST}?operator=li", status=200)
            assert [c["linked_id"] for c in listed["calls"]] == ["t-1.1"]
            first = await ask(wang, "GET", f"{LIST}/t-2.1", status=200)
            assert first["own"] and first["check"]["fatal"] and first["check"]["others"][0]["operator"] == "li"
            assert {r["code"]: r["verdict"] for r in first["check"]["results"]}["closing"] == "not_judged"
            await ask(wang, "GET", f"{LIST}/t-1.1", status=404)
            assert [c["linked_id"] for c in (await ask(li, "GET", OWN, status=200))["calls"]] == ["t-1.1"]
        # A later check is of the same seat, and a hold that is told late does not make the call another's.
        await s.pool.execute(
            "INSERT INTO call_hold (linked_id, interface, began_at, ended_at) VALUES ('t-1.1', 'PJSIP/seat-west', $1, $2)",
            TODAY + timedelta(seconds=9), TODAY + timedelta(seconds=59),
        )
        await check(s)
        assert await s.pool.fetchval("SELECT operator FROM quality_check WHERE linked_id = 't-1.1'") == "li"
