"""From a stretch of text back to the words, seconds and confidence it was heard in.

Every machine-filled field carries an ``Evidence``: a person can play exactly those seconds before believing it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ivr.domain.transcript import Segment, Speaker, Transcript

FieldName = Literal["category", "matter", "caller_name", "callback_number", "place", "amount", "date"]
ReasonCode = Literal["no_speech", "not_said", "unclear", "tied", "conflict", "incomplete", "corrected", "third_party"]

FIELD_LABELS: Final[dict[FieldName, str]] = {
    "category": "业务类别",
    "matter": "事项",
    "caller_name": "来电人姓名",
    "callback_number": "回电号码",
    "place": "村居或镇街",
    "amount": "金额",
    "date": "日期",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where 'unclear' begins; all are settings. Confidences are 0…1, scores are sums of cue weights (cues-*.csv)."""

    word: float = 0.5  # least confidence of every word an entry rests on
    digit: float = 0.6  # the same for each spoken digit of a number: one wrong digit calls a stranger
    score: float = 2.0  # least total a category or matter needs
    lead: float = 1.0  # by how much it must lead the next one
    operator_share: float = 0.5  # what an operator's cue counts, against 1 for the caller's
    digit_pause_s: float = 10.0  # longest pause inside one spoken number
    most_amounts: int = 5
    most_dates: int = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """The exact words an entry rests on.

    ``words`` are (segment, word) indices into the transcript, in order; ``text`` is those words joined. ``start_s`` and
    ``end_s`` are seconds of the first and the last of them; ``confidence`` is the *least* of theirs, because a number
    is only as sure as its least sure digit.
    """

    speaker: Speaker
    text: str
    start_s: float
    end_s: float
    confidence: float
    words: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One machine-filled entry of an order: value for machines, display for people, and the rule that found it.

    ``support`` holds further evidence (other cues, the operator's read-back); ``confidence`` is that of the whole
    finding and exceeds the evidence's own only where a second hearing agrees. ``approximate``: a range, or a figure
    the caller only estimated. ``ordinal`` counts amounts and dates from 0; it is 0 for every other field.
    """

    name: FieldName
    value: str
    display: str
    rule: str
    evidence: Evidence
    confidence: float
    support: tuple[Evidence, ...] = ()
    approximate: bool = False
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a field was left blank: ``code`` for machines, ``message`` in the citizen's language for the page."""

    field: FieldName
    code: ReasonCode
    message: str
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """One segment as text without spaces, with the way back: ``word_at[i]`` is the word that character i belongs to."""

    index: int
    segment: Segment
    text: str
    word_at: tuple[int, ...]

    @property
    def speaker(self) -> Speaker:
        """Who spoke the segment."""
        return self.segment.speaker

    def crosses_words(self, start: int, end: int) -> bool:
        """Whether text[start:end] begins *and* ends inside longer words: 办公|证件 does not say 公证."""
        at = self.word_at
        if at[start] == at[end - 1]:
            return False
        return start > 0 and at[start - 1] == at[start] and end < len(at) and at[end] == at[end - 1]

    def words(self, start: int, end: int) -> tuple[tuple[int, int], ...]:
        """(segment, word) indices of the words touched by text[start:end], which must not be empty."""
        return tuple((self.index, word) for word in range(self.word_at[start], self.word_at[end - 1] + 1))


def hear(transcript: Transcript) -> tuple[Heard, ...]:
    """Every segment with words, in the transcript's order; words without text take no part."""
    heard = []
    for index, segment in enumerate(transcript.segments):
        word_at = tuple(n for n, word in enumerate(segment.words) for _ in word.text)
        if word_at:
            heard.append(Heard(index, segment, segment.text, word_at))
    return tuple(heard)


def evidence_of(heard: Heard, start: int, end: int) -> Evidence:
    """Evidence for text[start:end] of one segment, widened to whole words."""
    return evidence_of_words([(heard, heard.words(start, end))])


def evidence_of_words(parts: Iterable[tuple[Heard, tuple[tuple[int, int], ...]]]) -> Evidence:
    """Evidence for words of several segments of one speaker, in order, each once; there must be at least one word."""
    at = {key: heard for heard, keys in parts for key in keys}
    named = [(heard.speaker, key, heard.segment.words[key[1]]) for key, heard in at.items()]
    return Evidence(
        speaker=named[0][0],
        text="".join(word.text for _, _, word in named),
        start_s=min(word.start_s for _, _, word in named),
        end_s=max(word.end_s for _, _, word in named),
        confidence=min(word.confidence for _, _, word in named),
        words=tuple(key for _, key, _ in named),
    )


def agreeing(first: float, second: float) -> float:
    """Confidence when two separate hearings say the same: both must be wrong for the finding to be wrong."""
    return 1.0 - (1.0 - min(max(first, 0.0), 1.0)) * (1.0 - min(max(second, 0.0), 1.0))
