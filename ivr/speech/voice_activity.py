"""Where on a track somebody speaks, found so cheaply that skipping silence always pays.

Three answers per 10 ms: far below or near the room's noise is silence, far above it is sound, and only what lies
between is put to the WebRTC detector. A neural detector on every frame costs more than decoding with a small model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soxr
import webrtcvad
from numpy.typing import NDArray

from ivr.speech.audio import Samples, WavInfo, iter_frames
from ivr.speech.decoding_settings import VoiceActivitySettings

FRAME_S: Final = 0.01
_FULL_SCALE: Final = 32768.0
_WEBRTC_RATES: Final = (8_000, 16_000, 32_000, 48_000)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames ``first`` up to, not including, ``last`` of a track, in which somebody may be speaking."""

    first: int
    last: int


def find_speech(path: Path, info: WavInfo, settings: VoiceActivitySettings | None = None) -> Iterator[Stretch]:
    """The stretches of a mono track worth decoding, in order and apart; blocking, memory bounded by one block."""
    settings = settings or VoiceActivitySettings()
    step = round(info.sample_rate * FRAME_S)
    pad = round(settings.pad_s * info.sample_rate)
    for first, last in _runs(_sounding(path, info, settings, step), settings):
        yield Stretch(max(first * step - pad, 0), min(last * step + pad, info.frames))


def _runs(sounding: Iterator[int], settings: VoiceActivitySettings) -> Iterator[tuple[int, int]]:
    """Numbers of sounding 10 ms frames, rising → (first, last + 1) of each run with enough sound in it."""
    gap = max(settings.min_gap_s, 2 * settings.pad_s) / FRAME_S
    needed = settings.min_sound_s / FRAME_S
    first = last = -1
    heard = 0
    for index in sounding:
        if heard and index - last > gap:
            if heard >= needed:
                yield first, last + 1
            heard = 0
        if not heard:
            first = index
        last = index
        heard += 1
    if heard >= needed:
        yield first, last + 1


def _sounding(path: Path, info: WavInfo, settings: VoiceActivitySettings, step: int) -> Iterator[int]:
    """The number of every 10 ms frame of the track that is sound."""
    detector = webrtcvad.Vad(settings.webrtc_mode)
    per_block = max(round(settings.block_s / FRAME_S), 1)
    for number, block in enumerate(iter_frames(path, info, per_block * step)):
        frames = block[: len(block) // step * step].reshape(-1, step)
        for index in np.flatnonzero(_judge(frames, info.sample_rate, settings, detector)):
            yield number * per_block + int(index)


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
