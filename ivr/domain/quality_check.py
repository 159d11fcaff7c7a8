"""The machine's part of quality review: a call's words against a scorecard, each finding with its second and its words.

What was not heard surely enough is not judged: an unsure word makes neither a good mark nor a bad one. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ivr.domain.call_measures import Measures, confidence, measure, words_of
from ivr.domain.phrases import PhraseIndex, is_denied
from ivr.domain.scorecard import Criterion, Marked, Scorecard, Verdict, machine_marks
from ivr.domain.seat_talks import Span, without
from ivr.domain.transcript import Segment, Speaker, Word

MOST_FINDINGS: Final = 20
RATED_S: Final = 10.0
"""Less speech than this has no rate."""
_AROUND: Final = 20


@dataclass(frozen=True, slots=True)
class Talk:
    """A recorded conversation. ``seconds`` of each track that was heard to the end: one that could not be is not in it.

    ``notice_version`` is the recording notice the caller heard, '' for none; ``hangup_by`` is caller, operator or system.
    ``holds`` are seconds in which the caller was on hold. ``own`` are those in which the judged seat was with the caller, None:
    in all; whether it ``opened`` and ``closed`` the call decides who is asked for greeting and closing.
    """

    segments: Sequence[Segment]
    seconds: Mapping[Speaker, float]
    notice_version: str = ""
    hangup_by: str = ""
    holds: Sequence[Span] = ()
    own: Sequence[Span] | None = None
    opened: bool = True
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """Where in the recording, and what is said there ('' where nobody speaks)."""

    start_s: float
    end_s: float
    speaker: Speaker | None
    words: str


@dataclass(frozen=True, slots=True)
class Result:
    """One criterion: the verdict, what was measured where something is, and why, in words for people."""

    code: str
    verdict: Verdict
    measured: float | None
    why: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """A call checked: a result for each of the card's machine criteria, in their order."""

    results: tuple[Result, ...]
    measures: Measures
    marks: Marked


@dataclass(frozen=True, slots=True)
class _Hit:
    start_s: float
    end_s: float
    words: str
    confidence: float
    denied: bool


def check_call(card: Scorecard, talk: Talk) -> Checked:
    """Every machine criterion of the card, judged or with the reason why not."""
    seconds = max(talk.seconds.values(), default=0.0)
    left_out = list(talk.holds)
    if (own := talk.own) is not None:
        talk = replace(talk, segments=_own_words(talk.segments, own))
        left_out += without([(0.0, seconds)], own)
    measures = measure(talk.segments, seconds, left_out)
    results = tuple(_judge(card, c, talk, measures) for c in card.criteria if c.check)
    return Checked(results, measures, machine_marks(card, {r.code: r.verdict for r in results}))


def without_words(result: Result) -> Result:
    """The result of a call whose transcript is deleted: what was said is gone from it, verdict and seconds stay."""
    told = re.sub(r"“[^”]*”", "“…”", result.why)
    return replace(result, why=told, findings=tuple(replace(f, words="") for f in result.findings))


def _judge(card: Scorecard, criterion: Criterion, talk: Talk, measures: Measures) -> Result:
    if measures.judged_s < card.least_s:
        told = "录音" if measures.judged_s == measures.seconds else "除去保持和别的坐席，录音"
        return _open(criterion, f"{told}只有 {measures.judged_s:.0f} 秒，不足 {card.least_s:.0f} 秒")
    if criterion.check == "greeting" and not talk.opened:
        return _open(criterion, "电话转来时别的坐席已经接过")
    if criterion.check == "closing" and not talk.closed:
        return _open(criterion, "电话转给别人以后才结束")
    if "operator" not in talk.seconds:
        return _open(criterion, "坐席一侧的录音没有转写出来")
    if criterion.check == "notice":
        told = f"来电人听过录音告知（{talk.notice_version}）" if talk.notice_version else "没有播放录音告知的记录"
        return Result(criterion.code, "pass" if talk.notice_version else "fail", None, told)
    if criterion.phrases:
        return _listened(card, criterion, talk, measures)
    if "caller" not in talk.seconds and criterion.check != "speech_rate":
        return _open(criterion, "来电人一侧的录音没有转写出来")
    unsure = [c for c, s in ((measures.operator_confidence, measures.operator_s), (measures.caller_confidence, measures.caller_s))
              if s > 0 and c < card.least_confidence]
    if unsure:
        return _open(criterion, f"识别把握只有 {min(unsure):.0%}，不足 {card.least_confidence:.0%}")
    if not measures.operator_s:
        return _open(criterion, "没有听到坐席说话")
    return _MEASURED[criterion.check](criterion, measures, talk)


def _silence(criterion: Criterion, measures: Measures, talk: Talk) -> Result:
    told = f"静默占 {measures.silence_share:.0%}，限 {criterion.most:.0%}"
    return _bounded(criterion, measures.silence_share, told, [Finding(a, b, None, "") for a, b in measures.silences])


def _longest(criterion: Criterion, measures: Measures, talk: Talk) -> Result:
    start, end = measures.silences[0] if measures.silences else (0.0, 0.0)
    over = [Finding(a, b, None, "") for a, b in measures.silences if b - a > criterion.most]
    return _bounded(criterion, end - start, f"最长静默 {end - start:.0f} 秒，限 {criterion.most:.0f} 秒", over)


def _talk_over(criterion: Criterion, measures: Measures, talk: Talk) -> Result:
    told = f"同时说话占 {measures.talk_over_share:.0%}，限 {criterion.most:.0%}"
    longest = sorted(measures.talk_overs, key=lambda s: s[0] - s[1])
    return _bounded(criterion, measures.talk_over_share, told, _said(longest, talk))


def _interruptions(criterion: Criterion, measures: Measures, talk: Talk) -> Result:
    times = len(measures.interruptions)
    return _bounded(criterion, float(times), f"打断 {times} 次，限 {criterion.most:.0f} 次", _said(measures.interruptions, talk))


def _rate(criterion: Criterion, measures: Measures, talk: Talk) -> Result:
    if measures.rate is None or measures.operator_s < RATED_S:
        return _open(criterion, f"坐席只说了 {measures.operator_s:.0f} 秒，测不出语速")
    told = f"每分钟 {measures.rate:.0f} 字，应在 {criterion.least:.0f} 到 {criterion.most:.0f} 之间"
    fits = criterion.least <= measures.rate <= criterion.most
    return Result(criterion.code, "pass" if fits else "fail", measures.rate, told)


_MEASURED: Final[Mapping[str, Callable[[Criterion, Measures, Talk], Result]]] = {
    "silence_share": _silence, "longest_silence": _longest, "talk_over_share": _talk_over, "interruptions": _interruptions,
    "speech_rate": _rate,
}


def _bounded(criterion: Criterion, measured: float, told: str, findings: Sequence[Finding]) -> Result:
    verdict: Verdict = "pass" if measured <= criterion.most else "fail"
    return Result(criterion.code, verdict, measured, told, tuple(findings[:MOST_FINDINGS]))


def _listened(card: Scorecard, criterion: Criterion, talk: Talk, measures: Measures) -> Result:
    """Phrases the operator says. A phrase heard unsurely, and one missed where words are unsure, leave it open."""
    seconds = measures.seconds
    first, last = 0.0, seconds
    if criterion.check == "greeting":
        last = min(seconds, criterion.within_s)
    elif criterion.check == "closing":
        first = max(0.0, seconds - criterion.within_s)
    heard = [w for w in words_of(talk.segments, "operator", seconds) if first <= w.start_s < last]
    if not heard:
        return _open(criterion, "这一段没有听到坐席说话" if criterion.within_s else "没有听到坐席说话")
    hits = [h for h in _hits(criterion.phrases, talk.segments) if first <= h.start_s < last]
    if criterion.check == "forbidden":
        hits = [h for h in hits if not h.denied]
    sure = [h for h in hits if h.confidence >= card.least_confidence]
    findings = tuple(Finding(h.start_s, h.end_s, "operator", h.words) for h in (sure or hits)[:MOST_FINDINGS])
    meant = criterion.check != "forbidden"
    if sure:
        told = f"第 {sure[0].start_s:.0f} 秒说了“{sure[0].words}”"
        return Result(criterion.code, "pass" if meant else "fail", None, told, findings)
    if hits:
        return _open(criterion, f"像是说了“{hits[0].words}”，识别把握只有 {hits[0].confidence:.0%}", findings)
    if (sureness := confidence(heard)) < card.least_confidence:
        return _open(criterion, f"没有听出，识别把握只有 {sureness:.0%}，不足 {card.least_confidence:.0%}")
    if criterion.check == "closing" and talk.hangup_by == "caller":
        return _open(criterion, "没有听到，但来电人先挂了机")
    return Result(criterion.code, "fail" if meant else "pass", None, "没有听到" if meant else "没有听到忌语")


def _own_words(segments: Sequence[Segment], own: Sequence[Span]) -> list[Segment]:
    """What both say while the judged seat is there; a phrase never runs over a time in which it was not."""
    found = []
    for segment in segments:
        for start, end in own:
            words = tuple(w for w in segment.words if start <= (w.start_s + w.end_s) / 2 < end)
            if words:
                found.append(replace(segment, words=words))
    return found


def _hits(phrases: Sequence[str], segments: Sequence[Segment]) -> list[_Hit]:
    """Every phrase the operator says, by time. A phrase may run over words, not over a silence."""
    index = PhraseIndex(list(phrases))
    found = []
    for segment in segments:
        if segment.speaker != "operator":
            continue
        text = segment.text
        places = _places(segment.words)
        for hit in index.find(text):
            covered = [w for w, start in places if start < hit.end and start + len(w.text) > hit.start]
            sureness = min((w.confidence for w in covered), default=0.0)
            start_s, end_s = (covered[0].start_s, covered[-1].end_s) if covered else (segment.start_s, segment.end_s)
            found.append(_Hit(start_s, end_s, text[hit.start:hit.end], sureness, is_denied(text, hit.start, hit.end)))
    return sorted(found, key=lambda h: (h.start_s, h.words))


def _places(words: Sequence[Word]) -> list[tuple[Word, int]]:
    found, at = [], 0
    for word in words:
        found.append((word, at))
        at += len(word.text)
    return found


def _said(spans: Sequence[tuple[float, float]], talk: Talk) -> list[Finding]:
    """What the operator says in these times."""
    words = words_of(talk.segments, "operator", max(talk.seconds.values(), default=0.0))
    return [
        Finding(a, b, "operator", "".join(w.text for w in words if w.start_s < b and w.end_s > a)[:_AROUND])
        for a, b in spans[:MOST_FINDINGS]
    ]


def _open(criterion: Criterion, why: str, findings: tuple[Finding, ...] = ()) -> Result:
    return Result(criterion.code, "not_judged", None, why, findings)
