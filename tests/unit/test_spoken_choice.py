"""What callers say to a menu: the grammar, the rule, the end of speech, the desk that hears, and the socket it hears by."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.emergency import EMERGENCY
from ivr.domain.end_of_speech import FRAME_BYTES, EndOfSpeech
from ivr.domain.errors import RecognizerFailed
from ivr.domain.spoken_choice import HUMAN, Said, SpokenMenu, Verdict, decide, grammar, listened_for, spoken_menus
from ivr.exchange_setup import menu_sources, menus_in_force
from ivr.pipeline.answer_spoken import SpokenDesk, SpokenLimits
from ivr.question_setup import spoken_choice
from ivr.settings import Settings
from ivr.speech.models import TINY_DIR
from ivr.speech.phrase_recognizer import takes_phrases, vocabulary
from ivr.telephony.audiosocket import AudioSocketServer
from ivr.telephony.menu_files import load_plan
from tests.fakes.free_ports import free_ports
from tests.fakes.sound import A_LAW_IDLE, noise, silence, spoken, tone

PLAN = load_plan("menu", *menu_sources(Settings()))
MAIN = spoken_menus(PLAN)["main"]


def said(text: str, confidence: float = 1.0) -> list[Said]:
    return [Said(word, confidence) for word in text.split()]


def verdict(text: str, confidence: float = 1.0, *, confirming: bool = False, menu: SpokenMenu = MAIN) -> Verdict:
    return decide(said(text, confidence), menu, confirming=confirming, sure=0.8, doubtful=0.4)


@pytest.mark.parametrize(("text", "wanted"), [
    ("法律 援助", Verdict("chosen", "2")), ("[unk] 请 法律 援助", Verdict("chosen", "2")), ("公证", Verdict("chosen", "4")),
    ("邻居 吵架", Verdict("chosen", "3")), ("人工", Verdict("chosen", "0")), ("转 人工 [unk]", Verdict("chosen", "0")),
    ("留 言", Verdict("chosen", "#")), ("", Verdict("nothing")), ("[unk]", Verdict("nothing")), ("法律", Verdict("nothing")),
    ("法律 [unk] 援 助", Verdict("chosen", "2")), ("法 [unk] 律", Verdict("nothing")), ("是", Verdict("nothing")),
    ("着 火 [unk]", Verdict("emergency")), ("公证 救 命", Verdict("emergency")), ("一一 零", Verdict("emergency")),
    ("离婚 公证", Verdict("unsure", "4")), ("公证 人民 调解", Verdict("unsure", "3")), ("人工 公证", Verdict("unsure", "4")),
])
def test_what_is_said_means_a_key_danger_or_nothing(text: str, wanted: Verdict) -> None:
    assert verdict(text) == wanted


@pytest.mark.parametrize(("confidence", "kind"), [(1.0, "chosen"), (0.8, "chosen"), (0.79, "unsure"), (0.4, "unsure"), (0.39, "nothing")])
def test_what_is_doubtful_is_asked_back(confidence: float, kind: str) -> None:
    assert verdict("法律 援助", confidence).kind == kind
    assert decide([Said("法律", 1.0), Said("援助", confidence)], MAIN, confirming=False, sure=0.8, doubtful=0.4).kind == kind


def test_doubtful_danger_and_a_topic_without_a_prompt_are_nothing() -> None:
    assert verdict("着 火", 0.7) == Verdict("nothing")
    nameless = SpokenMenu("x", 4, {"公证": "4"}, frozenset())
    assert verdict("公证", 0.7, menu=nameless) == Verdict("nothing")


@pytest.mark.parametrize(("text", "wanted"), [
    ("是", Verdict("yes")), ("是 的", Verdict("yes")), ("不是", Verdict("no")), ("不 对", Verdict("no")), ("[unk] 是", Verdict("yes")),
    ("不是 公证", Verdict("no")), ("公证", Verdict("chosen", "4")), ("是 公证", Verdict("chosen", "4")), ("[unk]", Verdict("nothing")),
    ("公证 调解", Verdict("nothing")), ("救 命", Verdict("emergency")),
])
def test_what_answers_the_question_back(text: str, wanted: Verdict) -> None:
    assert verdict(text, confirming=True) == wanted


def test_nothing_is_asked_back_twice() -> None:
    assert verdict("公证", 0.5, confirming=True) == Verdict("nothing") and verdict("是", 0.5, confirming=True) == Verdict("nothing")


@given(st.lists(st.tuples(st.sampled_from([*MAIN.phrases, *EMERGENCY, "是", "[unk]", ""]), st.floats(0, 1)), max_size=6), st.booleans())
def test_a_key_is_chosen_only_from_what_was_surely_said(words: list[tuple[str, float]], confirming: bool) -> None:
    found = decide([Said(*w) for w in words], MAIN, confirming=confirming, sure=0.8, doubtful=0.4)
    sure = {MAIN.phrases[text] for text, confidence in words if text in MAIN.phrases and confidence >= 0.8}
    assert found.kind != "chosen" or found.key in sure
    assert found.kind != "unsure" or (found.key in MAIN.asked_back and not confirming)


def test_the_grammar_holds_what_the_model_knows_in_as_few_words_as_can_be() -> None:
    known, lost = grammar(["法律援助", "援助", "欠薪", "援助", "一一零"], {"法", "律", "法律", "援助", "一", "一一", "零"})
    assert known == ["法律 援助", "援助", "一一 零"] and lost == ["欠薪"]
    assert grammar([], {"法"}) == ([], []) and grammar(["法"], ()) == ([], ["法"])


def test_the_tiny_model_knows_most_of_what_the_shipped_menu_hears() -> None:
    assert takes_phrases(TINY_DIR)
    known, lost = grammar(listened_for(MAIN, confirming=True), vocabulary(TINY_DIR))
    assert len(known) > 60 and set(lost) <= {"欠薪", "火警", "砍人", "抢劫", "失火", "客服", "家暴", "起火", "没错"}, lost


def test_menus_are_spoken_to_where_settings_and_model_allow() -> None:
    def heard(**hotline: str) -> list[str]:
        return [m.name for m in menus_in_force(Settings(hotline={"menu": "menu", **hotline})).menus.values() if m.spoken]

    assert (heard(), heard(spoken_choice="on"), heard(spoken_choice="off")) == ([], ["main"], [])
    broken = Settings(hotline={"menu": "menu", "spoken_choice": "on"}, speech={"model": "not-there"})
    assert not menus_in_force(broken).menus["main"].spoken, "a model that is not there keeps nobody from calling"
    assert spoken_choice(broken)[1] == () and len(spoken_choice(Settings(hotline={"menu": "menu", "spoken_choice": "on"}))[1]) == 2
    assert set(HUMAN) < set(MAIN.phrases) and MAIN.phrases["法律援助"] == "2"
    assert spoken_menus(load_plan("human-first", *menu_sources(Settings()))) == {}


def frames(*parts: np.ndarray) -> list[bytes]:  # type: ignore[type-arg]
    sound = np.concatenate(parts).astype("<i2").tobytes()
    return [sound[at : at + FRAME_BYTES] for at in range(0, len(sound) - FRAME_BYTES + 1, FRAME_BYTES)]


def until_decided(*parts: np.ndarray, timeout_s: float = 4) -> tuple[str, float]:  # type: ignore[type-arg]
    """How listening ends, and after how many seconds of sound."""
    ear = EndOfSpeech(timeout_s, silence_s=0.6, longest_s=6)
    for number, frame in enumerate(frames(*parts), 1):
        moment = ear.hear(frame)
        if moment in ("over", "silent"):
            return moment, number * 0.02
    return "more", 0.0


def test_the_end_of_speech_is_heard_above_the_noise_of_the_line() -> None:
    words = spoken("我想申请法律援助")
    length = len(words) / 8000
    for quiet, gain in ((silence, 1.0), (silence, 0.1), (lambda s, _: noise(s, 120), 1.0)):
        heard = until_decided(quiet(1.0, A_LAW_IDLE), (words * gain).astype(np.int16), quiet(3.0, A_LAW_IDLE))
        assert heard[0] == "over" and 1 + length < heard[1] + 0.4 and heard[1] < 1 + length + 0.7
    assert until_decided(words, silence(2))[0] == "over", "speech from the first moment is heard"


def test_what_is_no_speech_ends_by_the_limits() -> None:
    assert until_decided(silence(9, A_LAW_IDLE)) == ("silent", 4.0)
    assert until_decided(noise(9, 400)) == ("silent", 4.0)
    click = np.concatenate([silence(1), tone(0.06), silence(5)])
    assert until_decided(click) == ("silent", 4.0)
    moment, seconds = until_decided(tone(20))
    assert moment == "over" and seconds < 6.3, "who never stops is cut short"
    assert until_decided(silence(1)) == ("more", 0.0)
    assert EndOfSpeech(1, silence_s=0.6, longest_s=6).hear(b"") == "waiting"


class Ears:
    """A recogniser that hears what it was told, and keeps what it was asked."""

    def __init__(self, words: str | Exception = "", ready: bool = True) -> None:
        self.words, self.ready = words, ready
        self.asked: list[tuple[int, Sequence[str]]] = []

    async def hear(self, sound: bytes, phrases: Sequence[str]) -> list[Said]:
        self.asked.append((len(sound), phrases))
        if isinstance(self.words, Exception):
            raise self.words
        return said(self.words)


class Leg:
    def __init__(self, *heard: bytes | str) -> None:
        self.heard = heard

    async def sound_and_keys(self) -> AsyncIterator[bytes | str]:
        for one in self.heard:
            yield one


SPEECH = frames(silence(0.5), spoken("公证"), silence(1))


async def answer(ears: Ears, *heard: bytes | str, confirming: bool = False) -> str:
    desk = SpokenDesk(ears, {"main": MAIN}, SpokenLimits())
    assert desk.listen("t", "main", confirming=confirming) == {"FOUND": "yes"}
    await desk.take("t", Leg(*heard))
    found = desk.heard("t").get("FOUND", "")
    assert desk.heard("t") == {}, "it is told once"
    return found


@pytest.mark.parametrize(("words", "found"), [
    ("公证", "said_4"), ("留 言", "said_hash"), ("离婚 公证", "ask_4"), ("[unk]", "none"), ("", "none"), ("救 命", "emergency"),
    (RecognizerFailed("it hung"), "none"),
])
async def test_the_desk_tells_what_was_said(words: str | Exception, found: str) -> None:
    ears = Ears(words)
    assert await answer(ears, *SPEECH) == found
    ((size, phrases),) = ears.asked
    assert "法律援助" in phrases and "是" not in phrases and size >= len(spoken("公证")) * 2


async def test_keys_silence_and_hanging_up() -> None:
    ears = Ears("公证")
    assert await answer(ears, *SPEECH[:30], "4") == "key_4" and await answer(ears, "*") == "key_star"
    assert await answer(ears, "#") == "key_hash" and await answer(ears, "D") == "key_other"
    assert await answer(ears, *frames(silence(5))) == "silent" and await answer(ears, *SPEECH[:30]) == ""
    assert ears.asked == []


async def test_yes_is_heard_only_when_asked_back() -> None:
    ears = Ears("是 的")
    assert await answer(ears, *SPEECH, confirming=True) == "yes" and await answer(ears, *SPEECH) == "none"
    assert "是" in ears.asked[0][1]


async def test_places_are_bounded_and_free_again() -> None:
    desk = SpokenDesk(Ears("公证"), {"main": MAIN}, SpokenLimits(slots=2))
    assert [desk.listen(t, "main")["FOUND"] for t in ("a", "b", "c")] == ["yes", "yes", "busy"]
    await desk.take("a", Leg(*SPEECH))
    assert desk.listen("c", "main") == {"FOUND": "busy"}, "until it was told"
    assert desk.heard("a") == {"FOUND": "said_4"} and desk.listen("c", "main") == {"FOUND": "yes"}
    await desk.take("b", Leg(*SPEECH[:9]))
    assert desk.listen("d", "main") == {"FOUND": "yes"}, "who hung up needs no place"
    await desk.take("unknown", Leg(*SPEECH))
    assert desk.heard("unknown") == {}


async def test_nobody_is_invited_to_speak_in_vain() -> None:
    for desk in (SpokenDesk(Ears(ready=False), {"main": MAIN}, SpokenLimits()), SpokenDesk(Ears(), {}, SpokenLimits())):
        assert desk.listen("t", "main") == {"FOUND": "busy"}
    assert SpokenDesk(Ears(), {"main": MAIN}, SpokenLimits()).listen("", "main") == {"FOUND": "busy"}


@asynccontextmanager
async def serving(desk: SpokenDesk, most: int = 4) -> AsyncIterator[int]:
    (port,) = free_ports(1)
    server = AudioSocketServer(port, desk.take, within_s=5, most_at_once=most)
    running = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(5):
            await server.listening.wait()
        yield port
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(2, "big") + body


async def talk(port: int, *sent: bytes) -> bytes:
    """What the server says to an Asterisk that sends this and closes when it is told to go on."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for one in sent:
                writer.write(one)
            await writer.drain()
            return await reader.read(3)
        except ConnectionError:
            return b""
        finally:
            writer.close()


TICKET = uuid.UUID("0bd31c57-5aaf-4e50-bd8e-3b1c5b1f2b7a")


async def test_sound_in_any_pieces_and_keys_come_over_the_socket() -> None:
    desk = SpokenDesk(Ears("公证"), {"main": MAIN}, SpokenLimits())
    async with serving(desk) as port:
        sound = b"".join(SPEECH)
        for sent, found in (
            ([message(0x10, sound[at : at + 480]) for at in range(0, len(sound), 480)], "said_4"), ([message(0x03, b"7")], "key_7"),
        ):
            desk.listen(str(TICKET), "main")
            assert await talk(port, message(0x01, TICKET.bytes), *sent) == b"\0\0\0"
            assert desk.heard(str(TICKET)) == {"FOUND": found}


@pytest.mark.parametrize("sent", [
    b"", b"\0\0\0", b"GET / HTTP/1.1\r\n\r\n", message(0x01, b"short"), message(0x10, SPEECH[0]), message(0x01, TICKET.bytes)[:9],
], ids=repr)
async def test_junk_is_answered_by_closing(sent: bytes) -> None:
    desk = SpokenDesk(Ears("公证"), {"main": MAIN}, SpokenLimits())
    async with serving(desk) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        with suppress(ConnectionError):
            async with asyncio.timeout(5):
                assert await reader.read() == b""
        writer.close()
        desk.listen(str(TICKET), "main")
        assert await talk(port, message(0x01, TICKET.bytes), message(0x03, b"7")) == b"\0\0\0"


async def test_a_ticket_nobody_gave_is_told_to_go_on() -> None:
    async with serving(SpokenDesk(Ears(), {"main": MAIN}, SpokenLimits())) as port:
        assert await talk(port, message(0x01, TICKET.bytes), *(message(0x10, f) for f in SPEECH)) == b"\0\0\0"
