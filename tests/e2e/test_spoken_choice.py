"""Callers who say what it is about, on a real line to a real recogniser: understood or not, too many, by key, and with dead processes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order
from tests.e2e.test_enquiry import part_of, until_written
from tests.e2e.test_menus import call_row, facts

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

MORE = """
[hotline]
menu = "menu"
spoken_choice = "on"

[speech]
model = "tiny"
spoken_slots = 5
"""
SOUND = {".wav", ".sln", ".raw", ".gsm"}
AID, NONSENSE, TWO, DANGER = "我想申请法律援助", "苹果香蕉西瓜", "离婚公证", "救命"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def listening() -> AsyncIterator[RunningHotline]:
    """A product whose callers may speak to the one-level menu; five are heard at once."""
    async with running_hotline(MORE) as running:
        await until_it_hears(running)
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def watching(listening: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with listening.client() as connected:
        yield connected


async def until_it_hears(hotline: RunningHotline) -> None:
    """The controller has loaded the speech model."""
    log = hotline.folder / "state/log/controller.log"
    async with asyncio.timeout(30):
        while not (log.exists() and "spoken_choice_ready" in log.read_text(errors="replace")):
            await asyncio.sleep(0.2)


@asynccontextmanager
async def calling(hotline: RunningHotline, client: HotlineClient, number: str) -> AsyncIterator[tuple[ScriptedPhone, str]]:
    """A caller who has been answered."""
    async with hotline.caller(number) as phone:
        await phone.dial("12348")
        await phone.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, number)
        yield phone, linked_id
        await phone.hang_up()
        await filled_order(client, linked_id)


async def invited(hotline: RunningHotline, linked_id: str, where: str = "main") -> None:
    """The caller was told to speak and is heard."""
    await until_written(hotline, linked_id, "SPOKEN_ASKED", where, within_s=60)


async def in_the_queue(hotline: RunningHotline, linked_id: str) -> list[tuple[str, str]]:
    return await facts(hotline, linked_id, lambda seen: ("QUEUE_ENTERED", "hotline") in seen, within_s=90)


def of(seen: list[tuple[str, str]], *names: str) -> list[tuple[str, str]]:
    return [fact for fact in seen if fact[0] in names]


async def test_who_speaks_who_keys_and_who_says_nothing(listening: RunningHotline, watching: HotlineClient) -> None:
    """Understood, not understood, danger, silent, and a key while it listens, at the same time by five callers."""
    ways = {"13896700001": AID, "13896700002": NONSENSE, "13896700003": DANGER, "13896700004": "", "13896700005": "key"}
    says = {text: listening.speech(text)[0] for text in (AID, NONSENSE, DANGER)}
    before = {p for p in listening.folder.rglob("*") if p.suffix in SOUND}
    async with AsyncExitStack() as stack:
        phones = {n: await stack.enter_async_context(calling(listening, watching, n)) for n in ways}

        async def go(number: str, way: str) -> list[tuple[str, str]]:
            phone, linked_id = phones[number]
            await invited(listening, linked_id)
            if way == "key":
                await phone.press("4")
            elif way:
                await phone.say(says[way])
            return of(await in_the_queue(listening, linked_id), "MENU", "SPOKEN", "SPOKEN_ASKED", "EMERGENCY")

        aid, nonsense, danger, silent, key = await asyncio.gather(*(go(n, w) for n, w in ways.items()))
        asked = ("SPOKEN_ASKED", "main")
        assert aid == [asked, ("SPOKEN", "2"), ("MENU", "main:2")]
        assert nonsense == [asked, ("SPOKEN", "none"), ("MENU", "main:none")]
        assert danger == [asked, ("SPOKEN", "emergency"), ("MENU", "main:emergency"), ("EMERGENCY", "advice")]
        assert silent == [asked, asked, ("MENU", "main:none")]
        assert key == [asked, ("MENU", "main:4")]
        assert (await call_row(watching, phones["13896700001"][1]))["menu_choice"] == "main:2"
    assert "ERROR" not in listening.asterisk_log
    async with asyncio.timeout(20):  # the empty tracks of who gave up in the queue go
        while {p for p in listening.folder.rglob("*") if p.suffix in SOUND} - before:
            await asyncio.sleep(0.2)


async def test_who_is_unsure_is_asked_back_once(listening: RunningHotline, watching: HotlineClient) -> None:
    """Two topics at once: yes by voice, yes by key, another topic by its name, no, and nonsense."""
    ways = {"13896700011": "是的", "13896700012": "1", "13896700013": "人民调解", "13896700014": "不是", "13896700015": NONSENSE}
    two = listening.speech(TWO)[0]
    async with AsyncExitStack() as stack:
        phones = {n: await stack.enter_async_context(calling(listening, watching, n)) for n in ways}

        async def go(number: str, way: str) -> list[tuple[str, str]]:
            phone, linked_id = phones[number]
            await invited(listening, linked_id)
            await phone.say(two)
            await invited(listening, linked_id, "confirm")
            await (phone.press(way) if way == "1" else phone.say(listening.speech(way)[0]))
            return of(await in_the_queue(listening, linked_id), "MENU", "SPOKEN")

        yes, key, other, no, nonsense = await asyncio.gather(*(go(n, w) for n, w in ways.items()))
    unsure = ("SPOKEN", "unsure")
    assert yes == key == [unsure, ("SPOKEN", "4"), ("MENU", "main:4")]
    assert other == [unsure, ("SPOKEN", "3"), ("MENU", "main:3")]
    assert no == nonsense == [unsure, ("SPOKEN", "none"), ("MENU", "main:none")]
    assert "ERROR" not in listening.asterisk_log


async def test_beyond_the_places_the_menu_is_as_without_speech(listening: RunningHotline, watching: HotlineClient) -> None:
    async def says_nothing(number: str) -> list[tuple[str, str]]:
        async with calling(listening, watching, number) as (_, linked_id):
            return await in_the_queue(listening, linked_id)

    told = await asyncio.gather(*(says_nothing(f"138967000{n}") for n in range(21, 28)))
    assert all(("MENU", "main:none") in seen for seen in told), "everybody reaches a human"
    rounds = [len(of(seen, "SPOKEN_ASKED")) for seen in told]
    assert min(rounds) < 2, "not everybody was heard in both rounds of the menu"
    assert max(rounds) > 0, "some were"


async def test_who_hangs_up_while_it_listens_has_one_order(listening: RunningHotline, watching: HotlineClient) -> None:
    async with calling(listening, watching, "13896700041") as (_, linked_id):
        await invited(listening, linked_id)
    call = await call_row(watching, linked_id)
    assert (call["outcome"], call["queue"], call["menu_choice"]) == ("abandoned", "", "")
    assert "ERROR" not in listening.asterisk_log


async def test_who_refused_the_recording_is_not_heard(listening: RunningHotline, watching: HotlineClient) -> None:
    async with calling(listening, watching, "13896700042") as (phone, linked_id):
        await phone.press("9")
        await until_written(listening, linked_id, "RECORDING_REFUSED", "key-9")
        seen = await in_the_queue(listening, linked_id)
    assert of(seen, "SPOKEN_ASKED", "SPOKEN", "MENU") == [("MENU", "main:none")]


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
async def test_with_a_controller_that_dies_while_it_listens_a_human_answers(
    listening: RunningHotline, watching: HotlineClient, fate: signal.Signals
) -> None:
    number = {signal.SIGKILL: "13896700031", signal.SIGSTOP: "13896700032"}[fate]
    said, _ = listening.speech(AID)
    async with calling(listening, watching, number) as (phone, linked_id):
        await invited(listening, linked_id)
        assert listening.process is not None
        pid = part_of(listening, "controller")
        os.kill(listening.process.pid, signal.SIGSTOP)  # so that nothing starts it again
        try:
            os.kill(pid, fate)
            await phone.say(said)
            await until_written(listening, linked_id, "QUEUE_ENTERED", "hotline")
        finally:
            if fate == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
            os.kill(listening.process.pid, signal.SIGCONT)
        seen = of(await in_the_queue(listening, linked_id), "MENU", "SPOKEN")
        assert seen == [("SPOKEN", "none"), ("MENU", "main:none")]
