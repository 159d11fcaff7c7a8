"""A village's video call is answered in a browser: by sound and a card first, then with the camera; frames are decoded on both sides."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, leaves, operator_signs_in, shot, sits_down, sound, state
from tests.e2e.journeys import command, filled_order
from tests.e2e.journeys import state as call_state
from tests.e2e.listening import hears_prompt
from tests.e2e.test_hang_up_while_talking import playing
from tests.e2e.village import HEAD, frames, registered, secret_of, sees, village_call

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

DEVICE = "v-640105001-L01-1"
_PICTURE = """async () => {
  const found = { decoded: 0, encoded: 0, shown: '', filming: false }
  for (const c of window.connections) {
    (await c.getStats()).forEach((row) => {
      if (row.type === 'inbound-rtp' && row.kind === 'video') found.decoded += row.framesDecoded ?? 0
      if (row.type === 'outbound-rtp' && row.kind === 'video') found.encoded += row.framesEncoded ?? 0
    })
    for (const sender of c.getSenders()) {
      if (sender.track?.kind !== 'video' || sender.track.readyState !== 'live') continue
      found.shown = sender.track instanceof CanvasCaptureMediaStreamTrack ? 'card' : sender.track.getSettings().displaySurface ? 'screen' : 'camera'
    }
  }
  found.filming = window.filmed.some((track) => track.readyState === 'live')
  return found
}"""
_KEEP_CAMERAS = """
window.filmed = []
window.refuse = false
const given = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (window.refuse && wanted.video) throw new DOMException('Permission denied', 'NotAllowedError')
  const stream = await given(wanted)
  window.filmed.push(...stream.getVideoTracks())
  return stream
}
"""


async def picture(page: Page) -> dict[str, Any]:
    """Frames this page decoded and encoded by all its connections, what it shows, and whether any camera is open."""
    return dict(await page.evaluate(_PICTURE))


async def decodes(page: Page, more_than: int = 0, within_s: float = 45) -> int:
    """How many frames the page decoded, once they are more."""
    async with asyncio.timeout(within_s):
        while (count := int((await picture(page))["decoded"])) <= more_than:
            await asyncio.sleep(0.3)
    return count


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office() -> AsyncIterator[DeskHotline]:
    async with desk_hotline("\n[village]\nadviser_s = 60\n") as running:
        (running.folder / "devices.csv").write_text(f"{HEAD}{DEVICE},康庄社区,马秀兰,8003,一楼大厅,GXV3480,\n")
        assert "新增 1" in await running.cli("devices", "import", str(running.folder / "devices.csv"))
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secret(office: DeskHotline) -> str:
    return await secret_of(office, DEVICE)


@asynccontextmanager
async def village(office: DeskHotline, secret: str, *, video: bool = True, camera: bool = True, **more: Any) -> AsyncIterator[ScriptedPhone]:
    """The village's phone at the office's address, registered."""
    account = PhoneAccount(DEVICE, f"{office.host}:{office.sip}", secret=secret, video=video, camera=camera)
    async with office._phone(account, listen_host=office.host, **more) as phone:
        await registered(office, DEVICE)
        yield phone


async def at_the_desk(office: DeskHotline, page: Page, name: str) -> None:
    """The adviser sits at the page and is free."""
    await page.add_init_script(_KEEP_CAMERAS)
    await operator_signs_in(office, page, name)
    await sits_down(page)
    await page.get_by_test_id("desk-ready").click()
    await state(page, "available")


async def rings(office: DeskHotline, client: HotlineClient, page: Page, phone: ScriptedPhone, known: set[str]) -> str:
    """The village presses its key and the page rings; the call's linked id."""
    await phone.dial("1")
    linked_id = await village_call(client, known)
    await state(page, "ringing", 40)
    return linked_id


async def test_a_village_is_answered_by_sound_and_a_card_then_seen_face_to_face(office: DeskHotline, secret: str) -> None:
    known: set[str] = set()
    async with desk_browser(office) as page, office.client() as client, village(office, secret, keep_sound=True) as phone:
        await at_the_desk(office, page, "shi")
        linked_id = await rings(office, client, page, phone, known)
        await expect(page.get_by_test_id("offers-video")).to_be_visible()
        assert await frames(phone) == 0 and await picture(page) == {"decoded": 0, "encoded": 0, "shown": "", "filming": False}, "nobody answered"
        await page.keyboard.press("F2")
        await state(page, "talking")
        await call_state(client, linked_id, "talking")
        await asyncio.gather(sees(phone), decodes(page))
        assert (await picture(page))["shown"] == "card" and not (await picture(page))["filming"], "a person is not filmed unasked"
        await expect(page.get_by_test_id("desk-video")).not_to_contain_text("画面还没有到", timeout=15_000)
        await shot(page, "desk_village_card")
        # The browser is not allowed the camera: the call goes on with the card.
        await page.evaluate("window.refuse = true")
        await page.get_by_test_id("camera").click()
        await expect(page.get_by_role("alert").filter(has_text="没有给摄像头")).to_be_visible()
        assert (await picture(page))["shown"] == "card"
        await page.evaluate("window.refuse = false")
        await page.keyboard.press("F6")
        await expect(page.get_by_test_id("camera")).to_have_attribute("aria-pressed", "true", timeout=15_000)
        assert (await picture(page))["shown"] == "camera"
        before = await asyncio.gather(frames(phone), decodes(page))
        # At two pictures a second the card alone would take longer than this to show so many.
        await asyncio.gather(sees(phone, before[0] + 100), decodes(page, before[1] + 20))
        await shot(page, "desk_village_camera")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
        kept = await shares_and_takes_a_picture(office, page, phone)
        await page.get_by_test_id("hold").click()
        await expect(page.get_by_test_id("camera")).to_be_disabled()
        await page.get_by_test_id("hold").click()
        await expect(page.get_by_test_id("camera")).to_be_enabled(timeout=15_000)
        before = await asyncio.gather(frames(phone), decodes(page))
        await asyncio.gather(sees(phone, before[0] + 5), decodes(page, before[1] + 5))
        await page.keyboard.press("F6")
        await expect(page.get_by_test_id("camera")).to_have_attribute("aria-pressed", "false")
        assert (await picture(page))["shown"] == "card" and not (await picture(page))["filming"], "the camera is closed, not covered"
        await sees(phone, await frames(phone) + 2)
        assert (await sound(page))["energy"] >= 0 and (await sound(page))["sent"] > 0
        await page.keyboard.press("F6")
        await expect(page.get_by_test_id("camera")).to_have_attribute("aria-pressed", "true", timeout=15_000)
        await phone.hang_up()
        await state(page, "wrapUp")
        await expect(page.get_by_test_id("desk-video")).to_have_count(0)
        assert not (await picture(page))["filming"], "the end of the call closes the camera"
        await page.get_by_test_id("desk-ready").click()
        order = await filled_order(client, linked_id)
        assert order["channel"] == "village_video"
        assert [o["number"] for o in client.orders.values() if linked_id in o["calls"]] == [order["number"]]
        await page.get_by_role("link", name="工单", exact=True).click()
        await page.locator(f'a[href="/orders/{order["number"]}"]').first.click()
        await page.get_by_test_id("order-pictures").get_by_role("button", name="打开").click()
        pictures = page.get_by_test_id("order-pictures")
        await pictures.get_by_test_id("unmask-reason").fill("核对材料")
        await pictures.get_by_test_id("unmask").click()
        await expect(page.get_by_test_id("picture-shown")).to_have_js_property("naturalWidth", kept["width"], timeout=15_000)
        await shot(page, "order_pictures")
        await page.get_by_test_id("village-call").click()
        await phone.wait_for(lambda e: e.get("type") == "CALL_INCOMING", within_s=40)
        await shot(page, "order_village_call")
        await page.get_by_test_id("nav-desk").click()
        await phone.answer()
        await state(page, "ringing", 60)
        shown = await frames(phone)
        await page.keyboard.press("F2")
        await state(page, "talking")
        await asyncio.gather(sees(phone, shown), decodes(page))
        await expect(page.get_by_test_id("picture")).to_be_enabled(timeout=15_000)
        await page.keyboard.press("F1")
        await playing(office, "village-picture-ask")
        await phone.hang_up()
        await state(page, "wrapUp")
        await client.until("both calls in one order", lambda: len(client.orders[str(order["number"])]["calls"]) == 2 or None)
        await page.get_by_test_id("desk-ready").click()
        await leaves(page, client)
        (row,) = [v for v in (await client.get("/adviser-hours"))["villages"] if v["village"] == "640105001-L01"]
        assert (row["calls"], row["advisers"], row["missed"]) == (2, ["8003"], 0) and row["call_minutes"] > 0.2, "it counts by itself"
        told = await office.cli("devices", "history", DEVICE)
        assert re.search(r"声音 丢包 0\.\d% .*收 [1-9]\d{2,} 发 [1-9]\d{2,} 包", told) and re.search(r"画面 丢包 .*收 [1-9]\d{2,} 发 [1-9]\d{2,} 包", told), told


async def test_a_village_phone_without_a_camera_is_a_call_like_any_other(office: DeskHotline, secret: str) -> None:
    said, _ = await asyncio.to_thread(office.speech, "老板拖欠工资三个月了不给钱")
    known: set[str] = set()
    async with desk_browser(office) as page, office.client() as client, village(office, secret, video=False) as phone:
        known |= {str(c["linked_id"]) for c in client.calls.values()}
        await at_the_desk(office, page, "sheng")
        linked_id = await rings(office, client, page, phone, known)
        await expect(page.get_by_test_id("answer")).to_be_visible()
        await expect(page.get_by_test_id("offers-video")).to_have_count(0)
        await page.keyboard.press("F2")
        await state(page, "talking")
        await call_state(client, linked_id, "talking")
        await phone.say(said)
        async with asyncio.timeout(20):
            while (await sound(page))["energy"] < 0.0001:
                await asyncio.sleep(0.2)
        await expect(page.get_by_test_id("desk-video")).to_have_count(0)
        assert (await picture(page))["shown"] == ""
        await phone.hang_up()
        await state(page, "wrapUp")
        assert (await filled_order(client, linked_id))["channel"] == "village_video"
        await page.get_by_test_id("desk-ready").click()
        await leaves(page, client)


async def test_a_covered_camera_ends_no_call_and_a_page_that_is_gone_does(office: DeskHotline, secret: str) -> None:
    """No picture comes for longer than any silence of RTP that ends a call; then the browser is away, and nobody says goodbye."""
    known: set[str] = set()
    async with desk_browser(office) as page, office.client() as client, village(office, secret, camera=False) as phone:
        known |= {str(c["linked_id"]) for c in client.calls.values()}
        await at_the_desk(office, page, "hua")
        linked_id = await rings(office, client, page, phone, known)
        await page.keyboard.press("F2")
        await state(page, "talking")
        await sees(phone)
        async with asyncio.timeout(90):
            while await talked_s(office) < 36:
                await asyncio.sleep(0.5)
        await state(page, "talking")
        assert client.calls[linked_id]["state"] == "talking"
        await expect(page.get_by_test_id("desk-video")).to_contain_text("画面还没有到")
        await page.close()
        async with asyncio.timeout(120):
            while "PJSIP/seat-web-" in await command(office, "core show channels concise"):
                await asyncio.sleep(0.5)
        await phone.hang_up()
        assert (await filled_order(client, linked_id))["channel"] == "village_video"


async def shares_and_takes_a_picture(office: DeskHotline, page: Page, phone: ScriptedPhone) -> dict[str, Any]:
    """A window in place of the camera and back; then the villager is asked, and what the camera shows is kept. What was kept."""
    await page.get_by_test_id("share").click()
    await expect(page.get_by_test_id("sharing")).to_be_visible(timeout=15_000)
    assert (await picture(page))["shown"] == "screen"
    await sees(phone, await frames(phone) + 3)
    await shot(page, "desk_village_sharing")
    await page.get_by_test_id("share").click()
    await expect(page.get_by_test_id("sharing")).to_have_count(0)
    assert (await picture(page))["shown"] == "camera", "what was shown before"
    await page.keyboard.press("F1")
    await expect(page.get_by_test_id("picture-asking")).to_be_visible()
    await shot(page, "desk_village_asking")
    await hears_prompt(office, phone, "louder/village-picture-ask", within_s=40)
    await page.keyboard.press("F1")
    await expect(page.get_by_test_id("picture-look")).to_be_visible()
    await shot(page, "desk_village_picture")
    async with page.expect_response(lambda told: told.url.endswith("/pictures")) as answered:
        await page.get_by_test_id("picture-keep").click()
    told = await (await answered.value).json()
    assert "width" in told, told
    await expect(page.get_by_test_id("picture-done")).to_be_visible()
    size = await page.evaluate("(() => { const v = document.querySelector('[data-testid=video-far]'); return [v.videoWidth, v.videoHeight] })()")
    assert [told["width"], told["height"]] == size, "as large as it came"
    (file,) = (office.settings.recordings_dir / "pictures").rglob("*.*")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == told["sha256"] and file.stat().st_mode & 0o777 == 0o640
    return dict(told)


async def talked_s(office: DeskHotline) -> int:
    """How long the page's call lasts, by Asterisk; an assertion fails when there is none."""
    rows = [row.split("!") for row in (await command(office, "core show channels concise")).splitlines()]
    mine = [row for row in rows if row[0].startswith("PJSIP/seat-web-")]
    assert mine, office.asterisk_log[-600:]
    return int(mine[0][11])
