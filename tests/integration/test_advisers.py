"""Advisers' hours on a real PostgreSQL and over HTTP: what counts by itself, what is entered once, and who may."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.adviser_hours import Work
from ivr.domain.device import DeviceFile
from ivr.domain.errors import CallerFault, NotFound
from ivr.domain.worktime import SHANGHAI
from ivr.storage.advisers import PostgresAdvisers
from ivr.storage.devices import PostgresDevices
from ivr.storage.places import seed_places
from tests.integration.test_storage_devices import PLACES, TOWN, A, B
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import site

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
__all__ = ["web_database"]

VILLAGE = A.village
SEATS = {"PJSIP/seat-three": "8001", "PJSIP/seat-one": "8002"}


async def desk(pool: Pool) -> PostgresAdvisers:
    await seed_places(pool, PLACES)
    await PostgresDevices(pool).apply(DeviceFile((A, B, TOWN), ()), actor="cli:test")
    return PostgresAdvisers(pool, SEATS)


async def talked(pool: Pool, n: int, member: str, minutes: float | None, *, queue: str = "", ladder: str = "", arrived: str = "now()") -> None:
    """A call of the village; None for one that nobody answered."""
    await pool.execute(
        "INSERT INTO call (linked_id, state, channel, village, device, arrived_at, answered_at, talk_ended_at, member_interface, queue, ladder)"
        f" VALUES ($1, 'ended', 'village_video', $2, $3, {arrived}, CASE WHEN $4::float8 IS NOT NULL THEN {arrived} END,"
        f" {arrived} + make_interval(secs => $4 * 60), $5, $6, $7)", f"t-1-1.{n}", VILLAGE, A.id, minutes, member, queue, ladder,
    )


async def test_calls_with_the_villages_own_adviser_count_by_themselves_and_no_others(pool: Pool) -> None:
    advisers = await desk(pool)
    today = await advisers.today()
    await talked(pool, 1, "PJSIP/seat-three", 30)
    await talked(pool, 2, "PJSIP/seat-one", 99, ladder="adviser:absent any:queue")
    await talked(pool, 3, "PJSIP/seat-gone", 12, queue="lawyer-8001")
    await talked(pool, 4, "", None, ladder="adviser:ring adviser:late any:nobody message:left")
    await talked(pool, 5, "PJSIP/seat-three", 500, arrived="now() - interval '2 years'")
    (village,) = await advisers.hours(today.year)
    assert (village.village, village.advisers, village.calls, village.missed) == (VILLAGE, ["8001"], 2, 2)
    assert round(village.call_minutes, 3) == 42 and round(village.hours, 3) == 0.7


async def test_work_is_entered_once_with_its_proof_and_voided_with_a_reason(pool: Pool) -> None:
    advisers = await desk(pool)
    today = await advisers.today()
    visit = Work(VILLAGE, "8001", "visit", today, 90, "签到表 12")
    first = await advisers.enter(visit, "administrator")
    assert await advisers.enter(visit, "administrator") == first
    await advisers.enter(Work(VILLAGE, "8001", "lecture", today, 60, "照片 3"), "administrator")
    (village,) = await advisers.hours(today.year)
    assert (village.visit_minutes, village.lecture_minutes) == (90, 60)
    bad = [
        Work(VILLAGE, "8001", "visit", today, 91, "签到表 12"), Work(VILLAGE, "8002", "visit", today, 90, "签到表 13"),
        Work(VILLAGE, "8001", "visit", today + timedelta(days=1), 90, "签到表 13"), Work(VILLAGE, "8001", "visit", date(2001, 1, 1), 90, "签到表"),
        Work(VILLAGE, "8001", "visit", today, 0, "签到表 13"), Work(VILLAGE, "8001", "visit", today, 90, " "), Work(VILLAGE, "8001", "visit", today, 90, "a\nb"),
    ]
    for work in bad:
        with pytest.raises(CallerFault):
            await advisers.enter(work, "administrator")
    with pytest.raises(NotFound):
        await advisers.enter(Work("640105001-L44", "8001", "visit", today, 90, "签到表 13"), "administrator")
    with pytest.raises(CallerFault):
        await advisers.void(first, "administrator", " ")
    await advisers.void(first, "administrator", "记错村")
    for number, wrong in ((first, CallerFault), (first + 999, NotFound)):
        with pytest.raises(wrong):
            await advisers.void(number, "administrator", "再来")
    (village,) = await advisers.hours(today.year)
    assert (village.visit_minutes, village.lecture_minutes) == (0, 60)
    assert {(e.work.kind, e.voided_why) for e in await advisers.entries(VILLAGE, today.year)} == {("visit", "记错村"), ("lecture", "")}
    assert await advisers.enter(visit, "administrator") not in (first,), "what was voided may be entered anew"
    acts = await pool.fetch("SELECT action FROM audit_event WHERE action LIKE 'adviser_work%' ORDER BY id")
    assert [r["action"].rpartition(".")[2] for r in acts] == ["entered", "entered", "voided", "entered"]


async def test_hours_are_read_by_those_who_look_after_devices_and_entered_by_administrators(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("administrator") as admin, s.machine("dispatcher") as reader, s.machine("operator") as other:
        advisers = await desk(s.pool)
        today = (await advisers.today()).isoformat()
        path = f"/api/v1/villages/{VILLAGE}/adviser-work"
        wish = {"adviser": "8001", "kind": "visit", "day": today, "minutes": 90, "evidence": "=签到表 12"}
        assert (await reader.post(path, json=wish)).status == 403 and (await other.get("/api/v1/adviser-hours")).status == 403
        for change in ({"minutes": 0}, {"minutes": "90"}, {"kind": "call"}, {"day": "2026-13-01"}, {"evidence": ""}, {"adviser": "x"}, {"more": 1}):
            assert (await admin.post(path, json=wish | change)).status == 400, change
        assert (await admin.post("/api/v1/villages/640105001-L77/adviser-work", json=wish)).status == 404
        told = await (await admin.post(path, json=wish)).json()
        assert [(e["kind"], e["minutes"], e["evidence"]) for e in told["entries"]] == [("visit", 90, "=签到表 12")]
        hours = await (await reader.get("/api/v1/adviser-hours")).json()
        (row,) = hours["villages"]
        assert (row["hours"], row["visit_minutes"], row["name"], hours["owed_h"]) == (1.5, 90, "康庄社区", 50) and hours["formula"]
        assert row["month_h"] > 0 and (row["short_h"] is None or row["short_h"] > 0)
        entry = told["entries"][0]["id"]
        assert (await reader.post(f"/api/v1/adviser-work/{entry}/void", json={"reason": "错"})).status == 403
        assert (await admin.post(f"/api/v1/adviser-work/{entry}/void", json={"reason": ""})).status == 400
        assert (await admin.post("/api/v1/adviser-work/99999999999999999999/void", json={"reason": "错"})).status == 404
        assert (await admin.post(f"/api/v1/adviser-work/{entry}/void", json={"reason": "错"})).status == 204
        assert (await (await reader.get("/api/v1/adviser-hours?year=2020")).json())["year"] == 2020


AT = datetime(2026, 3, 2, 9, tzinfo=SHANGHAI)
MARCH = (date(2026, 3, 1), date(2026, 4, 1))


async def on_duty(pool: Pool, number: str, day: int, *, speciality: str = "labour", hours: int = 3) -> datetime:
    starts = AT + timedelta(days=day)
    await pool.execute("INSERT INTO duty VALUES ($1, $2, '王律师', $3, $4)", number, speciality, starts, starts + timedelta(hours=hours))
    return starts


async def test_an_absence_is_a_duty_without_a_trace_and_whoever_came_by_any_road_has_none(pool: Pool) -> None:
    advisers = await desk(pool)
    starts = [await on_duty(pool, "8001", day) for day in range(7)]
    await on_duty(pool, "8001", 0, speciality="family")
    await on_duty(pool, "8002", 0)  # on duty, and no village's adviser
    seat = "INSERT INTO seat_time (interface, activity, began_at, seen_at, ended_at) VALUES ($1, $2, $3, $4, $4)"
    hour = timedelta(hours=1)
    await pool.execute(seat, "PJSIP/seat-three", "ready", starts[1] + hour, starts[1] + 2 * hour)
    await pool.execute(seat, "PJSIP/seat-three", "paused", starts[2], starts[2] + 2 * hour)
    await pool.execute(seat, "PJSIP/seat-three", "ready", starts[3] - 2 * hour, starts[3])
    await pool.execute(seat, "PJSIP/seat-one", "ready", starts[3], starts[3] + hour)
    await pool.execute(
        "INSERT INTO call (linked_id, state, channel, arrived_at, answered_at, member_interface) VALUES ('t-1', 'ended', 'hotline', $1, $1, $2)",
        starts[4] + hour, "PJSIP/seat-three",
    )
    work = "INSERT INTO adviser_work (village, adviser, kind, day, minutes, evidence, entered_by, voided_at) VALUES ($1, '8001', 'visit', $2, 60, 'x', 'a', $3)"
    await pool.execute(work, VILLAGE, starts[5].date(), None)
    await pool.execute(work, VILLAGE, starts[6].date(), AT)
    found = await advisers.absences(*MARCH)
    assert [(a.adviser, a.name, a.starts_at) for a in found] == [("8001", "王律师", starts[n]) for n in (0, 2, 3, 6)], "one for two specialities"
    assert await advisers.absences(date(2026, 4, 1), date(2026, 5, 1)) == []
    await pool.execute("INSERT INTO duty VALUES ('8001', 'labour', '王律师', now() - interval '1 hour', now() + interval '1 hour')")
    today = await advisers.today()
    assert await advisers.absences(today - timedelta(days=1), today + timedelta(days=2)) == [], "a duty that is not over is not missed"


async def test_a_supervisor_excuses_an_absence_once_with_a_reason(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("supervisor") as chief, s.machine("administrator") as admin, s.machine("operator") as other:
        await desk(s.pool)
        starts, _ = await on_duty(s.pool, "8001", 0), await on_duty(s.pool, "8001", 1)
        path = "/api/v1/adviser-absences"
        told = await (await admin.get(f"{path}?month=2026-03")).json()
        assert told["unexcused"] == {"8001": 2} and told["absences"][0]["day"] == "2026-03-02" and told["formula"]
        assert (await other.get(path)).status == 403 and (await (await chief.get(path)).json())["absences"] == []
        for wrong in ("2026-13", "2026-3", "x"):
            assert (await chief.get(f"{path}?month={wrong}")).status == 400
        wish = {"adviser": "8001", "starts_at": starts.isoformat(), "reason": "区里开庭，已换班"}
        assert (await admin.post(path, json=wish)).status == 403, "who keeps the machines excuses nobody"
        for change in ({"reason": ""}, {"reason": "x" * 201}, {"adviser": "x"}, {"starts_at": "2026-03-02T09:00:00"}, {"more": 1}):
            assert (await chief.post(path, json=wish | change)).status == 400, change
        for change in ({"adviser": "8003"}, {"starts_at": "2026-03-02T09:00:01+08:00"}, {"starts_at": "0001-01-01T00:00:00Z"}):
            assert (await chief.post(path, json=wish | change)).status == 404, change
        told = await (await chief.post(path, json=wish)).json()
        assert told["unexcused"] == {"8001": 1} and (told["absences"][0]["excused"], told["absences"][0]["reason"]) == (True, wish["reason"])
        assert (await chief.post(path, json=wish)).status == 400, "it is excused already"
        row = await s.pool.fetchrow("SELECT object, detail::text AS detail FROM audit_event WHERE action = 'adviser_absence.excused'")
        assert row["object"] == "8001" and "区里开庭" in row["detail"]
