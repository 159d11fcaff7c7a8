"""Moves and edits on a real PostgreSQL: one transaction each, no lost update, and the machine never writes over a person."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from ivr.domain.assignment import PeopleFile, Person
from ivr.domain.errors import NotFound
from ivr.domain.evidence import Evidence, Field, Reason
from ivr.domain.intake import Draft
from ivr.domain.order_edits import BadEdit
from ivr.domain.recording import LEASE_S
from ivr.domain.transcript import Transcript
from ivr.domain.work_order import MOVES, Actor, MoveIncomplete, MoveRefused, OrderRules, Wish, choices, move
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import WorkTime
from ivr.intake_tables import shipped_places
from ivr.ports.orders import StaleVersion
from ivr.storage.audit import PostgresAudit
from ivr.storage.ledger import PostgresLedger
from ivr.storage.order_life import PostgresOrderDesk
from ivr.storage.people import PostgresPeople
from ivr.storage.places import seed_places
from ivr.storage.progress import PostgresProgress
from ivr.storage.recordings import PostgresTracks
from ivr.storage.views import PostgresViews
from ivr.storage.work_orders import WorkOrders
from tests.fakes.web_world import TwoCodes
from tests.integration.storage_world import FOLD, World, batch, facts, heard, linked, tracks

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
CHIEF = Actor("chief", frozenset({"supervisor", "dispatcher"}))
ZHAO = Actor("zhao", frozenset({"handler"}), "7001", "司法所")
PEOPLE = PeopleFile((
    Person("7001", "赵律师", "司法所", "zhao", ("labour",), ("640105001-L01",)),
    Person("7002", "钱律师", "司法所", "qian", (), ("640105001",)),
    Person("7003", "孙调解", "调解中心", "", ("labour",)),
    Person("7004", "李离岗", "调解中心", "li", ("labour",), ("640105001-L01",), enabled=False),
), ())
RULES = OrderRules(WorkTime(WorkingDays()))


class Desk:
    """An order desk over a pool with people registered, and orders made as calls make them."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.world = World(pool)
        self.desk = PostgresOrderDesk(pool, RULES, TwoCodes())

    async def open(self, n: int, **columns: object) -> str:
        """The number of call ``n``'s order."""
        await self.world.call(n, answered=False)
        for column, value in columns.items():
            await self.pool.execute(f"UPDATE work_order SET {column} = $2 WHERE opened_by_call = $1", linked(n), value)
        return str((await self.world.order(n))["number"])

    async def version(self, number: str) -> int:
        return int(await self.pool.fetchval("SELECT version FROM work_order WHERE number = $1", number))

    async def move(self, number: str, wish: Wish, actor: Actor = CHIEF) -> int:
        return await self.desk.move(number, wish, actor, await self.version(number))

    async def edit(self, number: str, actor: Actor = CHIEF, **fields: list[str]) -> int:
        return await self.desk.edit(number, fields, actor, await self.version(number))  # type: ignore[arg-type]


async def desk_of(pool: Pool) -> Desk:
    await PostgresPeople(pool).apply(PEOPLE)
    return Desk(pool)


async def test_a_move_writes_order_history_audit_and_feed_or_nothing(pool: Pool) -> None:
    d = await desk_of(pool)
    number = await d.open(1)
    feed = await pool.fetchval("SELECT count(*) FROM feed")
    version = await d.move(number, Wish("assign", to="7001", chosen=True, reason="当事人点名"))
    row = await pool.fetchrow("SELECT * FROM work_order WHERE number = $1", number)
    assert (row["state"], row["assigned_to"], row["version"]) == ("assigned", "7001", version)
    assert row["due_at"] == RULES.worktime.due(row["assigned_at"], 5)
    (event,) = await d.desk.history(number)
    assert (event.actor, event.role, event.move, event.from_state, event.to_state, event.reason, event.version) == (
        "chief", "dispatcher", "assign", "draft", "assigned", "当事人点名", version
    )
    assert event.detail["to"] == "7001" and event.detail["chosen"] is True
    audit = await pool.fetchrow("SELECT actor, action, object, detail FROM audit_event WHERE object = $1", number)
    assert (audit["actor"], audit["action"], audit["object"]) == ("chief", "order.assign", number)
    assert audit["detail"] == {"from": "draft", "to": "assigned", "version": version}
    assert await pool.fetchval("SELECT count(*) FROM feed") == feed + 1
    before = [await pool.fetchval(f"SELECT count(*) FROM {t}") for t in ("order_event", "audit_event", "feed")]
    for wish, error in (
        (Wish("close"), MoveRefused), (Wish("reassign", reason="x", to="9999"), MoveIncomplete),
        (Wish("reassign", reason="x", to="7004"), MoveIncomplete), (Wish("reassign", reason="x", to="7001", unit="调解中心"), MoveIncomplete),
        (Wish("reassign", reason="x", unit="没有"), MoveIncomplete),
    ):
        with pytest.raises(error):
            await d.move(number, wish)
    with pytest.raises(StaleVersion) as stale:
        await d.desk.move(number, Wish("urge", reason="x"), CHIEF, version - 1)
    assert stale.value.version == version
    with pytest.raises(NotFound):
        await d.desk.move("1", Wish("urge", reason="x"), CHIEF, 1)
    assert before == [await pool.fetchval(f"SELECT count(*) FROM {t}") for t in ("order_event", "audit_event", "feed")]
    assert await d.version(number) == version


async def test_of_fifty_editors_one_wins_each_version_and_no_update_is_lost(pool: Pool) -> None:
    d = await desk_of(pool)
    named = tuple(Person(f"{8000 + n}", f"第{n}人", "司法所") for n in range(1, 50, 2))
    await PostgresPeople(pool).apply(PeopleFile(named, ()))
    number = await d.open(1)
    first = await d.version(number)
    won: list[int] = []

    async def editor(n: int) -> None:
        """Reads, changes, and begins again when somebody was faster, until the own change is in."""
        while True:
            seen = await d.version(number)
            try:
                if n % 2:
                    version = await d.desk.move(number, Wish("recuse", reason="x", to=f"{8000 + n}"), CHIEF, seen)
                else:
                    version = await d.desk.edit(number, {"remark": [f"第{n}位"]}, CHIEF, seen)
            except StaleVersion:
                continue
            won.append(version)
            assert version == seen + 1
            return

    async with asyncio.timeout(60):
        await asyncio.gather(*(editor(n) for n in range(50)))
    assert sorted(won) == list(range(first + 1, first + 51)), "exactly one wins each version"
    assert await d.version(number) == first + 50
    conflicts = await pool.fetch("SELECT work_number FROM order_conflict ORDER BY 1")
    assert [r[0] for r in conflicts] == [str(8000 + n) for n in range(1, 50, 2)], "no update is lost"
    history = await d.desk.history(number)
    assert [e.version for e in history] == list(range(first + 1, first + 51))
    edits = [e.detail["remark"] for e in history if e.move == "edit"]
    assert len(edits) == 25 and all(str(a).split(" → ")[1] == str(b).split(" → ")[0] for a, b in pairwise(edits))
    assert await PostgresAudit(pool).first_broken() is None


async def test_fifty_at_once_on_one_version_change_it_once(pool: Pool) -> None:
    d = await desk_of(pool)
    number = await d.open(1)
    version = await d.version(number)
    told = await asyncio.gather(
        *(d.desk.move(number, Wish("urge" if n % 2 else "submit", reason="x" if n % 2 else ""), CHIEF, version) for n in range(0, 100, 2)),
        return_exceptions=True,
    )
    assert sum(not isinstance(t, BaseException) for t in told) == 1 and sum(isinstance(t, StaleVersion) for t in told) == 49


async def test_the_owner_is_the_seat_that_answered_until_another_accepts(pool: Pool) -> None:
    d = await desk_of(pool)
    orders = WorkOrders(d.world.composer, "test", owner=lambda call: "8001" if call.answered_at else "")
    await PostgresLedger(pool, orders).commit(batch(facts(1)), FOLD)
    number = str((await d.world.order(1))["number"])
    told = await PostgresProgress(pool).find(number, "")
    assert told is not None and told.owner_work_number == "8001"
    await d.move(number, Wish("assign", to="7001"))
    assert (await d.world.order(1))["owner_work_number"] == "8001"
    await d.move(number, Wish("accept"), ZHAO)
    assert (await d.world.order(1))["owner_work_number"] == "7001"


async def test_merging_is_told_in_both_orders_and_an_enquiry_follows_it(pool: Pool) -> None:
    d = await desk_of(pool)
    one, other = await d.open(1), await d.open(2)
    with pytest.raises(MoveIncomplete, match="自己"):
        await d.move(one, Wish("merge", into=one, reason="同一件事"))
    await d.move(one, Wish("merge", into=other, reason="同一件事"))
    assert (await d.world.order(1))["state"] == "merged" and await d.desk.merged(other) == [one]
    (absorbed,) = await d.desk.history(other)
    assert (absorbed.move, absorbed.detail, absorbed.reason) == ("absorb", {"merged": one}, "同一件事")
    with pytest.raises(MoveIncomplete):
        await d.move(other, Wish("merge", into=one, reason="反过来"))
    assert await d.world.count("work_order_call") == 2, "each call keeps its one order"
    await d.move(other, Wish("assign", to="7001"))
    told = await PostgresProgress(pool).find(one, "")
    assert told is not None and told.state == "assigned", "who asks for the merged order hears of the one that goes on"


async def test_two_merges_across_end_and_one_of_them_is_refused(pool: Pool) -> None:
    d = await desk_of(pool)
    one, other = await d.open(1), await d.open(2)
    versions = await d.version(one), await d.version(other)
    async with asyncio.timeout(20):
        told = await asyncio.gather(
            d.desk.move(one, Wish("merge", into=other, reason="x"), CHIEF, versions[0]),
            d.desk.move(other, Wish("merge", into=one, reason="x"), CHIEF, versions[1]), return_exceptions=True,
        )
    assert sum(isinstance(t, int) for t in told) == 1, told


def _field(name: str, value: str, ordinal: int = 0) -> Field:
    return Field(name, value, f"机器{value}", "rule", Evidence("caller", f"说{value}", 1.0, 2.0, 0.9, ((0, 0),)), 0.9, ordinal=ordinal)  # type: ignore[arg-type]


async def test_what_a_person_wrote_stays_and_the_machines_value_is_kept_beside(pool: Pool) -> None:
    d = await desk_of(pool)
    fields = (_field("matter", "labour"), _field("amount", "3000"), _field("amount", "500", 1), _field("caller_name", "马建国"))

    def compose(transcript: Transcript, number: str, day: date) -> Draft:
        return Draft("v1", fields, (Reason("callback_number", "not_said", "没有说"), Reason("place", "not_said", "没有说")))

    orders = WorkOrders(compose, "v1")
    store = PostgresTracks(pool, orders)
    await PostgresLedger(pool, orders).commit(batch(facts(1)), FOLD)
    number = str((await d.world.order(1))["number"])
    await d.edit(number, amount=["4000.50"], matter=["labour"], callback_number=["139 1234 5678"], remark=["来过现场"])
    await store.add(tracks(1))
    for _ in range(2):
        job = await store.take("w", LEASE_S)
        assert job is not None and await store.finish(job, "w", heard(job))
    order = await d.world.order(1)
    assert order["filled_at"] is not None and order["matter"] == "labour"
    assert [b["field"] for b in order["blanks"]] == ["place"], "what a person filled is not blank"  # type: ignore[attr-defined]
    stored = {(r["field"], r["ordinal"]): r for r in await pool.fetch("SELECT * FROM work_order_field")}
    amount, more = stored["amount", 0], stored["amount", 1]
    assert (amount["value"], amount["display"], amount["source"], amount["set_by"]) == ("4000.5", "4000.5元", "human", "chief")
    assert (amount["machine_value"], amount["machine_display"], amount["text"]) == ("3000", "机器3000", "说3000")
    assert (more["value"], more["source"], more["machine_value"]) == ("", "human", "500"), "a person said one amount: there is one"
    assert stored["caller_name", 0]["source"] == "machine" and stored["remark", 0]["value"] == "来过现场"
    await d.edit(number, caller_name=["马建军"], amount=[])
    stored = {(r["field"], r["ordinal"]): r for r in await pool.fetch("SELECT * FROM work_order_field")}
    name = stored["caller_name", 0]
    assert (name["value"], name["machine_value"], name["text"], name["start_s"]) == ("马建军", "马建国", "说马建国", 1.0)
    assert stored["amount", 0]["value"] == "" and stored["amount", 0]["machine_value"] == "3000"
    detail = (await d.desk.history(number))[-1].detail
    assert detail == {"caller_name": "机器马建国 → 马建军", "amount": "4000.5元 → 空"}


async def test_a_transcript_and_a_person_at_once_never_wait_in_a_ring_and_the_person_wins(pool: Pool) -> None:
    d = await desk_of(pool)

    def compose(transcript: Transcript, number: str, day: date) -> Draft:
        return Draft("v1", tuple(_field(n, "机器") for n in ("caller_name", "amount", "date")), ())  # type: ignore[arg-type]

    orders = WorkOrders(compose, "v1")
    store = PostgresTracks(pool, orders)
    for n in range(20):
        await PostgresLedger(pool, orders).commit(batch(facts(n, file_id=f"f{n}"), file_id=f"f{n}"), FOLD)
        number = str((await d.world.order(n))["number"])
        await store.add(tracks(n))
        first, second = await store.take("w", LEASE_S), await store.take("w", LEASE_S)
        assert first is not None and second is not None and await store.finish(first, "w", heard(first))
        version = await d.version(number)
        async with asyncio.timeout(20):
            filled, edited = await asyncio.gather(
                store.finish(second, "w", heard(second)),
                d.desk.edit(number, {"date": ["2026-11-20"], "caller_name": ["马建国"]}, CHIEF, version), return_exceptions=True,
            )
        assert filled is True and isinstance(edited, int | StaleVersion), (filled, edited)
        if isinstance(edited, StaleVersion):
            await d.edit(number, date=["2026-11-20"], caller_name=["马建国"])
        stored = {r["field"]: r for r in await pool.fetch(
            "SELECT f.* FROM work_order_field f JOIN work_order o ON o.id = f.order_id WHERE o.number = $1", number
        )}
        assert (stored["caller_name"]["value"], stored["caller_name"]["machine_value"]) == ("马建国", "机器")
        assert stored["date"]["source"] == "human" and stored["amount"]["source"] == "machine"


@pytest.mark.parametrize(("field", "value"), [
    ("category", "no-such"), ("place", "640105999"), ("place", "640105001-P01"), ("callback_number", "12"), ("amount", "很多"), ("amount", "1e9"),
    ("date", "2026-13-01"), ("date", "明天"), ("caller_name", "名" * 41), ("caller_name", "a\x07"), ("remark", "长" * 2001),
])  # fmt: skip
async def test_a_bad_value_is_named_and_nothing_is_written(pool: Pool, field: str, value: str) -> None:
    d = await desk_of(pool)
    number = await d.open(1, category_table_version="v1")
    version = await d.version(number)
    with pytest.raises(BadEdit, match=field):
        await d.edit(number, **{"remark": ["好的"], field: [value]})
    assert await d.version(number) == version and await d.world.count("work_order_field") == 0


async def test_places_and_codes_are_shown_by_their_names(pool: Pool) -> None:
    d = await desk_of(pool)
    await seed_places(pool, shipped_places())
    number = await d.open(1, category_table_version="v1")
    await d.edit(number, place=["640105001-L01"], category=["consult"], matter=["labour"])
    shown = {r["field"]: r["display"] for r in await pool.fetch("SELECT field, display FROM work_order_field")}
    assert shown == {"place": "西花园路街道康庄社区", "category": "法律咨询", "matter": "劳动争议"}
    assert (await d.world.order(1))["category"] == "consult"


async def test_candidates_are_ranked_with_reasons(pool: Pool) -> None:
    d = await desk_of(pool)
    await seed_places(pool, shipped_places())
    number = await d.open(1, category_table_version="v1")
    await d.edit(number, place=["640105001-L01"], matter=["labour"])
    await d.move(await d.open(2), Wish("assign", to="7003"))
    found = await d.desk.candidates(number)
    assert [(c.person.work_number, c.reasons) for c in found] == [
        ("7001", ("负责本村居", "专长相符", "在办 0 件")), ("7002", ("负责本镇街", "在办 0 件")), ("7003", ("专长相符", "在办 1 件")),
    ]
    await d.move(number, Wish("recuse", to="7001", reason="亲属"))
    assert [c.person.work_number for c in await d.desk.candidates(number)] == ["7002", "7003"]
    with pytest.raises(MoveIncomplete, match="回避"):
        await d.move(number, Wish("assign", to="7001"))


async def test_duplicates_are_of_one_telephone_and_matter_and_near_in_time(pool: Pool) -> None:
    d = await desk_of(pool)
    numbers = [await d.open(n, matter="labour", caller_number="13800000001") for n in range(7)]
    for n, change in enumerate((
        "matter = 'family'", "caller_number = '13900000000'", "opened_at = opened_at - interval '31 days'", "confidential = true",
        "state = 'voided'",
    ), 2):  # fmt: skip
        await pool.execute(f"UPDATE work_order SET {change} WHERE number = $1", numbers[n])
    assert list(await d.desk.duplicates(numbers[0], 30)) == [numbers[1]]
    await d.edit(numbers[3], callback_number=["13800000001"])
    assert sorted(await d.desk.duplicates(numbers[0], 60)) == [numbers[1], numbers[3], numbers[4]]


async def test_people_are_imported_whole_and_an_account_moves(pool: Pool) -> None:
    people = PostgresPeople(pool)
    first = await people.apply(PEOPLE, dry_run=True)
    assert len(first.added) == 4 and first.new_units == ("司法所", "调解中心") and await people.everybody() == []
    await people.apply(PEOPLE)
    again = await people.apply(PEOPLE)
    assert (again.added, again.changed, again.unchanged) == ((), (), 4)
    swapped = PeopleFile((replace(PEOPLE.people[0], account="qian"), replace(PEOPLE.people[1], account="zhao")), ())
    diff = await people.apply(swapped)
    assert len(diff.changed) == 2 and [p.work_number for p in diff.missing] == ["7003", "7004"]
    assert {p.work_number: p.account for p in await people.everybody()} == {"7001": "qian", "7002": "zhao", "7003": "", "7004": "li"}
    desk = PostgresOrderDesk(pool, RULES, TwoCodes())
    assert await desk.actor("qian", frozenset({"handler"}), "qian") == Actor("qian", frozenset({"handler"}), "7001", "司法所")
    assert (await desk.actor("li", frozenset({"handler"}), "li")).work_number == "", "who is disabled holds nothing"


async def test_a_message_that_cries_for_help_stands_as_an_alarm_until_somebody_takes_it_up(pool: Pool) -> None:
    desk = Desk(pool)
    for n, text in ((1, "救命"), (2, "您好")):
        rows = facts(n, file_id=f"m{n}")
        rows = [r for r in rows if r.kind != "BRIDGE_ENTER"]
        left = replace(rows[2], kind="user:MESSAGE", position=90, data=rows[2].data | {"extra": "180"})
        await desk.world.ledger.commit(batch([*rows, left], file_id=f"m{n}"), FOLD)
        await desk.world.tracks.add(tracks(n))
        while (job := await desk.world.tracks.take("w", LEASE_S)) is not None:
            await desk.world.tracks.finish(job, "w", heard(job, text if job.track == "caller" else ""))
    order = await desk.world.order(1)
    assert order["outcome"] == "message" and "救命" in str(order["note"]) and "救命" not in str((await desk.world.order(2))["note"])
    standing = await pool.fetch("SELECT name, text FROM alarm WHERE cleared_at IS NULL AND name LIKE 'emergency-%'")
    assert [r["name"] for r in standing] == [f"emergency-message:{order['number']}"] and "救命" in standing[0]["text"]
    await desk.move(str(order["number"]), Wish("submit"))
    assert await pool.fetchval("SELECT count(*) FROM alarm WHERE cleared_at IS NULL AND name LIKE 'emergency-%'") == 0


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_stored_after_a_walk_is_what_the_table_says(pool: Pool, seed: int) -> None:
    d = await desk_of(pool)
    views, chance = PostgresViews(pool), random.Random(seed)
    number, target = await d.open(1), await d.open(2)
    actors = (CHIEF, ZHAO, Actor("qian", frozenset({"handler"}), "7002", "司法所"), Actor("seat", frozenset({"operator"}), "7003", "调解中心"))
    given = {"reason": {"reason": "因为"}, "days": {"days": 2}, "into": {"into": target}, "person": {"to": "7003"}}
    made = 0
    for _ in range(60):
        (before,) = await views.work_orders_named([number])
        actor = chance.choice(actors)
        open_now = [c.move for c in choices(before.life, actor, datetime.now(UTC), RULES) if c.allowed and c.move not in ("merge", "void", "archive")]
        name = chance.choice(open_now if open_now and chance.random() < 0.8 else [m for m in MOVES if m != "merge"])
        told: dict[str, object] = {"to": chance.choice(["7001", "7002"])} if "assignee" in MOVES[name].needs else {}
        for need in MOVES[name].needs:
            told |= given.get(need, {})
        wish = Wish(name, **told)  # type: ignore[arg-type]
        try:
            version = await d.desk.move(number, wish, actor, before.version)
        except (MoveRefused, MoveIncomplete) as refused:
            assert (await views.work_orders_named([number]))[0] == before
            assert isinstance(refused, MoveIncomplete) or name not in refused.possible
            continue
        made += 1
        (after,) = await views.work_orders_named([number])
        event = (await d.desk.history(number))[-1]
        life, expected = move(before.life, wish, actor, event.at, RULES)
        assert after.life == life and after.version == version == event.version
        assert (event.move, event.role, event.from_state, event.to_state, event.reason, event.detail) == (
            expected.move, expected.role, expected.from_state, expected.to_state, expected.reason, expected.detail
        )
    assert made > 15
