"""Real Vosk with the menu's grammar: synthetic speech, silence, noise and other words; and decoders that hang or die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from ivr.domain.errors import RecognizerFailed
from ivr.domain.spoken_choice import Verdict, decide, listened_for, spoken_menus
from ivr.exchange_setup import menu_sources
from ivr.settings import Settings
from ivr.speech.models import TINY_DIR
from ivr.speech.phrase_recognizer import VoskPhrases
from ivr.telephony.menu_files import load_plan
from tests.fakes.sound import A_LAW_IDLE, Samples, noise, silence, spoken

MAIN = spoken_menus(load_plan("menu", *menu_sources(Settings())))["main"]


@asynccontextmanager
async def hearing(within_s: float = 5.0) -> AsyncIterator[VoskPhrases]:
    phrases = VoskPhrases(TINY_DIR, within_s=within_s)
    running = asyncio.create_task(phrases.run())
    try:
        await until_ready(phrases)
        yield phrases
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert phrases.pids == () and not phrases.ready


async def until_ready(phrases: VoskPhrases) -> None:
    async with asyncio.timeout(30):
        while not phrases.ready:
            await asyncio.sleep(0.05)


def on_the_line(words: Samples, level: int = 0) -> bytes:
    """As a menu hears it: quiet before and after, over ``level`` of noise."""
    sound = np.concatenate([silence(0.3, A_LAW_IDLE), words, silence(0.6, A_LAW_IDLE)]).astype(np.int32)
    if level:
        sound = sound + noise(len(sound) / 8000, level)[: len(sound)]
    return np.clip(sound, -32768, 32767).astype("<i2").tobytes()


async def meant(phrases: VoskPhrases, sound: bytes, *, confirming: bool = False) -> Verdict:
    said = await phrases.hear(sound, listened_for(MAIN, confirming=confirming))
    return decide(said, MAIN, confirming=confirming, sure=0.8, doubtful=0.4)


async def test_what_callers_say_is_understood() -> None:
    wanted = {
        "法律援助": "2", "我想申请法律援助": "2", "我要离婚": "1", "老板拖欠工资三个月了": "1", "人民调解": "3", "邻居吵架": "3", "公证": "4",
        "司法鉴定": "5", "行政复议": "6", "我想投诉": "7", "查询进度": "8", "留言": "#", "请帮我转人工": "0",
    }
    async with hearing() as phrases:
        for voice in ("+m3", "+f2"):
            for text, key in wanted.items():
                assert await meant(phrases, on_the_line(spoken(text, voice))) == Verdict("chosen", key), (text, voice)
        assert await meant(phrases, on_the_line(spoken("法律援助"), level=150)) == Verdict("chosen", "2")


async def test_danger_yes_and_no_are_understood() -> None:
    async with hearing() as phrases:
        for text in ("救命", "着火了", "有人打人", "我要报警"):
            assert await meant(phrases, on_the_line(spoken(text))) == Verdict("emergency"), text
        for text, kind in (("是", "yes"), ("是的", "yes"), ("不是", "no")):
            assert (await meant(phrases, on_the_line(spoken(text)), confirming=True)).kind == kind, text


async def test_silence_noise_and_other_words_choose_nothing() -> None:
    async with hearing() as phrases:
        for sound in (silence(2), silence(2, A_LAW_IDLE), noise(2, 400), noise(3, 6000), silence(0)):
            assert await meant(phrases, on_the_line(sound)) == Verdict("nothing")
        assert await meant(phrases, b"") == Verdict("nothing") and await meant(phrases, b"\0") == Verdict("nothing")
        for text in ("今天天气很好", "吃饭了吗", "我要买一张火车票", "苹果香蕉西瓜", "你好请问你们几点下班", "二十三十"):
            for voice in ("+m3", "+f2"):
                assert await meant(phrases, on_the_line(spoken(text, voice))) == Verdict("nothing"), (text, voice)


async def test_several_are_heard_at_once() -> None:
    async with hearing() as phrases:
        words = {"公证": "4", "法律援助": "2", "人民调解": "3", "查询进度": "8"}
        found = await asyncio.gather(*(meant(phrases, on_the_line(spoken(text))) for text in words))
        assert [v.key for v in found] == list(words.values())
        assert len(phrases.pids) <= 1 + len(words)


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_decoder_that_dies_or_hangs_costs_one_utterance(fate: signal.Signals) -> None:
    sound = on_the_line(spoken("公证"))
    async with hearing(within_s=2.0) as phrases:
        assert await meant(phrases, sound) == Verdict("chosen", "4")
        (_, child) = phrases.pids
        os.kill(child, signal.SIGSTOP)
        asking = asyncio.create_task(meant(phrases, sound))
        await asyncio.sleep(0)
        os.kill(child, fate)
        with pytest.raises(RecognizerFailed):
            await asking
        assert await meant(phrases, sound) == Verdict("chosen", "4"), "the next caller has a fresh one"


async def test_a_host_that_dies_is_started_again() -> None:
    async with hearing() as phrases:
        host = phrases.pids[0]
        os.kill(host, signal.SIGKILL)
        async with asyncio.timeout(30):
            while not phrases.pids or phrases.pids[0] == host:
                await asyncio.sleep(0.05)
        assert await meant(phrases, on_the_line(spoken("公证"))) == Verdict("chosen", "4")


async def test_without_a_model_nobody_is_heard() -> None:
    phrases = VoskPhrases(TINY_DIR.parent / "no-model", load_timeout_s=20)
    running = asyncio.create_task(phrases.run())
    try:
        with pytest.raises(RecognizerFailed):
            await phrases.hear(b"\0\0" * 800, ["公证"])
        assert not phrases.ready
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
