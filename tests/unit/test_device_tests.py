"""Self-tests of village phones: the tone and its echo, when each phone is due, and what a row of tests says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from ivr.domain.device_test import DeviceTest, Outcome, TestCall, TestNights, found, standing
from ivr.domain.device_use import SeenUse, Verdict, judge, sentence
from ivr.domain.echo_test import FRAME_BYTES, RATE, Echo, measure, tone
from ivr.domain.hysteresis import Hysteresis

NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)


def later(sound: bytes, ms: int, gain: float = 1.0, noise: float = 0.0) -> bytes:
    """The sound as it comes back: late, quieter, in noise."""
    samples = np.frombuffer(sound, "<i2").astype(float) * gain
    late = np.concatenate([np.zeros(ms * RATE // 1000), samples])
    late += np.random.default_rng(1).normal(0, noise * 32767, len(late))
    return np.clip(late, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize(("ms", "gain", "noise"), [(0, 1.0, 0.0), (40, 0.5, 0.01), (340, 0.1, 0.01), (1200, 0.03, 0.001)])
def test_an_echo_is_measured_as_late_and_as_loud_as_it_was(ms: int, gain: float, noise: float) -> None:
    sent = tone(7)
    told = measure(sent, later(sent, ms, gain, noise))
    assert told.heard and abs(told.delay_ms - ms) < 2 and abs(told.level_db - 20 * np.log10(gain)) < 1.5


def test_an_echo_with_a_gap_of_a_jitter_buffer_is_an_echo() -> None:
    sent = tone(7)
    cut = len(sent) // 3 // 2 * 2
    assert measure(sent, later(sent, 100)[:cut] + bytes(2 * 160) + later(sent, 100)[cut:]).heard


def test_what_is_no_echo_of_this_tone_is_none() -> None:
    sent = tone(7)
    hum = np.sin(2 * np.pi * 1000 * np.arange(len(sent) // 2) / RATE) * 8000
    noise = np.random.default_rng(2).normal(0, 6000, len(sent) // 2)
    for back in (b"", bytes(len(sent)), hum.astype("<i2").tobytes(), noise.astype("<i2").tobytes(), later(tone(8), 40), later(sent, 40)[: len(sent) // 6]):  # the last breaks off
        assert not measure(sent, back).heard


def test_a_tone_is_whole_frames_and_another_one_each_time() -> None:
    assert tone(1) != tone(2) and tone(1) == tone(1) and len(tone(1)) % FRAME_BYTES == 0
    assert max(abs(np.frombuffer(tone(1), "<i2"))) < 32768 * 0.3, "it wakes nobody"


@pytest.mark.parametrize(("call", "heard", "outcome"), [
    (TestCall(True, sound=bytes(64000), complete=True), True, "passed"), (TestCall(True, sound=bytes(64000), complete=True), False, "no_echo"),
    (TestCall(True, sound=bytes(2000), complete=True), False, "no_sound"), (TestCall(True, sound=bytes(64000)), True, "stopped"),
    (TestCall(False, "19"), False, "unanswered"), (TestCall(False, "20"), False, "absent"), (TestCall(False, "17"), False, "in_use"), (TestCall(False, "8"), False, "stopped"),
    (TestCall(False, "21"), False, "refused"), (TestCall(False, ""), False, "refused"),
])
def test_the_outcome_is_what_happened(call: TestCall, heard: bool, outcome: str) -> None:
    told = found(call, tone(1), Echo(heard, 120.0, -12.0, 0.9))
    assert told.outcome == outcome and told.reason
    assert ("120 毫秒，-12 dB" in told.reason) is (outcome == "passed")


def made(*outcomes: Outcome) -> list[DeviceTest]:
    return [DeviceTest(date(2026, 11, 1 + n), "", NOW - timedelta(days=len(outcomes) - n), o, o) for n, o in enumerate(outcomes)]


@pytest.mark.parametrize(("outcomes", "nights"), [
    ((), 0), (("unanswered",), 0), (("unanswered", "absent"), 2), (("passed", "unanswered", "passed", "unanswered"), 0),
    (("unanswered", "in_use", "unanswered"), 2), (("no_sound", "no_sound", "passed"), 2), (("no_sound", "no_sound", "passed", "passed"), 0),
    (("no_echo",) * 5, 0), (("passed", "no_echo", "no_echo"), 2), (("in_use", "stopped", "unfinished"), 0),
])
def test_two_bad_nights_make_a_failing_phone_and_two_good_ones_end_it(outcomes: tuple[Outcome, ...], nights: int) -> None:
    told = standing(made(*outcomes))
    assert (told.nights, told.failing_since is not None) == (nights, nights > 0)


def test_a_failing_phone_cannot_be_used_unless_it_called_since() -> None:
    failing = standing(made("passed", "no_sound", "no_sound"))
    facts = {"blocked_since": None, "blocked_why": "", "reach": "reachable", "reach_since": None, "now": NOW, "tests": failing}
    told = judge(**facts, last_call=NOW - timedelta(days=5))  # type: ignore[arg-type]
    assert (told.use, told.since, told.reason) == ("unusable", NOW - timedelta(days=2), "自检连续 2 次未通过：no_sound")
    assert judge(**facts, last_call=NOW - timedelta(hours=1)).use == "used"  # type: ignore[arg-type]


def test_each_verdict_is_a_sentence() -> None:
    seen = SeenUse(NOW - timedelta(days=1), 5, True, standing(made("passed")), timedelta(days=14))
    assert sentence(Verdict("used"), seen) == (
        "在用：14 天内通话 5 次；上次通话 11-25 10:00；自检 11-25 10:00 passed；线路差：最近几次通话丢包或延迟过大。")
    never = SeenUse(None, 0, False, standing([]), timedelta(days=14))
    assert sentence(Verdict("unused"), never) == "可用未用：已 14 天没有通话；从未通话。"
    assert sentence(Verdict("unusable", NOW, "注册已失效"), never) == "不可用：自 11-26 10:00 起，因为注册已失效；从未通话。"


def test_phones_are_spread_over_the_night_and_none_is_due_outside_it() -> None:
    nights, names = TestNights(23 * 60, 180), ["c", "a", "b"]
    shanghai = [datetime(2026, 11, 25, h, m, tzinfo=UTC) + timedelta(hours=-8) for h, m in ((22, 59), (23, 0), (23, 59))]
    assert [nights.due(names, at) for at in shanghai] == [(), ("a",), ("a",)]
    assert nights.due(names, shanghai[1] + timedelta(minutes=60)) == ("a", "b") and nights.due(names, shanghai[1] + timedelta(hours=3)) == ()
    assert nights.due(names, shanghai[1] + timedelta(minutes=179)) == ("a", "b", "c")
    assert nights.night(shanghai[1]) == nights.night(shanghai[1] + timedelta(minutes=150)) == date(2026, 11, 25), "one night over midnight"
    assert nights.due([], shanghai[1]) == ()


def test_hysteresis_needs_so_many_in_a_row() -> None:
    state = Hysteresis(2, 3)
    assert [state.see(bad) for bad in (True, False, True, True, False, False, True, False, False, False)] == [
        False, False, False, True, True, True, True, True, True, False]
