"""When a caller has begun to speak and when the words are over, frame by frame, by loudness above the line's own noise."""

from __future__ import annotations

import sys
from array import array
from collections import deque
from typing import Literal

FRAME_S = 0.02
SAMPLE_RATE = 8000
FRAME_BYTES = round(SAMPLE_RATE * FRAME_S) * 2

_QUIET = 60.0  # mean amplitude of 32768 that is never speech: a-law's idle is 8
_NOISIEST = 260.0  # about -40 dBFS: a line full of speech is not its own noise
_ABOVE_NOISE = 3.0
_BELOW_SPEECH = 0.05  # of the loudest frame: 26 dB under it nobody speaks any more, also where a phone gates its noise
_BEGINS = 5  # loud frames within _LOOKED_AT: a click or the end of a key's tone is shorter
_LOOKED_AT = 10

Moment = Literal["waiting", "speaking", "over", "silent"]


class EndOfSpeech:
    """Takes 20 ms frames of 8 kHz 16-bit sound in order; after ``over`` or ``silent`` it takes no more.

    ``silence_s`` without sound ends an utterance, ``longest_s`` ends it anyway, and ``timeout_s`` is how long the caller may
    take to begin.
    """

    def __init__(self, timeout_s: float, *, silence_s: float, longest_s: float) -> None:
        self._timeout = round(timeout_s / FRAME_S)
        self._silence = round(silence_s / FRAME_S)
        self._longest = round(longest_s / FRAME_S)
        self._recent: deque[bool] = deque(maxlen=_LOOKED_AT)
        self._levels: deque[float] = deque(maxlen=100)
        self._seen = 0
        self._began_at = -1
        self._loud_at = 0
        self._loudest = 0.0

    def hear(self, frame: bytes) -> Moment:
        """What this frame makes of it."""
        self._seen += 1
        level = _level(frame)
        self._levels.append(level)
        floor = min(sorted(self._levels)[len(self._levels) // 10], _NOISIEST)
        loud = level > max(floor * _ABOVE_NOISE, _QUIET, self._loudest * _BELOW_SPEECH)
        self._recent.append(loud)
        if loud:
            self._loud_at = self._seen
        if self._began_at < 0:
            if sum(self._recent) >= _BEGINS:
                self._began_at = self._seen
                return "speaking"
            return "silent" if self._seen >= self._timeout else "waiting"
        self._loudest = max(self._loudest, level)
        ended = self._seen - self._loud_at >= self._silence or self._seen - self._began_at >= self._longest
        return "over" if ended else "speaking"


def _level(frame: bytes) -> float:
    samples = array("h", frame[: len(frame) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return sum(map(abs, samples)) / len(samples) if samples else 0.0
