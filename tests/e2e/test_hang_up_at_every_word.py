"""Callers hang up at what a queue itself says, at what another caller brought about, and at single words of an answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.domain.order_number import OrderNumber, compose
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import database_url
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import command, filled_order, into_the_queue, state
from tests.e2e.played import Played
from tests.e2e.test_enquiry import press_until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

MORE = """
[hotline]
menu = "lawyers"
queue = "line"

[enquiry]
lawyer_wait_s = 10

[[queues]]
name = "line"
nobody = "wait"
paused = "wait"
place_every_s = 15

[[seats]]
name = "three"
operator = "赵律师"
work_number = "8001"

[[seats]]
name = "four"
operator = "马律师"
work_number = "8002"
"""
_numbers = iter(range(13896_800_001, 13896_800_200))
_serials = iter(range(90101, 90200))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office() -> AsyncIterator[RunningHotline]:
    """Two lawyers, nobody on duty yet, and a time to come that one citizen can have."""
    async with running_hotline(MORE) as running:
        slots = running.folder / "slots.csv"
        day = datetime.now(SHANGHAI) + timedelta(days=3)
        slots.write_text(f"service,from,to,places\n法律援助,{day:%Y-%m-%d} 09:30,{day:%Y-%m-%d} 10:30,1\n")
        await running.cli("slots", "import", str(slots))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lawyers(office: RunningHotline) -> None:
    """From now on both are on duty."""
    start, end = (f"{datetime.now(SHANGHAI) + timedelta(hours=h):%Y-%m-%d %H:%M}" for h in (-1, 6))
    duty = office.folder / "duty.csv"
    duty.write_text(f"work_number,name,speciality,from,to\n8001,赵律师,婚姻家庭,{start},{end}\n8002,马律师,劳动争议,{start},{end}\n")
    await office.cli("roster", "import", str(duty))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def played(office: RunningHotline) -> Played:
    return await Played(office).begin()


@pytest_asyncio.fixture(loop_scope="session")
async def client(office: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with office.client() as connected:
        yield connected


async def hung_up(office: RunningHotline, client: HotlineClient, phone: ScriptedPhone, linked_id: str, *outcomes: str) -> None:
    """Hang up now: one order, one of these outcomes, nothing of it in Asterisk's log."""
    await phone.hang_up()
    order = await filled_order(client, linked_id)
    assert order["calls"] == [linked_id] and len([o for o in client.orders.values() if linked_id in o["calls"]]) == 1
    assert (await client.get(f"/calls/{linked_id}"))["outcome"] in outcomes
    assert not re.search(r"ERROR|pbx", office.asterisk_log)


async def chooses(office: RunningHotline, client: HotlineClient, phone: ScriptedPhone, number: str, key: str) -> str:
    """A caller who waits and presses a key of the waiting menu; the linked id."""
    linked_id = await into_the_queue(client, phone, number)
    await press_until(office, phone, linked_id, key, ("MENU", f"waiting:{key}"))
    return linked_id


async def test_no_lawyer_on_duty(office: RunningHotline, client: HotlineClient, played: Played) -> None:
    """Before the roster is there, so first of the tests here."""
    number = str(next(_numbers))
    async with office.caller(number) as caller:
        linked_id = await chooses(office, client, caller, number, "4")
        await played.until(number, "lawyer-none")
        await hung_up(office, client, caller, linked_id, "abandoned", "self_service")


@pytest.mark.parametrize("prompt", ["queue-place", "2", "queue-place-end"])
async def test_what_the_queue_says_of_a_place(office: RunningHotline, client: HotlineClient, played: Played, prompt: str) -> None:
    before, number = str(next(_numbers)), str(next(_numbers))
    async with office.caller(before) as first, office.caller(number) as second:
        waits = await into_the_queue(client, first, before)
        linked_id = await into_the_queue(client, second, number)
        await played.until(number, prompt, within_s=90)
        await hung_up(office, client, second, linked_id, "abandoned")
        await hung_up(office, client, first, waits, "abandoned")


async def test_who_is_next_is_told_so(office: RunningHotline, client: HotlineClient, played: Played) -> None:
    number = str(next(_numbers))
    async with office.caller(number) as only:
        linked_id = await into_the_queue(client, only, number)
        await played.until(number, "queue-next", within_s=90)
        await hung_up(office, client, only, linked_id, "abandoned")


@pytest.mark.parametrize(("talk_s", "prompt"), [
    (60, "wait-expected"), (60, "wait-two"), (60, "wait-minutes"), (4000, "wait-long"),
])
async def test_what_is_said_of_the_wait(office: RunningHotline, client: HotlineClient, played: Played, talk_s: int, prompt: str) -> None:
    """The pace is put where the controller puts it, because conversations of an hour take an hour."""
    before, number = str(next(_numbers)), str(next(_numbers))
    async with office.caller(before) as first, office.caller(number) as second:
        waits = await into_the_queue(client, first, before)
        await client.queue_until(lambda q: q["queue"] == "line" and q["waiting"] == 1)
        telling = asyncio.create_task(keep_telling(office, talk_s))
        try:
            linked_id = await into_the_queue(client, second, number)
            await played.until(number, prompt)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        await hung_up(office, client, second, linked_id, "abandoned")
        await hung_up(office, client, first, waits, "abandoned")


async def keep_telling(office: RunningHotline, talk_s: int) -> None:
    """The controller says every ten seconds that it knows no pace; this says one more often."""
    while True:
        now = int(datetime.now(SHANGHAI).timestamp())
        await command(office, f"dialplan set global WAIT_line {now}:{talk_s}")
        await asyncio.sleep(0.1)


async def test_a_lawyer_who_is_busy(office: RunningHotline, client: HotlineClient, played: Played, lawyers: None) -> None:
    before, number = str(next(_numbers)), str(next(_numbers))
    async with office.operator("three") as lawyer, office.caller(before) as first, office.caller(number) as second:
        await client.queue_until(lambda q: q["queue"] == "lawyer-8001" and q["members"]["available"] == 1)
        talks = await chooses(office, client, first, before, "4")
        await played.until(before, "lawyer-ask")
        await first.press("8001#")
        await lawyer.wait_for("CALL_INCOMING", within_s=30)
        await lawyer.answer()
        await state(client, talks, "talking")
        linked_id = await chooses(office, client, second, number, "4")
        await played.until(number, "lawyer-ask")
        await second.press("8001#")
        await played.until(number, "lawyer-busy")
        await hung_up(office, client, second, linked_id, "abandoned", "self_service")
        await hung_up(office, client, first, talks, "answered")


async def test_a_lawyer_who_does_not_come(office: RunningHotline, client: HotlineClient, played: Played, lawyers: None) -> None:
    number = str(next(_numbers))
    async with office.operator("four") as lawyer, office.caller(number) as caller:
        await client.queue_until(lambda q: q["queue"] == "lawyer-8002" and q["members"]["available"] == 1)
        linked_id = await chooses(office, client, caller, number, "4")
        await played.until(number, "lawyer-ask")
        await caller.press("8002#")
        await lawyer.wait_for("CALL_INCOMING", within_s=30)
        await played.until(number, "lawyer-left", within_s=90)
        await hung_up(office, client, caller, linked_id, "abandoned", "failed")


async def test_a_time_that_somebody_else_took(office: RunningHotline, client: HotlineClient, played: Played) -> None:
    slow, quick = str(next(_numbers)), str(next(_numbers))
    async with office.caller(slow) as second, office.caller(quick) as first:
        late = await chooses(office, client, second, slow, "5")
        await played.until(slow, "appointment-offer")
        early = await chooses(office, client, first, quick, "5")
        await played.until(quick, "appointment-offer")
        await first.press("1")
        await played.until(quick, "appointment-confirm")
        await second.press("1")
        await played.until(slow, "appointment-taken")
        await hung_up(office, client, second, late, "abandoned", "self_service")
        await hung_up(office, client, first, early, "abandoned", "self_service")


WORDS = (
    ("assigned", "progress-assigned"), ("accepted", "progress-accepted"), ("in_progress", "progress-handled"),
    ("resolved", "progress-resolved"), ("callback_due", "progress-callback"), ("closed", "progress-closed"),
    ("returned", "progress-returned"), ("voided", "progress-voided"), ("assigned", "progress-owner"), ("assigned", "progress-until"),
    ("assigned", "month"), ("assigned", "day"), ("assigned", "progress-due"),
)


async def test_single_words_of_how_a_matter_stands(office: RunningHotline, client: HotlineClient, played: Played) -> None:
    room = asyncio.Semaphore(4)

    async def at(order_state: str, word: str) -> None:
        number = str(next(_numbers))
        order = await own_order(office, number, order_state)
        async with room, office.caller(number) as phone:
            linked_id = await chooses(office, client, phone, number, "8")
            await played.until(number, "enquiry-ask")
            await phone.press("#")
            await played.until(number, "enquiry-last-four")
            await phone.press(str(order)[-4:])
            await played.until(number, word)
            await hung_up(office, client, phone, linked_id, "self_service")

    async with asyncio.TaskGroup() as tasks:
        for order_state, word in WORDS:
            tasks.create_task(at(order_state, word), name=word)


async def own_order(office: RunningHotline, caller: str, order_state: str) -> OrderNumber:
    """An order of this citizen in this state, with an owner and a day it is due."""
    order = compose("counter", date(2026, 11, 21), next(_serials))
    connection = await asyncpg.connect(database_url(office.settings))
    try:
        await connection.execute(
            "INSERT INTO work_order (number, channel, state, owner_work_number, due_at, caller_number, filled_at)"
            " VALUES ($1, 'counter', $2, '8001', $3, $4, now())", str(order), order_state, datetime(2026, 12, 3, 10, tzinfo=UTC), caller,
        )
    finally:
        await connection.close()
    return order
