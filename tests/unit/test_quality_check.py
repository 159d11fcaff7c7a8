"""The machine's check of a call: what it measures, what it hears, and what it leaves open rather than guess."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.domain.call_measures import measure
from ivr.domain.quality_check import Result, Talk, check_call
from ivr.domain.scorecard import Criterion, Scorecard
from ivr.domain.transcript import Segment, Speaker, Word

BOTH: Mapping[Speaker, float] = {"caller": 60.0, "operator": 60.0}


def said(speaker: Speaker, start_s: float, text: str, confidence: float = 0.95, *, each_s: float = 0.25, step: int = 1) -> Segment:
    """A stretch of speech, a character (or ``step`` of them) a word."""
    parts = [text[n:n + step] for n in range(0, len(text), step)]
    words = tuple(Word(p, start_s + n * each_s, start_s + (n + 1) * each_s, confidence) for n, p in enumerate(parts))
    return Segment(speaker, start_s, words[-1].end_s, words)


def card(*criteria: Criterion, confidence: float = 0.7, least_s: float = 10) -> Scorecard:
    return Scorecard("t", "测试", confidence, least_s, criteria)


def judged(criterion: Criterion, *segments: Segment, **facts: object) -> Result:
    talk = replace(Talk(segments, BOTH, "v1", ""), **facts)  # type: ignore[arg-type]
    return check_call(card(criterion), talk).results[0]


GREETING = Criterion("greeting", "问候", "greeting", 10, phrases=("您好", "你好"), within_s=15)
CLOSING = Criterion("closing", "结束", "closing", 10, phrases=("再见",), within_s=20)
FORBIDDEN = Criterion("forbidden", "忌语", "forbidden", 0, True, ("不归我管", "有你…好看"))
NAME = Criterion("name", "称呼", "required", 10, phrases=("怎么称呼",))
HELLO, LONG = said("operator", 1, "您好请讲"), said("operator", 30, "这个事情要看合同怎么写")


def test_a_greeting_is_found_with_its_second_and_words() -> None:
    found = judged(GREETING, said("caller", 4, "你好我要咨询"), HELLO)
    assert (found.verdict, [(f.start_s, f.end_s, f.words) for f in found.findings]) == ("pass", [(1.0, 1.5, "您好")])


@pytest.mark.parametrize(("segments", "verdict"), [
    ((said("operator", 1, "请讲什么事情"),), "fail"),
    ((said("operator", 20, "您好请讲什么"), said("operator", 2, "喂请讲")), "fail"),  # too late
    ((said("operator", 20, "您好请讲什么"),), "not_judged"),  # nothing of the operator was heard at the beginning
    ((said("caller", 1, "你好"),), "not_judged"),
    ((said("operator", 1, "请讲什么事情", 0.5),), "not_judged"),
    ((said("operator", 1, "您好", 0.6), said("operator", 3, "请讲")), "not_judged"),
    ((), "not_judged"),
])
def test_a_greeting_that_was_not_heard_surely_is_left_open(segments: tuple[Segment, ...], verdict: str) -> None:
    assert judged(GREETING, *segments).verdict == verdict


def test_a_phrase_may_run_over_words_and_never_over_speakers() -> None:
    assert judged(NAME, said("operator", 5, "请问您怎么称呼", step=3)).verdict == "pass"
    assert judged(NAME, said("operator", 5, "请问您怎么"), said("caller", 8, "称呼")).verdict == "fail"


def test_forbidden_words_are_the_operators_alone_and_not_denied_ones() -> None:
    bad = judged(FORBIDDEN, said("operator", 9, "这个不归我管的"))
    assert (bad.verdict, bad.findings[0].start_s, bad.findings[0].words) == ("fail", 9.5, "不归我管")
    assert judged(FORBIDDEN, said("operator", 9, "有你今天好看的")).verdict == "fail"
    assert judged(FORBIDDEN, said("caller", 9, "这个不归我管"), LONG).verdict == "pass"
    assert judged(FORBIDDEN, said("operator", 9, "我没有要说不归我管")).verdict == "pass"
    assert judged(FORBIDDEN, said("operator", 9, "这个不归我管的", 0.69), LONG).verdict == "not_judged"
    one_unsure = said("operator", 9, "不归我管")
    one_unsure = replace(one_unsure, words=(*one_unsure.words[:3], replace(one_unsure.words[3], confidence=0.2)))
    assert judged(FORBIDDEN, one_unsure, LONG).verdict == "not_judged"


def test_a_fatal_failing_makes_the_score_zero() -> None:
    whole = card(GREETING, FORBIDDEN)
    good = check_call(whole, Talk([HELLO, LONG], BOTH)).marks
    bad = check_call(whole, Talk([HELLO, said("operator", 9, "不归我管")], BOTH)).marks
    assert (good.score, good.fatal, bad.score, bad.fatal) == (100.0, False, 0.0, True)


def test_no_closing_is_no_fault_when_the_caller_hung_up() -> None:
    last = said("operator", 50, "那就这样吧好不好")
    assert judged(CLOSING, last, hangup_by="operator").verdict == "fail"
    assert judged(CLOSING, last, hangup_by="caller").verdict == "not_judged"
    assert judged(CLOSING, said("operator", 55, "再见"), hangup_by="caller").verdict == "pass"


def test_the_notice_is_known_from_the_call_not_from_words() -> None:
    notice = Criterion("notice", "告知", "notice", 5)
    assert judged(notice).verdict == "pass" and judged(notice, notice_version="").verdict == "fail"


def measured(check: str, most: float, least: float = 0) -> Criterion:
    return Criterion("m", "测", check, 10, least=least, most=most)  # type: ignore[arg-type]


TALK = (said("operator", 0, "一二三四" * 10), said("caller", 20, "五六七八" * 10), said("operator", 50, "九十" * 20))


def test_silence_is_told_with_its_place() -> None:
    found = judged(measured("longest_silence", 15), *TALK)  # 0–10, 20–30, 50–60
    assert (found.verdict, found.measured, [(f.start_s, f.end_s) for f in found.findings]) == ("fail", 20.0, [(30.0, 50.0)])
    share = judged(measured("silence_share", 0.5), *TALK)
    assert share.verdict == "pass" and share.measured == pytest.approx(0.5)
    assert judged(measured("silence_share", 0.49), *TALK).verdict == "fail"


def test_hold_is_no_silence_and_no_time() -> None:
    held = judged(measured("longest_silence", 2.5), *TALK, holds=((31.0, 47.0),))
    assert [(f.start_s, f.end_s) for f in held.findings] == [(10.0, 20.0), (47.0, 50.0)]
    share = judged(measured("silence_share", 0.5), *TALK, holds=((31.0, 47.0), (30.5, 40.0), (59.0, 99.0)))
    assert share.measured == pytest.approx((10 + 3) / (60 - 16.5 - 1)), "20 s of silence left, one pause of half a second is none"
    talks_on = said("caller", 32, "喂喂喂喂" * 5)
    alone = judged(measured("talk_over_share", 0.5), *TALK, talks_on, said("operator", 32, "等等"), holds=((31.0, 47.0),))
    assert alone.measured == 0, "who talks to the music talks to nobody"
    assert judged(measured("longest_silence", 5), *TALK, holds=((0.0, 51.0),)).verdict == "not_judged"


STRETCH = {"own": ((20.0, 50.0),), "opened": False, "closed": False}


def test_a_seat_answers_for_its_own_stretch_alone() -> None:
    first, second = said("operator", 1, "您好这个不归我管"), said("operator", 30, "请问您怎么称呼")
    assert judged(FORBIDDEN, first, second).verdict == "fail" and judged(FORBIDDEN, first, second, **STRETCH).verdict == "pass"
    assert judged(NAME, first, second, own=((0.0, 20.0),)).verdict == "fail"
    assert judged(NAME, first, second, **STRETCH).findings[0].start_s == 30.75
    assert judged(NAME, said("operator", 19, "怎么称呼"), **STRETCH).verdict == "not_judged", "half of it is another's"
    own = judged(measured("longest_silence", 5), *TALK, said("operator", 49, "好"), **STRETCH)
    assert [(f.start_s, f.end_s) for f in own.findings] == [(30.0, 49.0)]
    own = judged(measured("longest_silence", 5), *TALK, own=((0.0, 35.0), (49.0, math.inf)))
    assert (own.verdict, own.measured) == ("fail", 10.0)
    assert judged(NAME, *TALK, own=((20.0, 29.0),)).verdict == "not_judged" and judged(NAME, *TALK, own=()).verdict == "not_judged"


def test_greeting_and_closing_are_asked_of_who_opened_and_closed() -> None:
    last = said("operator", 50, "那就这样吧好不好")
    for criterion, seat in ((GREETING, {"opened": False}), (CLOSING, {"closed": False})):
        assert judged(criterion, said("operator", 1, "请讲什么事情"), last, hangup_by="operator").verdict == "fail"
        assert judged(criterion, said("operator", 1, "请讲什么事情"), last, hangup_by="operator", **seat).verdict == "not_judged"
        other = {"opened", "closed"} - seat.keys()
        assert judged(criterion, said("operator", 1, "请讲什么事情"), last, hangup_by="operator", **dict.fromkeys(other, False)).verdict == "fail"


def test_breaths_and_pauses_are_no_silence() -> None:
    spoken = [said("operator", n * 2.4, "一二三四") for n in range(25)]  # a second of speech, 1.4 s of thought
    assert judged(measured("silence_share", 0.01), *spoken).measured == 0


def test_talking_at_once_and_cutting_in_are_measured() -> None:
    both = (said("caller", 5, "一" * 20), said("operator", 8, "您先听我说"), said("operator", 20, "一" * 80))
    over = judged(measured("talk_over_share", 0.04), *both)  # 1.25 s of 5 + 20
    assert over.verdict == "fail" and over.measured == pytest.approx(0.05)
    cut = judged(measured("interruptions", 0), *both)
    assert (cut.measured, [(f.start_s, f.words) for f in cut.findings]) == (1.0, [(8.0, "您先听我说")])


@pytest.mark.parametrize("second", [
    said("operator", 8, "嗯嗯", each_s=0.5),  # a word that shows one listens
    said("operator", 5.1, "您先听我说"),  # both began at once
    said("operator", 9.8, "您先听我说"),  # at the very end of what the caller says
    said("operator", 10, "您先听我说"),
])
def test_what_is_no_interruption(second: Segment) -> None:
    assert judged(measured("interruptions", 0), said("caller", 5, "一" * 20), second, LONG).measured == 0


def test_speech_rate_is_characters_a_minute_of_the_operators_speech() -> None:
    found = judged(measured("speech_rate", 250, 120), *TALK)
    assert found.verdict == "pass" and found.measured == pytest.approx(240)
    assert judged(measured("speech_rate", 230, 120), *TALK).verdict == "fail"
    assert judged(measured("speech_rate", 230, 120), said("operator", 1, "您好")).verdict == "not_judged"


@pytest.mark.parametrize("check", ["silence_share", "longest_silence", "talk_over_share", "interruptions", "speech_rate"])
def test_nothing_is_measured_in_what_was_heard_unsurely_or_not_at_all(check: str) -> None:
    limit = measured(check, 1, 0)
    unsure = [replace(s, words=tuple(replace(w, confidence=0.5) for w in s.words)) for s in TALK]
    assert judged(limit, *unsure).verdict == "not_judged"
    assert judged(limit, TALK[0], unsure[1]).verdict == "not_judged"
    assert judged(limit).verdict == "not_judged"
    assert judged(limit, *TALK, seconds={"caller": 60.0}).verdict == "not_judged"
    assert judged(limit, *TALK, seconds={}).verdict == "not_judged"
    assert judged(limit, *TALK, seconds={"caller": 9.9, "operator": 9.9}).verdict == "not_judged"
    one_sided = judged(limit, TALK[0], TALK[2])  # the caller says nothing, and that is known
    assert one_sided.verdict in ("pass", "fail")
    half = judged(limit, *TALK, seconds={"operator": 60.0})
    assert half.verdict == ("not_judged" if check != "speech_rate" else "fail")


_TIME = st.floats(-20, 80) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 60.0])
_WORD = st.builds(Word, st.text("您好不归我管一二x ,", max_size=4), _TIME, _TIME, st.floats(0, 1))
_SEGMENT = st.builds(
    lambda speaker, words: Segment(speaker, 0.0, 60.0, tuple(words)), st.sampled_from(["caller", "operator"]), st.lists(_WORD, max_size=12)
)
_WHOLE = card(
    GREETING, CLOSING, FORBIDDEN, NAME, measured("silence_share", 0.3), measured("talk_over_share", 0.1), measured("interruptions", 2),
    measured("speech_rate", 300, 100), measured("longest_silence", 20), Criterion("notice", "告知", "notice", 5), Criterion("human", "人", "", 40),
)


def test_a_word_of_no_length_to_speak_of_makes_no_rate() -> None:
    found = measure([Segment("operator", 0.0, 60.0, (Word("好", 0.0, 5e-324, 1.0),))], 60.0)
    assert found.rate is None


@settings(max_examples=40, deadline=None)
@given(st.lists(_SEGMENT, max_size=8), st.sampled_from([0.0, 5.0, 60.0, math.nan]), st.randoms())
def test_whatever_the_times_shares_are_shares_and_the_order_of_words_is_nothing(segments: list[Segment], seconds: float, dice: object) -> None:
    found = measure(segments, seconds)
    for share in (found.silence_share, found.talk_over_share, found.operator_confidence, found.caller_confidence):
        assert 0 <= share <= 1
    assert found.rate is None or (math.isfinite(found.rate) and found.rate >= 0)
    for start, end in (*found.silences, *found.talk_overs, *found.interruptions):
        assert 0 <= start < end <= found.seconds
    assert found.operator_s <= found.seconds + 1e-6 and found.caller_s <= found.seconds + 1e-6
    shuffled = [replace(s, words=tuple(dice.sample(s.words, len(s.words)))) for s in dice.sample(segments, len(segments))]  # type: ignore[attr-defined]
    assert measure(shuffled, seconds) == found


@settings(max_examples=40, deadline=None)
@given(st.lists(_SEGMENT, max_size=6), st.sampled_from([0.0, 12.0, 60.0]), st.sampled_from(["caller", "operator", "both", "none"]))
def test_whatever_is_heard_each_machine_criterion_has_one_result(segments: list[Segment], seconds: float, heard: str) -> None:
    tracks: dict[Speaker, float] = {t: seconds for t in ("caller", "operator") if heard in (t, "both")}  # type: ignore[misc]
    checked = check_call(_WHOLE, Talk(segments, tracks))
    assert [r.code for r in checked.results] == [c.code for c in _WHOLE.criteria if c.check]
    assert all(r.why for r in checked.results)
    assert checked.marks.score is None or 0 <= checked.marks.score <= 100
    if "operator" not in tracks or seconds < 10:
        assert checked.marks.score is None and not checked.marks.fatal
    assert all(0 <= f.start_s <= seconds or math.isnan(f.start_s) for r in checked.results for f in r.findings)
