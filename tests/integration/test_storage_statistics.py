"""Figures counted by PostgreSQL against the same records counted by the domain, without SQL, as a second opinion."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.balance import balances, part_counts
from ivr.domain.counted_call import PARTS, SETS, SUMS, CountedCall, Limits, Tally, tally
from ivr.domain.errors import CallerFault
from ivr.domain.figures import figures
from ivr.domain.intervals import SHANGHAI, intervals
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import WorkTime
from ivr.ports.statistics import CallsWanted, CountedGroup
from ivr.ports.views import PageMark
from ivr.storage.statistics import CONDITIONS, PostgresStatistics
from tests.fakes.web_world import add_call

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
DAY = datetime(2026, 11, 23, tzinfo=SHANGHAI)
SPAN = CallsWanted(DAY, DAY + timedelta(days=1))
TOWNS = {"640105001-L01": "640105001", "640105100-L01": "640105100"}


def store(pool: Pool, limits: Limits | None = None) -> PostgresStatistics:
    return PostgresStatistics(pool, limits or Limits(), WorkTime(WorkingDays()))


def random_calls(seed: int, number: int) -> list[CountedCall]:
    """Calls of two days around DAY, on purpose with edges of every limit and with records that contradict themselves."""
    dice = random.Random(seed)
    waits = [0.0, 4.999999, 5.0, 5.000001, 14.999, 15.0, 15.000001, 20.0, 20.5, 33.3, 120.25]
    made = []
    for n in range(number):
        arrived = DAY + timedelta(microseconds=dice.randrange(-43_200_000_000, 129_600_000_000))
        if dice.random() < 0.1:
            arrived = DAY + timedelta(hours=dice.choice([0, 1, 12, 24]))  # on an edge
        outcome = dice.choice([*PARTS, "answered", "answered", "abandoned", "interrupted", None])
        state = dice.choice(["ended"] * 8 + ["queued", "talking"])
        heard = (outcome == "answered") != (dice.random() < 0.05)
        wait, talk = timedelta(seconds=dice.choice(waits)), timedelta(seconds=dice.randrange(0, 900))
        queued = dice.random() < 0.8
        made.append(CountedCall(
            f"s-{n}", arrived, state, None if state != "ended" else outcome,
            dice.choice(["hotline", "hotline", "village_video", "voicemail", "callback"]), dice.choice(["12348", "96148"]),
            dice.choice(["hotline", "legal"]) if queued else "", dice.choice(["", *TOWNS]),
            arrived + timedelta(seconds=3) if queued else None, arrived + wait if heard else None,
            arrived + wait + talk - timedelta(seconds=dice.choice([0, 2])) if heard and dice.random() < 0.5 else None,
            arrived + wait + talk if state == "ended" else None,
            dice.choice([None, None, 1, 2, 3, 4, 5]), dice.random() < 0.5, dice.random() < 0.7, dice.random() < 0.3,
            dice.choice([None, 0.0, 37.5]),
        ))  # fmt: skip
    return made


async def write(pool: Pool, calls: Sequence[CountedCall]) -> None:
    """The records as they are stored; a call's ``town`` holds the place's code here, and becomes its town's."""
    await pool.execute("INSERT INTO scorecard (version, text, published_by) VALUES ('v', '', 'shipped')")
    await pool.executemany(
        "INSERT INTO place (code, name, kind, town_code, status) VALUES ($1, $1, $2, $3, 'confirmed')",
        [*((code, "village", town) for code, town in TOWNS.items()), *((t, "town", t) for t in TOWNS.values())],
    )
    for n, c in enumerate(calls):
        await add_call(
            pool, c.linked_id, c.arrived_at, state=c.state, outcome=c.outcome, channel=c.channel, called_number=c.called_number,
            queue=c.queue, queued_at=c.queued_at, answered_at=c.answered_at, talk_ended_at=c.talk_ended_at, ended_at=c.ended_at,
            rating=c.rating, member_interface=f"PJSIP/{n}",
        )
        over = c.talk_ended_at or c.ended_at
        if c.wrap_up_s is not None and c.answered_at is not None and over is not None:
            rows = [("talking", c.answered_at, max(over, c.answered_at))]
            rows += [("wrap_up", rows[0][2] + timedelta(seconds=2), rows[0][2] + timedelta(seconds=2 + c.wrap_up_s))] if c.wrap_up_s else []
            await pool.executemany(
                "INSERT INTO seat_time (interface, activity, began_at, seen_at, ended_at) VALUES ($1, $2, $3, $4, $4)",
                [(f"PJSIP/{n}", *row) for row in rows],
            )
        order = await pool.fetchval(
            "INSERT INTO work_order (number, opened_by_call, channel) VALUES ($1, $2, $3) RETURNING id", f"n{n}", c.linked_id, c.channel
        )
        await pool.execute("INSERT INTO work_order_call (linked_id, order_id) VALUES ($1, $2)", c.linked_id, order)
        if c.town:
            await pool.execute(
                "INSERT INTO work_order_field (order_id, field, value, display, source) VALUES ($1, 'place', $2, '', 'machine')",
                order, c.town,
            )
        job = await pool.fetchval(
            "INSERT INTO callback_job (kind, queue, number, order_id, state, arrived_at, promised_at, not_before)"
            " VALUES ('dissatisfied', '', $1, $2, $3, now(), now(), now()) RETURNING id",
            f"1{n:010}", order, "done" if c.called_back else "failed",
        )
        if c.checked or c.scored or n % 3 == 0:  # one the machine could not judge counts for nothing
            await pool.execute(
                "INSERT INTO quality_check (linked_id, card_version, arrived_at, operator, seat, month, number, score, fatal, results,"
                " measures) VALUES ($1, 'v', $2, '', '', '2026-11-01', 1, $3, false, '[]', '{}')", c.linked_id, c.arrived_at,
                80.0 if c.checked else None,
            )
        for round_number in (1, 2) if c.scored else ():
            await pool.execute(
                "INSERT INTO quality_mark (linked_id, round, card_version, operator, scorer, lines, score, fatal)"
                " VALUES ($1, $2, 'v', '', 'ban', '[]', 80, false)", c.linked_id, round_number,
            )
        await pool.execute("INSERT INTO callback_promise (linked_id, kind, job_id) VALUES ($1, 'dissatisfied', $2)", c.linked_id, job)


def same(found: Tally, expected: Tally) -> None:
    assert dict(found.counts) == dict(expected.counts)
    for name in SUMS:
        assert found.sums[name] == pytest.approx(expected.sums[name])
    assert found.answer_p50_s == pytest.approx(expected.answer_p50_s)
    assert found.answer_p90_s == pytest.approx(expected.answer_p90_s)


def agree(group: CountedGroup, calls: Sequence[CountedCall], limits: Limits) -> None:
    same(group.tally, tally(calls, limits))
    assert list(group.balances) == list(balances(part_counts(calls)))


def arrived(calls: Sequence[CountedCall], start: datetime, end: datetime) -> list[CountedCall]:
    return [c for c in calls if start <= c.arrived_at < end]


async def test_both_ways_of_counting_know_the_same_sets() -> None:
    assert set(CONDITIONS) == set(SETS)


@pytest.mark.parametrize("limits", [Limits(), Limits(answered_within_s=20, also_within_s=33, short_s=15)])
async def test_the_second_opinion_agrees_for_every_grouping(pool: Pool, limits: Limits) -> None:
    calls = random_calls(7, 400)
    await write(pool, calls)
    stats = store(pool, limits)
    today = arrived(calls, SPAN.start, SPAN.end)
    ours = [c for c in today if c.channel != "callback"]
    by_hour = await stats.counted(SPAN, "interval", "1h")
    agree(by_hour.total, today, limits)
    assert [(g.start, g.end) for g in by_hour.groups] == list(intervals(SPAN.start, SPAN.end, "1h"))
    for group in by_hour.groups:
        agree(group, arrived(calls, group.start, group.end), limits)
        day_before = tally(arrived(calls, group.end - timedelta(hours=24), group.end), limits).counts
        assert group.rolling is not None
        assert (group.rolling.answered, group.rolling.settled) == (day_before["answered"], day_before["settled"])
    assert sum(b.difference for b in by_hour.total.balances if b.kind == "number") == by_hour.total.tally.counts["unaccounted"] > 0
    queues = await stats.counted(SPAN, "queue", "1h")
    assert {g.key for g in queues.groups} == {"hotline", "legal"}
    for group in queues.groups:
        agree(group, [c for c in today if c.queued_at and c.queue == group.key], limits)
    numbers = await stats.counted(SPAN, "number", "1h")
    for group in numbers.groups:
        agree(group, [c for c in today if c.called_number == group.key], limits)
    channels = {g.key: g for g in (await stats.counted(SPAN, "channel", "1h")).groups}
    assert channels.keys() == {c.channel for c in ours} and channels["hotline"].title == "热线"
    for group in channels.values():
        agree(group, [c for c in today if c.channel == group.key], limits)
    towns = {g.key: g for g in (await stats.counted(SPAN, "town", "1h")).groups}
    assert towns.keys() == {"unknown", *TOWNS.values()}
    for group in towns.values():
        agree(group, [c for c in today if TOWNS.get(c.town, "unknown") == group.key], limits)
    await pool.execute("UPDATE work_order SET confidential = true")
    assert {g.key for g in (await stats.counted(SPAN, "town", "1h")).groups} == {"unknown"}
    await pool.execute("UPDATE work_order SET confidential = false")
    whole = [await stats.counted(SPAN, by, "1h") for by in ("interval", "town", "channel", "number")]  # type: ignore[arg-type]
    assert {sum(g.tally.counts["arrived"] for g in c.groups) for c in whole} == {len(ours)}
    filtered = await stats.counted(CallsWanted(*_span(), queue="legal", channel="hotline", town="640105001", number="12348"), "queue", "1h")
    agree(filtered.total, [
        c for c in today if c.queued_at and c.queue == "legal" and c.channel == "hotline" and c.called_number == "12348"
        and TOWNS.get(c.town) == "640105001"
    ], limits)  # fmt: skip


def _span() -> tuple[datetime, datetime]:
    return SPAN.start, SPAN.end


async def test_the_list_behind_each_number_is_the_calls_that_were_counted(pool: Pool) -> None:
    calls = random_calls(11, 120)
    await write(pool, calls)
    stats = store(pool)
    today = [c for c in arrived(calls, *_span()) if c.channel != "callback"]
    for name, within in SETS.items():
        found: list[str] = []
        mark: PageMark | None = None
        while page := await stats.calls_in(SPAN, name, 7, mark):
            found += [m.key for m in page]
            mark = page[-1]
        expected = sorted((c for c in today if within(c, Limits())), key=lambda c: (c.arrived_at, c.linked_id), reverse=True)
        assert found == [c.linked_id for c in expected], name


async def test_an_interval_without_a_call_is_there_and_says_nothing(pool: Pool) -> None:
    found = await store(pool).counted(SPAN, "interval", "15m")
    assert len(found.groups) == 96 and {g.tally.counts["arrived"] for g in found.groups} == {0}
    assert {f.value for g in found.groups for f in figures(g.tally)} == {None}
    assert found.on_time.due == 0 and found.total.balances == ()
    with pytest.raises(CallerFault, match="400 intervals"):
        await store(pool).counted(CallsWanted(DAY, DAY + timedelta(days=30)), "interval", "15m")


async def test_orders_on_time_are_those_finished_by_the_last_finishing_move(pool: Pool) -> None:
    due = datetime.now(UTC) - timedelta(hours=2)

    async def order(number: str, due_at: datetime, *moves: tuple[str, timedelta], state: str = "resolved") -> None:
        order_id = await pool.fetchval(
            "INSERT INTO work_order (number, channel, state, due_at) VALUES ($1, 'hotline', $2, $3) RETURNING id", number, state, due_at
        )
        for version, (move, after) in enumerate(moves, 2):
            await pool.execute(
                "INSERT INTO order_event (order_id, at, actor, role, move, from_state, to_state, version)"
                " VALUES ($1, $2, 'a', 'handler', $3, '', '', $4)", order_id, due_at + after, move, version,
            )

    hour = timedelta(hours=1)
    await order("in-time", due, ("resolve", timedelta()))
    await order("late", due, ("resolve", timedelta(microseconds=1)))
    await order("reopened", due, ("resolve", -hour), ("reopen", -hour / 2), ("resolve", hour))
    await order("at-once", due, ("answer", -hour), state="closed")
    await order("open", due, ("assign", -hour), state="in_progress")
    await order("not-due-yet", due + timedelta(days=1), ("resolve", -hour))
    await order("merged", due, ("resolve", -hour), state="merged")
    found = (await store(pool).counted(CallsWanted(due - hour, due + timedelta(days=2)), "channel", "1h")).on_time
    assert (found.finished_in_time, found.due) == (2, 5)


async def test_the_wall_counts_today_the_last_day_cards_and_places(pool: Pool) -> None:
    now: datetime = await pool.fetchval("SELECT now()")
    midnight = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = {"state": "ended", "outcome": "answered"}
    for name, at in (("today", now), ("yesterday", midnight - timedelta(microseconds=1)), ("two-days-ago", now - timedelta(days=2))):
        await add_call(pool, name, at, **ended, answered_at=at + timedelta(seconds=9), ended_at=at + timedelta(seconds=99))
    await add_call(pool, "left", now - timedelta(hours=23), state="ended", outcome="abandoned", ended_at=now)
    await pool.execute("INSERT INTO place (code, name, kind, town_code, status) VALUES ('v1', '康庄社区', 'village', 't1', 'confirmed')")
    for number, state, due in (
        ("late", "assigned", now - timedelta(hours=1)), ("soon", "assigned", now + timedelta(minutes=1)),
        ("far", "assigned", now + timedelta(days=30)), ("done", "resolved", now - timedelta(hours=1)), ("none", "draft", None), ("over", "closed", None), ("gone", "voided", now),
    ):  # fmt: skip
        order_id = await pool.fetchval(
            "INSERT INTO work_order (number, channel, state, due_at, category, category_table_version)"
            " VALUES ($1, 'hotline', $2, $3, 'legal_aid', '2026.1') RETURNING id", number, state, due,
        )
        await pool.execute(
            "INSERT INTO work_order_field (order_id, field, value, display, source) VALUES ($1, 'place', 'v1', '', 'machine')", order_id
        )
    await pool.execute("UPDATE work_order SET confidential = true WHERE number = 'none'")
    found = await store(pool).wall("category")
    assert found.today.tally.counts["arrived"] == 1 + (now - timedelta(hours=23) >= midnight)
    assert (found.rolling.answered, found.rolling.settled) == (2, 3), "the last 24 hours reach back over midnight"
    assert [(o.state, o.orders, o.yellow, o.red) for o in found.orders] == [
        ("assigned", 3, 1, 1), ("closed", 1, 0, 0), ("draft", 1, 0, 0), ("resolved", 1, 0, 0)
    ]
    assert (found.on_time.finished_in_time, found.on_time.due) == (0, 2), "what is due this moment is not due yet"
    assert [(h.place_name, h.code, h.orders) for h in found.heat] == [("康庄社区", "legal_aid", 5)], "a confidential order gives no place away"
