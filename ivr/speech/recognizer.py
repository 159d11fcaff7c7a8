"""Vosk behind the Recognizer port: jobs go to decoder children of one host process, never into the event loop.

A child that aborts, runs out of memory, hangs or spends its budget costs its own file only: the file fails with
RecognizerFailed and the next one gets a fresh child. The children share the memory of one loaded model.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ivr.domain.errors import AudioUnreadable, RecognizerFailed, Unavailable
from ivr.domain.transcript import Segment, Speaker, TrackTranscript, Word
from ivr.speech.audio import WavInfo, inspect_mono
from ivr.speech.decoder_process import DecoderChild, DecoderDied, DecoderHost
from ivr.speech.decoding_settings import DecodingSettings


@dataclass(frozen=True, slots=True)
class DecodingBudget:
    """Seconds one file may take, of processor time and on the wall clock alike: the greater of the two figures.

    Speech that does not fit a model decodes at a tenth of real time (vosk-api#660); the budget keeps such a file from
    holding a slot for hours.
    """

    least_s: float = 30.0
    per_audio_second: float = 5.0

    def of(self, audio_s: float) -> float:
        return max(self.least_s, self.per_audio_second * audio_s)


class VoskRecognizer:
    """Implements ``ivr.ports.speech.Recognizer``; an async context manager that owns every process it starts.

    At most ``slots`` files are decoded at once, others wait their turn. A child is replaced after ``files_per_child``
    files, because the engine's memory grows. Entering raises Unavailable when the model cannot be loaded.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        slots: int = 1,
        model_name: str | None = None,
        settings: DecodingSettings | None = None,
        budget: DecodingBudget | None = None,
        files_per_child: int = 200,
        load_timeout_s: float = 180.0,
    ) -> None:
        if slots < 1 or files_per_child < 1:
            raise ValueError("slots and files_per_child are at least 1")
        self._model_path = model_path
        self._model_name = model_name or model_path.name
        self._settings = asdict(settings or DecodingSettings())
        self._budget = budget or DecodingBudget()
        self._files_per_child = files_per_child
        self._load_timeout_s = load_timeout_s
        self._free = asyncio.Semaphore(slots)
        self._idle: list[DecoderChild] = []
        self._host: DecoderHost | None = None
        self._host_lock = asyncio.Lock()
        self._open = False

    @property
    def model_name(self) -> str:
        """Name of the model, kept with every transcript."""
        return self._model_name

    @property
    def decoder_pids(self) -> tuple[int, ...]:
        """Process ids of the host and its living children, the host first; empty when none runs."""
        return (self._host.pid, *sorted(self._host.running)) if self._host and self._host.alive else ()

    async def __aenter__(self) -> Self:
        self._open = True
        await self._living_host()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        async with self._host_lock:
            for child in self._idle:
                child.retire()
            self._idle.clear()
            if self._host is not None:
                await self._host.stop()
                self._host = None

    async def transcribe(self, path: Path, speaker: Speaker) -> TrackTranscript:
        """Words of one mono track with times; raises AudioUnreadable or RecognizerFailed as the port says."""
        try:
            info = await asyncio.to_thread(inspect_mono, path)
        except OSError as problem:
            raise RecognizerFailed(f"{path.name}: cannot be read now: {problem}") from problem
        if not info.frames:
            return TrackTranscript(speaker, self._model_name, 0.0, 0.0)
        async with self._free:
            return await self._decode(path, info, speaker)

    async def _decode(self, path: Path, info: WavInfo, speaker: Speaker) -> TrackTranscript:
        budget_s = self._budget.of(info.seconds)
        job = {"path": str(path), "cpu_budget_s": budget_s, "settings": self._settings}
        segments: list[Segment] = []
        last: dict[str, Any] = {}
        child = await self._take_child(path)
        try:
            async with asyncio.timeout(budget_s), aclosing(child.answers(job)) as answers:
                async for last in answers:
                    if words := last.get("segment"):
                        segments.append(_segment(speaker, words))
        except TimeoutError:
            child.kill()
            raise RecognizerFailed(f"{path.name}: decoding took more than {budget_s:g} s and was stopped") from None
        except DecoderDied as death:
            child.kill()
            raise RecognizerFailed(f"{path.name}: {death}") from None
        except BaseException:
            child.kill()
            raise
        self._give_back(child)
        if text := last.get("unreadable"):
            raise AudioUnreadable(text)
        if text := last.get("failed"):
            raise RecognizerFailed(f"{path.name}: {text}")
        return TrackTranscript(
            speaker, self._model_name, round(info.seconds, 3), last["done"]["speech_s"], tuple(segments)
        )

    async def _take_child(self, path: Path) -> DecoderChild:
        """A living child that nobody else uses: an idle one, or a fresh one of a living host."""
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            child.retire()
        try:
            return await (await self._living_host()).fork()
        except Unavailable as problem:
            raise RecognizerFailed(f"{path.name}: {problem}") from problem

    def _give_back(self, child: DecoderChild) -> None:
        if child.jobs_done < self._files_per_child and child.alive:
            self._idle.append(child)
        else:
            child.retire()

    async def _living_host(self) -> DecoderHost:
        """The host, started anew if it died."""
        async with self._host_lock:
            if not self._open:
                raise Unavailable("the recogniser is closed")
            if self._host is not None and not self._host.alive:
                await self._host.stop()
                self._host = None
            if self._host is None:
                self._host = await DecoderHost.start(self._model_path, self._load_timeout_s)
            return self._host


def _segment(speaker: Speaker, words: list[tuple[str, float, float, float]]) -> Segment:
    heard = tuple(Word(*word) for word in words)
    return Segment(speaker, heard[0].start_s, heard[-1].end_s, heard)
