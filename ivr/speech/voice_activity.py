"""Where on a track somebody speaks, found so cheaply that skipping silence always pays.

Three answers per 10 ms: far below or near the room's noise is silence, far above it is sound, and only what lies
between is put to the WebRTC detector. A neural detector on every frame costs more than decoding with a small model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr
import webrtcvad
from numpy.typing import NDArray

from ivr.speech.audio import Samples
from ivr.speech.decoding_settings import VoiceActivitySettings

FRAME_S: Final = 0.01
_FULL_SCALE: Final = 32768.0
_WEBRTC_RATES: Final = (8_000, 16_000, 32_000, 48_000)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames ``first`` up to, not including, ``last`` of a track, in which somebody may be speaking.

    An ``open`` one goes on in sound that was not looked at yet: it is told again, longer, and at last closed.
    """

    first: int
    last: int
    open: bool = False


def find_speech(blocks: Iterable[Samples], rate: int, settings: VoiceActivitySettings | None = None) -> Iterator[Stretch]:
    """The stretches of a mono track worth decoding, in order and apart; memory bounded by one block.

    ``blocks`` hold ``block_s`` seconds each, the last one what is left; whether they come from a file or from a call
    that goes on makes no difference to what is found.
    """
    settings = settings or VoiceActivitySettings()
    detector = webrtcvad.Vad(settings.webrtc_mode)
    step = round(rate * FRAME_S)
    run = _Run(settings, step, round(settings.pad_s * rate))
    steps = samples = 0
    for block in blocks:
        frames = block[: len(block) // step * step].reshape(-1, step)
        samples += len(block)
        for index in np.flatnonzero(_judge(frames, rate, settings, detector)):
            yield from run.sound(steps + int(index), samples)
        steps += len(frames)
        yield from run.looked_until(steps, samples)
    yield from run.end(samples)


class _Run:
    """Sounding 10 ms frames, rising, become stretches: sounds ``min_gap_s`` apart belong to different ones."""

    def __init__(self, settings: VoiceActivitySettings, step: int, pad: int) -> None:
        self._gap = max(settings.min_gap_s, 2 * settings.pad_s) / FRAME_S
        self._needed = settings.min_sound_s / FRAME_S
        self._step = step
        self._pad = pad
        self._first = self._last = -1
        self._heard = 0

    def sound(self, index: int, samples: int) -> Iterator[Stretch]:
        """Frame ``index`` is sound; ``samples`` of the track are known."""
        if self._heard and index - self._last > self._gap:
            yield from self.end(samples)
        if not self._heard:
            self._first = index
        self._last = index
        self._heard += 1

    def looked_until(self, index: int, samples: int) -> Iterator[Stretch]:
        """Every frame before ``index`` was looked at."""
        if self._heard and index - self._last > self._gap:
            yield from self.end(samples)
        elif self._heard >= self._needed:
            yield Stretch(max(self._first * self._step - self._pad, 0), (self._last + 1) * self._step, open=True)

    def end(self, samples: int) -> Iterator[Stretch]:
        """Nothing more belongs to the run; too little sound is no speech."""
        if self._heard >= self._needed:
            last = min((self._last + 1) * self._step + self._pad, samples)
            yield Stretch(max(self._first * self._step - self._pad, 0), last)
        self._heard = 0


def _judge(
    frames: Samples, rate: int, settings: VoiceActivitySettings, detector: webrtcvad.Vad
) -> NDArray[np.bool_]:
    """Which of the frames, shape (n, step), are sound: shape (n,)."""
    level = levels_dbfs(frames)
    heard = level[level > settings.silence_dbfs]
    if not heard.size:
        return np.zeros(len(frames), dtype=bool)
    # np.percentile would load numpy.ma, 5 MB in every decoder.
    rank = int(settings.floor_percentile / 100 * (len(level) - 1))
    floor = min(float(np.partition(level, rank)[rank]), settings.floor_max_dbfs)
    sound = level > max(floor + settings.sound_above_floor_db, settings.silence_dbfs)
    doubt = ~sound & (level > max(floor + settings.doubt_above_floor_db, settings.silence_dbfs))
    for index in np.flatnonzero(doubt):
        sound[index] = _webrtc_hears(detector, frames[index], rate)
    return sound


def levels_dbfs(frames: Samples) -> NDArray[np.float32]:
    """Root mean square of each row, in dB of full scale (−96 for digital silence): shape (n, step) → (n,)."""
    if not len(frames):
        return np.zeros(0, dtype=np.float32)
    wide = frames.astype(np.float32)
    power = np.einsum("ij,ij->i", wide, wide) / frames.shape[1]
    level: NDArray[np.float32] = (10 * np.log10(np.maximum(power, 0.25) / _FULL_SCALE**2)).astype(np.float32)
    return level


def _webrtc_hears(detector: webrtcvad.Vad, frame: Samples, rate: int) -> bool:
    if rate not in _WEBRTC_RATES:
        wanted = round(_WEBRTC_RATES[0] * FRAME_S)
        frame = np.resize(soxr.resample(frame, rate, _WEBRTC_RATES[0], quality="QQ"), wanted)
        rate = _WEBRTC_RATES[0]
    return bool(detector.is_speech(np.ascontiguousarray(frame).tobytes(), rate))
