"""Real Vosk on a recording that still grows: the same words as afterwards, whatever the moment they were read at."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from ivr.domain.errors import AudioUnreadable, RecognizerFailed
from ivr.speech.audio import Samples, wav_header
from ivr.speech.decoding_settings import DecodingSettings, VoiceActivitySettings
from ivr.speech.models import TINY_DIR
from ivr.speech.recognizer import VoskRecognizer
from tests.fakes.sound import A_LAW_IDLE, noise, silence, spoken, write_wav

SAID = ("我想申请法律援助", "老板拖欠工资三个月了", "我的电话号码是一三九五二", "请帮我转接值班律师")


@pytest_asyncio.fixture
async def recognizer() -> AsyncIterator[VoskRecognizer]:
    settings = DecodingSettings(chunk_s=0.5, voice_activity=VoiceActivitySettings(block_s=2.0))
    async with VoskRecognizer(TINY_DIR, slots=2, settings=settings) as opened:
        yield opened


def conversation(seed: int) -> Samples:
    """About half a minute: sentences, some of them run together, pauses of any length, a noisy line."""
    chance = random.Random(seed)
    parts: list[Samples] = []
    for _ in range(6):
        parts += [silence(chance.uniform(0, 3), A_LAW_IDLE), spoken(chance.choice(SAID))]
    whole = np.concatenate([*parts, silence(1.0)])
    return np.asarray(np.clip(whole + noise(len(whole) / 8000, 40, seed)[: len(whole)], -32768, 32767), dtype=np.int16)


async def record(path: Path, samples: Samples, seed: int) -> None:
    """Write it piece by piece as Asterisk does, the header's sizes last."""
    chance = random.Random(seed)
    sound = samples.astype("<i2").tobytes()
    with path.open("wb", buffering=0) as file:
        file.write(wav_header(8000, 1, 0))
        at = 0
        while at < len(sound):
            size = chance.randrange(1, 65_536)
            file.write(sound[at : at + size])
            at += size
            await asyncio.sleep(0)
        file.seek(0)
        file.write(wav_header(8000, 1, len(sound)))


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_heard_does_not_depend_on_when_it_was_read(recognizer: VoskRecognizer, tmp_path: Path, seed: int) -> None:
    samples = conversation(seed)
    path = tmp_path / "a.wav"
    followed = await recognizer.follow(path, "caller")
    await record(path, samples, seed)
    live = await followed.finish(len(samples) / 8000)
    afterwards = await recognizer.transcribe(path, "caller")
    assert live == afterwards
    assert len(live.segments) >= 3 and live.audio_s == pytest.approx(len(samples) / 8000, abs=0.001)


async def test_most_is_heard_before_the_recording_is_closed(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    """The decoder's processor time stands still at the end, not at the beginning."""
    path = tmp_path / "a.wav"
    followed = await recognizer.follow(path, "caller")
    (_, decoder) = recognizer.decoder_pids
    await record(path, conversation(7), 7)

    def ticks() -> int:
        return sum(map(int, Path(f"/proc/{decoder}/stat").read_text().rpartition(")")[2].split()[11:13]))

    async with asyncio.timeout(30):
        before, now = -1, ticks()
        while now != before or now == 0:
            await asyncio.sleep(1.2)
            before, now = now, ticks()
    transcript = await followed.finish(30.0)
    assert transcript.segments and ticks() - now <= max(now // 3, 3), "the end must be cheap"


async def test_a_decoder_that_dies_meanwhile_is_told_and_the_file_heard_from_its_start(
    recognizer: VoskRecognizer, tmp_path: Path
) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(SAID[0]), silence(1))
    followed = await recognizer.follow(path, "caller")
    os.kill(recognizer.decoder_pids[1], signal.SIGKILL)
    async with asyncio.timeout(10):
        while not followed.broken:
            await asyncio.sleep(0.01)
    with pytest.raises(RecognizerFailed, match="killed"):
        await followed.finish(3.0)
    assert [s.text for s in (await recognizer.transcribe(path, "caller")).segments] == [SAID[0]]


async def test_a_decoder_that_stands_still_at_the_end_is_ended(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(SAID[0]), silence(1))
    async with VoskRecognizer(TINY_DIR, stalled_after_s=1.0) as recognizer:
        followed = await recognizer.follow(path, "caller")
        (_, decoder) = recognizer.decoder_pids
        await asyncio.sleep(2)  # a call that goes on costs no processor time between its blocks, and does not stand still
        assert not followed.broken
        os.kill(decoder, signal.SIGSTOP)
        with pytest.raises(RecognizerFailed, match="stood still"):
            await followed.finish(3.0)
        async with asyncio.timeout(10):
            while decoder in recognizer.decoder_pids:
                await asyncio.sleep(0.01)


async def test_a_file_that_never_came_is_unreadable_and_its_decoder_goes_on(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    followed = await recognizer.follow(tmp_path / "absent.wav", "caller")
    with pytest.raises(AudioUnreadable, match="not on disk"):
        await followed.finish(3.0)
    (_, decoder) = recognizer.decoder_pids
    path = write_wav(tmp_path / "a.wav", silence(1), spoken(SAID[0]), silence(1))
    again = await recognizer.follow(path, "caller")
    assert [s.text for s in (await again.finish(3.0)).segments] == [SAID[0]]
    assert recognizer.decoder_pids[1] == decoder


async def test_giving_up_ends_the_decoder(recognizer: VoskRecognizer, tmp_path: Path) -> None:
    followed = await recognizer.follow(tmp_path / "absent.wav", "caller")
    (_, decoder) = recognizer.decoder_pids
    await followed.give_up()
    async with asyncio.timeout(10):
        while decoder in recognizer.decoder_pids:
            await asyncio.sleep(0.01)


async def test_leaving_ends_what_is_followed(tmp_path: Path) -> None:
    async with VoskRecognizer(TINY_DIR) as recognizer:
        followed = await recognizer.follow(tmp_path / "absent.wav", "caller")
        pids = recognizer.decoder_pids
    with pytest.raises(RecognizerFailed):
        await followed.finish(1.0)
    assert len(pids) == 2 and not any(Path(f"/proc/{pid}").exists() for pid in pids)
