"""The outbox on a real PostgreSQL and real HTTP: whatever partners do, intake goes on, and each event arrives or is held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ivr.domain.delivery import EVENTS, RetryRules
from ivr.domain.errors import NotFound
from ivr.domain.work_order import Actor, MoveRefused, OrderRules, Wish
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import WorkTime
from ivr.pipeline.deliver_events import EventDeliverer
from ivr.ports.partners import Delivery, Partner, Receipt
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.database import transaction
from ivr.storage.order_life import PostgresOrderDesk
from ivr.storage.outbox import PostgresOutbox, record, record_move
from ivr.web.webhooks import WebhookPost
from tests.fakes.partner_site import partner_site, rude_site
from tests.fakes.web_world import TwoCodes
from tests.integration.storage_world import FOLD, World, batch, facts, linked

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
SECRET = b"s" * 40
ALL = frozenset(EVENTS)
SOON = RetryRules(0.05, 0.1, 4)


@asynccontextmanager
async def delivering(
    pool: Pool, sites: dict[str, str], rules: RetryRules = SOON, timeout_s: float = 0.5, **partner: Any
) -> AsyncIterator[PostgresOutbox]:
    outbox = PostgresOutbox(pool)
    partners = [Partner(name, **{"events": ALL, **partner}) for name in sites]
    async with WebhookPost({name: (url, SECRET) for name, url in sites.items()}, timeout_s=timeout_s) as post:
        deliverer = EventDeliverer(outbox, post, partners, rules, PostgresAlarms(pool), attempt_s=timeout_s, look_every_s=0.02)
        task = asyncio.create_task(deliverer.run())
        try:
            yield outbox
        finally:
            assert not task.done(), "whatever partners do, the deliverer goes on"
            task.cancel()
            await asyncio.wait([task])


async def until(condition: Callable[[], Any], within_s: float = 20) -> None:
    """Return when the condition, which may be awaited, holds."""
    async with asyncio.timeout(within_s):
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


def states(pool: Pool, *wanted: str, partner: str = "region") -> Callable[[], Any]:
    async def reached() -> bool:
        rows = await pool.fetch("SELECT state FROM outbox_delivery WHERE partner = $1 ORDER BY event_id", partner)
        return [r["state"] for r in rows] == list(wanted)
    return reached


async def test_a_call_is_told_once_signed_and_without_what_is_personal(pool: Pool) -> None:
    world = World(pool)
    async with partner_site(SECRET, time.time) as site, delivering(pool, {"region": site.url}):
        await world.call(1)
        await until(lambda: site.taken)
        told, order = site.taken[0], await world.order(1)
        assert told["event"] == "order.created" and told["order"]["number"] == order["number"]
        assert told["order"]["state"] == "draft" and told["order"]["channel"] == "hotline" and told["order"]["partner"] is None
        assert order["caller_number"] and order["caller_number"] not in str(told)
        assert site.keys == [f"event-{told['id']}"] and not site.refused
        await until(states(pool, "delivered"))


async def test_a_fact_that_is_rolled_back_was_never_told(pool: Pool) -> None:
    await World(pool).call(1)
    number = await pool.fetchval("SELECT number FROM work_order")
    with pytest.raises(ZeroDivisionError):
        async with transaction(pool) as connection:
            await record(connection, "order.resolved", number)
            raise ZeroDivisionError
    assert [r["event"] for r in await pool.fetch("SELECT event FROM outbox")] == ["order.created"]


async def test_ratings_and_due_times_found_again_are_told_once(pool: Pool) -> None:
    world, outbox = World(pool), PostgresOutbox(pool)
    rows = facts(1, file_id="call-1")
    rated = [*rows, replace(rows[1], position=len(rows), kind="user:RATING", at=rows[-1].at + 1, data=dict(rows[1].data) | {"extra": "5"})]
    await world.ledger.commit(batch(rated, file_id="call-1"), FOLD)
    await pool.execute("UPDATE work_order SET state = 'assigned', due_at = now() - interval '1 minute'")
    assert [await outbox.note_overdue(), await outbox.note_overdue()] == [1, 0]
    await pool.execute("UPDATE work_order SET due_at = now() - interval '1 second'")  # extended, and overdue again
    assert await outbox.note_overdue() == 1
    await pool.execute("UPDATE work_order SET state = 'closed', due_at = now() - interval '2 seconds'")
    assert await outbox.note_overdue() == 0
    await world.ledger.interrupt(linked(1), rows[-1].at + 9, FOLD)
    events = [(r["event"], r["detail"]) for r in await pool.fetch("SELECT event, detail FROM outbox ORDER BY id")]
    assert events == [("order.created", {}), ("order.rated", {"rating": 5}), ("order.overdue", {}), ("order.overdue", {})]


async def test_moves_partners_care_for_are_told_and_others_not(pool: Pool) -> None:
    await World(pool).call(1)
    number = await pool.fetchval("UPDATE work_order SET confidential = true, category = 'consult' RETURNING number")
    for move in ("assign", "urge", "accept", "start", "resolve"):
        async with transaction(pool) as connection:
            await record_move(connection, move, number)
    rows = await pool.fetch("SELECT event, order_then FROM outbox WHERE event <> 'order.created' ORDER BY id")
    assert [r["event"] for r in rows] == ["order.assigned", "order.accepted", "order.resolved"]
    assert rows[0]["order_then"]["category"] == "" and rows[0]["order_then"]["confidential"] is True


@pytest.mark.parametrize(
    ("behaviour", "said"), [("errs", "answered 500"), ("hangs", "no answer within 0.5 s"), ("redirects", "redirects are not followed")]
)
async def test_a_partner_that_fails_is_tried_held_alarmed_and_replayed(pool: Pool, behaviour: str, said: str) -> None:
    async with partner_site(SECRET, time.time, behaviour) as site, delivering(pool, {"region": site.url}) as outbox:
        await World(pool).call(1)
        await until(states(pool, "held"))
        (shown,) = await outbox.deliveries("held", "region", 10, None)
        assert (site.asked, shown.attempts) == (4, 4) and said in shown.problem
        assert len(set(site.keys)) == 1, "each try under the same key"
        await until(lambda: pool.fetchval("SELECT true FROM alarm WHERE name = 'partner-region' AND cleared_at IS NULL"))
        site.behaviour = "takes"
        assert (await outbox.replay(shown.id)).id == shown.id  # its state may be any already: the sender is awake
        await until(states(pool, "delivered"))
        await until(lambda: pool.fetchval("SELECT true FROM alarm WHERE name = 'partner-region' AND cleared_at IS NOT NULL"))


@pytest.mark.parametrize("behaviour", ["lies", "never ends"])
async def test_a_status_is_an_answer_whatever_follows_it(pool: Pool, behaviour: str) -> None:
    async with partner_site(SECRET, time.time, behaviour) as site, delivering(pool, {"region": site.url}):
        await World(pool).call(1)
        await until(states(pool, "delivered"))
        assert site.asked == 1


@pytest.mark.parametrize(
    "rude", [b"\x00\xff\xfe rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 70_000, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 99999 A\r\n\r\n"]
)
async def test_what_is_no_http_is_a_failure_and_no_more(pool: Pool, rude: bytes) -> None:
    async with rude_site(rude) as url, delivering(pool, {"region": url}, RetryRules(0.05, 0.1, 2)):
        await World(pool).call(1)
        await until(states(pool, "held"))


async def test_nobody_there_is_a_failure(pool: Pool) -> None:
    async with delivering(pool, {"region": "http://127.0.0.1:9/"}, RetryRules(0.01, 0.1, 2)):
        await World(pool).call(1)
        await until(states(pool, "held"))


async def test_a_partner_who_hangs_slows_neither_intake_nor_others(pool: Pool) -> None:
    """Sixty calls come in while one partner swallows every connection: all get orders, the other partner hears of each."""
    world = World(pool)
    async with (
        partner_site(SECRET, time.time, "hangs") as dead, partner_site(SECRET, time.time) as well,
        delivering(pool, {"dead": dead.url, "well": well.url}, timeout_s=30),
    ):
        await world.call(0)
        await until(lambda: dead.asked)
        await asyncio.gather(*(world.call(n) for n in range(1, 60)))
        assert await world.count("work_order") == 60
        await until(lambda: len(well.taken) == 60)
        numbers = {r["number"] for r in await pool.fetch("SELECT number FROM work_order")}
        assert {told["order"]["number"] for told in well.taken} == numbers
        assert dead.asked <= 4 and not dead.done.is_set()


async def test_two_controllers_tell_each_event_once(pool: Pool) -> None:
    world = World(pool)
    async with (
        partner_site(SECRET, time.time) as site, delivering(pool, {"region": site.url}), delivering(pool, {"region": site.url}),
    ):
        for n in range(20):
            await world.call(n)
        await until(states(pool, *["delivered"] * 20))
        assert len(site.taken) == len(set(site.keys)) == 20


async def test_what_a_killed_controller_had_in_hand_is_told_again_under_the_same_key(pool: Pool) -> None:
    outbox = PostgresOutbox(pool)
    await World(pool).call(1)
    assert await outbox.spread([Partner("region", ALL)]) == 1
    (lost,) = await outbox.take("region", 4, 60)
    assert await outbox.take("region", 4, 60) == []
    await pool.execute("UPDATE outbox_delivery SET lease_until = now() - interval '1 second'")
    (again,) = await outbox.take("region", 4, 60)
    assert (again.event_id, again.attempt) == (lost.event_id, 2)
    await outbox.settle(lost, Receipt(200, ""), 0)  # the killed one comes back late: no longer its to say
    assert await pool.fetchval("SELECT state FROM outbox_delivery") == "sending"
    await outbox.settle(again, Receipt(500, "answered 500"), 60)
    assert await pool.fetchval("SELECT state || attempts FROM outbox_delivery") == "waiting2"


async def test_partners_get_what_they_want_and_own_only_their_own(pool: Pool) -> None:
    outbox = PostgresOutbox(pool)
    await World(pool).call(1)
    number = await pool.fetchval("SELECT number FROM work_order")
    async with transaction(pool) as connection:
        await record(connection, "order.assigned", number)
    partners = [Partner("all", ALL), Partner("some", frozenset({"order.assigned"})), Partner("own", ALL, own_only=True)]
    assert await outbox.spread(partners) == 2 and await outbox.spread(partners) == 0
    rows = await pool.fetch("SELECT d.partner, e.event FROM outbox_delivery d JOIN outbox e ON e.id = d.event_id ORDER BY 1, e.id")
    assert [tuple(r) for r in rows] == [("all", "order.created"), ("all", "order.assigned"), ("some", "order.assigned")]


async def test_old_events_go_when_all_is_delivered_and_held_ones_stay(pool: Pool) -> None:
    outbox, world = PostgresOutbox(pool), World(pool)
    for n in range(3):
        await world.call(n)
    await outbox.spread([Partner("region", ALL)])
    await pool.execute("UPDATE outbox SET at = now() - interval '31 days' WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 2)")
    await pool.execute("UPDATE outbox_delivery SET state = CASE WHEN id = (SELECT min(id) FROM outbox_delivery) THEN 'held' ELSE 'delivered' END")
    assert await outbox.prune(30) == 1 and await world.count("outbox") == 2
    assert await outbox.replay_held("region") == 1 and await outbox.replay_held("region") == 0
    with pytest.raises(NotFound):
        await outbox.replay(999)


async def test_secrets_are_in_no_receipt(pool: Pool) -> None:
    async with WebhookPost({"region": ("http://127.0.0.1:9/", SECRET)}, timeout_s=1) as post:
        receipt = await post.send("region", Delivery(1, 1, "region", "order.created", 1, {"id": 1}))
    assert receipt.status is None and receipt.problem and SECRET.decode() not in receipt.problem


async def test_the_database_away_only_delays(pool: Pool) -> None:
    """Everything the deliverer asks of the database fails for a while, as when it is restarted."""
    world = World(pool)
    async with partner_site(SECRET, time.time) as site, delivering(pool, {"region": site.url}):
        await world.call(1)
        await until(lambda: len(site.taken) == 1)
        name = await pool.fetchval("SELECT current_database()")
        await pool.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()", name
        )
        await world.call(2)
        await until(lambda: len(site.taken) == 2)


async def test_the_desks_moves_reach_the_outbox_in_their_transaction(pool: Pool) -> None:
    await World(pool).call(1)
    await pool.execute("INSERT INTO unit (name) VALUES ('司法所')")
    await pool.execute("INSERT INTO person (work_number, name, unit) VALUES ('7001', '赵律师', '司法所')")
    number, version = await pool.fetchrow("SELECT number, version FROM work_order")
    desk, chief = PostgresOrderDesk(pool, OrderRules(WorkTime(WorkingDays())), TwoCodes()), Actor("chief", frozenset({"dispatcher"}))
    with pytest.raises(MoveRefused):
        await desk.move(number, Wish("resolve", reason="x"), chief, version)
    await desk.move(number, Wish("assign", to="7001", unit="司法所"), chief, version)
    rows = await pool.fetch("SELECT event, order_then FROM outbox ORDER BY id")
    assert [(r["event"], r["order_then"]["state"]) for r in rows] == [("order.created", "draft"), ("order.assigned", "assigned")]
