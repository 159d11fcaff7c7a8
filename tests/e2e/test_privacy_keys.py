"""Keys of operators about privacy: a pause of the recording leaves nothing on any track, and an order is made confidential."""

from __future__ import annotations

import asyncio

import pytest

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import filled_order
from tests.e2e.listening import hears_prompt, share_heard
from tests.e2e.test_menus import facts
from tests.e2e.test_transfer import kinds, settled, talking, track

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


async def test_one_key_makes_the_order_confidential(hotline: RunningHotline, client: HotlineClient) -> None:
    async with talking(hotline, client, "13896300042") as (citizen, operator, linked_id):
        await citizen.press("*6")
        await operator.press("*6")
        await kinds(hotline, linked_id, ("CONFIDENTIAL", "key-6"))
        await citizen.hang_up()
        order = await filled_order(client, linked_id)
    assert order["confidential"] is True
    told = [t for t in await facts(hotline, linked_id, bool) if t[0] == "CONFIDENTIAL"]
    assert told == [("CONFIDENTIAL", "key-6")], "a caller's key is nobody's"


async def test_what_is_said_in_a_pause_is_not_recorded_and_the_place_is_marked(hotline: RunningHotline, client: HotlineClient) -> None:
    before, before_s = hotline.speech("我在工地上干了三个月的活。")
    secret, secret_s = hotline.speech("卡号是六二二二零零一一二三四五六。")
    after, after_s = hotline.speech("老板一直没有给我工资。")
    async with talking(hotline, client, "13896300041", keep_sound=True) as (citizen, operator, linked_id):
        await citizen.press("*8")  # a caller's key is nobody's
        await citizen.say(before)
        await asyncio.sleep(before_s + 0.5)
        await operator.press("*8")
        await kinds(hotline, linked_id, ("RECORDING_PAUSED", "key-8"))
        await hears_prompt(hotline, citizen, "recording-paused")
        await citizen.say(secret)
        await asyncio.sleep(secret_s + 0.5)
        assert [gap["seconds"] for gap in (await client.get(f"/calls/{linked_id}"))["recording_gaps"]] == [None]
        await operator.press("*8")
        await kinds(hotline, linked_id, ("RECORDING_RESUMED", "key-8"))
        await hears_prompt(hotline, citizen, "recording-goes-on")
        await citizen.say(after)
        await asyncio.sleep(after_s + 0.5)
        await citizen.hang_up()
        await settled(hotline, client, linked_id)
    call = await client.get(f"/calls/{linked_id}")
    caller = await track(hotline, linked_id, "caller")
    assert share_heard(caller, before, before_s) > 0.7 and share_heard(caller, after, after_s) > 0.7
    assert share_heard(caller, secret, secret_s) < 0.3, "nothing of it is written"
    (gap,) = call["recording_gaps"]
    seconds = {t["track"]: t["seconds"] for t in call["recordings"]}
    assert seconds["caller"] == pytest.approx(seconds["operator"], abs=0.1), "both tracks keep one clock"
    assert before_s < gap["at_s"] < seconds["caller"] - after_s and gap["seconds"] > secret_s
    told = [t for t in await facts(hotline, linked_id, bool) if t[0].startswith("RECORDING_")]
    assert told == [("RECORDING_PAUSED", "key-8"), ("RECORDING_RESUMED", "key-8")]
