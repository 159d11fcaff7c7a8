"""Who else may be the third side of a village's call: a mediator on an outside telephone, a line, a colleague at another page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.telephony.speaking import RATE, Voice, speak, write_wav
from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, operator_signs_in, shot, sits_down, state
from tests.e2e.journeys import command, filled_order
from tests.e2e.journeys import state as call_state
from tests.e2e.listening import hears_prompt, share_heard
from tests.e2e.supervision import hears
from tests.e2e.test_menus import call_row, facts
from tests.e2e.test_village_desk import _KEEP_CAMERAS, at_the_desk, decodes
from tests.e2e.test_village_room import _LISTEN, HEARD, KEPT, WITHIN_S, is_seen, page_hears
from tests.e2e.village import HEAD, eventually, frames, registered, secret_of, sees, village_call

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(480)]

DEVICE, MEDIATOR, DUTY = "v-640105001-L01-1", "13909510003", "0951600001"
PEOPLE = f"work_number,name,unit,account,specialities,places,enabled,mediator_phone\n7003,孙调解,调解中心,,,,,{MEDIATOR}\n"
MORE = f"""
[[seats]]
name = "third"
operator = "李律师"
work_number = "8004"
browser = true

[[duty_numbers]]
name = "duty"
number = "{DUTY}"
extension = "9001"
"""


def spoken_file(file: Path, text: str, voice: str) -> tuple[Path, float]:
    """A line a page says again and again."""
    spoken = speak(text, Voice(voice))
    write_wav(file, np.concatenate([spoken, np.zeros(RATE * 2, dtype=np.int16)]))
    return file, len(spoken) / RATE


def outside(office: DeskHotline, number: str) -> ScriptedPhone:
    """An outside telephone behind the carrier's line, one at a time."""
    return office._phone(PhoneAccount(number, f"{office.host}:{office.sip}"), listen_port=office.carrier, keep_sound=True)


@asynccontextmanager
async def asked_in(page: Page, phone: ScriptedPhone, name: str) -> AsyncIterator[None]:
    """The page asks an outside telephone in, which answers; at the end the page lets it go, and it is gone."""
    third = page.get_by_test_id("desk-third")
    await page.get_by_test_id("third-who").click()
    await page.get_by_role("option", name=name).click()
    await page.get_by_test_id("third-invite").click()
    assert "12348" in str(await phone.wait_for("CALL_INCOMING", within_s=60)), "the hotline calls, and no citizen's number"
    await phone.answer()
    await expect(third).to_have_attribute("data-state", "joined", timeout=120_000)
    await expect(third).to_contain_text(name)
    yield
    await shot(page, f"desk_third_{name[-4:]}")
    await page.get_by_test_id("third-dismiss").click()
    await phone.wait_for("CALL_CLOSED", within_s=30)
    await expect(third).to_have_attribute("data-state", "none", timeout=30_000)


async def colleague_sits_down(office: DeskHotline, page: Page) -> None:
    """At the third seat, free."""
    await page.add_init_script(_KEEP_CAMERAS)
    await operator_signs_in(office, page, "li")
    await sits_down(page, "third")
    await page.get_by_test_id("desk-ready").click()
    await state(page, "available")


async def pauses(office: DeskHotline, page: Page, villager: ScriptedPhone, word: str) -> None:
    """The lawyer's button in the room; the villager hears what it did, and is back in the room."""
    await page.get_by_test_id("pause-recording").click()
    await hears_prompt(office, villager, f"louder/{word}", WITHIN_S)
    paused = page.get_by_test_id("recording-paused")
    await expect(paused).to_have_count(1 if word == "recording-paused" else 0, timeout=15_000)
    async with asyncio.timeout(30):
        while "3 " not in await command(office, "confbridge list"):
            await asyncio.sleep(0.1)


async def line_is_there(office: DeskHotline) -> bool:
    """Whether the carrier answered Asterisk's OPTIONS, without which a line has no room."""
    return bool(re.search(r"trunk-carrier/\S+ +\S+ +Avail", await command(office, "pjsip show contacts")))


async def test_a_mediator_a_line_and_a_page_are_heard_and_what_is_said_in_a_pause_is_recorded_nowhere(tmp_path: Path) -> None:
    async with desk_hotline(MORE) as office:
        (office.folder / "devices.csv").write_text(f"{HEAD}{DEVICE},康庄社区,马秀兰,8003,一楼大厅,GXV3480,\n")
        (office.folder / "people.csv").write_text(PEOPLE)
        await office.cli("devices", "import", str(office.folder / "devices.csv"))
        await office.cli("people", "import", str(office.folder / "people.csv"))
        account = PhoneAccount(DEVICE, f"{office.host}:{office.sip}", secret=await secret_of(office, DEVICE), video=True)
        villagers = office.speech("老板拖欠工资三个月了不给钱我应该找谁")
        mediators = office.speech("我是调解员孙师傅你们两家的事我来说说", "cmn-latn-pinyin+m1")
        dutys = office.speech("值班室收到请讲明地点和双方姓名", "cmn-latn-pinyin+m1")
        colleagues = spoken_file(tmp_path / "colleague.wav", "您好我是李律师我也来听一听这件事", "cmn-latn-pinyin+f2")
        secret = office.speech("我的身份证号码是六四零幺二二幺九五八零三零七")
        later = office.speech("钱是去年腊月借的有借条也有两个证人")
        silence = office.silence
        async with (
            desk_browser(office, silence) as page, desk_browser(office, colleagues[0]) as other, office.client() as client,
            office._phone(account, listen_host=office.host, keep_sound=True) as villager, AsyncExitStack() as first,
        ):
            mediator = await first.enter_async_context(outside(office, MEDIATOR))
            await registered(office, DEVICE)
            await asyncio.gather(at_the_desk(office, page, "shi"), colleague_sits_down(office, other))
            await villager.dial("1")
            linked_id = await village_call(client, set())
            await villager.wait_for("CALL_ESTABLISHED")
            await villager.press("0")
            await state(page, "ringing", 60)
            await page.keyboard.press("F2")
            await state(page, "talking", 30)
            await call_state(client, linked_id, "talking", 30)

            await eventually(partial(line_is_there, office), 60)
            async with asked_in(page, mediator, "调解员 孙调解（调解中心） 13909510003"):
                await expect(page.get_by_test_id("room-film")).to_have_count(0)
                await hears_prompt(office, villager, "louder/room-joins", WITHIN_S)
                await villager.say(villagers[0])
                await hears(mediator, villagers, at_least=HEARD, within_s=WITHIN_S)
                await mediator.say(mediators[0])
                await hears(villager, mediators, at_least=HEARD, within_s=WITHIN_S)
                await pauses(office, page, villager, "recording-paused")
                await villager.say(secret[0])
                await hears(mediator, secret, at_least=HEARD, within_s=WITHIN_S)
                await pauses(office, page, villager, "recording-goes-on")
                await villager.say(later[0])
                await hears(mediator, later, at_least=HEARD, within_s=WITHIN_S)
            await first.aclose()
            async with outside(office, DUTY) as duty, asked_in(page, duty, "duty 9001"):
                await duty.say(dutys[0])
                await villager.say(villagers[0])
                await asyncio.gather(hears(villager, dutys, at_least=HEARD, within_s=WITHIN_S), hears(duty, villagers, at_least=HEARD, within_s=WITHIN_S))

            before = await frames(villager)
            await page.get_by_test_id("third-who").click()
            await page.get_by_role("option", name="李律师 8004").click()
            await page.get_by_test_id("third-invite").click()
            await expect(other.get_by_test_id("answer")).to_be_visible(timeout=60_000)
            assert await frames(villager) >= before
            await other.keyboard.press("F2")
            await expect(page.get_by_test_id("desk-third")).to_have_attribute("data-state", "joined", timeout=120_000)
            await other.evaluate(_LISTEN, RATE)
            before = await frames(villager)
            await asyncio.gather(is_seen(office, "seat-third"), hears(villager, colleagues, at_least=HEARD, within_s=WITHIN_S))
            await asyncio.gather(sees(villager, before), decodes(other))
            await other.keyboard.press("F7")
            await villager.say(villagers[0])
            await page_hears(other, tmp_path, villagers)
            await asyncio.gather(is_seen(office, DEVICE), decodes(other, await decodes(other)))
            await expect(other.get_by_test_id("as-third")).to_be_visible()
            for key in ("hold", "pause-recording", "transfer-to", "desk-third"):
                await expect(other.get_by_test_id(key)).to_have_count(0)
            await shot(other, "desk_as_third")

            # A lawyer who leaves the others with a paused recording leaves nobody who could go on with it: it goes on.
            await page.keyboard.press("F3")
            await facts(office, linked_id, lambda seen: seen.count(("RECORDING_PAUSED", "key-8")) == 2)
            await page.keyboard.press("F8")
            await facts(office, linked_id, lambda seen: seen.count(("RECORDING_RESUMED", "key-8")) == 2)
            await villager.say(later[0])
            await page_hears(other, tmp_path, later)

            await villager.hang_up()
            order = await filled_order(client, linked_id, 90)
            call = await call_row(client, linked_id)
            gaps = (await client.get(f"/calls/{linked_id}"))["recording_gaps"]
            orders = [o["number"] for o in client.orders.values()]
            await expect(other.get_by_test_id("as-third")).to_have_count(0, timeout=30_000)
            assert "ConfBridge" not in await command(office, "core show channels concise")
        faults = [line for line in office.asterisk_log.splitlines() if re.search("pbx|(ERROR|WARNING).*(confbridge|app_stack)", line)]
        assert faults == []
        assert orders == [order["number"]] and order["calls"] == [linked_id] and len(client.calls) == 1, "one call, one order"
        assert (call["outcome"], call["channel"], call["transferred_to"], call["hangup_by"]) == ("answered", "village_video", "7003", "caller")
        caller, operator = (next(office.recordings.rglob(f"*{linked_id}*-{track}.wav")) for track in ("caller", "operator"))
        kept = [round(share_heard(operator, *line), 2) for line in (mediators, dutys, colleagues)]
        assert min(kept) >= KEPT and share_heard(caller, *villagers) >= KEPT, f"the thirds are on the operator's track: {kept}"
        assert len(gaps) == 2 and all(gap["seconds"] is not None for gap in gaps)
        assert share_heard(caller, *later) >= KEPT and share_heard(caller, *secret) == 0, "what was said in the pause is in no file"
        assert share_heard(caller, *mediators) == 0, "the caller's track is the caller's alone"
        assert sorted(file.suffix for file in office.recordings.rglob("*.*")) == [".taken", ".wav", ".wav"], "two tracks"
