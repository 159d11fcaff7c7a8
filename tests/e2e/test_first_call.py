"""A real call from ringing phone to work order: real SIP, RTP, Asterisk, Vosk and PostgreSQL."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import arrival, filled_order, state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def loudness(path: Path, start_s: float, end_s: float) -> float:
    """Root mean square of a stretch, in full scale."""
    with wave.open(str(path)) as wav:
        rate = wav.getframerate()
        wav.setpos(min(int(start_s * rate), wav.getnframes()))
        samples = np.frombuffer(wav.readframes(int((end_s - start_s) * rate)), "<i2")
    return float(np.sqrt(np.mean((samples / 32768.0) ** 2))) if samples.size else 0.0


async def test_an_answered_call_becomes_one_order_with_its_transcript(hotline: RunningHotline, client: HotlineClient) -> None:
    said, seconds = hotline.speech("我想咨询一下劳动争议我叫马建国")
    asked, asked_seconds = hotline.speech("请问您的姓名", "cmn-latn-pinyin+f2")
    async with hotline.operator() as operator, hotline.caller("13895110001", "马建国", keep_sound=True) as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, "13895110001")
        await operator.wait_for("CALL_INCOMING")
        waiting = await client.queue_until(lambda q: q["waiting"] == 1 and q["members"]["ringing"] == 1)
        assert waiting["stale"] is False
        await operator.answer()
        talking = await state(client, linked_id, "talking")
        assert talking["operator"] == "PJSIP/seat-one" or talking["operator"]
        await client.queue_until(lambda q: q["waiting"] == 0 and q["members"]["talking"] == 1)
        await operator.say(asked)
        await asyncio.sleep(asked_seconds + 0.3)
        await caller.say(said)
        await asyncio.sleep(seconds + 0.5)
        await caller.hang_up()
        order = await filled_order(client, linked_id)
        heard = [p for p in caller.heard() if "dec" in p.name]
    call = await client.get(f"/calls/{linked_id}")
    assert (call["outcome"], call["hangup_by"], call["order"]) == ("answered", "caller", order["number"])
    assert call["notice_version"]
    assert {r["track"]: r["state"] for r in call["recordings"]} == {"caller": "transcribed", "operator": "transcribed"}
    spoken = {s: "".join(g["text"] for g in call["transcript"]["segments"] if g["speaker"] == s) for s in ("caller", "operator")}
    assert spoken == {"caller": "我想咨询一下劳动争议我叫马建国", "operator": "请问您的姓名"}
    worker = (hotline.folder / "state/log/worker.log").read_text()
    followed = [line for line in worker.splitlines() if "track_was_followed" in line and linked_id in line]
    assert len(followed) == 2, "both tracks were heard while they were recorded"
    fields = {f["field"]: f for f in order["fields"]}
    assert order["category"]["name"] == "法律咨询" and order["matter"]["name"] == "劳动争议"
    assert fields["caller_name"]["display"] == "马建国"
    evidence = fields["caller_name"]["evidence"]
    assert evidence["speaker"] == "caller" and 0 < evidence["start_s"] < evidence["end_s"]
    # What the caller heard before the queue: seven seconds of greeting and notice, clearly audible.
    assert heard and loudness(heard[0], 0.5, 6.5) > 0.03


@pytest.mark.parametrize("when", ["greeting", "queue"])
async def test_a_caller_who_gives_up_has_an_order_too(hotline: RunningHotline, client: HotlineClient, when: str) -> None:
    number = {"greeting": "13895110002", "queue": "13895110003"}[when]
    async with hotline.caller(number) as caller:
        await caller.dial("12348")
        linked_id = await arrival(client, number)
        if when == "queue":
            await state(client, linked_id, "queued")
            await client.queue_until(lambda q: q["waiting"] == 1)
        await caller.hang_up()
        order = await filled_order(client, linked_id, within_s=10)
    call = await client.get(f"/calls/{linked_id}")
    assert call["outcome"] == "abandoned" and call["recordings"] == [] and order["note"]
    assert (call["queued_at"] is not None) == (when == "queue")
    await client.queue_until(lambda q: q["waiting"] == 0)


async def test_refusing_the_recording_leaves_no_audio_and_still_an_order(
    hotline: RunningHotline, client: HotlineClient
) -> None:
    async with hotline.operator() as operator, hotline.caller("13895110004") as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, "13895110004")
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("9")
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        await operator.hang_up()
        await asyncio.sleep(1)
        await caller.hang_up()  # instead of a rating
        order = await filled_order(client, linked_id, within_s=10)
    call = await client.get(f"/calls/{linked_id}")
    assert call["recording_refused"] is True and call["outcome"] == "answered" and call["hangup_by"] == "operator"
    assert "不同意录音" in order["note"]
    assert list(hotline.recordings.rglob(f"*{linked_id}*")) == []


async def test_pressing_zero_skips_the_rest_of_the_greeting(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.caller("13895110005") as caller:
        await caller.dial("12348")
        linked_id = await arrival(client, "13895110005")
        await caller.wait_for("CALL_ESTABLISHED")
        await caller.press("0")
        await state(client, linked_id, "queued", within_s=4)
        await caller.hang_up()
        await filled_order(client, linked_id)


async def test_hold_music_stays_out_of_the_operators_track(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.operator() as operator, hotline.caller("13895110006", keep_sound=True) as caller:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        await caller.dial("12348")
        linked_id = await arrival(client, "13895110006")
        await operator.wait_for("CALL_INCOMING")
        await operator.answer()
        await state(client, linked_id, "talking")
        await asyncio.sleep(0.5)
        await operator.command("hold")
        await asyncio.sleep(4)
        await operator.command("resume")
        await asyncio.sleep(0.5)
        await caller.hang_up()
        await filled_order(client, linked_id)
        heard = [p for p in caller.heard() if "dec" in p.name]
    track = next(hotline.recordings.rglob(f"{linked_id}-*-operator.wav"))
    with wave.open(str(heard[0])) as wav:
        seconds = wav.getnframes() / wav.getframerate()
    assert loudness(heard[0], seconds - 3.5, seconds - 1.5) > 0.005, "the caller heard no music while held"
    assert loudness(track, 1.5, 4.0) < 0.001


async def test_a_line_reaches_12348_and_nothing_else(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.caller("13895110007") as caller:
        for number in ("0", "110", "008613800000000", "seat-one", "s", "echo"):
            await caller.dial(number)
            closed = await caller.wait_for(lambda e, n=number: e.get("type") == "CALL_CLOSED" and n in e.get("peeruri", ""))
            assert "404" in closed.get("param", ""), closed
    assert not [c for c in client.calls.values() if c["caller_number"] == "13895110007"]


async def test_a_seat_reaches_nothing_outside(hotline: RunningHotline, client: HotlineClient) -> None:
    async with hotline.operator("two") as operator:
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        for number in ("13800000000", "0013800000000", "12348"):
            await operator.dial(number)
            closed = await operator.wait_for(lambda e, n=number: e.get("type") == "CALL_CLOSED" and n in e.get("peeruri", ""))
            assert "404" in closed.get("param", ""), closed
