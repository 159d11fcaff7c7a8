"""What can be measured in a conversation from the times of its words: silence, talking at once, interruptions, rate.

Times are seconds from the start of the recording; what lies outside it is cut off, and a word of no length counts for nothing.
The order in which words come makes no difference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ivr.domain.transcript import Segment, Speaker, Word

LEAST_SPOKEN_S: Final = 0.5
"""A rate is told of no less speech than this."""
BREATH_S: Final = 0.6
"""A gap in one's speech that is still the same stretch."""
PAUSE_S: Final = 2.0
"""A time in which nobody speaks is silence from this length on."""
INTO_S: Final = 0.3
OVERLAP_S: Final = 0.7
SAID_CHARACTERS: Final = 3
"""An interruption begins this far into the other's stretch, lasts this long, and is more than 嗯 or 好的."""

Span = tuple[float, float]
_BOTH: Final[tuple[Speaker, Speaker]] = ("operator", "caller")


@dataclass(frozen=True, slots=True)
class Measures:
    """``silence_share`` of what is judged, ``talk_over_share`` of the time in which somebody speaks there: both 0…1.

    ``seconds`` is the recording, ``judged_s`` what is left of it without holds and others' stretches.
    ``silences`` are the gaps that count, the longest first; ``interruptions`` where the operator cut in on the caller.
    ``rate`` is the operator's characters a minute of speech, None with too little speech; confidences are means by character, 0…1.
    """

    seconds: float
    judged_s: float
    silence_share: float
    silences: tuple[Span, ...]
    talk_over_share: float
    talk_overs: tuple[Span, ...]
    interruptions: tuple[Span, ...]
    rate: float | None
    operator_s: float
    caller_s: float
    operator_confidence: float
    caller_confidence: float


def measure(segments: Iterable[Segment], seconds: float, left_out: Iterable[Span] = ()) -> Measures:
    """Measure a recording of ``seconds``; of no length, or without words, everything is 0.

    Time that is ``left_out`` is neither silence nor talk: what is said in it counts nowhere.
    """
    seconds = seconds if math.isfinite(seconds) and seconds > 0 else 0.0
    held = list(segments)
    out = _joined([(max(0.0, a), min(seconds, b)) for a, b in left_out if max(0.0, a) < min(seconds, b)], 0.0)
    judged_s = max(0.0, seconds - _length(out))
    operator_words, caller_words = (_outside(words_of(held, who, seconds), out) for who in _BOTH)
    operator, caller = stretches(operator_words), stretches(caller_words)
    both = _joined([*operator, *caller], 0.0)
    spoken = _length(both)
    silences = sorted(_gaps(_joined([*both, *out], 0.0), seconds), key=lambda span: (span[0] - span[1], span[0]))
    overs = _overlaps(operator, caller)
    operator_s, characters = _length(operator), sum(_characters(w) for w in operator_words)
    return Measures(
        seconds, judged_s,
        min(1.0, _length(silences) / judged_s) if judged_s else 0.0, tuple(silences),
        min(1.0, _length(overs) / spoken) if spoken else 0.0, tuple(overs),
        tuple(_interruptions(operator, caller, operator_words)),
        60 * characters / operator_s if operator_s >= LEAST_SPOKEN_S else None, operator_s, _length(caller),
        confidence(operator_words), confidence(caller_words),
    )


def words_of(segments: Iterable[Segment], speaker: Speaker, seconds: float) -> list[Word]:
    """One speaker's words in the order of time, cut to the recording; those of no length there are left out."""
    found = []
    for segment in segments:
        for word in segment.words if segment.speaker == speaker else ():
            start, end = max(0.0, word.start_s), min(seconds, word.end_s)
            if math.isfinite(word.start_s) and math.isfinite(word.end_s) and start < end:
                found.append(Word(word.text, start, end, word.confidence))
    return sorted(found, key=lambda w: (w.start_s, w.end_s, w.text, w.confidence))


def _outside(words: Sequence[Word], out: Sequence[Span]) -> list[Word]:
    """Words whose middle lies in none of these spans."""
    return [w for w in words if not any(a <= (w.start_s + w.end_s) / 2 < b for a, b in out)]


def confidence(words: Sequence[Word]) -> float:
    """Mean confidence by character; 0 for none."""
    characters = sum(_characters(w) for w in words)
    return sum(w.confidence * _characters(w) for w in words) / characters if characters else 0.0


def stretches(words: Sequence[Word]) -> list[Span]:
    """Times in which one speaks, a breath's gap included."""
    return _joined([(w.start_s, w.end_s) for w in words], BREATH_S)


def _characters(word: Word) -> int:
    return sum(1 for c in word.text if c.isalnum())


def _joined(spans: Sequence[Span], gap: float) -> list[Span]:
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start - found[-1][1] <= gap:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _length(spans: Iterable[Span]) -> float:
    return math.fsum(end - start for start, end in spans)


def _gaps(spoken: Sequence[Span], seconds: float) -> list[Span]:
    edges = [0.0, *(at for span in spoken for at in span), seconds]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(start, end) for start, end in pairs if end - start >= PAUSE_S]


def _overlaps(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    found, n = [], 0
    for start, end in one:
        while n < len(other) and other[n][1] <= start:
            n += 1
        for further in other[n:]:
            if further[0] >= end:
                break
            found.append((max(start, further[0]), min(end, further[1])))
    return found


def _interruptions(operator: Sequence[Span], caller: Sequence[Span], words: Sequence[Word]) -> list[Span]:
    found, n, w = [], 0, 0
    for start, end in operator:
        while n < len(caller) and caller[n][1] <= start:
            n += 1
        while w < len(words) and words[w].end_s <= start:
            w += 1
        if n == len(caller) or not caller[n][0] + INTO_S <= start:
            continue
        until = min(end, caller[n][1])
        said = sum(_characters(word) for word in words[w:w + 50] if word.start_s < end)
        if until - start >= OVERLAP_S and said >= SAID_CHARACTERS:
            found.append((start, until))
    return found
