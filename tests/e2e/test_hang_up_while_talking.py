"""A caller hangs up at each prompt that is heard while operators are there: every call has its one order all the same."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.exchange_setup import credentials
from tests.e2e.call_backs import ask_for_call_back, citizen_of
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import command, dialled, filled_order, into_the_queue, line_up, state
from tests.e2e.test_menus import facts

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

DUTY = "13800000015"
MORE = """
[hotline]
queue = "small"
transfer_ring_s = 5
lost_seat_hold_s = 6

[callback]
hours = ["00:00-24:00"]
dissatisfied_delay_s = 1

[[queues]]
name = "small"
most_waiting = 1
full = "queue:second"
nobody = "wait"
paused = "wait"

[[queues]]
name = "second"
nobody = "duty:night"
paused = "duty:night"
wait_limit_s = 10
late = "end"

[[seats]]
name = "three"
work_number = "8003"
queues = ["small"]

[[seats]]
name = "four"
work_number = "8004"
queues = ["second"]

[[duty_numbers]]
name = "night"
number = "13800000015"
"""
_numbers = iter(range(13896_700_001, 13896_700_100))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desks() -> AsyncIterator[RunningHotline]:
    """A small queue with seat three, and a second whose seat four is away or paused."""
    async with running_hotline(MORE) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(desks: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with desks.client() as connected:
        yield connected


async def playing(desks: RunningHotline, prompt: str, within_s: float = 40) -> None:
    """Until somebody hears this prompt now."""
    wanted = re.compile(rf"/{re.escape(prompt)}(?![\w-])")
    async with asyncio.timeout(within_s):
        while not wanted.search(await command(desks, "core show channels concise")):
            await asyncio.sleep(0.03)


async def one_order(desks: RunningHotline, client: HotlineClient, linked_id: str) -> tuple[str, list[str]]:
    """The outcome of an ended call and the calls of its order; nobody is left on the line."""
    order = await filled_order(client, linked_id)
    async with asyncio.timeout(30):
        while "0 active channels" not in await command(desks, "core show channels count"):
            await asyncio.sleep(0.1)
    assert len([o for o in client.orders.values() if linked_id in o["calls"]]) == 1
    return str((await client.get(f"/calls/{linked_id}"))["outcome"]), list(order["calls"])


async def both(client: HotlineClient, linked_id: str) -> list[str]:
    """The calls of this call's order once there are two: a call-back joins it when it has ended."""
    order = await client.until(f"two calls of the order of {linked_id}", lambda: next(
        (o for o in client.orders.values() if linked_id in o["calls"] and len(o["calls"]) == 2), None))
    return list(order["calls"])


TALKING: dict[str, tuple[str, ...]] = {
    "transfer-whom": ("*1",),
    "transfer-unknown": ("*19999",),
    "transferring": ("*18004",),
    "transfer-failed": ("*18004",),
    "nuisance-warning-1": ("*7",),
    "nuisance-warning-2": ("*7", "*7"),
    "nuisance-ends": ("*7", "*7", "*7"),
    "recording-paused": ("*8",),
    "recording-goes-on": ("*8", "*8"),
}
"""What the operator presses while the citizen talks with them; between two words the first prompt ends."""
_TOLD = {f"nuisance-warning-{n}": ("NUISANCE", f"warning-{n}") for n in (1, 2)} | {"recording-paused": ("RECORDING_PAUSED", "key-8")}
"""What the ledger says of a key before the last, by the prompt that follows it."""
_UNSEEN = {"transfer-whom", "transfer-unknown"}  # played by Asterisk's own feature: the console does not show it


@pytest.mark.parametrize("prompt", TALKING)
async def test_while_two_people_talk(desks: RunningHotline, client: HotlineClient, prompt: str) -> None:
    number = str(next(_numbers))
    async with desks.operator("three", answers_itself=True) as operator:
        await client.queue_until(lambda q: q["queue"] == "small" and q["members"]["available"] == 1)
        async with desks.caller(number) as citizen:
            linked_id = await dialled(client, citizen, number)
            await state(client, linked_id, "talking")
            *first, last = TALKING[prompt]
            for times, keys in enumerate(first, 1):
                await operator.press(keys)
                told = f"nuisance-warning-{times}" if keys == "*7" else "recording-paused"
                await facts(desks, linked_id, lambda seen, wanted=_TOLD[told]: wanted in seen)
                await asyncio.sleep(0.1)
                await silent(desks, told)
            await operator.press(last)
            if prompt not in _UNSEEN:
                await playing(desks, prompt)
            await citizen.hang_up()
            assert await one_order(desks, client, linked_id) == ("answered", [linked_id])


async def silent(desks: RunningHotline, prompt: str) -> None:
    """Until nobody hears this prompt any more."""
    async with asyncio.timeout(30):
        while f"/{prompt}" in await command(desks, "core show channels concise"):
            await asyncio.sleep(0.05)


async def test_while_a_citizen_is_led_back_to_the_queue(desks: RunningHotline, client: HotlineClient) -> None:
    number = str(next(_numbers))
    async with desks.caller(number) as citizen:
        async with desks.operator("three", answers_itself=True) as operator:
            await client.queue_until(lambda q: q["queue"] == "small" and q["members"]["available"] == 1)
            linked_id = await dialled(client, citizen, number)
            await state(client, linked_id, "talking")
            await operator.press("*18004")
            await playing(desks, "transferring")
            await operator.command("quit")
        await playing(desks, "transfer-back")
        await citizen.hang_up()
        assert await one_order(desks, client, linked_id) == ("answered", [linked_id])


async def lost(desks: RunningHotline) -> None:
    """The leg of an operator whose telephone is gone ends as Asterisk and the controller end such a one."""
    channels = (await command(desks, "core show channels concise")).splitlines()
    leg, = (line.partition("!")[0] for line in channels if line.startswith("PJSIP/seat-"))
    reader, writer = await asyncio.open_connection("127.0.0.1", desks.ami)
    writer.write(f"Action: Login\r\nUsername: controller\r\nSecret: {credentials(desks.settings).ami_controller}\r\nEvents: off\r\n\r\n".encode())
    writer.write(f"Action: Hangup\r\nChannel: {leg}\r\nCause: 38\r\n\r\nAction: Logoff\r\n\r\n".encode())
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()


@pytest.mark.parametrize("prompt", ["seat-lost", "seat-others"])
async def test_while_a_lost_operator_is_waited_for(desks: RunningHotline, client: HotlineClient, prompt: str) -> None:
    number = str(next(_numbers))
    async with desks.caller(number) as citizen:
        async with desks.operator("three", answers_itself=True) as operator:
            await client.queue_until(lambda q: q["queue"] == "small" and q["members"]["available"] == 1)
            linked_id = await dialled(client, citizen, number)
            await state(client, linked_id, "talking")
            operator.kill()
            await lost(desks)
            await playing(desks, "seat-lost")
        if prompt == "seat-lost":
            await citizen.hang_up()
        else:
            await a_message_is_left(desks, citizen, linked_id)
        assert await one_order(desks, client, linked_id) == ("answered", [linked_id])
    assert len(list(desks.recordings.rglob(f"*{linked_id}*-caller.wav"))) == 1, "a message goes on in the call's own recording"


async def a_message_is_left(desks: RunningHotline, citizen: ScriptedPhone, linked_id: str) -> None:
    """The hold ended with nobody there: the citizen is led to the queue, leaves it for a message, and hangs up in it."""
    await playing(desks, "seat-others")
    await silent(desks, "seat-others")
    async with asyncio.timeout(20):
        while "!Queue!small" not in await command(desks, "core show channels concise"):
            await asyncio.sleep(0.05)
    await citizen.press("#")
    await facts(desks, linked_id, lambda seen: any(kind == "MESSAGE" for kind, _ in seen))
    await citizen.hang_up()


async def all_pause(desks: RunningHotline, client: HotlineClient, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(desks.operator("four"))
    async with asyncio.timeout(20):
        while "(Not in use)" not in await command(desks, "queue show second"):
            await asyncio.sleep(0.1)
    await command(desks, "queue pause member PJSIP/seat-four queue second reason lunch")
    stack.push_async_callback(command, desks, "queue unpause member PJSIP/seat-four queue second reason back")


async def the_duty_telephone_is_there(desks: RunningHotline, client: HotlineClient, stack: AsyncExitStack) -> None:
    duty = PhoneAccount(DUTY, f"127.0.0.1:{desks.sip}")
    await stack.enter_async_context(ScriptedPhone("duty", duty, desks.folder / "phones", desks.silence, listen_port=desks.carrier))
    await line_up(desks)


async def nobody_answers(desks: RunningHotline, client: HotlineClient, stack: AsyncExitStack) -> None:
    await stack.enter_async_context(desks.operator("four"))
    await client.queue_until(lambda q: q["queue"] == "second" and q["members"]["available"] == 1)


async def as_it_is(desks: RunningHotline, client: HotlineClient, stack: AsyncExitStack) -> None:
    """Nobody of the second queue is signed in."""


Prepared = Callable[[RunningHotline, HotlineClient, AsyncExitStack], Awaitable[None]]
UNREACHED: dict[str, Prepared] = {
    "queue-full": as_it_is, "queue-paused": all_pause, "duty-telephone": the_duty_telephone_is_there, "all-busy": nobody_answers,
}


@pytest.mark.parametrize("prompt", UNREACHED)
async def test_while_nobody_can_be_reached(desks: RunningHotline, client: HotlineClient, prompt: str) -> None:
    before, number = str(next(_numbers)), str(next(_numbers))
    async with AsyncExitStack() as stack, desks.caller(before) as first, desks.caller(number) as second:
        await UNREACHED[prompt](desks, client, stack)
        waits = await dialled(client, first, before)
        await state(client, waits, "queued")
        linked_id = await dialled(client, second, number)
        await playing(desks, prompt)
        await second.hang_up()
        await filled_order(client, linked_id)
        await first.hang_up()
        assert (await one_order(desks, client, waits))[0] == "abandoned"
        outcome, calls = await one_order(desks, client, linked_id)
    assert calls == [linked_id] and outcome in ("abandoned", "failed")


@pytest.mark.parametrize("prompt", ["callback-hello", "callback-operator"])
async def test_a_citizen_called_back_hangs_up(desks: RunningHotline, client: HotlineClient, prompt: str) -> None:
    number = str(next(_numbers))
    async with citizen_of(desks, number) as citizen:
        promised = await into_the_queue(client, citizen, number)
        await ask_for_call_back(desks, citizen, promised)
        await citizen.press("1")
        await state(client, promised, "ended", within_s=30)
        async with desks.operator("three", answers_itself=True):
            await citizen.wait_for("CALL_INCOMING", within_s=40)
            await citizen.answer()
            await playing(desks, prompt)
            back = await client.until("the call-back", lambda: next(
                (c for c in client.calls.values() if c["channel"] == "callback" and c["caller_number"] == number), None))
            await citizen.hang_up()
            assert await both(client, promised) == [promised, back["linked_id"]]
            await one_order(desks, client, back["linked_id"])


@pytest.mark.parametrize("prompt", ["callback-hello-again", "callback-operator-again"])
async def test_who_was_dissatisfied_and_is_called_hangs_up(desks: RunningHotline, client: HotlineClient, prompt: str) -> None:
    number = str(next(_numbers))
    async with citizen_of(desks, number) as citizen, desks.operator("three", answers_itself=True) as operator:
        await client.queue_until(lambda q: q["queue"] == "small" and q["members"]["available"] == 1)
        linked_id = await dialled(client, citizen, number)
        await state(client, linked_id, "talking")
        await operator.hang_up()
        await facts(desks, linked_id, lambda seen: ("RATING_ASKED", "1") in seen)
        await playing(desks, "rating")
        await citizen.press("5")
        await state(client, linked_id, "ended", within_s=30)
        citizen.events.clear()
        await citizen.wait_for("CALL_INCOMING", within_s=40)
        await citizen.answer()
        await playing(desks, prompt)
        await citizen.hang_up()
        (_, again) = await both(client, linked_id)
        await one_order(desks, client, again)


async def test_asterisk_told_of_no_error(desks: RunningHotline) -> None:
    lines = [line for line in desks.asterisk_log.splitlines() if "trunk-carrier" not in line]
    assert not [line for line in lines if "ERROR" in line or "pbx" in line]
