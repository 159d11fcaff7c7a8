"""What is heard of a call that goes on, as a transcript the rules of intake can read. Pure.

A stretch that was heard live has no words with times of their own, so each of its characters takes an even share of its
time: a place found in it is right to within a second or so, which is enough to hear it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ivr.domain.transcript import Segment, Speaker, Transcript, Word


class HeardStretch(Protocol):
    """A stretch of speech with its times in seconds and the mean confidence of its words."""

    @property
    def speaker(self) -> Speaker: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...
    @property
    def text(self) -> str: ...
    @property
    def confidence(self) -> float: ...


def transcript_so_far(linked_id: str, stretches: Sequence[HeardStretch]) -> Transcript:
    """All that was heard, in the order of speaking; empty stretches say nothing."""
    return Transcript.of(linked_id, [_spread(one) for one in stretches if one.text])


def _spread(heard: HeardStretch) -> Segment:
    share = max(0.0, heard.end_s - heard.start_s) / len(heard.text)
    edges = [heard.start_s + n * share for n in range(len(heard.text) + 1)]
    words = tuple(Word(text, edges[n], edges[n + 1], heard.confidence) for n, text in enumerate(heard.text))
    return Segment(heard.speaker, heard.start_s, heard.end_s, words)
