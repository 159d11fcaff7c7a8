"""Seats that speak a dialect, with real calls and keys: by a key, by what is known of the number, and any seat when nobody does."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from tests.e2e.call_backs import ask_for_call_back, citizen_of
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, command, dialled, filled_order, into_the_queue, state
from tests.e2e.listening import hears_prompt
from tests.e2e.test_menus import call_row, facts
from tests.faults.witness import pid_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

MORE = """
[hotline]
language_wait_s = 10

[callback]
hours = ["00:00-24:00"]

[[queues]]
name = "dialect"

[[seats]]
name = "three"
operator = "马律师"
queues = ["dialect"]

[[languages]]
name = "ningxia"
title = "宁夏方言"
queue = "dialect"
key = "4"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def speaking() -> AsyncIterator[RunningHotline]:
    """A product with one seat that speaks the dialect, and key 4 for it."""
    async with running_hotline(MORE) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(speaking: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with speaking.client() as connected:
        yield connected


async def there(client: HotlineClient, queue: str, available: int = 1) -> None:
    """Until so many seats of a queue are free, and none is left from the test before."""
    await client.queue_until(lambda q: q["queue"] == queue and q["members"]["available"] == available)


async def known(running: RunningHotline, number: str, language: str) -> None:
    """Until Asterisk itself knows, or has forgotten, a number's language."""
    async with asyncio.timeout(30):
        while True:
            lines = (await command(running, "database show language")).splitlines()
            if next((line.split()[-1] for line in lines if f"/language/{number} " in line), "") == language:
                return
            await asyncio.sleep(0.2)


async def test_a_key_leads_to_a_seat_that_speaks_it_and_the_next_call_at_once(speaking: RunningHotline, client: HotlineClient) -> None:
    number = "13896600001"
    async with speaking.operator() as one, speaking.operator("three", answers_itself=True) as three:
        await there(client, "hotline")
        await there(client, "dialect")
        async with speaking.caller(number) as caller:
            linked_id = await dialled(client, caller, number)
            await one.wait_for("CALL_INCOMING", within_s=20)
            await caller.press("4")
            await three.wait_for("CALL_ESTABLISHED", within_s=20)
            await one.wait_for("CALL_CLOSED", within_s=20)
            await state(client, linked_id, "talking")
            await known(speaking, number, "ningxia")
            await caller.hang_up()
            order = await filled_order(client, linked_id)
        call = await call_row(client, linked_id)
        assert (call["language"], call["language_by"], call["queue"], call["menu_choice"]) == ("ningxia", "key", "dialect", "waiting:4")
        assert (call["outcome"], order["calls"]) == ("answered", [linked_id])
        assert number in await speaking.cli("language", "list")
        await there(client, "hotline")
        await there(client, "dialect")
        rung = sum(e.get("type") == "CALL_INCOMING" for e in one.events)
        async with speaking.caller(f"+86{number}") as caller:
            again = await dialled(client, caller, number)
            await state(client, again, "talking")
            await caller.hang_up()
            await filled_order(client, again)
        assert sum(e.get("type") == "CALL_INCOMING" for e in one.events) == rung, "any seat was left alone"
    call = await call_row(client, again)
    assert (call["language"], call["language_by"], call["queue"], call["outcome"]) == ("ningxia", "record", "dialect", "answered")
    told = await facts(speaking, again, bool)
    assert [t[1] for t in told if t[0] == "QUEUE_ENTERED"] == ["dialect"]


async def test_when_nobody_speaks_it_any_seat_is_reached_at_once(speaking: RunningHotline, client: HotlineClient) -> None:
    number = "13896600002"
    await speaking.cli("language", "set", number, "ningxia", "--by", "督导")
    await known(speaking, number, "ningxia")
    async with speaking.operator(answers_itself=True) as one, speaking.caller(number, keep_sound=True) as caller:
        await there(client, "hotline")
        await there(client, "dialect", 0)
        linked_id = await dialled(client, caller, number)
        await one.wait_for("CALL_ESTABLISHED", within_s=20)
        await hears_prompt(speaking, caller, "language-any")
        await caller.hang_up()
        await filled_order(client, linked_id)
    call = await call_row(client, linked_id)
    assert (call["language"], call["queue"], call["outcome"]) == ("ningxia", "hotline", "answered")
    told = await facts(speaking, linked_id, bool)
    assert [t for t in told if t[0] in ("LANGUAGE", "ROAD", "QUEUE_ENTERED")] == [
        ("LANGUAGE", "ningxia:record"), ("ROAD", "dialect:nobody"), ("QUEUE_ENTERED", "hotline"),
    ]


async def test_who_hangs_up_at_that_one_sentence_has_one_order_too(speaking: RunningHotline, client: HotlineClient) -> None:
    number = "13896600010"
    await speaking.cli("language", "set", number, "ningxia", "--by", "督导")
    await known(speaking, number, "ningxia")
    await there(client, "dialect", 0)
    async with speaking.caller(number) as caller:
        linked_id = await dialled(client, caller, number)
        async with asyncio.timeout(20):
            while "language-any" not in await command(speaking, "core show channels concise"):
                await asyncio.sleep(0.05)
        await caller.hang_up()
        order = await filled_order(client, linked_id)
    call = await call_row(client, linked_id)
    assert (call["language"], call["outcome"], order["calls"]) == ("ningxia", "abandoned", [linked_id])


async def test_who_waits_too_long_or_presses_0_goes_on_to_any_seat_with_the_place_kept(speaking: RunningHotline, client: HotlineClient) -> None:
    patient, impatient, later = "13896600003", "13896600004", "13896600005"
    for number in (patient, impatient):
        await speaking.cli("language", "set", number, "ningxia", "--by", "督导")
        await known(speaking, number, "ningxia")
    async with (
        speaking.operator("three"), speaking.caller(patient) as first, speaking.caller(impatient) as second, speaking.caller(later) as third,
    ):
        await there(client, "dialect")
        await there(client, "hotline", 0)
        ids = [await dialled(client, first, patient)]
        await facts(speaking, ids[0], lambda seen: ("QUEUE_ENTERED", "dialect") in seen)
        ids.append(await dialled(client, second, impatient))
        await facts(speaking, ids[1], lambda seen: ("QUEUE_ENTERED", "dialect") in seen)
        ids.append(await dialled(client, third, later))
        await state(client, ids[2], "queued")
        while ("QUEUE_ENTERED", "hotline") not in await facts(speaking, ids[1], bool):
            await second.press("0")  # Asterisk may not listen yet when the first is pressed
            await asyncio.sleep(1)
        seen = await facts(speaking, ids[0], lambda seen: ("QUEUE_ENTERED", "hotline") in seen)
        assert ("ROAD", "dialect:late") in seen
        assert not [t for t in await facts(speaking, ids[1], bool) if t[0] == "ROAD"]
        await client.queue_until(lambda q: q["queue"] == "hotline" and q["waiting"] == 3)
        places = [line for line in (await command(speaking, "queue show hotline")).splitlines() if "prio:" in line]
        assert len(places) == 3
        order = [int(line.rsplit("prio: ", 1)[1].rstrip(")")) for line in places]
        assert order == sorted(order, reverse=True) and len(set(order)) == 3
        async with speaking.operator(answers_itself=True):
            await state(client, ids[0], "talking")
            assert [(await call_row(client, i))["state"] for i in ids[1:]] == ["queued", "queued"], "who came first is served first"
            for phone in (third, second, first):
                await phone.hang_up()
            for linked_id in ids:
                await filled_order(client, linked_id)


async def test_a_known_caller_reaches_the_language_with_every_process_of_ours_dead(speaking: RunningHotline, client: HotlineClient) -> None:
    number = "13896600006"
    await speaking.cli("language", "set", number, "ningxia", "--by", "督导")
    await known(speaking, number, "ningxia")
    async with speaking.operator() as one, speaking.operator("three", answers_itself=True) as three, speaking.caller(number) as caller:
        await there(client, "hotline")
        await there(client, "dialect")
        assert speaking.process is not None
        speaking.process.send_signal(signal.SIGSTOP)  # else it would start the others again
        try:
            for part in ("controller", "worker"):
                os.kill(pid_of(speaking, part), signal.SIGKILL)
            await caller.dial("12348")
            await caller.wait_for("CALL_ESTABLISHED")
            await caller.press("0")
            await three.wait_for("CALL_ESTABLISHED", within_s=30)
            assert not [e for e in one.events if e.get("type") == "CALL_INCOMING"]
        finally:
            speaking.process.send_signal(signal.SIGCONT)
        linked_id = await arrival(client, number)
        await state(client, linked_id, "talking")
        await caller.hang_up()
        await filled_order(client, linked_id)
    call = await call_row(client, linked_id)
    assert (call["language_by"], call["queue"], call["outcome"]) == ("record", "dialect", "answered")


async def test_who_is_called_back_is_put_through_to_the_language(speaking: RunningHotline, client: HotlineClient) -> None:
    number = "13896600011"
    await speaking.cli("language", "set", number, "ningxia", "--by", "督导")
    await known(speaking, number, "ningxia")
    async with citizen_of(speaking, number) as citizen:
        await there(client, "hotline", 0)
        await there(client, "dialect", 0)
        promised = await into_the_queue(client, citizen, number)
        await ask_for_call_back(speaking, citizen, promised)
        await citizen.press("1")
        await state(client, promised, "ended", within_s=30)
        async with speaking.operator() as one, speaking.operator("three", answers_itself=True):
            await citizen.wait_for("CALL_INCOMING", within_s=40)
            await there(client, "dialect")
            await citizen.answer()
            back = await client.until("the call-back", lambda: next(
                (c for c in client.calls.values() if c["channel"] == "callback" and c["caller_number"] == number), None))
            await state(client, back["linked_id"], "talking")
            assert not [e for e in one.events if e.get("type") == "CALL_INCOMING"], "any seat was left alone"
            await citizen.hang_up()
            await state(client, back["linked_id"], "ended")
            order = await client.until("both calls of the order", lambda: next(
                (o for o in client.orders.values() if promised in o["calls"] and len(o["calls"]) == 2), None))
    call = await call_row(client, back["linked_id"])
    assert (call["language"], call["language_by"], call["queue"], call["outcome"]) == ("ningxia", "record", "dialect", "answered")
    assert order["calls"] == [promised, back["linked_id"]]


async def test_what_was_taken_back_counts_for_nothing_and_bad_words_are_refused(speaking: RunningHotline, client: HotlineClient) -> None:
    number = "13896600007"
    await speaking.cli("language", "set", number, "ningxia", "--by", "督导")
    await known(speaking, number, "ningxia")
    await speaking.cli("language", "unset", number, "--by", "督导")
    await known(speaking, number, "")
    assert number not in await speaking.cli("language", "list")
    assert "has no language" in await speaking.cli("language", "unset", number, "--by", "督导", succeed=False)
    assert "there is no language" in await speaking.cli("language", "set", number, "french", "--by", "督导", succeed=False)
    assert "no telephone number" in await speaking.cli("language", "set", "138'; --", "ningxia", "--by", "督导", succeed=False)
    assert "say who decided it" in await speaking.cli("language", "set", number, "ningxia", "--by", " ", succeed=False)
    # What is left in Asterisk's database of a language that is none any more counts for nothing.
    await command(speaking, "database put language 13896600008 gone")
    for caller_number in (number, "13896600008"):
        async with speaking.caller(caller_number) as caller:
            linked_id = await dialled(client, caller, caller_number)
            await state(client, linked_id, "queued")
            await caller.hang_up()
            await filled_order(client, linked_id)
        call = await call_row(client, linked_id)
        assert (call["language"], call["queue"], call["outcome"]) == ("", "hotline", "abandoned")


async def test_the_menu_says_the_key_and_operators_see_whose_queue_it_is(speaking: RunningHotline, client: HotlineClient) -> None:
    board = await client.queue_until(lambda q: q["queue"] == "dialect")
    assert board["title"] == "宁夏方言"
    async with speaking.caller("13896600009", keep_sound=True) as caller:
        linked_id = await dialled(client, caller, "13896600009")
        await hears_prompt(speaking, caller, "choose-ningxia", within_s=60)
        await caller.hang_up()
        await filled_order(client, linked_id)
    assert "ERROR" not in speaking.asterisk_log
