"""What keys do, with real key presses on a real line: RFC 4733 and SIP INFO, both shipped menu plans."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.domain.errors import AudioUnreadable
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import database_url
from tests.bench.sip_load import SipLoad
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.fakes.sound import samples_of

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def with_menu() -> AsyncIterator[RunningHotline]:
    """A product whose callers meet the one-level menu before the queue."""
    async with running_hotline('[hotline]\nmenu = "menu"\n') as running:
        yield running


async def facts(hotline: RunningHotline, linked_id: str, fits: Callable[[list[tuple[str, str]]], object], within_s: float = 60) -> list[tuple[str, str]]:
    """The call's user events so far as (name, text), once they fit."""
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        async with asyncio.timeout(within_s):
            while True:
                rows = await connection.fetch(
                    "SELECT kind, data->>'extra' AS extra FROM call_fact WHERE linked_id = $1 AND kind LIKE 'user:%' ORDER BY position", linked_id)
                seen = [(r["kind"].removeprefix("user:"), r["extra"]) for r in rows]
                if fits(seen):
                    return seen
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def call_row(client: HotlineClient, linked_id: str) -> dict[str, Any]:
    return dict(await client.get(f"/calls/{linked_id}"))


async def test_keys_of_a_waiting_caller_keep_the_place_and_tell_the_choice(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.caller("13895150001") as first, hotline.caller("13895150002") as second:
        for caller, number in ((first, "13895150001"), (second, "13895150002")):
            await caller.dial("12348")
            await caller.wait_for("CALL_ESTABLISHED")
            linked_id = await arrival(client, number)
            await caller.press("0")
            await state(client, linked_id, "queued")
        early, late = [await arrival(client, n) for n in ("13895150001", "13895150002")]
        await client.queue_until(lambda q: q["waiting"] == 2)
        await first.press("2")
        await facts(hotline, early, lambda seen: ("MENU", "waiting:2") in seen and seen.count(("QUEUE_ENTERED", "hotline")) == 2)
        await client.queue_until(lambda q: [c["linked_id"] for c in q["callers"]] == [early, late])
        async with hotline.operator() as operator:
            await operator.wait_for("CALL_INCOMING", within_s=20)
            await operator.answer()
            await state(client, early, "talking")
            assert (await call_row(client, late))["state"] == "queued"
            await second.hang_up()
            await first.hang_up()
            await filled_order(client, early)
            await filled_order(client, late)
    assert (await call_row(client, early))["menu_choice"] == "waiting:2" and (await call_row(client, late))["menu_choice"] == ""
    assert (await call_row(client, late))["outcome"] == "abandoned"


def hears(heard: Path, prompt: Path) -> float:
    """The greatest normalised correlation of a prompt with what a phone heard: 1 for the prompt itself, about 0.2 for other speech."""
    try:
        sound, wanted = (samples_of(path).astype(float) for path in (heard, prompt))
    except AudioUnreadable:  # the phone has not written its header yet
        return 0.0
    if len(sound) < len(wanted):
        return 0.0
    size = 1 << (len(sound) + len(wanted)).bit_length()
    match = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)))[: len(sound) - len(wanted) + 1]
    power = np.cumsum(np.concatenate([[0.0], sound**2]))
    energy = np.sqrt(np.maximum(power[len(wanted) :] - power[: -len(wanted)], 1.0)) * np.sqrt((wanted**2).sum())
    return float((match / energy[: len(match)]).max())


async def test_who_waits_is_told_the_place_in_plain_words(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.caller("13895150021") as first, hotline.caller("13895150022", keep_sound=True) as second:
        for caller, number in ((first, "13895150021"), (second, "13895150022")):
            await caller.dial("12348")
            await caller.wait_for("CALL_ESTABLISHED")
            linked_id = await arrival(client, number)
            await caller.press("0")
            await state(client, linked_id, "queued")
        prompts = hotline.folder / "state/run/prompts"
        async with asyncio.timeout(60):
            while True:
                heard = [p for p in second.heard() if "dec" in p.name]
                if heard and min(hears(heard[0], prompts / f"{name}.wav") for name in ("queue-place", "digits/2", "queue-place-end")) > 0.8:
                    break
                await asyncio.sleep(1)
        assert hears(heard[0], prompts / "queue-next.wav") < 0.6, "second is not next"
        for caller, number in ((first, "13895150021"), (second, "13895150022")):
            linked_id = await arrival(client, number)
            await caller.hang_up()
            await filled_order(client, linked_id)


async def test_a_waiting_caller_may_refuse_the_recording(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.operator() as operator, hotline.caller("13895150003") as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        await caller.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, "13895150003")
        await caller.press("0")
        await operator.wait_for("CALL_INCOMING")
        await caller.press("9")
        await facts(hotline, linked_id, lambda seen: ("RECORDING_REFUSED", "key-9") in seen and seen.count(("QUEUE_ENTERED", "hotline")) == 2)
        await operator.wait_for(lambda e: e.get("type") == "CALL_INCOMING" and e is not operator.events[0])
        async with asyncio.timeout(20):
            while (await call_row(client, linked_id))["state"] != "talking":
                await operator.answer()
                await asyncio.sleep(0.5)
        await asyncio.sleep(2.5)
        await caller.hang_up()
        order = await filled_order(client, linked_id)
    assert "不同意录音" in order["note"]
    async with asyncio.timeout(10):
        while list(hotline.recordings.rglob(f"*{linked_id}*")):
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("ended_by", ["hang-up", "key"])
async def test_a_voice_message_is_transcribed_and_becomes_an_order(hotline: RunningHotline, client: HotlineClient, ended_by: str) -> None:
    number = {"hang-up": "13895150004", "key": "13895150005"}[ended_by]
    said, seconds = hotline.speech("老板拖欠工资三个月了")
    async with hotline.caller(number) as caller:
        await caller.dial("12348")
        await caller.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, number)
        await caller.press("0")
        await state(client, linked_id, "queued")
        await caller.press("#")
        await facts(hotline, linked_id, lambda seen: ("MESSAGE", "180") in seen)
        await caller.say(said)
        await asyncio.sleep(seconds + 1)
        await (caller.hang_up() if ended_by == "hang-up" else caller.press("#"))
        if ended_by == "key":
            await caller.wait_for("CALL_CLOSED", within_s=20)
        order = await filled_order(client, linked_id)
    call = await call_row(client, linked_id)
    assert (call["outcome"], call["menu_choice"], order["channel"]) == ("message", "waiting:#", "voicemail")
    due = datetime.fromisoformat(order["due_at"]).astimezone(SHANGHAI)
    assert due.date() > datetime.now(SHANGHAI).date() and due.hour == 18, "a message is answered on the next working day"
    assert order["matter"]["name"] == "劳动争议" and order["number"][6] != "1"
    heard = "".join(g["text"] for g in call["transcript"]["segments"] if g["speaker"] == "caller")
    assert heard == "老板拖欠工资三个月了"


@pytest.mark.parametrize("keys", ["2", "8*4"])
async def test_a_caller_rates_the_call_when_the_operator_has_hung_up(hotline: RunningHotline, client: HotlineClient, keys: str) -> None:
    number = f"1389515001{keys[-1]}"
    async with hotline.operator() as operator, hotline.caller(number) as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        await caller.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, number)
        await caller.press("0")
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        await asyncio.sleep(3)
        await operator.hang_up()
        for asked, key in enumerate(keys, 1):
            await facts(hotline, linked_id, lambda seen, n=asked: sum(name == "RATING_ASKED" for name, _ in seen) >= n)
            await asyncio.sleep(1)
            await caller.press(key)
        await caller.wait_for("CALL_CLOSED", within_s=20)
        await filled_order(client, linked_id)
    call = await call_row(client, linked_id)
    assert (call["rating"], call["hangup_by"], call["outcome"]) == (int(keys[-1]), "operator", "answered")
    recorded = {r["track"]: r["seconds"] for r in call["recordings"]}
    assert abs(recorded["caller"] - call["talk_s"]) < 1.5, "the rating is neither recorded nor talk"


async def test_every_way_through_the_menu_reaches_a_human(with_menu: RunningHotline) -> None:
    """Silence, wrong keys, repeats, the choice and hanging up, at the same time by five callers."""
    ways = {"13895130001": "", "13895130002": "ABD", "13895130003": "**7", "13895130004": "9", "13895130005": "hang up"}
    async with with_menu.client() as client:
        phones = {number: with_menu.caller(number) for number in ways}
        for phone in phones.values():
            await phone.__aenter__()
        try:
            ids: dict[str, str] = {}
            for number, phone in phones.items():
                await phone.dial("12348")
                ids[number] = await arrival(client, number)

            async def go(number: str, keys: str) -> list[tuple[str, str]]:
                phone = phones[number]
                await phone.wait_for("CALL_ESTABLISHED")
                await asyncio.sleep(8.5)  # greeting and notice have no event of their own; the menu is being heard
                if keys == "hang up":
                    await phone.hang_up()
                    return await facts(with_menu, ids[number], lambda seen: ("ENTERED", "hotline") in seen)
                for key in keys:
                    await phone.press(key)
                    await asyncio.sleep(2.0)
                return await facts(with_menu, ids[number], lambda seen: ("QUEUE_ENTERED", "hotline") in seen, within_s=80)

            told = dict(zip(ways, await asyncio.gather(*(go(n, k) for n, k in ways.items())), strict=True))
            assert ("MENU", "main:none") in told["13895130001"] and ("MENU", "main:none") in told["13895130002"]
            assert [t for t in told["13895130003"] if t[0] == "MENU"] == [("MENU", "main:7")]
            assert ("RECORDING_REFUSED", "key-9") in told["13895130004"] and not [t for t in told["13895130004"] if t[0] == "RECORDING"]
            for number, phone in phones.items():
                if ways[number] != "hang up":
                    await phone.hang_up()
            for linked_id in ids.values():
                await filled_order(client, linked_id)
                assert (await call_row(client, linked_id))["outcome"] == "abandoned"
        finally:
            for phone in phones.values():
                await phone.__aexit__(None, None, None)
    assert "ERROR" not in with_menu.asterisk_log


async def test_keys_by_sip_info_count_too(with_menu: RunningHotline) -> None:
    load = SipLoad(with_menu.folder / "info", core=None)
    async with with_menu.client() as client:
        made = await load.call(with_menu.sip, calls=1, rate=1, seconds=2, key="0", callers=[("13895130009", "x")], local_port=with_menu.carrier)
        assert made.failed == 0
        call = await client.until("the call", lambda: next(
            (c for c in client.calls.values() if c["caller_number"] == "13895130009" and c["state"] == "ended"), None))
    assert call["queued_at"] is not None, "key 0 led past the menu into the queue"
