"""The tone of a self-test, and what of it came back: how late, how loud, and how like what went out.

The tone is another one each time, so that neither a hum nor a sound kept from the night before passes for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

RATE: Final = 8000
FRAME_BYTES: Final = 320
"""20 ms of signed 16-bit little-endian mono sound."""
TONE_S: Final = 2.4
LISTENED_S: Final = 4.0
"""The tone, and silence in which a late echo still counts."""

_HOP_S: Final = 0.1
_LOWEST_HZ, _STEP_HZ, _STEPS = 500, 125, 17  # inside the band of a telephone, 300 to 3400 Hz
_LOUD: Final = 0.25  # of full scale, about -15 dBFS: heard across a room at night, and it wakes nobody
_PARTS: Final = 4
_LIKE: Final = 0.4  # noise comes to 0.1, a steady tone to 0.2, a telephone's loudspeaker in a room to 0.5 and more
_APART_MS: Final = 60.0

Sound = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Echo:
    """What came back: ``delay_ms`` after it went out, at ``level_db`` against it, ``likeness`` 0 to 1 (normalised correlation).

    ``heard`` is False when it is not the tone: then delay and level mean nothing.
    """

    heard: bool
    delay_ms: float
    level_db: float
    likeness: float


def tone(seed: int) -> bytes:
    """The tone of this seed as whole 20 ms frames: hops of a tenth of a second over 17 pitches, then silence."""
    pitches = np.random.default_rng(seed).integers(0, _STEPS, round(TONE_S / _HOP_S))
    times = np.arange(round(_HOP_S * RATE)) / RATE
    edges = np.minimum(1.0, np.minimum(times, times[::-1]) / 0.005)
    hops = [np.sin(2 * np.pi * (_LOWEST_HZ + _STEP_HZ * p) * times) * edges for p in pitches]
    sound = np.zeros(round(LISTENED_S * RATE))
    spoken = np.concatenate(hops) * _LOUD
    sound[: len(spoken)] = spoken
    return _bytes(sound)


def measure(sent: bytes, received: bytes) -> Echo:
    """Find ``sent`` in ``received``, which began with it; both signed 16-bit little-endian at 8 kHz.

    Looked for by quarters of the tone, each by itself, because a phone's jitter buffer may move one of them. It is heard when
    three of four are found at about the same delay; what is told is their median.
    """
    out, back = (np.frombuffer(s[: len(s) & ~1], "<i2").astype(np.float64) / 32768 for s in (sent, received))
    spoken = round(TONE_S * RATE)
    part = spoken // _PARTS
    found = [_part(out[n * part : (n + 1) * part], back[n * part :], len(out) - spoken) for n in range(_PARTS)]
    good = sorted((f for f in found if f.likeness >= _LIKE), key=lambda f: f.delay_ms)
    if len(good) >= _PARTS - 1:
        middle = good[len(good) // 2].delay_ms
        near = [f for f in good if abs(f.delay_ms - middle) <= _APART_MS]
        if len(near) >= _PARTS - 1:
            return Echo(True, middle, _median([f.level_db for f in near]), _median([f.likeness for f in near]))
    return Echo(False, 0.0, 0.0, _median([f.likeness for f in found]))


def _part(sent: npt.NDArray[np.float64], received: npt.NDArray[np.float64], latest: int) -> Echo:
    """Where in ``received``, at most ``latest`` samples late, this part is found best."""
    room = len(sent) + latest
    heard = np.zeros(room)
    heard[: min(room, len(received))] = received[:room]
    size = 1 << (room + len(sent)).bit_length()
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(sent, size)), size)[: latest + 1]
    energy = np.concatenate([[0.0], np.cumsum(heard**2)])
    around = np.sqrt(np.maximum(energy[len(sent) : len(sent) + latest + 1] - energy[: latest + 1], 0.0))
    own = float(np.sqrt(np.sum(sent**2)))
    # Nothing but digital silence, or an idle line's last bit, is like nothing.
    likeness = np.where(around > len(sent) ** 0.5 * 4 / 32768, np.abs(products) / np.maximum(around * own, 1e-12), 0.0)
    best = int(np.argmax(likeness))
    gain = abs(float(products[best])) / own**2
    return Echo(False, best * 1000 / RATE, 20 * float(np.log10(max(gain, 1e-6))), min(1.0, float(likeness[best])))


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _bytes(sound: npt.NDArray[np.float64]) -> bytes:
    told: Sound = np.round(sound * 32767).astype("<i2")
    return told.tobytes()
