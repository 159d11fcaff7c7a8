"""What a telephone line does to a voice: 8 kHz, band, level, noise, G.711 A-law and lost packets.

All randomness comes from the generator handed in, so a seed gives the same sound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

LINE_HZ = 8_000
_PACKET = LINE_HZ // 50  # 20 ms
_A_LAW_IDLE = 8
_BAND = butter(4, [280, 3450], btype="band", fs=LINE_HZ, output="sos")

Sound = NDArray[np.floating]


def to_line_rate(samples: NDArray[np.int16], rate: int) -> Sound:
    """Resample to 8 kHz."""
    divisor = np.gcd(LINE_HZ, rate)
    return resample_poly(samples.astype(np.float64), LINE_HZ // divisor, rate // divisor)


def _a_law_levels() -> NDArray[np.int32]:
    """The 256 sample values A-law can carry, rising."""
    code = np.arange(256) ^ 0x55
    segment, mantissa = (code >> 4) & 7, code & 15
    size = np.where(segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0))
    return np.sort(np.where(code & 0x80, size, -size)).astype(np.int32)


_LEVELS = _a_law_levels()
_BETWEEN = (_LEVELS[1:] + _LEVELS[:-1]) / 2


def a_law(sound: Sound) -> Sound:
    """Samples of int16 size as they come out of the far end of an A-law line."""
    clipped = np.clip(np.round(sound), -32768, 32767)
    return _LEVELS[np.searchsorted(_BETWEEN, clipped)].astype(np.float64)


def line_noise(draw: np.random.Generator, length: int) -> Sound:
    """White noise, pink-like noise, or mains hum with hiss: about unit power."""
    kind = draw.integers(3)
    white = draw.normal(size=length)
    if kind == 0:
        return white
    if kind == 1:
        spectrum = np.fft.rfft(white)
        pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(spectrum.size), 1)), length)
        return pink / (pink.std() + 1e-9)
    at = np.arange(length) / LINE_HZ
    return 0.7 * white + np.sin(2 * np.pi * 50 * at) + 0.5 * np.sin(2 * np.pi * 150 * at)


def through_the_line(voice: Sound, draw: np.random.Generator) -> NDArray[np.float32]:
    """One random call: peak −26…−1 dBFS, noise in 70 %, band limits in half, A-law in 70 %, lost packets in 15 %."""
    loss = draw.uniform(0, 0.03) if draw.random() < 0.15 else 0.0
    peak = 32767 * 10 ** (draw.uniform(-26, -1) / 20)
    sound = voice / (np.abs(voice).max() + 1e-9)
    if draw.random() < 0.5:
        sound = sosfilt(_BAND, sound)
    sound = sound * peak
    if draw.random() < 0.7:
        voiced = sound[np.abs(sound) > 0.02 * peak]
        sound = sound + line_noise(draw, len(sound)) * np.sqrt(np.mean(voiced**2)) * 10 ** (-draw.uniform(12, 45) / 20)
    coded = draw.random() < 0.7
    sound = a_law(sound) if coded else np.clip(np.round(sound), -32768, 32767)
    for start in range(0, len(sound), _PACKET) if loss else ():
        if draw.random() < loss:
            sound[start : start + _PACKET] = _A_LAW_IDLE if coded else 0
    return sound.astype(np.float32)


def nobody_speaks(draw: np.random.Generator, length: int) -> NDArray[np.float32]:
    """A line without a voice: digital zeros, A-law's idle, or noise from inaudible to loud, coded or not."""
    kind = draw.integers(4)
    if kind == 0:
        return np.zeros(length, np.float32)
    if kind == 1:
        return a_law(np.zeros(length)).astype(np.float32)
    noise = line_noise(draw, length) * 10 ** draw.uniform(0.2, 3.2)
    return (a_law(noise) if kind == 2 else np.round(noise)).astype(np.float32)
