"""The first of some phrases that a caller says and means, with its second."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.domain.phrases import PhraseIndex, is_denied
from ivr.domain.transcript import Transcript


@dataclass(frozen=True, slots=True)
class HeardPhrase:
    """What was said, and how many seconds into the recording."""

    words: str
    at_s: float


def first_heard(transcript: Transcript, index: PhraseIndex) -> HeardPhrase | None:
    """The caller's first phrase of ``index`` that is not denied (我没有要自杀); None when there is none."""
    for segment in transcript.segments:
        if segment.speaker != "caller":
            continue
        text = segment.text
        for hit in index.find(text):
            if is_denied(text, hit.start, hit.end):
                continue
            at = 0
            for word in segment.words:
                at += len(word.text)
                if at > hit.start:
                    return HeardPhrase(text[hit.start : hit.end], word.start_s)
    return None
