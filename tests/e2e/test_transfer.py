"""Operators transfer calls by keys and by REFER, with real phones: to colleagues and outside agencies, and to nobody else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.exchange_setup import Places, cache_folder, credentials, database_url
from ivr.telephony.ami import AmiClient
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.embedded import Console
from ivr.telephony.speaking import RATE
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, line_up, state
from tests.e2e.listening import hears_prompt, share_heard
from tests.e2e.test_menus import call_row, facts
from tests.fakes.sound import samples_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

AGENCY = "0951600001"
MORE = f"""
[[queues]]
name = "mediation"

[[seats]]
name = "three"
operator = "张律师"
work_number = "8003"
queues = ["mediation"]

[[seats]]
name = "four"
operator = "赵律师"
work_number = "8004"

[[duty_numbers]]
name = "town"
number = "{AGENCY}"
extension = "9001"

[hotline]
transfer_ring_s = 6
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desks() -> AsyncIterator[RunningHotline]:
    """A product with two colleagues and an outside agency who can be transferred to."""
    async with running_hotline(MORE) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(desks: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with desks.client() as connected:
        yield connected


def agency(desks: RunningHotline, **more: Any) -> ScriptedPhone:
    """The outside agency's telephone behind the carrier."""
    return desks._phone(PhoneAccount(AGENCY, f"127.0.0.1:{desks.sip}", answers_itself=True), listen_port=desks.carrier, **more)


@asynccontextmanager
async def talking(
    desks: RunningHotline, client: HotlineClient, number: str, **more: Any
) -> AsyncIterator[tuple[ScriptedPhone, ScriptedPhone, str]]:
    """A citizen and operator one in conversation: (citizen, operator, linked id)."""
    async with AsyncExitStack() as stack:
        operator = await stack.enter_async_context(desks.operator(answers_itself=True, **more))
        citizen = await stack.enter_async_context(desks.caller(number, **more))
        await client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 1)
        await citizen.dial("12348")
        await citizen.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, number)
        await citizen.press("0")
        await state(client, linked_id, "talking")
        yield citizen, operator, linked_id


async def console(desks: RunningHotline, line: str) -> str:
    """One line of Asterisk's console."""
    settings = desks.settings
    root = await asyncio.to_thread(find_asterisk, settings.asterisk.root, cache_folder())
    return await Console(root, Places(settings.state_dir).asterisk).command(line)


async def registered(desks: RunningHotline, seat: str) -> None:
    """Until Asterisk could ring this seat."""
    async with asyncio.timeout(20):
        while f"seat-{seat}/sip:" not in await console(desks, "pjsip show contacts"):
            await asyncio.sleep(0.1)


async def kinds(desks: RunningHotline, linked_id: str, wanted: tuple[str, str], within_s: float = 40) -> list[tuple[str, str]]:
    """The call's user events once this one is among them."""
    return await facts(desks, linked_id, lambda seen: wanted in seen, within_s)


async def joined_with(client: HotlineClient, linked_id: str, extension: str) -> None:
    """Until the citizen talks with whom a transfer or a three-way call brought."""
    async with asyncio.timeout(20):
        while (await call_row(client, linked_id))["transferred_to"] != extension:
            await asyncio.sleep(0.1)


async def track(desks: RunningHotline, linked_id: str, speaker: str) -> Path:
    """A recorded track, once its call is over."""
    found = list(desks.recordings.rglob(f"*{linked_id}*-{speaker}.wav"))
    assert len(found) == 1, f"one recording pair, not {found}"
    return found[0]


async def settled(desks: RunningHotline, client: HotlineClient, linked_id: str) -> dict[str, Any]:
    """The ended call, with its one order filled and the operators free again."""
    await filled_order(client, linked_id)
    orders = [o for o in client.orders.values() if linked_id in o["calls"]]
    assert len(orders) == 1
    async with asyncio.timeout(20):
        while "0 active channels" not in await console(desks, "core show channels count"):
            await asyncio.sleep(0.1)
    return await call_row(client, linked_id)


async def legs_outside(desks: RunningHotline, linked_id: str) -> int:
    """Channels of the line that this call made or came in on."""
    connection = await asyncpg.connect(database_url(desks.settings))
    try:
        return int(await connection.fetchval(
            "SELECT count(*) FROM call_fact WHERE kind = 'CHAN_START' AND data->>'channame' LIKE 'PJSIP/trunk-%' AND linked_id = $1", linked_id))
    finally:
        await connection.close()


async def test_a_blind_transfer_by_key_reaches_a_colleague_and_another_and_all_are_recorded(
    desks: RunningHotline, client: HotlineClient
) -> None:
    """Each telephone numbers its packets from where it likes: whoever comes later is heard on the record all the same."""
    third, third_s = desks.speech("我是张律师，请您慢慢说，您的合同是什么时候签的。")
    fourth, fourth_s = desks.speech("我是赵律师，我给您算一下赔偿的数额。")
    async with (
        desks.operator("three", answers_itself=True) as three, desks.operator("four", answers_itself=True) as four,
        talking(desks, client, "13896300001", keep_sound=True) as (citizen, operator, linked_id),
    ):
        await registered(desks, "three")
        await registered(desks, "four")
        await operator.press("*8")  # a pause of the recording that is forgotten ends with the hand-over
        await hears_prompt(desks, citizen, "recording-paused")
        await operator.press("*18003")
        await three.wait_for("CALL_ESTABLISHED", within_s=20)
        await kinds(desks, linked_id, ("TRANSFER_ANSWERED", "8003"))
        await three.say(third)
        await asyncio.sleep(third_s + 1)
        await hears_prompt(desks, citizen, "transferring")
        await three.press("*18004")
        await four.wait_for("CALL_ESTABLISHED", within_s=20)
        await kinds(desks, linked_id, ("TRANSFER_ANSWERED", "8004"))
        await four.say(fourth)
        await asyncio.sleep(fourth_s + 1)
        await citizen.hang_up()
        call = await settled(desks, client, linked_id)
    assert ("RECORDING_RESUMED", "handed-on") in await facts(desks, linked_id, bool)
    assert (call["outcome"], call["operator"], call["hangup_by"]) == ("answered", "PJSIP/seat-one", "caller")
    assert call["transferred_to"] == "8004" and call["rating"] is None
    operators = await track(desks, linked_id, "operator")
    assert share_heard(operators, third, third_s) > 0.7, "the colleague is heard on the operator's track"
    assert share_heard(operators, fourth, fourth_s) > 0.7, "and who comes after"
    (gap,) = (await client.get(f"/calls/{linked_id}"))["recording_gaps"]
    assert len(samples_of(operators)) / RATE > call["talk_s"] - gap["seconds"] - 2, "nothing was left out while the targets rang"
    assert len(samples_of(operators)) == len(samples_of(await track(desks, linked_id, "caller"))), "one clock"


async def test_a_blind_refer_to_nobody_comes_back_to_the_operator(desks: RunningHotline, client: HotlineClient) -> None:
    async with talking(desks, client, "13896300002") as (citizen, operator, linked_id):
        await operator.command("transfer", f"sip:8003@127.0.0.1:{desks.sip}")
        await kinds(desks, linked_id, ("TRANSFER_FAILED", "8003"))
        async with asyncio.timeout(20):
            while sum(e.get("type") == "CALL_ESTABLISHED" for e in operator.events) < 2:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        await operator.hang_up()
        told = await kinds(desks, linked_id, ("RATING_ASKED", "1"))
        await citizen.hang_up()
        call = await settled(desks, client, linked_id)
    assert ("TRANSFER_RETURNED", "queue") not in told
    assert (call["outcome"], call["hangup_by"], call["transferred_to"]) == ("answered", "operator", "")


async def test_transferred_to_nobody_and_the_operator_gone_is_first_in_the_queue(desks: RunningHotline, client: HotlineClient) -> None:
    async with AsyncExitStack() as stack, desks.operator("three") as three, desks.caller("13896300004") as later:
        async with talking(desks, client, "13896300003") as (citizen, operator, linked_id):
            await registered(desks, "three")
            await operator.press("*18003")
            await three.wait_for("CALL_INCOMING", within_s=20)
            await operator.command("quit")
            two = await stack.enter_async_context(desks.operator("two"))
            await later.dial("12348")
            await later.wait_for("CALL_ESTABLISHED")
            waiting = await arrival(client, "13896300004")
            await later.press("0")
            await state(client, waiting, "queued")
            await kinds(desks, linked_id, ("TRANSFER_RETURNED", "queue"))
            await client.queue_until(lambda q: q["queue"] == "hotline" and [c["linked_id"] for c in q["callers"]] == [linked_id, waiting])
            await two.wait_for(lambda e: e.get("type") == "CALL_INCOMING" and "13896300003" in e.get("peeruri", ""), within_s=40)
            await two.answer()
            await client.queue_until(lambda q: q["queue"] == "hotline" and [c["linked_id"] for c in q["callers"]] == [waiting])
            await later.hang_up()
            await citizen.hang_up()
            call = await settled(desks, client, linked_id)
            await filled_order(client, waiting)
    assert (call["outcome"], call["operator"], call["transferred_to"]) == ("answered", "PJSIP/seat-one", "")


async def test_three_with_an_outside_agency_and_one_recording(desks: RunningHotline, client: HotlineClient) -> None:
    line, seconds = desks.speech("这里是西花园路街道调解室，请双方下午过来一趟。")
    alone, alone_s = desks.speech("那您带上身份证和欠条，三点钟在门口等我。")
    async with agency(desks) as town, talking(desks, client, "13896300005", keep_sound=True) as (citizen, operator, linked_id):
        await line_up(desks)
        await operator.press("*29001")
        await town.wait_for("CALL_ESTABLISHED", within_s=20)
        await kinds(desks, linked_id, ("TRANSFER_ANSWERED", "9001"))
        await operator.press("*3")
        await joined_with(client, linked_id, "9001")
        await town.say(line)
        await asyncio.sleep(seconds + 1)
        await operator.hang_up()
        await client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 1)
        assert client.calls[linked_id]["state"] == "talking", "the citizen and the agency talk on"
        await town.say(alone)
        await asyncio.sleep(alone_s + 1)
        await citizen.hang_up()
        call = await settled(desks, client, linked_id)
        heard = next(p for p in citizen.heard() if "dec" in p.name)
    assert (call["outcome"], call["hangup_by"], call["operator"]) == ("answered", "caller", "PJSIP/seat-one")
    operators, citizens = [await track(desks, linked_id, speaker) for speaker in ("operator", "caller")]
    assert min(share_heard(sound, line, seconds) for sound in (heard, operators)) > 0.7
    assert min(share_heard(sound, alone, alone_s) for sound in (heard, operators)) > 0.7
    assert share_heard(citizens, line, seconds) == 0, "the caller's track is the caller's alone"

    assert await legs_outside(desks, linked_id) == 2


async def test_a_consultation_without_an_answer_leaves_citizen_and_operator_together(desks: RunningHotline, client: HotlineClient) -> None:
    async with talking(desks, client, "13896300006", keep_sound=True) as (citizen, operator, linked_id):
        await operator.press("*28003")
        await kinds(desks, linked_id, ("TRANSFER_FAILED", "8003"))
        async with asyncio.timeout(20):
            while "2 active channels" not in await console(desks, "core show channels count"):
                await asyncio.sleep(0.1)
        await hears_prompt(desks, operator, "transfer-failed")
        await operator.hang_up()
        await kinds(desks, linked_id, ("RATING_ASKED", "1"))
        await citizen.hang_up()
        call = await settled(desks, client, linked_id)
    assert (call["outcome"], call["hangup_by"], call["transferred_to"]) == ("answered", "operator", "")


async def test_a_paused_colleague_is_not_rung(desks: RunningHotline, client: HotlineClient) -> None:
    async with desks.operator("three", answers_itself=True) as three, talking(desks, client, "13896300010") as (citizen, operator, linked_id):
        await registered(desks, "three")
        async with ami_of(desks) as ami:
            for paused in ("true", "false"):
                await ami.request("QueuePause", Queue="mediation", Interface="PJSIP/seat-three", Paused=paused)
                await operator.press("*28003")
                if paused == "true":
                    await kinds(desks, linked_id, ("TRANSFER_FAILED", "8003"))
                    assert not [e for e in three.events if e.get("type") == "CALL_INCOMING"]
                    async with asyncio.timeout(20):
                        while "2 active channels" not in await console(desks, "core show channels count"):
                            await asyncio.sleep(0.1)
        await kinds(desks, linked_id, ("TRANSFER_ANSWERED", "8003"))
        await citizen.hang_up()
        await citizen.wait_for("CALL_CLOSED")
        await operator.hang_up()
        call = await settled(desks, client, linked_id)
    assert (call["outcome"], call["transferred_to"], call["hangup_by"]) == ("answered", "", "caller"), "only asked, not talked with"


async def test_an_attended_transfer_from_a_desk_phone(desks: RunningHotline, client: HotlineClient) -> None:
    line, seconds = desks.speech("我是张律师，您的情况我同事都跟我说了。")
    async with desks.operator("three", answers_itself=True) as three, talking(desks, client, "13896300007") as (citizen, operator, linked_id):
        await registered(desks, "three")
        first = await dialogue(desks, await channel_of(desks, "seat-one"))
        await operator.command("hold")
        await operator.dial("8003")
        await three.wait_for("CALL_ESTABLISHED", within_s=20)
        await asyncio.sleep(1)
        replaces = f"{first[0]}%3Bto-tag%3D{first[1]}%3Bfrom-tag%3D{first[2]}"
        await operator.command("transfer", f"<sip:12348@127.0.0.1:{desks.sip}?Replaces={replaces}>")
        await joined_with(client, linked_id, "8003")
        await client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 1)
        await three.say(line)
        await asyncio.sleep(seconds + 1)
        await three.hang_up()
        await kinds(desks, linked_id, ("RATING_ASKED", "1"))
        await citizen.hang_up()
        call = await settled(desks, client, linked_id)
    assert (call["outcome"], call["hangup_by"], call["operator"]) == ("answered", "operator", "PJSIP/seat-one")
    assert share_heard(await track(desks, linked_id, "operator"), line, seconds) > 0.7


async def test_nobody_else_can_be_dialled_and_citizens_have_no_keys(desks: RunningHotline, client: HotlineClient) -> None:
    async with desks.operator("three", answers_itself=True) as three, talking(desks, client, "13896300008", keep_sound=True) as (citizen, operator, linked_id):
        await registered(desks, "three")
        await citizen.press("*18003")
        await asyncio.sleep(2)
        await citizen.press("*28003*7*7*7")
        await operator.press("*1008613")
        await hears_prompt(desks, operator, "transfer-unknown")
        for number in ("008613800000001", "10101", "13896300008", "12348", "0951600001"):
            await operator.command("transfer", f"sip:{number}@127.0.0.1:{desks.sip}")
            await asyncio.sleep(0.5)
            await operator.command("resume")
            await asyncio.sleep(0.5)
        assert not [e for e in three.events if e.get("type") == "CALL_INCOMING"]
        assert client.calls[linked_id]["state"] == "talking"
        await citizen.hang_up()
        call = await settled(desks, client, linked_id)
    told = await facts(desks, linked_id, bool)
    assert not [t for t in told if t[0].startswith(("TRANSFER", "NUISANCE"))] and call["transferred_to"] == ""
    assert await legs_outside(desks, linked_id) == 1


async def test_a_seat_that_talks_with_no_citizen_reaches_nobody(desks: RunningHotline, client: HotlineClient) -> None:
    async with agency(desks) as town, desks.operator("three", answers_itself=True), desks.operator("four") as four:
        await line_up(desks)
        await registered(desks, "three")
        await registered(desks, "four")
        for number in ("9001", "8003", "13896300009", "008613800000001"):
            four.events.clear()
            await four.dial(number)
            await four.wait_for("CALL_CLOSED", within_s=10)
        assert not [e for e in town.events if e.get("type") == "CALL_INCOMING"]


async def test_no_error_in_asterisks_log(desks: RunningHotline) -> None:
    refused = re.compile(r"attempted blind transfer to '\d+@transfer' but target does not exist|trunk-carrier")
    assert not [line for line in desks.asterisk_log.splitlines() if re.search("ERROR|WARNING", line) and not refused.search(line)]


async def channel_of(desks: RunningHotline, endpoint: str) -> str:
    """The one channel of an endpoint."""
    found = re.findall(rf"PJSIP/{endpoint}-[0-9a-f]{{8}}", await console(desks, "core show channels concise"))
    assert len(set(found)) == 1
    return str(found[0])


@asynccontextmanager
async def ami_of(desks: RunningHotline) -> AsyncIterator[AmiClient]:
    """A link of our own to Asterisk, with the controller's rights."""
    ami = AmiClient("127.0.0.1", desks.ami, "controller", credentials(desks.settings).ami_controller)
    running = asyncio.create_task(ami.run())
    try:
        async with asyncio.timeout(10):
            while not ami.connected:
                await asyncio.sleep(0.05)
        yield ami
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def dialogue(desks: RunningHotline, channel: str) -> tuple[str, str, str]:
    """Call-ID, Asterisk's tag and the phone's tag of a channel's SIP dialogue."""
    found = []
    async with ami_of(desks) as ami:
        for name in ("call-id", "local_tag", "remote_tag"):
            [frame] = await ami.request("Getvar", Channel=channel, Variable=f"CHANNEL(pjsip,{name})")
            found.append(frame["value"])
    return found[0], found[1], found[2]
