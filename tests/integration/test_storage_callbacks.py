"""Jobs on a real PostgreSQL: made with the call, once however it is told, kept by one controller, dialled once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from ivr.domain.callback import CallbackRules
from ivr.domain.errors import NotFound
from ivr.domain.events import Fact, QueueMember
from ivr.domain.queue import QueueBoard, QueueView
from ivr.pipeline.call_back import CallBackDialler
from ivr.ports.callbacks import CallRefused, CitizenCall, OutgoingLine
from ivr.ports.views import CallbackFilter
from ivr.storage.callbacks import CallbackJobs, PostgresCallbacks
from ivr.storage.ledger import PostgresLedger
from ivr.storage.views import PostgresViews
from tests.integration.storage_world import FOLD, World, batch, facts, linked

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

NUMBER = "13800000001"
RULES = CallbackRules(attempts=2, spacing_s=0.0, dissatisfied_delay_s=0.0)
LINE = OutgoingLine("carrier", "12348", 2)


def ledger(pool: Pool, rules: CallbackRules = RULES) -> PostgresLedger:
    return PostgresLedger(pool, World(pool).orders, CallbackJobs(rules))


def recent(rows: Sequence[Fact], ago_s: float = 60.0) -> list[Fact]:
    """The same facts, begun so long ago: a promise of last year would have been given up."""
    begin = time.time() - ago_s - rows[0].at
    return [Fact(f.source, f.file_id, f.position, f.linked_id, f.kind, f.at + begin, f.data) for f in rows]


def promise(n: int, number: str = NUMBER, file_id: str = "") -> list[Fact]:
    rows = facts(n, answered=False, file_id=file_id or f"call-{n}")
    made = Fact("cel", rows[0].file_id, 2, linked(n), "user:CALLBACK", rows[1].at, {"uniqueid": linked(n), "extra": f"hotline:{number}"})
    moved = [Fact(f.source, f.file_id, f.position + (f.position >= 2), f.linked_id, f.kind, f.at, f.data) for f in rows]
    return recent(sorted([*moved, made], key=lambda f: f.position))


def rated(n: int, rating: int) -> list[Fact]:
    rows = facts(n, file_id=f"call-{n}")
    at = len(rows) - 2
    given = Fact("cel", f"call-{n}", at, linked(n), "user:RATING", rows[at].at, {"uniqueid": linked(n), "extra": str(rating)})
    return recent([*rows[:at], given, *(Fact(f.source, f.file_id, f.position + 1, f.linked_id, f.kind, f.at, f.data) for f in rows[at:])])


def outgoing(linked_id: str, *, answered: bool, ended: bool = True) -> list[Fact]:
    """What Asterisk writes about a call-back."""
    ours, seat = {"uniqueid": linked_id, "channame": "PJSIP/trunk-carrier-00000009"}, {"uniqueid": "s", "channame": "PJSIP/seat-one-0000000a"}
    rows: list[tuple[str, dict[str, Any]]] = [("CHAN_START", ours | {"context": "from-trunk-carrier", "num": "12348"})]
    if answered:
        rows += [("user:NOTICE", ours | {"extra": "2026-11"}), ("user:QUEUE_ENTERED", ours | {"extra": "hotline"}), ("BRIDGE_ENTER", seat),
                 ("BRIDGE_ENTER", ours)]
    if ended:
        rows += [("HANGUP", ours | {"hangupcause": 17}), ("LINKEDID_END", ours)]
    return [Fact("cel", linked_id, i, linked_id, kind, time.time() + i / 100, data) for i, (kind, data) in enumerate(rows)]


async def jobs(pool: Pool) -> list[dict[str, Any]]:
    return [dict(r) for r in await pool.fetch("SELECT * FROM callback_job ORDER BY id")]


class Died(Exception):
    """The controller's process ended here."""


class Calls:
    """Asterisk as the dialler sees it: remembers what it was told to dial."""

    def __init__(self) -> None:
        self.dialled: list[CitizenCall] = []
        self.live: set[str] = set()
        self.registered: set[str] = set()
        self.refuse = False
        self.lose = False
        self.free = 2

    async def reaches(self, device: str) -> bool:
        return device in self.registered

    async def room(self, line: OutgoingLine) -> int:
        return self.free

    async def call(self, call: CitizenCall) -> None:
        if self.refuse:
            raise CallRefused("Asterisk refused Originate: no such endpoint")
        self.dialled.append(call)
        if self.lose:
            raise Died
        self.live.add(call.linked_id)

    async def is_live(self, linked_id: str) -> bool:
        return linked_id in self.live


def dialler(
    pool: Pool, calls: Calls, rules: CallbackRules = RULES, *, seats: int = 2, in_hours: bool = True, queues: Sequence[str] = ("hotline",),
) -> CallBackDialler:
    members = {f"PJSIP/seat-{n}": QueueMember(f"PJSIP/seat-{n}", "", 1, False) for n in range(seats)}
    board = QueueBoard({name: QueueView(name, {}, members) for name in queues}, link_up=True)

    async def read(within_s: float) -> None:
        return None

    return CallBackDialler(
        PostgresCallbacks(pool, rules), calls, lambda: board, read, {"carrier": LINE}, "t", rules, ring_s=20, in_hours=lambda _: in_hours,
        look_up_after_s=-1.0,
    )


async def look(pool: Pool, calls: Calls, **more: Any) -> None:
    async with PostgresCallbacks(pool, RULES).leading() as desk:
        assert desk is not None
        await dialler(pool, calls, **more).look(desk)


async def test_the_job_comes_with_the_call_and_its_order(pool: Pool) -> None:
    (call,) = await ledger(pool).commit(batch(promise(1), file_id="call-1"), FOLD)
    assert (call.outcome, call.callback_number) == ("callback", NUMBER)
    (made,) = await jobs(pool)
    order = await World(pool).order(1)
    assert (made["kind"], made["queue"], made["number"], made["trunk"], made["state"]) == ("kept_place", "hotline", NUMBER, "carrier", "waiting")
    assert made["order_id"] == order["id"] and order["outcome"] == "callback" and NUMBER in str(order["note"])
    assert made["arrived_at"].timestamp() == pytest.approx(call.arrived_at)


def cut_off(n: int, *, answered: bool) -> list[Fact]:
    """A village's call whose line failed while it waited, or while an operator talked."""
    rows = [Fact(f.source, f.file_id, f.position, f.linked_id, f.kind, f.at, f.data | (
        {"context": "from-village", "channame": "PJSIP/v-640105001-L01-1-00000000"} if f.kind == "CHAN_START" and f.position == 0 else {}
    )) for f in facts(n, answered=answered, file_id=f"call-{n}")]
    at = len(rows) - 2
    made = Fact("cel", f"call-{n}", at, linked(n), "user:RINGBACK", rows[at].at, {"uniqueid": linked(n), "extra": f"hotline:{NUMBER}"})
    return recent([*rows[:at], made, *(Fact(f.source, f.file_id, f.position + 1, f.linked_id, f.kind, f.at, f.data) for f in rows[at:])])


@pytest.mark.parametrize("answered", [False, True])
async def test_a_village_whose_line_failed_is_owed_a_call_on_its_telephone_in_its_order(pool: Pool, answered: bool) -> None:
    (call,) = await ledger(pool).commit(batch(cut_off(1, answered=answered), file_id="call-1"), FOLD)
    assert (call.channel, call.outcome) == ("village_video", "answered" if answered else "callback")
    (made,) = await jobs(pool)
    order = await World(pool).order(1)
    assert (made["kind"], made["queue"], made["number"], made["state"], made["order_id"]) == ("line_lost", "hotline", NUMBER, "waiting", order["id"])
    assert made["expires_at"] is not None and f"改拨村里电话 {NUMBER} 回电" in str(order["note"])
    calls = Calls()
    await look(pool, calls, in_hours=False)
    (dialled,) = calls.dialled
    assert (dialled.number, dialled.kind, dialled.line) == (NUMBER, "line_lost", LINE)
    await ledger(pool).commit(batch(outgoing(dialled.linked_id, answered=True), file_id="out"), FOLD)
    assert [j["state"] for j in await jobs(pool)] == ["done"]
    assert await pool.fetchval("SELECT count(*) FROM work_order") == 1


async def test_a_village_that_called_again_and_was_answered_is_not_called(pool: Pool) -> None:
    await ledger(pool).commit(batch(cut_off(1, answered=False), file_id="call-1"), FOLD)
    again = [f for f in cut_off(2, answered=True) if f.kind != "user:RINGBACK"]
    moved = [Fact(f.source, f.file_id, i, f.linked_id, f.kind, f.at + 30, f.data) for i, f in enumerate(again)]
    await ledger(pool).commit(batch(moved, file_id="call-2"), FOLD)
    calls = Calls()
    await look(pool, calls)
    assert calls.dialled == [] and [j["state"] for j in await jobs(pool)] == ["withdrawn"]


@pytest.mark.parametrize("seed", range(3))
async def test_facts_told_twice_in_any_order_make_one_job(pool: Pool, seed: int) -> None:
    chance = random.Random(seed)
    batches = []
    for n in range(8):
        rows = promise(n, f"138000000{n // 2:02}")
        cut = chance.randrange(1, len(rows))
        for part, name in ((rows[:cut], f"a-{n}"), (rows[cut:], f"b-{n}")):
            batches += [batch([Fact(f.source, name, i, f.linked_id, f.kind, f.at, f.data) for i, f in enumerate(part)], file_id=name)] * 2
    chance.shuffle(batches)
    waiting = iter(batches)

    async def committer() -> None:
        for one in waiting:
            await ledger(pool).commit(one, FOLD)

    await asyncio.gather(*(committer() for _ in range(4)))
    assert [j["number"] for j in sorted(await jobs(pool), key=lambda j: j["number"])] == [f"138000000{n:02}" for n in range(4)]
    assert await World(pool).count("callback_promise") == 8 == await World(pool).count("work_order")
    notes = [r["note"] for r in await pool.fetch("SELECT note FROM work_order ORDER BY id")]
    assert sum("该号码已有回电任务" in note for note in notes) == 4


async def test_an_attempt_is_written_before_it_is_dialled_and_joins_the_order(pool: Pool) -> None:
    await ledger(pool).commit(batch(promise(1), file_id="call-1"), FOLD)
    calls = Calls()
    await look(pool, calls)
    (call,) = calls.dialled
    assert (call.number, call.queue, call.line, call.kind) == (NUMBER, "hotline", LINE, "kept_place")
    await look(pool, calls)
    assert len(calls.dialled) == 1, "its telephone rings"
    rows = outgoing(call.linked_id, answered=True)
    for _ in range(2):
        await ledger(pool).commit(batch(rows, file_id=call.linked_id), FOLD)
    (made,) = await jobs(pool)
    assert (made["state"], made["attempts"], made["reason"]) == ("done", 1, "answered")
    stored = await pool.fetchrow("SELECT channel, caller_number, outcome FROM call WHERE linked_id = $1", call.linked_id)
    assert tuple(stored) == ("callback", NUMBER, "answered")
    assert await World(pool).count("work_order") == 1 and await World(pool).count("work_order_call") == 2
    await look(pool, calls)
    assert len(calls.dialled) == 1


async def test_unreached_citizens_are_called_again_until_the_attempts_are_used_up(pool: Pool) -> None:
    await ledger(pool).commit(batch(promise(1), file_id="call-1"), FOLD)
    calls = Calls()
    for attempt in (1, 2):
        await look(pool, calls)
        assert len(calls.dialled) == attempt
        await ledger(pool).commit(batch(outgoing(calls.dialled[-1].linked_id, answered=False), file_id=calls.dialled[-1].linked_id), FOLD)
    await look(pool, calls)
    (made,) = await jobs(pool)
    assert len(calls.dialled) == 2 and (made["state"], made["attempts"]) == ("failed", 2)
    assert "未完成：已拨打 2 次" in str((await World(pool).order(1))["note"])


@pytest.mark.parametrize("happened", ["never sent", "sent and lost", "refused"])
async def test_what_became_of_an_attempt_is_looked_up_before_another(pool: Pool, happened: str) -> None:
    await ledger(pool).commit(batch(promise(1), file_id="call-1"), FOLD)
    calls = Calls()
    calls.refuse, calls.lose = happened == "refused", happened != "refused"
    try:
        await look(pool, calls)
    except Died:
        assert happened != "refused"
    first = await pool.fetchval("SELECT linked_id FROM callback_attempt")
    calls.lose = calls.refuse = False
    if happened == "sent and lost":
        calls.live.add(first)
    calls.dialled.clear()
    await look(pool, calls)
    if happened == "sent and lost":
        assert calls.dialled == [], "its telephone rings: nobody dials again"
        calls.live.clear()
        await ledger(pool).commit(batch(outgoing(first, answered=False, ended=False), file_id=first), FOLD)
        await look(pool, calls)
        assert calls.dialled == [], "the ledger knows the call, its end will come"
        return
    (call,) = calls.dialled
    assert call.linked_id != first
    (made,) = await jobs(pool)
    assert (made["attempts"], made["tries"]) == (0, 2), "what was never a call costs no attempt"


async def test_one_controller_keeps_the_jobs(pool: Pool) -> None:
    store = PostgresCallbacks(pool, RULES)
    async with store.leading() as first, store.leading() as second:
        assert first is not None and second is None
    async with store.leading() as again:
        assert again is not None


async def test_who_was_answered_or_is_on_the_line_is_not_called(pool: Pool) -> None:
    await ledger(pool).commit(batch(promise(1), file_id="call-1"), FOLD)
    calls = Calls()
    now = recent(facts(2, file_id="call-2", answered=True), ago_s=10)
    await ledger(pool).commit(batch(now[:2], file_id="call-2"), FOLD)
    await look(pool, calls)
    assert calls.dialled == [], "the citizen is on the line"
    await ledger(pool).commit(batch(now[2:], start=2, file_id="call-2"), FOLD)
    await look(pool, calls)
    (made,) = await jobs(pool)
    assert calls.dialled == [] and made["state"] == "withdrawn"


@pytest.mark.parametrize(("rating", "owed"), [(3, 0), (4, 1), (5, 1)])
async def test_the_dissatisfied_are_owed_a_call(pool: Pool, rating: int, owed: int) -> None:
    for _ in range(2):
        await ledger(pool).commit(batch(rated(1, rating), file_id="call-1"), FOLD)
    made = await jobs(pool)
    assert [(j["kind"], j["number"], j["state"], j["expires_at"]) for j in made] == [("dissatisfied", NUMBER, "waiting", None)] * owed
    calls = Calls()
    await look(pool, calls)
    assert [c.kind for c in calls.dialled] == ["dissatisfied"] * owed


async def test_a_promise_not_kept_in_time_is_given_up_and_said(pool: Pool) -> None:
    await ledger(pool, CallbackRules(kept_s=1.0)).commit(batch(promise(1), file_id="call-1"), FOLD)
    calls = Calls()
    await look(pool, calls)
    (made,) = await jobs(pool)
    assert calls.dialled == [] and (made["state"], made["reason"]) == ("failed", "expired")
    assert "未能在时限内拨出" in str((await World(pool).order(1))["note"])
    assert "order" in [r["topic"] for r in await pool.fetch("SELECT topic FROM feed ORDER BY seq DESC LIMIT 1")]


@pytest.mark.parametrize("why", ["no seat", "full line", "no line"])
async def test_nothing_is_dialled_without_seat_and_line(pool: Pool, why: str) -> None:
    await ledger(pool).commit(batch(promise(1), file_id="call-1"), FOLD)
    calls = Calls()
    calls.free = 0 if why == "full line" else 2
    made = dialler(pool, calls, seats=0 if why == "no seat" else 1)
    if why == "no line":
        made._lines = {}
    async with PostgresCallbacks(pool, RULES).leading() as desk:
        assert desk is not None
        await made.look(desk)
    assert calls.dialled == [] and (await jobs(pool))[0]["tries"] == 0


async def test_jobs_are_listed_and_closed_by_hand(pool: Pool) -> None:
    for n in (1, 2):
        await ledger(pool).commit(batch(promise(n, f"1380000000{n}"), file_id=f"call-{n}"), FOLD)
    views, store = PostgresViews(pool), PostgresCallbacks(pool, RULES)
    (newest,) = await views.callbacks(CallbackFilter(limit=1))
    (oldest,) = await views.callbacks(CallbackFilter(limit=1, before=newest.id))
    assert [newest.number, oldest.number] == ["13800000002", "13800000001"] and oldest.order_number
    assert await store.withdraw(oldest.id, "来电人不需要了") == oldest.order_number
    with pytest.raises(NotFound):
        await store.withdraw(oldest.id, "again")
    assert [j.id for j in await views.callbacks(CallbackFilter())] == [newest.id]
    closed = (await views.callbacks(CallbackFilter(open_only=False)))[1]
    assert (closed.state, closed.reason) == ("withdrawn", "来电人不需要了") and closed.closed_at is not None
    assert "回电已取消：来电人不需要了。" in str((await World(pool).order(1))["note"])


async def test_a_job_withdrawn_while_it_is_called_stays_so_unless_they_talked(pool: Pool) -> None:
    await ledger(pool).commit(batch(promise(1), file_id="call-1"), FOLD)
    calls = Calls()
    await look(pool, calls)
    (made,) = await jobs(pool)
    await PostgresCallbacks(pool, RULES).withdraw(made["id"], "x")
    await ledger(pool).commit(batch(outgoing(calls.dialled[0].linked_id, answered=False), file_id=calls.dialled[0].linked_id), FOLD)
    assert (await jobs(pool))[0]["state"] == "withdrawn"


