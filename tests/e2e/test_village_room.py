"""Three sides in one video room: a village, its lawyer at a page, and the town's station; heard, seen, recorded, one order."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import av
import numpy as np
import pytest
from playwright.async_api import Locator, Page, expect

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.exchange_setup import database_url
from ivr.telephony.speaking import RATE, Voice, speak, write_wav
from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, shot, state
from tests.e2e.journeys import command, filled_order
from tests.e2e.journeys import state as call_state
from tests.e2e.listening import hears_prompt, share_heard
from tests.e2e.supervision import hears
from tests.e2e.test_enquiry import part_of
from tests.e2e.test_menus import call_row
from tests.e2e.test_village_desk import at_the_desk, decodes
from tests.e2e.village import HEAD, frames, is_keyed, keyframes, registered, secret_of, sees, village_call

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(480)]

DEVICE, STATION = "v-640105001-L01-1", "v-640105001-1"
CAMERAS = {DEVICE: "320x240", STATION: "352x288"}
HEARD, KEPT = 0.4, 0.25  # a mixture, and a loaded machine, cost some of a line's half seconds; of another line there is none
WITHIN_S = 90
_LISTEN = """(rate) => {
  const tracks = window.connections.flatMap((c) => c.getReceivers()).map((r) => r.track).filter((t) => t.kind === 'audio' && t.readyState === 'live')
  const ear = new AudioContext({ sampleRate: rate })
  window.ear = []
  const node = ear.createScriptProcessor(4096, 1, 1)
  node.onaudioprocess = (e) => window.ear.push(Int16Array.from(e.inputBuffer.getChannelData(0), (x) => Math.max(-1, Math.min(1, x)) * 32767))
  ear.createMediaStreamSource(new MediaStream([tracks.at(-1)])).connect(node).connect(ear.destination)
}"""
_HEARD = """async () => {
  const bytes = new Uint8Array(await new Blob(window.ear).arrayBuffer())
  let text = ''
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(text)
}"""


async def page_hears(page: Page, folder: Path, line: tuple[Path, float], within_s: float = WITHIN_S) -> None:
    """Until the lawyer's page has heard this share of a line."""
    file = folder / "lawyers-ear.wav"
    async with asyncio.timeout(within_s):
        while True:
            write_wav(file, np.frombuffer(base64.b64decode(await page.evaluate(_HEARD)), "<i2"))
            if await asyncio.to_thread(share_heard, file, *line) >= HEARD:
                return
            await asyncio.sleep(0.5)


async def is_seen(office: DeskHotline, endpoint: str, within_s: float = WITHIN_S) -> None:
    """Until the room's picture is that of this endpoint's channel, by Asterisk."""
    rows = [row.split("!") for row in (await command(office, "core show channels concise")).splitlines()]
    (bridge, unique_id), = {(row[12], row[13]) for row in rows if row[0].startswith(f"PJSIP/{endpoint}-")}
    told = ""
    try:
        async with asyncio.timeout(within_s):
            while f"Video-Source-Id: {unique_id}" not in told:
                await asyncio.sleep(0.2)
                told = await command(office, f"bridge show {bridge}")
    except TimeoutError:
        raise AssertionError(f"{endpoint} is not seen: {told}") from None
    assert re.search("Video-Mode: talker", told)


async def kept_film(client: HotlineClient, number: str) -> dict[str, Any]:
    """The one film of an order, once it is kept."""
    async with asyncio.timeout(60):
        while not (films := (await client.get(f"/work-orders/{number}/films"))["films"]):
            await asyncio.sleep(0.5)
    (film,) = films
    assert film["problem"] == "" and film["frames"] > 20, film  # what came before a camera's first key frame is not kept
    return dict(film)


async def plays(page: Page, order: dict[str, Any], film: dict[str, Any]) -> None:
    """The order's page plays it, once a reason was given."""
    await page.get_by_role("link", name="工单", exact=True).click()
    await page.locator(f'a[href="/orders/{order["number"]}"]').first.click()
    films = page.get_by_test_id("order-films")
    await expect(films).to_contain_text("已听到告知")
    await films.get_by_role("button", name="播放").click()
    await films.get_by_test_id("unmask-reason").fill("核对调解过程")
    await films.get_by_test_id("unmask").click()
    shown = page.get_by_test_id("film-shown")
    await expect(shown).to_have_js_property("videoWidth", film["width"], timeout=15_000)
    await plays_at(shown, 0.5)
    await shot(page, "order_films")
    await shown.evaluate("(video, s) => { video.currentTime = s }", film["seconds"] * 0.8)  # by a range of the file
    await plays_at(shown, film["seconds"] * 0.7)


async def plays_at(video: Locator, second: float, within_s: float = 20) -> None:
    """Until pictures behind this second are shown."""
    async with asyncio.timeout(within_s):
        while not await video.evaluate("(video, s) => !video.seeking && video.readyState >= 2 && video.currentTime > s", second):
            await asyncio.sleep(0.2)


def shows_each_who_spoke(file: Path, folder: Path, lines: list[tuple[Path, float]]) -> None:
    """Every picture is somebody's camera and none is black; the villager, then the station, and the words of both are heard."""
    with av.open(str(file)) as film:
        pictures = [(f"{f.width}x{f.height}", f.time, float(f.to_ndarray(format="gray").std())) for f in film.decode(video=0)]
    assert len(pictures) > 20 and min(deviation for _, _, deviation in pictures) > 5, "something is seen in each"
    first = {size: next(at for s, at, _ in pictures if s == size) for size in CAMERAS.values()}
    assert first[CAMERAS[DEVICE]] < first[CAMERAS[STATION]]
    assert len({size for size, _, _ in pictures}) == 3, "and the lawyer's"
    with av.open(str(file)) as film:
        sound = np.concatenate([f.to_ndarray().ravel() for f in av_resampled(film)])
    heard = folder / "film.wav"
    write_wav(heard, sound)
    assert min(share_heard(heard, *line) for line in lines) >= KEPT
    assert abs(len(sound) / RATE - pictures[-1][1]) < 15, "sound and picture are of one length"


def av_resampled(film: Any) -> Iterator[Any]:
    """The film's sound at the rate lines are compared at."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in film.decode(audio=0):
        yield from resampler.resample(frame)


async def test_village_lawyer_and_station_hear_and_see_each_other_in_one_call(tmp_path: Path) -> None:
    async with desk_hotline("\n[village]\nfilm = true\n") as office:
        (office.folder / "devices.csv").write_text(f"{HEAD}{DEVICE},康庄社区,马秀兰,8003,一楼大厅,GXV3480,\n{STATION},640105001,,,,,\n")
        await office.cli("devices", "import", str(office.folder / "devices.csv"))
        secrets = {device: await secret_of(office, device) for device in (DEVICE, STATION)}
        villagers = office.speech("老板拖欠工资三个月了不给钱我应该找谁")
        stations = office.speech("这里是西花园路街道工作站我们下午可以调解", "cmn-latn-pinyin+m1")
        later = office.speech("请您三点钟带上欠条和身份证到工作站来", "cmn-latn-pinyin+m1")
        spoken = speak("您好我是张律师我请工作站的同志一起来谈", Voice("cmn-latn-pinyin+f2"))
        lawyers = tmp_path / "lawyer.wav", len(spoken) / RATE
        write_wav(lawyers[0], np.concatenate([spoken, np.zeros(RATE * 2, dtype=np.int16)]))

        def phone(device: str) -> ScriptedPhone:
            account = PhoneAccount(device, f"{office.host}:{office.sip}", secret=secrets[device], video=True, picture=CAMERAS[device])
            return office._phone(account, listen_host=office.host, keep_sound=True)

        async with desk_browser(office, lawyers[0]) as page, office.client() as client, phone(DEVICE) as villager, phone(STATION) as station:
            for device in (DEVICE, STATION):
                await registered(office, device)
            await at_the_desk(office, page, "shi")
            await villager.dial("1")
            linked_id = await village_call(client, set())
            await villager.wait_for("CALL_ESTABLISHED")
            await villager.press("0")  # any operator, and so this page, sooner than by the ladder's words
            await state(page, "ringing", 60)
            await page.keyboard.press("F2")
            await state(page, "talking", 30)
            await call_state(client, linked_id, "talking", 30)
            third = page.get_by_test_id("desk-third")

            # Declined: said on the page, and the call goes on as it was.
            await page.get_by_test_id("third-invite").click()
            await station.wait_for("CALL_INCOMING", within_s=60)
            assert await frames(station) == 0, "nobody is seen before a person has answered"
            await expect(third).to_have_attribute("data-state", "rings")
            await station.hang_up()
            await expect(page.get_by_test_id("third-problem")).to_contain_text("镇上工作站：没有接受", timeout=60_000)
            await shot(page, "desk_third_declined")
            assert "ConfBridge" not in await command(office, "core show channels concise")
            await expect(page.get_by_test_id("hold")).to_be_visible()

            station.events.clear()
            await page.get_by_test_id("third-invite").click()
            await station.wait_for("CALL_INCOMING", within_s=60)
            await station.answer()
            await expect(third).to_have_attribute("data-state", "joined", timeout=120_000)
            await hears_prompt(office, villager, "louder/room-joins-filmed", WITHIN_S)
            await page.evaluate(_LISTEN, RATE)
            await asyncio.gather(hears(villager, lawyers, at_least=HEARD, within_s=WITHIN_S), hears(station, lawyers, at_least=HEARD, within_s=WITHIN_S))
            await is_seen(office, "seat-web")
            await expect(page.get_by_test_id("room-film")).to_have_attribute("data-film", "on", timeout=30_000)
            await page.keyboard.press("F7")  # the lawyer listens; the file goes on

            before = await asyncio.gather(frames(station), decodes(page))
            await villager.say(villagers[0])
            await asyncio.gather(hears(station, villagers, at_least=HEARD, within_s=WITHIN_S), page_hears(page, tmp_path, villagers))
            await asyncio.gather(sees(station, before[0]), decodes(page, before[1]), is_seen(office, DEVICE))
            await is_keyed(station, await keyframes(station))
            before = await asyncio.gather(frames(villager), decodes(page))
            await station.say(stations[0])
            await asyncio.gather(
                is_seen(office, STATION), hears(villager, stations, at_least=HEARD, within_s=WITHIN_S), page_hears(page, tmp_path, stations))
            await asyncio.gather(sees(villager, before[0]), decodes(page, before[1]))
            await is_keyed(villager, await keyframes(villager))
            await expect(page.get_by_test_id("hold")).to_have_count(0)
            await expect(page.get_by_test_id("transfer-to")).to_have_count(0)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 1366
            await shot(page, "desk_third_joined")
            assert "-room" not in await office.cli("reconcile", succeed=None), "who was asked in is no lost call"

            # With the controller dead the lawyer leaves, the two talk on, and the last one's end ends the room.
            assert office.process is not None
            controller = part_of(office, "controller")
            os.kill(office.process.pid, signal.SIGSTOP)  # nobody starts another one meanwhile
            try:
                os.kill(controller, signal.SIGKILL)
                await page.keyboard.press("F8")
                await station.say(later[0])
                await hears(villager, later, at_least=HEARD, within_s=WITHIN_S)
                await station.hang_up()
                await hears_prompt(office, villager, "louder/rating", WITHIN_S)
                assert "ConfBridge" not in await command(office, "core show channels concise")
            finally:
                os.kill(office.process.pid, signal.SIGCONT)
            await villager.hang_up()
            order = await filled_order(client, linked_id, 90)
            call = await call_row(client, linked_id)
            film = await kept_film(client, str(order["number"]))
            await plays(page, order, film)
            orders = [o["number"] for o in client.orders.values()]
        assert orders == [order["number"]] and order["calls"] == [linked_id] and len(client.calls) == 1, "one call, one order"
        assert (call["outcome"], call["channel"], call["operator"]) == ("answered", "village_video", "PJSIP/seat-web")
        assert "没有录全" not in order["note"], "what the exchange says before the room is no lost sound"
        assert (call["transferred_to"], call["hangup_by"]) == (STATION, "operator")
        caller, operator = (next(office.recordings.rglob(f"*{linked_id}*-{track}.wav")) for track in ("caller", "operator"))
        assert share_heard(caller, *villagers) >= KEPT and share_heard(caller, *stations) == 0, "the caller's track is the caller's alone"
        kept = [round(share_heard(operator, *line), 2) for line in (lawyers, stations, later)]
        assert min(kept) >= KEPT, f"both others are on the operator's track: {kept}"
        assert sorted(file.suffix for file in office.recordings.rglob("*.*")) == [".taken", ".wav", ".wav", ".webm"]
        shows_each_who_spoke(next(office.recordings.rglob("films/*/*.webm")), tmp_path, [villagers, stations, later])
        assert film["third_told"] == STATION and film["third_told_at"] < film["told_at"] <= film["began_at"], "told first, then recorded"
        connection = await asyncpg.connect(database_url(office.settings))
        try:
            acts = await connection.fetch("SELECT actor, object, detail->>'who' FROM audit_event WHERE action = 'room.invited' ORDER BY id")
            async with asyncio.timeout(30):  # the controller that died is back, and looks
                while True:
                    rows = await connection.fetch("SELECT state, problem FROM room_invitation ORDER BY id")
                    if all(row["state"] == "over" for row in rows):
                        break
                    await asyncio.sleep(0.2)
        finally:
            await connection.close()
        assert [tuple(row) for row in acts] == [("shi", "web", "station")] * 2
        assert [tuple(row) for row in rows] == [("over", "refused"), ("over", "")]
