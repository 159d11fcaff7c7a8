"""Village video phones in a running product: one key, video both ways, down the ladder, one order each."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from ivr import bootstrap
from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.domain.worktime import SHANGHAI
from tests.e2e.call_backs import called, citizen_of, heard, incoming, job
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import command, filled_order, state
from tests.e2e.listening import hears_prompt
from tests.e2e.test_enquiry import part_of, until_written
from tests.e2e.test_hang_up_while_talking import playing
from tests.e2e.test_menus import call_row, facts
from tests.e2e.test_roster import ready
from tests.e2e.video_phone import VideoPhone
from tests.e2e.village import HEAD, device_phone, eventually, lawyer_phone, registered, secret_of, sees, village_call

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]

TELEPHONE = "13895110038"
DEVICE, STATION, PLAIN = "v-640105001-L01-1", "v-640105001-1", "v-640105001-L02-1"
MORE = """
[village]
adviser_s = 6
duty_s = 6
station_s = 8
wait_limit_s = 12
silence_s = 10

[enquiry]
wait_s = 3

[[seats]]
name = "three"
operator = "赵律师"
work_number = "8001"

[[seats]]
name = "four"
operator = "马律师"
work_number = "8002"
"""


@dataclass
class Village:
    """The product, its devices' secrets, and the calls seen so far."""

    hotline: RunningHotline
    client: HotlineClient
    secrets: dict[str, str]
    known: set[str] = field(default_factory=set)

    async def call(self) -> str:
        return await village_call(self.client, self.known)

    async def one_order(self, linked_id: str, device: str, village: str) -> dict[str, object]:
        """The call's order: exactly one, of this village and device."""
        order = await filled_order(self.client, linked_id)
        assert [o["number"] for o in self.client.orders.values() if linked_id in o["calls"]] == [order["number"]]
        place = next(f for f in order["fields"] if f["field"] == "place")
        assert order["channel"] == "village_video" and (place["value"], place["rule"], place["source"]) == (village, "device", "machine")
        assert "place" not in {b["field"] for b in order["blanks"]}
        call = await self.client.get(f"/calls/{linked_id}")
        assert (call["channel"], call["village"], call["device"]) == ("village_video", village, device)
        return dict(order)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product() -> AsyncIterator[RunningHotline]:
    """8001 advises 康庄社区; 8002 is on duty for 劳动争议 now."""
    async with running_hotline(MORE) as running:
        now = datetime.now(SHANGHAI)
        start, end = (f"{now + timedelta(hours=h):%Y-%m-%d %H:%M}" for h in (-1, 6))
        (running.folder / "duty.csv").write_text(f"work_number,name,speciality,from,to\n8002,马律师,劳动争议,{start},{end}\n")
        await running.cli("roster", "import", str(running.folder / "duty.csv"))
        (running.folder / "devices.csv").write_text(
            HEAD.strip() + f",telephone\n{DEVICE},康庄社区,马秀兰,8001,一楼大厅,GXV3480,劳动争议,\n{STATION},640105001,,,,,,\n"
            f"{PLAIN},西花园社区,,,,,,{TELEPHONE}\n"
        )
        assert "新增 3" in await running.cli("devices", "import", str(running.folder / "devices.csv"), "--dry-run")
        assert "v-" not in await running.cli("devices", "list"), "a dry run writes nothing"
        assert "新增 3" in await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def village(product: RunningHotline) -> AsyncIterator[Village]:
    secrets = {device: await secret_of(product, device) for device in (DEVICE, STATION, PLAIN)}
    async with product.client() as client:
        yield Village(product, client, secrets)


async def test_one_key_reaches_the_adviser_and_both_see_and_hear_each_other(village: Village) -> None:
    hotline, client = village.hotline, village.client
    asked, _ = hotline.speech("老板拖欠工资三个月了不给钱")
    async with lawyer_phone(hotline, "three", keep_sound=True) as lawyer, device_phone(hotline, DEVICE, village.secrets[DEVICE], keep_sound=True) as phone:
        await ready(client, "lawyer-8001")
        await phone.dial("1")
        await lawyer.wait_for("CALL_INCOMING", within_s=40)
        linked_id = await village.call()
        await lawyer.answer()
        await state(client, linked_id, "talking")
        await phone.say(asked)
        first = await asyncio.gather(sees(phone), sees(lawyer))
        await asyncio.gather(sees(phone, first[0]), sees(lawyer, first[1]))
        shown = await command(hotline, f"core show channel {(await command(hotline, 'core show channels concise')).split('!')[0]}")
        assert "(vp8)" in shown and "WriteTranscode: No" in shown and "ReadTranscode: No" in shown
        await phone.hang_up()
        order = await village.one_order(linked_id, DEVICE, "640105001-L01")
    assert order["owner"] == "8001" and order["matter"]["code"] == "labour", "sound was heard: the order has what was said"
    call = await call_row(client, linked_id)
    assert (call["queue"], call["outcome"], call["caller_number"]) == ("lawyer-8001", "answered", "")
    seen = await facts(hotline, linked_id, lambda seen: True)
    assert [text for kind, text in seen if kind == "LADDER"] == ["adviser:ring"]


async def test_an_absent_adviser_leads_to_the_duty_lawyer_and_a_busy_one_to_any_operator_by_sound(village: Village) -> None:
    """First the adviser's phone is away and the duty lawyer's there; then nobody's but an operator's without a camera."""
    hotline, client = village.hotline, village.client
    async with device_phone(hotline, DEVICE, village.secrets[DEVICE], keep_sound=True) as phone:
        async with lawyer_phone(hotline, "four") as duty:
            await ready(client, "lawyer-8002")
            await phone.dial("12348")
            await duty.wait_for("CALL_INCOMING", within_s=40)
            first = await village.call()
            await duty.answer()
            await state(client, first, "talking")
            await phone.hang_up()
            await village.one_order(first, DEVICE, "640105001-L01")
            seen = await facts(hotline, first, lambda seen: True)
            assert [text for kind, text in seen if kind == "LADDER"] == ["adviser:absent", "duty:ring"]
        async with lawyer_phone(hotline, "three") as adviser, hotline.operator("one") as operator:
            await ready(client, "lawyer-8001")
            await client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 1)
            await adviser.dial("echo")
            await adviser.wait_for("CALL_ESTABLISHED")
            await phone.dial("1")
            await operator.wait_for("CALL_INCOMING", within_s=60)
            second = await village.call()
            await operator.answer()
            await state(client, second, "talking")
            await hears_prompt(hotline, phone, "louder/village-no-picture-there", within_s=30)
            await phone.hang_up()
            await village.one_order(second, DEVICE, "640105001-L01")
            await hangs_up_as_it_hears_that_the_other_side_has_no_picture(village, phone, operator)
    seen = await facts(hotline, second, lambda seen: True)
    assert [text for kind, text in seen if kind == "LADDER"] == ["adviser:busy", "duty:absent", "any:queue", "picture:there"]
    call = await call_row(client, second)
    assert (call["queue"], call["operator"], call["outcome"]) == ("hotline", "PJSIP/seat-one", "answered")


async def hangs_up_as_it_hears_that_the_other_side_has_no_picture(village: Village, phone: ScriptedPhone, operator: ScriptedPhone) -> None:
    hotline, rung = village.hotline, incoming(operator)
    await village.client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 1)
    await phone.dial("1")
    await called(operator, rung + 1, 60)
    linked_id = await village.call()
    await operator.answer()
    await playing(hotline, "village-no-picture-there")
    await phone.hang_up()
    await village.one_order(linked_id, DEVICE, "640105001-L01")
    assert (await call_row(village.client, linked_id))["outcome"] == "answered"
    await nothing_left(hotline, DEVICE, "village-whisper", "seat-one")


async def nothing_left(hotline: RunningHotline, *names: str, within_s: float = 20) -> None:
    """Until no channel has any of these in its name, and Asterisk told of no fault."""
    async with asyncio.timeout(within_s):
        while True:
            channels = await command(hotline, "core show channels concise")
            if not any(name in channels for name in names):
                break
            await asyncio.sleep(0.1)
    assert not [x for x in hotline.asterisk_log.splitlines() if ("ERROR" in x or "pbx" in x) and "trunk-carrier" not in x]


async def test_an_adviser_who_does_not_come_and_nobody_else_there_leave_a_message_of_the_village(village: Village) -> None:
    hotline, client = village.hotline, village.client
    async with lawyer_phone(hotline, "three") as adviser, device_phone(hotline, DEVICE, village.secrets[DEVICE]) as phone:
        await ready(client, "lawyer-8001")
        await phone.dial("1")
        await adviser.wait_for("CALL_INCOMING", within_s=40)  # and is not answered
        linked_id = await village.call()
        await facts(hotline, linked_id, lambda seen: ("MESSAGE", "180") in seen, within_s=90)
        await phone.say(hotline.speech("我是康庄社区的请给我回话")[0])
        await asyncio.sleep(3)
        await phone.hang_up()
        order = await village.one_order(linked_id, DEVICE, "640105001-L01")
    seen = await facts(hotline, linked_id, lambda seen: True)
    assert [text for kind, text in seen if kind == "LADDER"] == [
        "adviser:ring", "adviser:late", "duty:absent", "any:queue", "any:nobody", "message:left"]
    assert order["outcome"] == "message" and order["due_at"]


async def test_a_village_hangs_up_as_it_is_told_that_its_picture_cannot_be_used(village: Village) -> None:
    hotline = village.hotline
    async with device_phone(hotline, PLAIN, village.secrets[PLAIN], video=False) as phone:
        await phone.dial("1")
        linked_id = await village.call()
        await playing(hotline, "village-no-picture")
        await phone.hang_up()
        order = await village.one_order(linked_id, PLAIN, "640105001-L02")
    assert order["outcome"] == "abandoned" and order["calls"] == [linked_id]


async def test_key_three_reaches_the_towns_station(village: Village) -> None:
    hotline, client = village.hotline, village.client
    async with device_phone(hotline, STATION, village.secrets[STATION]) as station, device_phone(hotline, PLAIN, village.secrets[PLAIN]) as phone:
        await phone.dial("3")
        await station.wait_for("CALL_INCOMING", within_s=40)
        linked_id = await village.call()
        await station.answer()
        await state(client, linked_id, "talking")
        await sees(phone)
        await phone.hang_up()
        await village.one_order(linked_id, PLAIN, "640105001-L02")
    assert (await call_row(client, linked_id))["operator"] == f"PJSIP/{STATION}"


async def test_a_phone_of_another_codec_is_served_by_sound_and_when_its_line_fails_the_villages_telephone_rings(village: Village) -> None:
    """It offers H.263 alone, and no packet of it is heard: it is told so in plain words, then called back by telephone in its order."""
    hotline, client = village.hotline, village.client
    async with hotline.operator("one") as operator, citizen_of(hotline, TELEPHONE, keep_sound=True) as telephone:
        await client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 1)
        async with VideoPhone(hotline.sip, PLAIN, village.secrets[PLAIN], "H263") as phone:

            async def registers() -> bool:
                return await phone.register() == 200

            await eventually(registers)
            assert await phone.call("1") == 200
            assert phone.wanted("audio")[0] and not phone.wanted("video")[0]
            linked_id = await village.call()
            await facts(hotline, linked_id, lambda seen: ("RINGBACK", f"hotline:{TELEPHONE}") in seen, within_s=60)
        await called(telephone, 1)
        await telephone.answer()
        await called(operator, 1 + incoming(operator))
        await operator.answer()
        again = await client.until("the call-back", lambda: next(
            (c for c in client.calls.values() if c["channel"] == "callback" and c["state"] == "talking"), None))
        await heard(hotline, telephone, "callback-hello-line")
        await telephone.hang_up()
        order = await village.one_order(linked_id, PLAIN, "640105001-L02")
    assert await job(hotline, TELEPHONE, "done")
    await client.until("both calls in one order", lambda: sorted(client.orders[str(order["number"])]["calls"]) == sorted(
        [linked_id, again["linked_id"]]) or None)
    seen = await facts(hotline, linked_id, lambda seen: True)
    ladder = [text for kind, text in seen if kind == "LADDER"]
    assert ladder[0] == "picture:device" and ladder[-1] == "line:lost"
    told = await hotline.cli("devices", "doctor")
    (line,) = [line for line in told.splitlines() if line.startswith(PLAIN)]
    assert "终端没有提供 H.264 或 VP8 图像" in line and "线路断了 1 次" in line
    await a_lawyer_calls_back(village, str(order["number"]))


@pytest.mark.parametrize(("prompt", "number"), [("callback-hello-line", "13895110039"), ("callback-operator-line", "13895110040")])
async def test_who_is_called_back_for_a_failed_line_hangs_up_at_this_word(village: Village, prompt: str, number: str) -> None:
    """The first is said to the villager who picks up, the second to the operator who does. One number each: one that was not served
    is called once more only after a while."""
    hotline, client = village.hotline, village.client
    (hotline.folder / "devices.csv").write_text(HEAD.strip() + f",telephone\n{PLAIN},西花园社区,,,,,,{number}\n")
    await hotline.cli("devices", "import", str(hotline.folder / "devices.csv"))

    async def known() -> bool:
        return number in await command(hotline, f"pjsip show endpoint {PLAIN}")

    await eventually(known)
    async with hotline.operator("one", answers_itself=True), citizen_of(hotline, number) as telephone:
        await client.queue_until(lambda q: q["queue"] == "hotline" and q["members"]["available"] == 1)
        async with VideoPhone(hotline.sip, PLAIN, village.secrets[PLAIN], "H263") as phone:

            async def registers() -> bool:
                return await phone.register() == 200

            await eventually(registers)
            before = set(client.calls)
            assert await phone.call("1") == 200
            linked_id = await village.call()
            await called(telephone, 1, 60)
            await telephone.answer()
            await playing(hotline, prompt)
            await telephone.hang_up()
        again = await client.until("the call-back", lambda: next(
            (c for c in client.calls.values() if c["channel"] == "callback" and c["linked_id"] not in before), None))
        order = await village.one_order(linked_id, PLAIN, "640105001-L02")
        await client.until("both calls in one order, and in no other", lambda: [
            sorted(o["calls"]) for o in client.orders.values() if {linked_id, again["linked_id"]} & set(o["calls"])
        ] == [sorted([linked_id, again["linked_id"]])] or None)
        assert order["number"] in client.orders
        await nothing_left(hotline, "PJSIP/")


async def a_lawyer_calls_back(village: Village, number: str) -> None:
    """From the order to the village's phone: it rings like any telephone until somebody answers, and is asked for nothing else."""
    hotline, client = village.hotline, village.client
    async with bootstrap.patient_pool(hotline.settings, "test", size=2) as pool, lawyer_phone(hotline, "three") as lawyer, VideoPhone(
        hotline.sip, PLAIN, village.secrets[PLAIN], "VP8", answers=False
    ) as phone:
        await ready(client, "lawyer-8001")

        async def registers() -> bool:
            return await phone.register() == 200

        await eventually(registers)
        await registered(hotline, PLAIN)
        await bootstrap.task_desk(hotline.settings, pool).call_village(number, "", "zhao", "8001")
        async with asyncio.timeout(40):
            await phone.rung.wait()
        assert not re.search(r"(?im)^(call-info|alert-info|answer-mode|priv-answer-mode)\s*:|answer-after|autoanswer", phone.invite)
        assert "m=video" in phone.invite and "VP8/90000" in phone.invite
        assert incoming(lawyer) == 0, "nobody is called away before the village has answered"
        phone.pick_up()

        async def sends() -> None:
            while True:
                phone.send("audio", b"\xd5" * 160)
                phone.send("video", b"\x10vp8")
                await asyncio.sleep(0.05)

        sending = asyncio.create_task(sends())
        try:
            await called(lawyer, 1)
            await lawyer.answer()
            linked_id = await client.until("the lawyer's call", lambda: next(
                (c["linked_id"] for c in client.calls.values() if c["channel"] == "callback" and c["state"] == "talking"), None))
            async with asyncio.timeout(40):
                while not phone.heard("video"):
                    await asyncio.sleep(0.1)
            await lawyer.hang_up()
        finally:
            sending.cancel()
    order = await client.until("the order with the call", lambda: next(
        (o for o in client.orders.values() if linked_id in o["calls"]), None))
    assert order["number"] == number and len(order["calls"]) == 3
    call = (await client.get(f"/calls/{linked_id}")) | await call_row(client, str(linked_id))
    assert (call["village"], call["device"], call["queue"], call["operator"]) == ("640105001-L02", PLAIN, "lawyer-8001", "PJSIP/seat-three")


async def test_without_a_controller_and_with_its_telephones_read_anew_a_village_reaches_an_operator(village: Village) -> None:
    """Last, because the controller starts anew. The devices' file stands, and so does the ladder without the roster."""
    hotline = village.hotline
    assert hotline.process is not None
    async with hotline.operator("one") as operator:
        os.kill(hotline.process.pid, signal.SIGSTOP)
        try:
            os.kill(part_of(hotline, "controller"), signal.SIGKILL)
            await command(hotline, "module reload res_pjsip.so")
            await registered(hotline, "seat-one")
            async with device_phone(hotline, DEVICE, village.secrets[DEVICE]) as phone:
                await phone.dial("1")
                await operator.wait_for("CALL_INCOMING", within_s=60)
                await operator.answer()
                await operator.wait_for("CALL_ESTABLISHED")
                os.kill(hotline.process.pid, signal.SIGCONT)
                linked_id = await village.call()
                await until_written(hotline, linked_id, "LADDER", "duty:unanswered")
                await phone.hang_up()
        finally:
            os.kill(hotline.process.pid, signal.SIGCONT)
    await village.one_order(linked_id, DEVICE, "640105001-L01")
