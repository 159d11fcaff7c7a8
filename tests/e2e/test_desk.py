"""An operator's whole day at a page: sit down, be rung, talk, hold, wrap up, confirm the order; with real sound both ways."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, operator_signs_in, sits_down, sound, state
from tests.e2e.journeys import arrival, filled_order
from tests.e2e.journeys import state as call_state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[DeskHotline]:
    async with desk_hotline() as running:
        yield running


def loudness(wav: Path) -> float:
    """Root mean square of the loudest second, of 32768."""
    with wave.open(str(wav)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16).astype(float)
        rate = sound.getframerate() * sound.getnchannels()
    seconds = [samples[at:at + rate] for at in range(0, max(1, len(samples) - rate), rate)]
    return max((float(np.sqrt(np.mean(s * s))) for s in seconds if len(s)), default=0.0)


async def test_a_call_from_the_first_ring_to_the_confirmed_order(office: DeskHotline) -> None:
    said, seconds = await asyncio.to_thread(office.speech, "我想咨询一下邻里纠纷我叫马建国")
    answer, _ = await asyncio.to_thread(office.speech, "您好这里是法律服务热线请讲", "cmn-latn-pinyin+f2")
    async with desk_browser(office, answer) as page, office.client() as client:
        await operator_signs_in(office, page, "zhang")
        await sits_down(page)
        await page.get_by_test_id("desk-ready").click()
        await state(page, "available")
        async with office.caller("13896710001", "马建国", keep_sound=True) as caller:
            await caller.dial("12348")
            linked_id = await arrival(client, "13896710001")
            await state(page, "ringing", 30)
            await expect(page.get_by_test_id("pop-number")).to_have_text("13896710001")
            await expect(page.get_by_test_id("pop-facts")).to_contain_text("法律服务热线")
            await page.keyboard.press("F2")
            await state(page, "talking")
            await call_state(client, linked_id, "talking")
            # Typed before the order exists; the machine will hear another name later.
            await page.get_by_test_id("desk-caller_name").fill("马建华")
            await page.get_by_test_id("desk-remark").fill("电话里说明天再来")
            await caller.say(said)
            await asyncio.sleep(seconds + 0.5)
            heard_here = await sound(page)
            assert heard_here["received"] > 50 and heard_here["sent"] > 50 and heard_here["energy"] > 0.001, heard_here
            assert heard_here["codec"] in ("audio/opus", "audio/PCMU", "audio/PCMA"), heard_here
            await page.keyboard.press("F4")
            await state(page, "hold")
            await page.keyboard.press("F4")
            await state(page, "talking")
            await page.keyboard.press("F8")
            await state(page, "wrapUp")
            heard = caller.heard()
        order = await filled_order(client, linked_id)
        fields = {f["field"]: f for f in order["fields"]}
        assert (fields["caller_name"]["value"], fields["caller_name"]["source"]) == ("马建华", "human")
        assert fields["remark"]["value"] == "电话里说明天再来" and order["state"] == "draft"
        await expect(page.get_by_test_id("by-matter")).to_have_text("机器填写", timeout=15_000)
        await expect(page.get_by_test_id("desk-caller_name")).to_have_value("马建华")
        await state(page, "wrapUp")
        await page.get_by_test_id("confirm-next").click()
        await state(page, "available")
        assert (await client.get(f"/work-orders/{order['number']}"))["state"] == "pending_review"
        assert max(loudness(file) for file in heard) > 300, "the caller heard the operator"
