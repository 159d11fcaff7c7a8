"""Nobody can answer: each reason has its own words and its own road, and every caller an order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, command, filled_order, into_the_queue, line_up, state
from tests.e2e.test_enquiry import press_until
from tests.e2e.test_menus import facts

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

DUTY = "13800000012"
ROADS = """
[[queues]]
name = "small"
most_waiting = 1
full = "queue:second"
nobody = "wait"

[[queues]]
name = "second"
paused = "duty:lawyer"
wait_limit_s = 10
late = "end"

[[seats]]
name = "three"
queues = ["second"]

[[duty_numbers]]
name = "lawyer"
number = "13800000012"

[hotline]
queue = "small"
transfer_ring_s = 5
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def roads() -> AsyncIterator[RunningHotline]:
    """Calls go to a queue for one caller, and on to a second whose seats are paused or away."""
    async with running_hotline(ROADS) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def board(roads: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with roads.client() as client:
        yield client


async def paused(running: RunningHotline) -> None:
    """Seat three is signed in, and paused."""
    async with asyncio.timeout(20):
        while "(Not in use)" not in await command(running, "queue show second"):
            await asyncio.sleep(0.1)
    await command(running, "queue pause member PJSIP/seat-three queue second reason lunch")


async def ended(client: HotlineClient, linked_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The call and its one order once both are complete."""
    order = await filled_order(client, linked_id)
    assert order["calls"] == [linked_id]
    return dict(await client.get(f"/calls/{linked_id}")), order


async def test_too_many_wait_then_nobody_is_there_and_a_message_is_left(roads: RunningHotline, board: HotlineClient) -> None:
    said, seconds = roads.speech("老板拖欠工资三个月了")
    async with roads.caller("13896400001") as first, roads.caller("13896400002") as second:
        before = await into_the_queue(board, first, "13896400001")
        linked_id = await into_the_queue(board, second, "13896400002")
        told = await facts(roads, linked_id, lambda seen: ("MESSAGE", "180") in seen)
        roads_taken = [text for name, text in told if name == "ROAD"]
        assert roads_taken == ["small:full", "second:nobody"]
        assert [text for name, text in told if name == "QUEUE_LEFT"] == ["FULL", "JOINEMPTY"]
        await second.say(said)
        await asyncio.sleep(seconds + 1)
        await second.hang_up()
        call, order = await ended(board, linked_id)
        assert (call["outcome"], order["channel"]) == ("message", "voicemail") and order["due_at"]
        assert (await board.get(f"/calls/{before}"))["state"] == "queued", "who waited first still waits"
        await first.hang_up()
        assert (await ended(board, before))[0]["outcome"] == "abandoned"


async def test_who_refused_recording_is_told_to_call_again_instead_of_a_message(roads: RunningHotline, board: HotlineClient) -> None:
    async with roads.caller("13896400003") as first, roads.caller("13896400004") as second:
        before = await into_the_queue(board, first, "13896400003")
        await second.dial("12348")
        await second.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(board, "13896400004")
        await second.press("9")
        await second.wait_for("CALL_CLOSED", within_s=60)
        call, order = await ended(board, linked_id)
        assert call["outcome"] == "failed" and "不同意录音" in order["note"]
        await first.hang_up()
        await ended(board, before)


async def test_all_pause_and_the_duty_telephone_takes_the_call(roads: RunningHotline, board: HotlineClient) -> None:
    duty = PhoneAccount(DUTY, f"127.0.0.1:{roads.sip}", answers_itself=True)
    async with (
        roads.caller("13896400005") as first, roads.caller("13896400006") as second, roads.operator("three"),
        ScriptedPhone("duty", duty, roads.folder / "phones", roads.silence, listen_port=roads.carrier) as telephone,
    ):
        await paused(roads)
        await line_up(roads)
        before = await into_the_queue(board, first, "13896400005")
        linked_id = await into_the_queue(board, second, "13896400006")
        await state(board, linked_id, "talking", within_s=90)
        await telephone.wait_for("CALL_ESTABLISHED")
        await asyncio.sleep(2.5)
        await telephone.hang_up()
        await facts(roads, linked_id, lambda seen: ("RATING_ASKED", "1") in seen)
        await second.press("1")
        call, order = await ended(board, linked_id)
        assert (call["outcome"], call["rating"], call["menu_choice"]) == ("answered", 1, "")
        await first.hang_up()
        await ended(board, before)


async def test_a_duty_telephone_that_does_not_answer_leads_to_a_message_and_a_late_queue_to_an_end(
    roads: RunningHotline, board: HotlineClient
) -> None:
    async with roads.caller("13896400007") as first, roads.caller("13896400008") as second, roads.operator("three") as operator:
        await paused(roads)
        before = await into_the_queue(board, first, "13896400007")
        linked_id = await into_the_queue(board, second, "13896400008")
        await facts(roads, linked_id, lambda seen: ("MESSAGE", "180") in seen)
        await second.hang_up()
        assert (await ended(board, linked_id))[0]["outcome"] == "message"

        await command(roads, "queue unpause member PJSIP/seat-three queue second reason back")
        async with roads.caller("13896400009") as third:
            linked_id = await into_the_queue(board, third, "13896400009")
            await operator.wait_for("CALL_INCOMING", within_s=20)  # and lets it ring
            await third.wait_for("CALL_CLOSED", within_s=60)
            told = await facts(roads, linked_id, lambda seen: ("ROAD", "second:late") in seen)
            assert [text for name, text in told if name == "QUEUE_LEFT"] == ["FULL", "TIMEOUT"]
            assert (await ended(board, linked_id))[0]["outcome"] == "failed"
        await first.hang_up()
        await ended(board, before)


@pytest_asyncio.fixture(loop_scope="session")
async def quiet() -> AsyncIterator[RunningHotline]:
    """A product without a history, in which nobody else calls or is called back."""
    async with running_hotline() as running:
        yield running


async def test_who_has_to_wait_hears_for_how_long(quiet: RunningHotline) -> None:
    """Nobody is free: the expected wait is spoken from what the controller noted, and noted what was spoken."""
    hotline = quiet
    async with hotline.client() as client, hotline.operator(answers_itself=True), hotline.caller("13896400010") as first:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        talking = await into_the_queue(client, first, "13896400010")
        await state(client, talking, "talking")
        async with asyncio.timeout(20):
            while not (noted := re.search(r"WAIT_hotline=\d+:([1-9]\d*)", await command(hotline, "dialplan show globals"))):
                await asyncio.sleep(0.2)
        pace = int(noted[1])
        async with hotline.caller("13896400011", keep_sound=True) as second, hotline.caller("13896400012") as third:
            one = await into_the_queue(client, second, "13896400011")
            await client.queue_until(lambda q: q["waiting"] == 1)
            two = await into_the_queue(client, third, "13896400012")
            told = [
                text for linked_id in (one, two)
                for name, text in await facts(hotline, linked_id, lambda seen: any(name == "EXPECTED" for name, _ in seen))
                if name == "EXPECTED"
            ]
            assert told == [f"hotline:{-(-n * pace // 60)}" for n in (1, 2)], "one place more is a conversation more"
            await press_until(hotline, third, two, "1", ("MENU", "waiting:1"))
            seen = await facts(hotline, two, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) >= 2)
            assert sum(name == "EXPECTED" for name, _ in seen) == 1, "said again only after a while"
            for phone in (third, second, first):
                await phone.hang_up()
            for linked_id in (one, two, talking):
                await ended(client, linked_id)
    assert "ERROR" not in hotline.asterisk_log
