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

from ivr.exchange_setup import credentials
from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, leaves, operator_signs_in, shot, sits_down, sound, state
from tests.e2e.journeys import arrival, command, filled_order
from tests.e2e.journeys import state as call_state
from tests.e2e.listening import hears_prompt, share_heard
from tests.e2e.other_network import other_network
from tests.e2e.supervision import speaks
from tests.e2e.test_menus import facts

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]


HOLD = """
[hotline]
lost_seat_hold_s = 12
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[DeskHotline]:
    async with desk_hotline(HOLD) as running:
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
            await expect(page.get_by_test_id("desk-transcript")).to_contain_text("邻里纠纷", timeout=20_000)
            await expect(page.get_by_test_id("by-matter")).to_have_text("机器在听", timeout=20_000)
            await expect(page.get_by_test_id("desk-caller_name")).to_have_value("马建华")
            await expect(page.get_by_test_id("hear-matter")).to_have_count(0)
            assert client.calls[linked_id]["state"] == "talking", "it was there before the end of the call"
            heard_here = await sound(page)
            assert heard_here["received"] > 50 and heard_here["sent"] > 50 and heard_here["energy"] > 0.001, heard_here
            assert heard_here["codec"] in ("audio/opus", "audio/PCMU", "audio/PCMA"), heard_here
            await page.keyboard.press("F10")
            await page.locator("[data-article=mediation]").click()
            await page.get_by_test_id("notice-take").click()
            await page.locator("[data-item=free] input").check()
            await expect(page.locator("[data-item=free]")).to_contain_text("已告知", timeout=15_000)
            await shot(page, "desk-knowledge")
            await page.keyboard.press("F10")
            await page.keyboard.press("F4")
            await state(page, "hold")
            await page.keyboard.press("F4")
            await state(page, "talking")
            await page.keyboard.press("F8")
            await state(page, "wrapUp")
            heard = caller.heard()
        await filled_order(client, linked_id)
        await expect(page.get_by_test_id("desk-order-state")).to_contain_text("已写入工单", timeout=15_000)
        order = await filled_order(client, linked_id)
        fields = {f["field"]: f for f in order["fields"]}
        assert (fields["caller_name"]["value"], fields["caller_name"]["source"]) == ("马建华", "human")
        assert fields["remark"]["value"] == "电话里说明天再来" and order["state"] == "draft"
        await expect(page.get_by_test_id("by-matter")).to_have_text("机器填写", timeout=15_000)
        async with page.expect_response(lambda told: f"{linked_id}/audio" in told.url) as heard_again:
            await page.get_by_test_id("hear-matter").click()
        assert (await heard_again.value).status in (200, 206)
        await expect(page.get_by_test_id("desk-caller_name")).to_have_value("马建华")
        told = (await client.get(f"/work-orders/{order['number']}/checklists"))["checklists"]
        assert [(i["code"], i["by"]) for one in told for i in one["items"] if i["told"]] == [("free", "human")]
        await state(page, "wrapUp")
        await page.get_by_test_id("confirm-next").click()
        await state(page, "available")
        assert (await client.get(f"/work-orders/{order['number']}"))["state"] == "pending_review"
        assert max(loudness(file) for file in heard) > 300, "the caller heard the operator"
        await leaves(page, client)


async def test_the_next_caller_waits_for_the_end_of_the_wrap_up_and_is_known_when_it_rings(office: DeskHotline) -> None:
    said, _ = await asyncio.to_thread(office.speech, "老板拖欠工资三个月了不给钱")
    async with desk_browser(office) as page, office.client() as client:
        await operator_signs_in(office, page, "li")
        await sits_down(page)
        await page.get_by_test_id("desk-ready").click()
        await state(page, "available")
        async with office.caller("13896710002", "丁玉兰") as caller:
            await caller.dial("12348")
            first = await arrival(client, "13896710002")
            await state(page, "ringing", 30)
            await page.get_by_test_id("answer").click()
            await state(page, "talking")
            await call_state(client, first, "talking")
            await caller.hang_up()
        await state(page, "wrapUp")
        await call_state(client, first, "ended")
        async with office.caller("13896710002", "丁玉兰") as caller:
            await caller.dial("12348")
            second = await arrival(client, "13896710002")
            await call_state(client, second, "queued")
            # Longer than the two seconds in which Asterisk itself leaves the seat alone.
            await asyncio.sleep(4)
            await state(page, "wrapUp", 1)
            assert client.calls[second]["state"] == "queued"
            await page.get_by_test_id("desk-ready").click()
            await state(page, "ringing", 30)
            await expect(page.get_by_test_id("pop-calls").locator("li")).to_have_count(1, timeout=15_000)
            await expect(page.get_by_test_id("pop-orders").locator("li")).to_have_count(1)
            await page.get_by_test_id("answer").click()
            await state(page, "talking")
            await page.get_by_test_id("desk-caller_name").fill("丁玉兰")
            await page.get_by_test_id("mute").click()
            await expect(page.get_by_test_id("mute")).to_have_attribute("aria-pressed", "true")
            await page.get_by_test_id("mute").click()
            await caller.say(said)
            await expect(page.get_by_test_id("desk-transcript")).to_contain_text("工资", timeout=20_000)
            await shot(page, "desk")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
            # The telephone stays while another page is looked at.
            await page.get_by_role("link", name="工单", exact=True).click()
            await expect(page.get_by_test_id("desk-banner")).to_contain_text("正在通话")
            assert (await sound(page))["received"] > 0
            await page.get_by_test_id("nav-desk").click()
            await state(page, "talking")
            await caller.hang_up()
        await state(page, "wrapUp")
        await page.get_by_test_id("pause-meal").click()
        await state(page, "paused")
        await expect(page.get_by_test_id("desk-state")).to_contain_text("用餐")
        await leaves(page, client)


async def test_a_call_is_transferred_by_key_and_one_nobody_answers_pauses_the_seat(office: DeskHotline) -> None:
    async with desk_browser(office) as page, office.client() as client, office.operator("phone") as colleague:
        await operator_signs_in(office, page, "zhao")
        await sits_down(page)
        await page.get_by_test_id("echo").click()
        await state(page, "talking")
        async with asyncio.timeout(20):
            while (await sound(page))["energy"] < 0.0001:  # the beeps of the fake microphone, back from Asterisk
                await asyncio.sleep(0.2)
        await page.get_by_test_id("hang-up").click()
        await state(page, "paused")
        await page.get_by_test_id("desk-ready").click()
        await state(page, "available")
        async with office.caller("13896710003") as caller:
            await caller.dial("12348")
            linked_id = await arrival(client, "13896710003")
            await state(page, "ringing", 30)
            await page.get_by_test_id("answer").click()
            await call_state(client, linked_id, "talking")
            await page.get_by_test_id("transfer-to").fill("8005")
            await page.get_by_test_id("transfer-blind").click()
            await colleague.wait_for("CALL_INCOMING", 20)
            await colleague.answer()
            await state(page, "wrapUp", 20)
            await caller.hang_up()
        await page.get_by_test_id("desk-ready").click()
        await state(page, "available")
        async with office.caller("13896710004") as caller:
            await caller.dial("12348")
            await state(page, "ringing", 30)
            await state(page, "paused", 40)
            await expect(page.get_by_test_id("desk-state")).to_contain_text("振铃没有接")
            assert client.calls[await arrival(client, "13896710004")]["state"] == "queued", "the caller keeps the place"
            await caller.hang_up()
        await leaves(page, client)


async def test_a_citizen_whose_operator_is_lost_is_held_and_put_back_and_then_given_to_any_other(office: DeskHotline) -> None:
    """One call: the page is reloaded, the citizen comes back to it; then it is closed for good, and a colleague answers."""
    said = [await asyncio.to_thread(office.speech, text) for text in (
        "我家的承包地被村里收回去了", "刚才断线了补偿款还没有给", "您好我再说一遍",
    )]
    async with desk_browser(office) as page, office.client() as client, office.caller("13896710006", keep_sound=True) as caller:
        await operator_signs_in(office, page, "wu")
        await sits_down(page)
        await page.get_by_test_id("desk-ready").click()
        await state(page, "available")
        await caller.dial("12348")
        linked_id = await arrival(client, "13896710006")
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("0")
        await state(page, "ringing", 30)
        await page.get_by_test_id("answer").click()
        await call_state(client, linked_id, "talking")
        await speaks(caller, said[0])
        page.on("dialog", lambda asked: asyncio.ensure_future(asked.accept()))
        await page.reload()
        await hears_prompt(office, caller, "seat-lost", 40)
        await state(page, "ringing", 40)
        await expect(page.get_by_test_id("pop-number")).to_have_text("13896710006", timeout=15_000)
        await page.get_by_test_id("answer").click()
        await state(page, "talking")
        await speaks(caller, said[1])
        async with office.operator("one", answers_itself=True) as colleague:
            await client.queue_until(lambda q: any((m["interface"], m["state"]) == ("PJSIP/seat-one", "available") for m in q["member_list"]))
            await page.close(run_before_unload=False)
            await colleague.wait_for("CALL_ESTABLISHED", 60)
            await speaks(caller, said[2])
            assert client.calls[linked_id]["state"] == "talking"
            await caller.hang_up()
        order = await filled_order(client, linked_id)
    assert order["outcome"] == "answered" and [o["calls"] for o in client.orders.values() if linked_id in o["calls"]] == [[linked_id]]
    seen = await facts(office, linked_id, lambda kinds: len(kinds) > 0)
    assert [what for kind, what in seen if kind == "SEAT_LOST"] == ["web", "web", "others"]
    assert not [kind for kind, _ in seen if kind == "RATING_ASKED"], "nobody is asked for a rating by a line that broke"
    caller_track, = office.recordings.rglob(f"*{linked_id}*-caller.wav")
    assert [share_heard(caller_track, *line) > 0.5 for line in said] == [True, True, True]


async def test_an_operator_in_another_network_talks_by_the_pages_own_tls(office: DeskHotline) -> None:
    """The browser has one card of its own, and this machine's loopback is not there: what it hears came by the wire, sealed."""
    said, seconds = await asyncio.to_thread(office.speech, "我想咨询一下邻里纠纷")
    answer, _ = await asyncio.to_thread(office.speech, "您好这里是法律服务热线请讲", "cmn-latn-pinyin+f2")
    with other_network() as network:
        chromium = network.program(office.folder, "/usr/bin/chromium")
        async with desk_browser(office, answer, chromium) as page, office.client() as client:
            await operator_signs_in(office, page, "zheng")
            await sits_down(page)
            assert f"@{network.address}:" in await command(office, "pjsip show contacts")
            await page.get_by_test_id("desk-ready").click()
            await state(page, "available")
            async with office.caller("13896710008", keep_sound=True) as caller:
                await caller.dial("12348")
                linked_id = await arrival(client, "13896710008")
                await caller.wait_for("CALL_ESTABLISHED")
                await caller.press("0")
                await state(page, "ringing", 30)
                await page.get_by_test_id("answer").click()
                await call_state(client, linked_id, "talking")
                await caller.say(said)
                await asyncio.sleep(seconds)
                async with asyncio.timeout(20):
                    while (heard := await sound(page))["received"] < 100 or heard["sent"] < 100 or heard["energy"] < 0.001:
                        await asyncio.sleep(0.2)
                assert (heard["far"], heard["dtls"]) == (office.host, "connected") and heard["cipher"], heard
                await caller.hang_up()
                kept = caller.heard()
            assert max(loudness(file) for file in kept) > 300, "the caller heard the operator"
            await state(page, "wrapUp")
            await leaves(page, client)


async def test_a_page_that_is_gone_loses_its_seat_which_is_paused(office: DeskHotline) -> None:
    async with desk_browser(office) as page:
        await operator_signs_in(office, page, "sun")
        await sits_down(page, "web-two")
        await page.get_by_test_id("desk-ready").click()
        await state(page, "available")
        await page.reload()
        await state(page, "available", 20)
        await expect(page.get_by_test_id("desk-line")).to_contain_text("话机已连上", timeout=15_000)
        second = await page.context.new_page()
        await second.goto(office.page_url + "/desk")
        await second.get_by_test_id("take-web-two").click()
        await expect(second.get_by_role("alert")).to_contain_text("另一个窗口", timeout=10_000)
        await second.close()
    async with office.client() as client:
        await client.queue_until(lambda q: any(
            m["interface"] == "PJSIP/seat-web-two" and m["paused_reason"] == "lost" for m in q["member_list"]
        ), 60)
    secrets = [credentials(office.settings).endpoints[f"seat-{name}"] for name in ("web", "web-two")]
    logs = [office.folder / "run.out", *(f for f in (office.folder / "state").rglob("log/**/*") if f.is_file())]
    assert len(logs) > 3
    for file in logs:
        text = file.read_text(errors="replace")
        assert not any(secret in text for secret in secrets), file
