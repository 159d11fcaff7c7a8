"""One track through Vosk: the only file that knows the engine. It runs in decoder children and blocks freely.

Only stretches with sound are decoded, in chunks of about two seconds and without partial results, each of which would
cost a search through the lattice. Times are those of the whole track.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import soxr

from ivr.speech.audio import Samples
from ivr.speech.decoding_settings import DecodingSettings
from ivr.speech.track_file import TrackFile
from ivr.speech.voice_activity import FRAME_S, Stretch, find_speech

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


def hear_phrases(model: SpeechModel, sound: Samples, rate: int, phrases: Sequence[str]) -> list[tuple[str, float]]:
    """Words of one short utterance with their confidences; none but those of ``phrases`` when there are any.

    A word in them that the model does not know is left out by the engine; a model with a fixed graph hears freely.
    """
    if rate != model.sample_rate:
        sound = soxr.resample(sound, rate, model.sample_rate, quality="HQ").astype(np.int16)
    grammar = [json.dumps(list(phrases), ensure_ascii=False)] if phrases else []
    recognizer = vosk.KaldiRecognizer(model.handle, float(model.sample_rate), *grammar)
    recognizer.SetWords(True)
    results = [recognizer.Result()] if recognizer.AcceptWaveform(sound.tobytes()) else []
    results.append(recognizer.FinalResult())
    return [(w["word"], min(max(float(w["conf"]), 0.0), 1.0)) for r in results for w in json.loads(r).get("result", [])]


class TrackDecoder:
    """Decodes one mono track; ``speech_s`` tells how much of it was worth decoding so far."""

    def __init__(self, model: SpeechModel, track: TrackFile, settings: DecodingSettings) -> None:
        self._model = model
        self._track = track
        self._settings = settings
        self._recognizer: Any = None
        self._resampler: Any = None
        self._next: int | None = None  # the sample of the open stretch that is fed next
        self._shift_s = 0.0
        self._fed = 0  # samples at the model's rate
        self.speech_s = 0.0

    def segments(self) -> Iterator[list[HeardWord]]:
        """Words between silences, in the order they were said. Silence yields nothing, and no engine is made for it."""
        voice = self._settings.voice_activity
        rate = self._track.sample_rate
        block = max(round(voice.block_s / FRAME_S), 1) * round(rate * FRAME_S)
        for stretch in find_speech(self._track.blocks(block), rate, voice):
            for words in self._decode(stretch):
                yield from split_at_silence(words, self._settings.split_silence_s)

    def _decode(self, stretch: Stretch) -> Iterator[list[HeardWord]]:
        """Of an open stretch only whole chunks are fed, so that what is heard does not depend on when it was read."""
        if self._next is None:
            self._begin(stretch.first)
        at, size = self._next or 0, max(round(self._settings.chunk_s * self._track.sample_rate), 1)
        while at < stretch.last and not (stretch.open and at + size > stretch.last):
            samples = self._track.read(at, min(size, stretch.last - at))
            at += size
            yield from self._feed(samples, last=False)
        self._next = at
        if not stretch.open:
            self.speech_s += (stretch.last - stretch.first) / self._track.sample_rate
            yield from self._feed(np.zeros(0, np.int16), last=True)
            yield self._words(self._recognizer.FinalResult())
            self._next = None
            release_memory()

    def _begin(self, first: int) -> None:
        rate, wanted = self._track.sample_rate, self._model.sample_rate
        if self._recognizer is None:
            self._recognizer = vosk.KaldiRecognizer(self._model.handle, float(wanted))
            self._recognizer.SetWords(True)
        self._resampler = soxr.ResampleStream(rate, wanted, 1, dtype="int16", quality="HQ") if rate != wanted else None
        self._shift_s = first / rate - self._fed / wanted
        self._next = first

    def _feed(self, samples: Samples, *, last: bool) -> Iterator[list[HeardWord]]:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last).astype(np.int16)
        self._fed += len(samples)
        if samples.size and self._recognizer.AcceptWaveform(samples.tobytes()):
            yield self._words(self._recognizer.Result())

    def _words(self, result: str) -> list[HeardWord]:
        end_s, shift_s = self._track.seconds, self._shift_s
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
