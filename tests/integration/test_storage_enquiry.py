"""What callers ask during a call, on a real PostgreSQL: orders they may hear of, misses of a day, the duty roster."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.events import Fact
from ivr.domain.progress import LastFour, OrderProgress
from ivr.domain.roster import Duty, RosterFile
from ivr.storage.progress import PostgresProgress
from ivr.storage.roster import PostgresRoster
from ivr.storage.shifts import PostgresShifts
from tests.integration.storage_world import FOLD, T0, World, batch, facts, linked

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
DUE = datetime(2026, 12, 3, 10, tzinfo=UTC)
ASKED = "6401056261120900019"


async def add(pool: Pool, number: str, caller: str = "", *, outcome: str = "answered", opened: int = 0, confidential: bool = False) -> None:
    await pool.execute(
        "INSERT INTO work_order (number, channel, state, outcome, caller_number, owner_work_number, due_at, confidential, opened_at)"
        " VALUES ($1, 'hotline', 'assigned', $2, $3, '8001', $4, $5, now() + make_interval(secs => $6))",
        number, outcome, caller, DUE, confidential, opened,
    )


async def test_an_order_is_found_by_its_number_or_the_callers_own(pool: Pool) -> None:
    store = PostgresProgress(pool)
    await add(pool, ASKED, "138")
    await add(pool, "6401051261124000019", "138", opened=5, confidential=True)
    await add(pool, "6401051261124010019", "139")
    await add(pool, "6401051261124020019", "138", outcome="self_service", opened=9)
    assert await store.find(ASKED, "") == OrderProgress(ASKED, "assigned", "8001", DUE, False)
    newest = await store.find(LastFour("0019"), "138")
    assert newest is not None and newest.number == "6401051261124000019" and newest.confidential
    for asked, caller in (("6401051261124999999", "138"), (LastFour("0019"), "137"), (LastFour("0019"), ""), ("6401051261124020019", "138")):
        assert await store.find(asked, caller) is None


async def test_withheld_numbers_never_match_each_other(pool: Pool) -> None:
    await add(pool, ASKED, "")
    assert await PostgresProgress(pool).find(LastFour("0019"), "") is None


async def test_misses_are_counted_by_number_and_day(pool: Pool) -> None:
    store = PostgresProgress(pool)
    await pool.execute("INSERT INTO enquiry_miss VALUES ('138', (now() AT TIME ZONE 'Asia/Shanghai')::date - 1, 40)")
    assert await store.misses_today("138") == 0
    for _ in range(3):
        await store.count_miss("138")
    await store.count_miss("")
    assert (await store.misses_today("138"), await store.misses_today(""), await store.misses_today("139")) == (3, 1, 0)
    assert await pool.fetchval("SELECT count(*) FROM enquiry_miss") == 2, "yesterday is forgotten"


def enquiry(n: int, *, answered: bool) -> list[Fact]:
    """Call ``n``, in which the caller heard how ASKED stands."""
    rows = facts(n, answered=answered)
    heard = Fact("cel", "f", 0, linked(n), "user:ENQUIRY", T0 + n + 1, {"uniqueid": linked(n), "extra": ASKED})
    rows = [*rows[:1], heard, *rows[1:]] if answered else [*rows[:2], heard, *rows[2:]]
    return [Fact(f.source, f.file_id, i, f.linked_id, f.kind, T0 + n + i, f.data) for i, f in enumerate(rows)]


@pytest.mark.parametrize(("answered", "state", "outcome"), [(False, "closed", "self_service"), (True, "draft", "answered")])
async def test_an_enquirys_order_is_linked_and_closed_unless_a_human_answered(pool: Pool, answered: bool, state: str, outcome: str) -> None:
    world = World(pool)
    (call,) = await world.ledger.commit(batch(enquiry(1, answered=answered)), FOLD)
    order = await world.order(1)
    assert (call.outcome, call.asked_about, order["state"], order["asked_about"], order["outcome"]) == (outcome, ASKED, state, ASKED, outcome)
    assert (ASKED in order["note"]) is not answered and (order["filled_at"] is None) is answered
    assert await pool.fetchval("SELECT queue FROM call") == ("hotline" if answered else "")


async def test_an_enquiry_told_late_closes_the_order_and_a_human_told_late_opens_it(pool: Pool) -> None:
    world = World(pool)
    rows = enquiry(1, answered=False)
    heard, rest = rows[2], [f for f in rows if f.kind != "user:ENQUIRY"]
    await world.ledger.commit(batch(rest, 0, 100), FOLD)
    assert (await world.order(1))["state"] == "draft"
    await world.ledger.commit(batch([heard], 100, 200), FOLD)
    order = await world.order(1)
    assert (order["state"], order["asked_about"], order["outcome"]) == ("closed", ASKED, "self_service")
    entered = Fact("cel", "f", 200, linked(1), "user:QUEUE_ENTERED", T0 + 3.5, {"uniqueid": linked(1), "extra": "hotline"})
    await world.ledger.commit(batch([entered], 200, 300), FOLD)
    assert ((await world.order(1))["state"], (await world.order(1))["outcome"]) == ("draft", "abandoned")
    assert await world.count("work_order") == 1


def duty(day: int, number: str = "8001", speciality: str = "family", hours: int = 9, name: str = "赵律师") -> Duty:
    start = datetime(2026, 11, day, 0, 30, tzinfo=UTC)  # 08:30 in Shanghai
    return Duty(start, number, speciality, start + timedelta(hours=hours), name)


async def test_a_roster_replaces_the_days_it_covers_and_no_others(pool: Pool) -> None:
    store = PostgresShifts(pool)
    await store.replace(RosterFile((duty(25), duty(26), duty(27)), ()))
    dry, _ = await store.replace(RosterFile((duty(26, "8002"),), ()), dry_run=True)
    assert [d.work_number for d in dry.added] == ["8002"] and [d.work_number for d in dry.removed] == ["8001"]
    assert await pool.fetchval("SELECT count(*) FROM duty WHERE work_number = '8002'") == 0
    await store.replace(RosterFile((duty(26, "8002"), duty(26, hours=3)), ()))
    found = await store.between(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
    assert [(d.starts_at.day, d.work_number, (d.ends_at - d.starts_at).seconds // 3600) for d in found] == [
        (25, "8001", 9), (26, "8001", 3), (26, "8002", 9), (27, "8001", 9)]
    again, _ = await store.replace(RosterFile((duty(26, "8002"), duty(26, hours=3)), ()))
    assert (again.added, again.removed, again.unchanged) == ((), (), 2)
    assert RosterFile((duty(26),), ()).days == (date(2026, 11, 26),) * 2


async def test_on_duty_is_decided_by_the_databases_clock(pool: Pool) -> None:
    for number, begins, ends in (("8001", -60, 60), ("8002", -120, -60), ("8003", 60, 120)):
        await pool.execute(
            "INSERT INTO duty VALUES ($1, 'debt', '某', now() + make_interval(mins => $2), now() + make_interval(mins => $3))", number, begins, ends)
    assert [d.work_number for d in await PostgresRoster(pool).on_duty()] == ["8001"]
