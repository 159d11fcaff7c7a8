"""Rises found in PostgreSQL, kept, grown, taken back and signed; the load of past days; orders of a month."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.counted_call import Limits
from ivr.domain.early_warning import WarningRules
from ivr.domain.errors import CallerFault, NotFound
from ivr.domain.intervals import SHANGHAI
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import WorkTime
from ivr.pipeline.watch_rises import RiseWatch
from ivr.ports.analysis import WarningChanged, WarningFilter
from ivr.storage.audit import PostgresAudit
from ivr.storage.early_warnings import PostgresEarlyWarnings
from ivr.storage.loads import PostgresLoads
from ivr.storage.statistics import PostgresStatistics
from tests.fakes.web_world import add_call
from tests.integration.analysis_world import HOME, TODAY, add_calls, add_orders, add_quiet_past

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


def watch(pool: Pool) -> RiseWatch:
    return RiseWatch(PostgresEarlyWarnings(pool), "category", WarningRules(), WorkingDays())


async def test_a_rise_is_found_told_once_grows_and_is_taken_back(pool: Pool) -> None:
    store = PostgresEarlyWarnings(pool)
    await add_quiet_past(pool)
    await add_orders(pool, TODAY, 2)
    assert await watch(pool).look() == 0 and list(await store.listed(WarningFilter())) == []
    await add_orders(pool, TODAY, 1, hour=0)
    assert await watch(pool).look() == 1 and await watch(pool).look() == 0
    (found,) = await store.listed(WarningFilter(open=True))
    assert (found.place, found.place_name, found.code, found.day) == (HOME, "康庄社区", "consultation", TODAY)
    assert (found.orders, found.usual, found.level, found.open) == (3, 1.0, 1, True) and found.days > 10
    await add_orders(pool, TODAY, 2)
    assert await watch(pool).look() == 1
    (grown,) = await store.listed(WarningFilter(open=True))
    assert (grown.id, grown.orders, grown.level) == (found.id, 5, 2) and grown.raised_at == found.raised_at
    # Three of them were of somewhere else.
    await pool.execute(
        "UPDATE work_order_field SET value = '640105001-L02' WHERE order_id IN (SELECT id FROM work_order ORDER BY id DESC LIMIT 3)"
    )
    await watch(pool).look()
    assert [w.place for w in await store.listed(WarningFilter()) if w.place == HOME] == []


async def test_confidential_voided_and_placeless_orders_are_not_counted_and_each_place_is_its_own(pool: Pool) -> None:
    await add_quiet_past(pool)
    await add_orders(pool, TODAY, 9, confidential=True)
    await add_orders(pool, TODAY, 9, state="voided")
    await add_orders(pool, TODAY, 9, category="")
    for n in range(9):
        await add_orders(pool, TODAY, 1, place=f"640105001-L1{n}")
    assert await watch(pool).look() == 0


async def test_days_are_shanghais(pool: Pool) -> None:
    await add_quiet_past(pool)
    yesterday = TODAY - timedelta(days=1)
    await add_orders(pool, yesterday, 3, hour=23)
    assert await watch(pool).look() == 1
    (found,) = await PostgresEarlyWarnings(pool).listed(WarningFilter())
    assert (found.day, found.orders) == (yesterday, 4)


async def test_a_person_signs_what_was_read_and_signs_again_when_it_grew(pool: Pool) -> None:
    store = PostgresEarlyWarnings(pool)
    await add_quiet_past(pool)
    await add_orders(pool, TODAY, 3)
    await watch(pool).look()
    (found,) = await store.listed(WarningFilter())
    for number, level, reason, wrong in ((found.id, 2, "是", WarningChanged), (found.id + 1, 1, "是", NotFound), (found.id, 1, " ", CallerFault)):
        with pytest.raises(wrong):
            await store.sign(number, level, "confirmed", reason, "chen")
    signed = await store.sign(found.id, 1, "dismissed", "集中  宣传\n咨询", "chen")
    assert (signed.decision, signed.signed_by, signed.signed_level, signed.reason, signed.open) == ("dismissed", "chen", 1, "集中 宣传 咨询", False)
    assert list(await store.listed(WarningFilter(open=True))) == []
    await add_orders(pool, TODAY, 5)
    await watch(pool).look()
    (again,) = await store.listed(WarningFilter(open=True))
    assert (again.id, again.level, again.signed_level, again.reason) == (found.id, 3, 1, "集中 宣传 咨询")
    await store.sign(found.id, 3, "confirmed", "工地欠薪", "li")
    rows = await pool.fetch("SELECT actor, action, detail->>'reason' AS reason, detail->>'level' AS level FROM audit_event ORDER BY id")
    assert [tuple(r) for r in rows] == [("chen", "warning.sign", "集中 宣传 咨询", "1"), ("li", "warning.sign", "工地欠薪", "3")]
    assert await PostgresAudit(pool).first_broken() is None
    assert [w.id for w in await store.listed(WarningFilter(decision="confirmed", start=TODAY, end=TODAY + timedelta(days=1)))] == [found.id]
    assert list(await store.listed(WarningFilter(end=TODAY))) == [] and list(await store.listed(WarningFilter(before=found.id))) == []


async def test_two_signatures_at_once_and_two_controllers_leave_one_truth(pool: Pool) -> None:
    store = PostgresEarlyWarnings(pool)
    await add_quiet_past(pool)
    await add_orders(pool, TODAY, 4)
    assert sum(await asyncio.gather(*(watch(pool).look() for _ in range(4)))) == 1
    (found,) = await store.listed(WarningFilter())
    await asyncio.gather(*(store.sign(found.id, found.level, "confirmed", "同一条", f"p{n}") for n in range(5)))
    (last,) = await store.listed(WarningFilter())
    by = await pool.fetchval("SELECT actor FROM audit_event ORDER BY id DESC LIMIT 1")
    assert last.signed_by == by and await PostgresAudit(pool).first_broken() is None


async def test_the_load_is_counted_by_half_hours_of_shanghai(pool: Pool) -> None:
    empty = await PostgresLoads(pool).load(TODAY - timedelta(days=7), TODAY)
    assert (empty.since, dict(empty.calls), empty.talk_s, empty.greeting_s) == (None, {}, None, 0.0)
    day = TODAY - timedelta(days=2)
    await add_calls(pool, day, 3, 0, 0)
    await add_calls(pool, day, 2, 10, 29)
    await add_calls(pool, day, 1, 23, 59)
    await add_call(pool, "not-queued", datetime(day.year, day.month, day.day, 10, tzinfo=SHANGHAI), state="ended", outcome="self_service")
    await add_call(
        pool, "off-the-hook", datetime(day.year, day.month, day.day, 10, tzinfo=SHANGHAI), state="ended", outcome="answered",
        queued_at=datetime(day.year, day.month, day.day, 10, 0, 8, tzinfo=SHANGHAI),
        answered_at=datetime(day.year, day.month, day.day, 10, 1, tzinfo=SHANGHAI),
        ended_at=datetime(day.year, day.month, day.day, 18, tzinfo=SHANGHAI),
    )
    load = await PostgresLoads(pool).load(day, day)
    assert load.since == day and (load.talk_s, load.greeting_s) == (pytest.approx(200), pytest.approx(8))
    slots = load.calls[day]
    assert (slots[0], slots[20], slots[47], sum(slots)) == (3, 3, 1, 7)
    assert dict((await PostgresLoads(pool).load(day - timedelta(days=1), day - timedelta(days=1))).calls) == {}


async def test_orders_of_a_span_by_what_they_are_about(pool: Pool) -> None:
    await add_orders(pool, TODAY, 3)
    await add_orders(pool, TODAY, 2, category="mediation", matter="")
    await add_orders(pool, TODAY, 1, confidential=True)
    await add_orders(pool, TODAY, 4, state="merged")
    start = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=SHANGHAI)
    statistics = PostgresStatistics(pool, Limits(), WorkTime(WorkingDays()))
    told = await statistics.order_totals(start, start + timedelta(days=1))
    assert (told.opened, told.confidential) == (6, 1)
    assert [(c.code, c.orders) for c in told.categories] == [("consultation", 3), ("mediation", 2)]
    assert [(c.code, c.orders) for c in told.matters] == [("labour", 3)] and [(p.name, p.orders) for p in told.places] == [("康庄社区", 5)]
    assert (await statistics.order_totals(start - timedelta(days=1), start)).opened == 0
