"""One track through Vosk: the only file that knows the engine. It runs in decoder children and blocks freely.

Only stretches with sound are decoded, in chunks of about two seconds and without partial results, each of which would
cost a search through the lattice. Times are those of the whole track.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import soxr

from ivr.speech.audio import Samples, inspect_mono, read_frames
from ivr.speech.decoding_settings import DecodingSettings
from ivr.speech.voice_activity import Stretch, find_speech

_KALDI_DEFAULT_RATE_HZ: Final = 16_000


def _engine() -> Any:
    """The vosk package without what only its downloader needs (HTTP, TLS, progress bars): 10 MB less in every worker.

    Stand-ins take the place of those modules while vosk is imported, and are gone afterwards.
    """
    spared = [name for name in ("requests", "tqdm", "urllib.request") if name not in sys.modules]
    for name in spared:
        stand_in: Any = ModuleType(name)
        stand_in.tqdm = stand_in.urlretrieve = object
        sys.modules[name] = stand_in
    try:
        import vosk
    finally:
        for name in spared:
            del sys.modules[name]
    return vosk


vosk: Any = _engine()


def release_memory() -> None:
    """Give freed memory back to the system, where the C library can (glibc): Kaldi leaves megabytes after each stretch."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word with seconds from the start of the track and a confidence 0…1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


class SpeechModel:
    """A loaded Vosk model and the sample rate it listens at; raises ValueError when Vosk cannot load it."""

    def __init__(self, path: Path) -> None:
        vosk.SetLogLevel(-1)
        try:
            self.handle = vosk.Model(str(path))
        except Exception as problem:  # the wheel raises bare Exception
            raise ValueError(f"Vosk cannot load {path}: {problem}") from None
        self.sample_rate = model_sample_rate(path)


def model_sample_rate(path: Path) -> int:
    """The rate in Hz of a model's features (``conf/mfcc.conf``); Vosk itself cannot raise an 8 kHz call to 16 kHz."""
    for line in (path / "conf" / "mfcc.conf").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "--sample-frequency":
            return int(float(value.split("#")[0]))
    return _KALDI_DEFAULT_RATE_HZ


class TrackDecoder:
    """Decodes one mono track; ``speech_s`` tells afterwards how much of it was worth decoding."""

    def __init__(self, model: SpeechModel, path: Path, settings: DecodingSettings) -> None:
        self._model = model
        self._path = path
        self._info = inspect_mono(path)
        self._settings = settings
        self._recognizer: Any = None
        self._fed = 0  # samples at the model's rate
        self.speech_s = 0.0

    def segments(self) -> Iterator[list[HeardWord]]:
        """Words between silences, in the order they were said. Silence yields nothing, and no engine is made for it."""
        for stretch in find_speech(self._path, self._info, self._settings.voice_activity):
            self.speech_s += (stretch.last - stretch.first) / self._info.sample_rate
            for words in self._decode(stretch):
                yield from split_at_silence(words, self._settings.split_silence_s)

    def _decode(self, stretch: Stretch) -> Iterator[list[HeardWord]]:
        if self._recognizer is None:
            self._recognizer = vosk.KaldiRecognizer(self._model.handle, float(self._model.sample_rate))
            self._recognizer.SetWords(True)
        shift_s = stretch.first / self._info.sample_rate - self._fed / self._model.sample_rate
        for chunk in self._chunks(stretch):
            self._fed += len(chunk)
            if self._recognizer.AcceptWaveform(chunk.tobytes()):
                yield self._words(self._recognizer.Result(), shift_s)
        yield self._words(self._recognizer.FinalResult(), shift_s)
        release_memory()

    def _chunks(self, stretch: Stretch) -> Iterator[Samples]:
        """The stretch at the model's rate."""
        rate, wanted = self._info.sample_rate, self._model.sample_rate
        resampler = soxr.ResampleStream(rate, wanted, 1, dtype="int16", quality="HQ") if rate != wanted else None
        size = max(round(self._settings.chunk_s * rate), 1)
        with self._path.open("rb") as stream:
            for first in range(stretch.first, stretch.last, size):
                count = min(size, stretch.last - first)
                samples = read_frames(stream, self._info, first, count)
                if resampler is not None:
                    samples = resampler.resample_chunk(samples, last=first + count >= stretch.last).astype(np.int16)
                if samples.size:
                    yield samples

    def _words(self, result: str, shift_s: float) -> list[HeardWord]:
        end_s = self._info.seconds
        return [
            HeardWord(
                text=w["word"],
                start_s=round(min(max(w["start"] + shift_s, 0.0), end_s), 3),
                end_s=round(min(max(w["end"] + shift_s, 0.0), end_s), 3),
                confidence=min(max(float(w["conf"]), 0.0), 1.0),
            )
            for w in json.loads(result).get("result", [])
        ]


def split_at_silence(words: list[HeardWord], silence_s: float) -> Iterator[list[HeardWord]]:
    """Cut one utterance where the speaker paused for ``silence_s`` or longer; no words, no segments."""
    segment: list[HeardWord] = []
    for word in words:
        if segment and word.start_s - segment[-1].end_s >= silence_s:
            yield segment
            segment = []
        segment.append(word)
    if segment:
        yield segment
