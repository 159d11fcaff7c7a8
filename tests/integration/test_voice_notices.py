"""Notices spoken by a call, on a real PostgreSQL: who is called, how often, and never twice for one who heard it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ivr.domain.callback import DIALABLE
from ivr.domain.delivery import RetryRules
from ivr.domain.events import Fact
from ivr.domain.order_number import parse
from ivr.domain.voice_notice import LANDLINE, VOICE
from ivr.pipeline.call_notices import VoicePost
from ivr.pipeline.deliver_events import EventDeliverer, Lane
from ivr.ports.callbacks import CallRefused, OutgoingLine
from ivr.ports.partners import Delivery, Partner, Receipt
from ivr.ports.voice_notices import NoticeCall
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.database import transaction
from ivr.storage.outbox import PostgresOutbox
from ivr.storage.voice_notices import PostgresVoiceNotices, spoken_notices
from tests.integration.storage_world import FOLD, World, batch
from tests.integration.test_notices import resolved
from tests.integration.test_outbox import until

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
LINE = OutgoingLine("carrier", "12348", 4)
HEARD, BUSY, ENGAGED = ("begun", "heard"), (), 17


class Died(Exception):
    """The controller's process ended here."""


class Telephones:
    """Asterisk and the citizens, as far as a notice meets them: what is dialled ends as ``plan`` says, by the ledger."""

    def __init__(self, pool: Pool) -> None:
        self.world = World(pool)
        self.dialled: list[NoticeCall] = []
        self.plan: list[tuple[tuple[str, ...], int]] = []
        self.refuse = self.lose = self.hold = self.die = False
        self.free = 4
        self.most = 0
        self.live: set[str] = set()

    async def room(self, line: OutgoingLine) -> int:
        return self.free

    async def is_live(self, linked_id: str) -> bool:
        return linked_id in self.live

    async def tell(self, call: NoticeCall) -> None:
        if self.refuse:
            raise CallRefused("no such line")
        if not self.lose:
            self.dialled.append(call)
            self.live.add(call.linked_id)
            self.most = max(self.most, len(self.live))
        if self.die:
            raise Died
        if not self.hold and not self.lose:
            told, cause = self.plan.pop(0) if self.plan else (HEARD, 16)
            await self.end(call.linked_id, told, cause)

    async def end(self, linked_id: str, told: tuple[str, ...], cause: int) -> None:
        """Asterisk's ledger of the whole call."""
        ours = {"uniqueid": linked_id, "channame": "PJSIP/trunk-carrier-00000009"}
        rows: list[tuple[str, dict[str, Any]]] = [("CHAN_START", ours | {"context": "from-trunk-carrier", "num": "12348"})]
        rows += [("user:NOTICE_TOLD", ours | {"extra": step}) for step in told]
        rows += [("HANGUP", ours | {"hangupcause": str(cause)}), ("LINKEDID_END", ours)]
        facts = [Fact("cel", linked_id, i, linked_id, kind, time.time() + i / 100, data) for i, (kind, data) in enumerate(rows)]
        await self.world.ledger.commit(batch(facts, file_id=linked_id), FOLD)
        self.live.discard(linked_id)


class Nobody:
    async def send(self, partner: str, delivery: Delivery) -> Receipt:
        raise AssertionError(partner)


async def nothing(within_s: float) -> None:
    """The ledger is committed already."""


@asynccontextmanager
async def calling(pool: Pool, phones: Telephones, *, fit: str = DIALABLE, tries: int = 3, at_once: int = 2, **more: Any) -> AsyncIterator[None]:
    outbox = PostgresOutbox(pool)
    post = VoicePost(
        Nobody(), outbox, PostgresVoiceNotices(pool), phones, nothing, {"carrier": LINE}, "ivr", fit=fit, ring_s=5,
        link_up=more.pop("link_up", lambda: True), look_up_after_s=0.0,
    )
    lane = Lane(RetryRules(0.02, 0.05, tries), more.pop("attempt_s", 5.0), at_once, later_s=0.02, told_held=False)
    deliverer = EventDeliverer(
        outbox, post, [Partner(VOICE, frozenset({"order.resolved"}), citizens=fit)], RetryRules(), PostgresAlarms(pool), attempt_s=5,
        look_every_s=0.02, lanes={VOICE: lane}, **more,
    )
    task = asyncio.create_task(deliverer.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.wait([task])


def settled(pool: Pool, state: str = "delivered") -> Callable[[], Any]:
    return lambda: pool.fetchval("SELECT count(*) > 0 AND bool_and(state = $1) FROM outbox_delivery", state)


async def results(pool: Pool) -> list[str]:
    return [r["result"] for r in await pool.fetch("SELECT result FROM notice_call ORDER BY started_at")]


async def shown(pool: Pool, number: str) -> tuple[str, int, str | None, bool]:
    async with transaction(pool) as connection:
        (one,) = await spoken_notices(connection, number)
    return one.state, one.calls, one.result, one.next_at is not None


async def test_a_citizen_hears_it_once_and_the_call_is_in_the_order(pool: Pool) -> None:
    phones = Telephones(pool)
    number = await resolved(pool, 1, caller_number="09516012348")
    async with calling(pool, phones, fit=LANDLINE):
        await until(settled(pool))
    (call,) = phones.dialled
    assert (call.number, call.words, call.digits, call.ring_s) == ("09516012348", "resolved", parse(number).short, 5)
    assert await results(pool) == ["heard"] and await shown(pool, number) == ("delivered", 1, "heard", False)
    assert await pool.fetchval("SELECT count(*) FROM work_order") == 1, "no second order"
    assert await pool.fetchval("SELECT array_agg(linked_id ORDER BY linked_id) @> ARRAY[$1] FROM work_order_call", call.linked_id)
    row = await pool.fetchrow("SELECT channel, outcome, caller_number, notice_told FROM call WHERE linked_id = $1", call.linked_id)
    assert tuple(row) == ("callback", "self_service", "09516012348", "heard")


async def test_busy_and_unanswered_are_called_again_and_given_up_without_an_alarm(pool: Pool) -> None:
    phones = Telephones(pool)
    phones.plan = [(BUSY, ENGAGED), ((), 19), (("begun",), 16)]
    number = await resolved(pool, 1)
    async with calling(pool, phones):
        await until(settled(pool, "held"))
    assert await results(pool) == ["busy", "unanswered", "left"] and len({c.linked_id for c in phones.dialled}) == 3
    assert await shown(pool, number) == ("held", 3, "left", False)
    assert not await pool.fetchval("SELECT count(*) FROM alarm WHERE name LIKE 'partner-%'")
    await PostgresOutbox(pool).replay_held(VOICE)
    async with calling(pool, phones):
        await until(settled(pool))
    assert (await results(pool))[-1] == "heard"


async def test_between_two_calls_the_page_says_when_the_next_one_is(pool: Pool) -> None:
    phones = Telephones(pool)
    phones.plan = [(BUSY, ENGAGED)]
    number = await resolved(pool, 1)
    quiet = False
    async with calling(pool, phones, quiet=lambda _: quiet or bool(phones.dialled)):
        await until(lambda: pool.fetchval("SELECT count(*) = 1 FROM outbox_delivery WHERE state = 'waiting' AND problem = '占线'"))
        assert await shown(pool, number) == ("waiting", 1, "busy", True)
    assert len(phones.dialled) == 1, "nobody is called in the quiet hours"


async def test_a_controller_that_dies_after_dialling_does_not_dial_again(pool: Pool) -> None:
    phones = Telephones(pool)
    phones.die = True
    await resolved(pool, 1)
    with pytest.raises((ExceptionGroup, AssertionError)):
        async with calling(pool, phones):
            await until(lambda: phones.dialled)
            await asyncio.sleep(0.2)
    await pool.execute("UPDATE outbox_delivery SET lease_until = clock_timestamp() - interval '1 second'")
    phones.die = False
    async with calling(pool, phones):
        await until(lambda: pool.fetchval("SELECT state = 'sending' AND lease_until > clock_timestamp() FROM outbox_delivery"))
        assert len(phones.dialled) == 1, "the call is still up: nobody dials"
        await phones.end(phones.dialled[0].linked_id, HEARD, 16)
        await until(settled(pool))
    assert len(phones.dialled) == 1 and await results(pool) == ["heard"]


async def test_what_was_heard_before_a_crash_is_not_said_again(pool: Pool) -> None:
    phones = Telephones(pool)
    await resolved(pool, 1)
    async with calling(pool, phones):
        await until(settled(pool))
    await pool.execute("UPDATE outbox_delivery SET state = 'sending', lease_until = clock_timestamp() - interval '1 second'")
    async with calling(pool, phones):
        await until(settled(pool))
    assert len(phones.dialled) == 1


async def test_a_call_that_never_was_is_found_out_and_costs_no_try(pool: Pool) -> None:
    phones = Telephones(pool)
    phones.lose = True
    await resolved(pool, 1)
    async with calling(pool, phones, tries=1):
        await until(lambda: pool.fetchval("SELECT count(*) > 0 FROM notice_call WHERE result = 'not_placed'"))
        phones.lose = False
        await until(settled(pool))
    assert len(phones.dialled) == 1 and (await results(pool))[-1] == "heard"


async def test_a_full_line_a_lost_link_and_a_citizen_on_the_line_cost_no_try(pool: Pool) -> None:
    phones, up = Telephones(pool), False
    phones.free = 2  # half of the line is for callers
    phones.plan = [(BUSY, ENGAGED)]
    await resolved(pool, 1)
    await World(pool).call(2, ended=False)  # the same citizen is on the line with us
    async with calling(pool, phones, tries=2, link_up=lambda: up):
        await until(lambda: pool.fetchval("SELECT count(*) = 1 FROM outbox_delivery"))
        await asyncio.sleep(0.2)
        up = True
        await asyncio.sleep(0.2)
        assert not phones.dialled
        phones.free = 3
        await asyncio.sleep(0.2)
        assert not phones.dialled and not await pool.fetchval("SELECT count(*) FROM notice_call")
        await World(pool).call(2)
        await pool.execute("UPDATE call SET state = 'ended'")
        await until(settled(pool))
    assert await results(pool) == ["busy", "heard"], "both tries were left"


async def test_few_at_once_and_never_two_for_one_telephone(pool: Pool) -> None:
    phones = Telephones(pool)
    phones.hold = True
    for n in range(1, 6):
        await resolved(pool, n, caller_number=f"1380000000{n}")
    await resolved(pool, 6, caller_number="13800000005")
    async with calling(pool, phones, at_once=2):
        done = 0
        while done < 6:
            await until(lambda: phones.live)
            assert len({c.number for c in phones.dialled if c.linked_id in phones.live}) == len(phones.live) <= 2
            for linked_id in list(phones.live):
                await phones.end(linked_id, HEARD, 16)
                done += 1
        await until(settled(pool))
    assert len(phones.dialled) == 6 and phones.most <= 2


async def test_a_confidential_order_is_told_to_nobody_and_a_refused_call_is_a_try(pool: Pool) -> None:
    phones = Telephones(pool)
    phones.refuse = True
    await resolved(pool, 1, confidential=True)
    number = await resolved(pool, 2)
    async with calling(pool, phones, tries=2):
        await until(settled(pool, "held"))
    assert not phones.dialled and await results(pool) == ["not_placed", "not_placed"]
    assert await pool.fetchval("SELECT problem FROM outbox_delivery") == "未能拨出"
    assert (await shown(pool, number))[0] == "held"


async def test_one_telephone_is_called_for_one_notice_at_a_time(pool: Pool) -> None:
    store, number = PostgresVoiceNotices(pool), await resolved(pool, 1)
    both = await asyncio.gather(*(store.begin(n, number, "order.resolved", "13800000009", "ivr") for n in (1, 2)))
    assert sorted(map(bool, both)) == [False, True]
    assert await store.begin(3, number, "order.resolved", "13800000008", "ivr")
    await store.not_placed(max(both))
    assert await store.begin(2, number, "order.resolved", "13800000009", "ivr")
