"""My day on a real database: one's own shifts and figures, cut to when one sat at a seat, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ivr.domain.assignment import PeopleFile, Person
from ivr.domain.worktime import SHANGHAI
from ivr.storage.people import PostgresPeople
from tests.fakes.web_world import add_call
from tests.integration.test_web_orders import told
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
DAY = "/api/v1/desk/day"
NINE = datetime.now(SHANGHAI).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)
YESTERDAY = {"day": f"{NINE:%Y-%m-%d}"}


def at(hours: float) -> datetime:
    """So many hours after nine o'clock of yesterday."""
    return NINE + timedelta(hours=hours)


async def sat(s: Site, actor: str, seat: str, since: datetime, until: datetime | None, ends: str = "desk.seat_given_back") -> None:
    for action, who, moment in (("desk.seat_taken", actor, since), (ends, "system", until)):
        if moment is not None:
            await s.pool.execute(
                "INSERT INTO audit_event (at, actor, action, object, previous, digest) VALUES ($1, $2, $3, $4, ''::bytea, gen_random_uuid()::text::bytea)",
                moment, who, action, seat,
            )


async def talk(s: Site, linked_id: str, seat: str, answered: datetime, seconds: float, **columns: object) -> None:
    await add_call(
        s.pool, linked_id, answered - timedelta(seconds=5), member_interface=f"PJSIP/seat-{seat}", answered_at=answered, outcome="answered",
        **{"state": "ended", "ended_at": answered + timedelta(seconds=seconds)} | columns,
    )


async def did(s: Site, seat: str, activity: str, since: datetime, until: datetime) -> None:
    await s.pool.execute(
        "INSERT INTO seat_time (interface, activity, began_at, seen_at, ended_at) VALUES ($1, $2, $3, $4, $4)", f"PJSIP/seat-{seat}",
        activity, since, until,
    )


async def rang(s: Site, n: int, member: str, moment: datetime, ms: str) -> None:
    await s.pool.execute(
        "INSERT INTO call_fact (source, file_id, position, linked_id, kind, at, data) VALUES ('queue_log', 'q', $1, 'x', 'RINGNOANSWER', $2,"
        " jsonb_build_object('queue', 'hotline', 'member', $3::text, 'data', jsonb_build_array($4::text)))", n, moment, member, ms,
    )


async def world(s: Site) -> None:
    """Wang sat at east from 9 to 12, Li there from 13 on; the desk phone is Zhao's."""
    for name, role in (("wang", "operator"), ("li", "operator"), ("zhao", "supervisor"), ("desk", "dispatcher")):
        await s.accounts.add_user(name, roles=[role], password=PASSWORD)
    await PostgresPeople(s.pool).apply(PeopleFile((
        Person("8001", "王律师", "热线", "wang"), Person("8002", "李律师", "热线", "li"), Person("8005", "赵律师", "热线", "zhao"),
    ), ()))
    for number, speciality, hours in (("8001", "labour", 0), ("8001", "labour", 48), ("8002", "family", 4)):
        await s.pool.execute(
            "INSERT INTO duty (work_number, speciality, name, starts_at, ends_at) VALUES ($1, $2, '律师', $3, $4)",
            number, speciality, at(hours), at(hours + 3),
        )
    await sat(s, "wang", "east", at(0), at(3), "desk.seat_lost")
    await sat(s, "li", "east", at(4), None)
    await talk(s, "c-1", "east", at(1), 100)
    await talk(s, "c-2", "east", at(2), 300, channel="callback", talk_ended_at=at(2) + timedelta(seconds=200))
    await talk(s, "c-3", "east", at(5), 999)
    await talk(s, "c-4", "west", at(1), 999)
    await talk(s, "c-5", "east", at(2.5), 0, state="talking", ended_at=None)
    await talk(s, "c-6", "phone", at(1), 50)
    await did(s, "east", "ready", at(-1), at(1))
    await did(s, "east", "talking", at(1), at(2))
    await did(s, "east", "wrap_up", at(2), at(2.5))
    await did(s, "east", "paused", at(2.5), at(5))
    for n, (member, hours, ms) in enumerate((("east律师", 1.5, "15000"), ("east律师", 2, "0"), ("east律师", 4.5, "15000"), ("west律师", 1, "15000"))):
        await rang(s, n, member, at(hours), ms)


async def test_a_day_is_what_one_did_where_one_sat(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await world(s)
        async with s.browser("wang") as wang:
            mine = await told(await wang.get(DAY, params=YESTERDAY), 200)
        assert mine["work_number"] == "8001" and [d["starts_at"] for d in mine["shifts"]] == [at(0).isoformat(timespec="milliseconds")]
        assert [(one["seat"], datetime.fromisoformat(one["until"])) for one in mine["sat"]] == [("east", at(3))]
        assert (mine["answered"], mine["called_back"], mine["ring_outs"], mine["talk_s"]) == (2, 1, 1, 300)
        assert (mine["ready_s"], mine["talking_s"], mine["wrap_up_s"], mine["paused_s"]) == (3600, 3600, 1800, 1800), "from nine to twelve"
        figures = {f["name"]: f for f in mine["figures"]}
        assert figures["occupancy"]["value"] == 5400 / 9000 and figures["own_aht"]["value"] == (300 + 1800) / 2
        assert {f["name"]: bool(f["formula"]) for f in mine["formulas"]} == {"occupancy": True, "own_aht": True}
        async with s.browser("li") as li, s.browser("zhao") as zhao:
            theirs = await told(await li.get(DAY, params=YESTERDAY), 200)
            assert (theirs["answered"], theirs["ring_outs"], theirs["paused_s"]) == (1, 1, 3600)
            assert datetime.fromisoformat(theirs["sat"][0]["until"]) == at(15), "to the end of the day"
            phone = await told(await zhao.get(DAY, params=YESTERDAY), 200)
            assert (phone["answered"], phone["talk_s"]) == (1, 50), "a desk phone is whose work number it has"
            today = await told(await li.get(DAY), 200)
            assert (today["answered"], today["shifts"]) == (0, []) and datetime.fromisoformat(today["start"]) > at(0).astimezone(UTC)


async def test_there_is_no_way_to_somebody_elses_day(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await world(s)
        async with s.browser("li") as li, s.browser("desk") as desk, s.machine("operator", "supervisor") as machine:
            for name in ("account", "operator", "work_number", "seat", "person"):
                await told(await li.get(DAY, params={name: "wang"}), 400)
            for path in (f"{DAY}/wang", f"{DAY}s"):
                await told(await li.get(f"{path}"), 404)
            await told(await li.get(DAY, params={"day": "yesterday"}), 400)
            await told(await desk.get(DAY), 403)
            await told(await machine.get(DAY), 403)
