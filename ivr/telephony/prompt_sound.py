"""Is a prompt fit to be heard on a telephone? Form, length and loudness of one WAV file, measured.

Loudness is the speech level: the root mean square of the 20 ms frames that hold speech, in dB below full scale. A caller
must hear one voice through the whole journey, so recordings supplied by people are held to the same span as the voice.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivr.domain.errors import BadSetting
from ivr.telephony.speaking import RATE

_FRAME = RATE // 50
_SPEECH = 10 ** (-45 / 20)
_CLIPPED = 32_766
_SILENT_DBFS = -96.0


@dataclass(frozen=True, slots=True)
class PromptSound:
    """One file: length, level of its speech, peak (dBFS), silence before the first word, share of clipped samples."""

    seconds: float
    speech_dbfs: float
    peak_dbfs: float
    silence_before_s: float
    clipped: float


@dataclass(frozen=True, slots=True)
class SoundLimits:
    """What a prompt has to keep to; the manifest's ``limits``."""

    quietest_dbfs: float = -28.0
    loudest_dbfs: float = -12.0
    longest_s: float = 30.0
    longest_silence_before_s: float = 0.5
    most_clipped: float = 0.001


def measure(file: Path) -> PromptSound:
    """Measure a prompt. BadSetting when it is no WAV file of 8000 Hz, 16 bit, mono: Asterisk plays nothing else here."""
    try:
        with wave.open(str(file)) as wav:
            form = (wav.getframerate(), wav.getsampwidth(), wav.getnchannels())
            data = wav.readframes(wav.getnframes())
    except (wave.Error, EOFError, OSError) as wrong:
        raise BadSetting(f"{file} is no WAV file ({wrong or 'empty'})") from wrong
    if form != (RATE, 2, 1):
        raise BadSetting(f"{file} must be 8000 Hz, 16 bit, mono; it has {form[0]} Hz, {form[1] * 8} bit, {form[2]} channels")
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float64)
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME) / 32768
    levels = np.sqrt((frames**2).mean(axis=1)) if len(frames) else np.zeros(0)
    spoken = np.flatnonzero(levels > _SPEECH)
    speech = float(np.sqrt((levels[spoken] ** 2).mean())) if spoken.size else 0.0
    peak = float(np.abs(samples).max() / 32768) if samples.size else 0.0
    return PromptSound(
        seconds=len(samples) / RATE, speech_dbfs=_decibels(speech), peak_dbfs=_decibels(peak),
        silence_before_s=(int(spoken[0]) if spoken.size else len(levels)) * _FRAME / RATE,
        clipped=float((np.abs(samples) >= _CLIPPED).mean()) if samples.size else 0.0,
    )


def complaints(sound: PromptSound, limits: SoundLimits) -> Iterator[str]:
    """What a caller would notice, each with what to do; nothing when the prompt is fit."""
    if sound.speech_dbfs <= _SILENT_DBFS:
        yield "nobody is heard; record it again"
        return
    if sound.speech_dbfs < limits.quietest_dbfs:
        yield f"too quiet ({sound.speech_dbfs:.0f} dBFS); raise it by {limits.quietest_dbfs - sound.speech_dbfs:.0f} dB or more"
    if sound.speech_dbfs > limits.loudest_dbfs:
        yield f"too loud ({sound.speech_dbfs:.0f} dBFS); lower it by {sound.speech_dbfs - limits.loudest_dbfs:.0f} dB or more"
    if sound.clipped > limits.most_clipped:
        yield f"{sound.clipped:.1%} of it is clipped; record it again at a lower level"
    if sound.seconds > limits.longest_s:
        yield f"{sound.seconds:.1f} s long, more than {limits.longest_s:.0f} s; shorten its text"
    if sound.silence_before_s > limits.longest_silence_before_s:
        yield f"{sound.silence_before_s:.1f} s of silence before the first word; cut it off"


def _decibels(share: float) -> float:
    return 20 * float(np.log10(share)) if share > 0 else _SILENT_DBFS
