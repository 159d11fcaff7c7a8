"""Tones over what is not to be heard, made while a WAV is read: any range of it is the same bytes at every reading.

A sample under a tone depends on its place in the recording alone, never on what was said there. Files are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ivr.speech.audio import SAMPLE_BYTES

TONE_HZ: Final = 1000
LOUDNESS: Final = 3000
"""Of the tone's peak, of 32767: heard clearly, and no louder than speech."""

PEAK: Final = LOUDNESS / 32768
_HEADER_BYTES: Final = 44


class Readable(Protocol):
    """A 16-bit PCM WAV with a header of 44 bytes, any range of it on demand."""

    @property
    def size(self) -> int: ...

    @property
    def sample_rate(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


class TonedWav:
    """A WAV with tones in each channel over these seconds (``spans[channel]``); as long as the one beneath it."""

    def __init__(self, sound: Readable, spans: Sequence[Sequence[tuple[float, float]]]) -> None:
        self._sound = sound
        self._width = SAMPLE_BYTES * len(spans)
        rate = sound.sample_rate
        self._frames = [[(int(start * rate), int(np.ceil(end * rate))) for start, end in channel] for channel in spans]

    @property
    def size(self) -> int:
        """Bytes of header and sound."""
        return self._sound.size

    @property
    def sample_rate(self) -> int:
        """Samples a second of each channel."""
        return self._sound.sample_rate

    def read(self, offset: int, length: int) -> bytes:
        """A range of the file; blocking. Whole frames are read beneath it, so that no half sample is left as it was."""
        end = min(offset + max(length, 0), self.size)
        if offset >= end:
            return b""
        head = self._sound.read(offset, min(end, _HEADER_BYTES) - offset) if offset < _HEADER_BYTES else b""
        start, stop = max(offset - _HEADER_BYTES, 0), end - _HEADER_BYTES
        if stop <= start:
            return head
        first, last = start // self._width, -(-stop // self._width)
        raw = self._sound.read(_HEADER_BYTES + first * self._width, (last - first) * self._width)
        samples = np.frombuffer(raw[: len(raw) // self._width * self._width], dtype="<i2").reshape(-1, len(self._frames)).copy()
        for channel, spans in enumerate(self._frames):
            for begin, until in spans:
                low, high = max(begin, first), min(until, first + len(samples))
                if low < high:
                    samples[low - first : high - first, channel] = tone(low, high, self._sound.sample_rate)
        return head + samples.tobytes()[start - first * self._width : stop - first * self._width]


def tone(first: int, last: int, rate: int) -> NDArray[np.int16]:
    """Frames ``first`` up to but without ``last`` of the one tone there is, int16."""
    phase = (np.arange(first, last, dtype=np.int64) * TONE_HZ) % rate
    return np.round(LOUDNESS * np.sin(2 * np.pi * phase / rate)).astype("<i2")


def cover_peaks(peaks: Sequence[float], seconds: float, spans: Sequence[tuple[float, float]]) -> list[float]:
    """Peaks over ``seconds`` with the tone's where one is heard: a waveform must not tell how something was said."""
    if not seconds:
        return list(peaks)
    each = seconds / len(peaks)
    return [
        PEAK if any(start < (n + 1) * each and end > n * each for start, end in spans) else peak for n, peak in enumerate(peaks)
    ]
