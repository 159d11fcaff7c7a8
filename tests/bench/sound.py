"""Spoken calls for measuring: two speakers in turn on a noisy A-law line, with the times and the words of each turn."""

from __future__ import annotations

import random
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ivr.settings import PROJECT_ROOT
from ivr.speech.audio import Samples
from tests.fakes.sound import LINE_HZ, spoken, write_wav

VOICES = {"caller": "+m3", "operator": "+f1"}
_SENTENCES = PROJECT_ROOT / "models/tiny/build/evaluation.toml"
_BREATH_S = 0.25
_NOISE_RMS = 40.0  # −58 dBFS: an ordinary line


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's turn: its words and its place on the track in seconds."""

    speaker: str
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpokenCall:
    """Two tracks of the same length and what was said on them, in order of time."""

    caller: Samples
    operator: Samples
    turns: tuple[Turn, ...]

    @property
    def seconds(self) -> float:
        """Length of the call; each track lasts this long."""
        return len(self.caller) / LINE_HZ

    def text(self, speaker: str | None = None) -> str:
        """All characters one speaker said, or both in order of time."""
        return "".join(t.text for t in self.turns if speaker in (None, t.speaker))

    def talk_share(self, speaker: str) -> float:
        """Part of the call in which this speaker talks."""
        return sum(t.end_s - t.start_s for t in self.turns if t.speaker == speaker) / self.seconds


@cache
def sentences() -> tuple[str, ...]:
    """Sentences the tiny model was never shown as text."""
    return tuple(tomllib.loads(_SENTENCES.read_text(encoding="utf-8"))["tuning"])


@cache
def _spoken(text: str, speaker: str) -> Samples:
    sound = spoken(text, VOICES[speaker])
    loud = np.flatnonzero(np.abs(sound) > 300)
    return sound[loud[0] : loud[-1] + 1]


def compose_call(seconds: float, seed: int, pause_s: tuple[float, float] = (2.6, 5.0)) -> SpokenCall:
    """A call of about ``seconds``: turns of two or three sentences with breaths between, then the other speaker."""
    draw = random.Random(seed)
    pieces: list[tuple[str, str, Samples, float]] = []
    at, speaker = draw.uniform(0.5, 1.5), "operator"
    while at < seconds - 1:
        chosen = draw.sample(sentences(), draw.choice((2, 2, 3)))
        breath = np.zeros(round(_BREATH_S * LINE_HZ), np.int16)
        parts = [part for text in chosen for part in (_spoken(text, speaker), breath)][:-1]
        pieces.append((speaker, "".join(chosen), np.concatenate(parts), at))
        at += len(np.concatenate(parts)) / LINE_HZ + draw.uniform(*pause_s)
        speaker = "caller" if speaker == "operator" else "operator"
    length = round(at * LINE_HZ)
    tracks = {name: np.zeros(length, np.float64) for name in VOICES}
    turns = []
    for name, text, sound, start in pieces:
        first = round(start * LINE_HZ)
        tracks[name][first : first + len(sound)] += sound
        turns.append(Turn(name, text, start, start + len(sound) / LINE_HZ))
    noisy = np.random.default_rng(seed)
    return SpokenCall(*(through_a_law(tracks[name] + noisy.normal(0, _NOISE_RMS, length)) for name in VOICES), tuple(turns))


def compose_calls(count: int, seconds: float) -> list[SpokenCall]:
    """Calls of seeds 1…count; the sentences are spoken once, by as many espeak-ng as there are cores."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda pair: _spoken(*pair), [(text, who) for text in sentences() for who in VOICES]))
    return [compose_call(seconds, seed) for seed in range(1, count + 1)]


def without_pauses(seconds: float) -> tuple[Samples, str]:
    """One voice that speaks without a pause, and its words."""
    parts, text, length = [], "", 0
    for sentence in sentences() * 20:
        if length > seconds * LINE_HZ:
            break
        parts.append(_spoken(sentence, "caller"))
        text += sentence
        length += len(parts[-1])
    return through_a_law(np.concatenate(parts).astype(np.float64)), text


@cache
def _a_law_levels() -> tuple[np.ndarray, np.ndarray]:
    """The code bytes in rising order of the value they carry, and those values (G.711)."""
    code = np.arange(256)
    plain = code ^ 0x55
    segment, mantissa = (plain >> 4) & 7, plain & 15
    size = np.where(segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << np.maximum(segment - 1, 0))
    value = np.where(plain & 0x80, size, -size)
    order = np.argsort(value)
    return code[order].astype(np.uint8), value[order]


def _nearest(sound: np.ndarray) -> np.ndarray:
    _, levels = _a_law_levels()
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, np.clip(sound, -32768, 32767))


def through_a_law(sound: np.ndarray) -> Samples:
    """What arrives at the other end of a G.711 line."""
    return _a_law_levels()[1][_nearest(sound)].astype(np.int16)


def a_law_bytes() -> bytes:
    """Five seconds of speech as a phone sends it."""
    return as_a_law(np.concatenate([_spoken(text, "caller") for text in sentences()[:2]])[: 5 * LINE_HZ])


def as_a_law(sound: Samples) -> bytes:
    """One byte a sample (G.711)."""
    return _a_law_levels()[0][_nearest(sound.astype(np.float64))].tobytes()


def write_call(call: SpokenCall, folder: Path, name: str) -> tuple[Path, Path]:
    """The two tracks as files."""
    return (
        write_wav(folder / f"{name}-caller.wav", call.caller), write_wav(folder / f"{name}-operator.wav", call.operator)
    )
