"""Vosk behind the Recognizer port: jobs go to decoder children of one host process, never into the event loop.

A child that aborts, runs out of memory, hangs or spends its budget costs its own file only: the file fails with
RecognizerFailed and the next one gets a fresh child. The children share the memory of one loaded model.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from ivr.domain.errors import AudioUnreadable, RecognizerFailed, Unavailable
from ivr.domain.transcript import Speaker, TrackTranscript
from ivr.speech.audio import WavInfo, inspect_mono
from ivr.speech.decoder_process import DecoderChild, DecoderHost
from ivr.speech.decoding_settings import DecodingBudget, DecodingSettings
from ivr.speech.hearing import STALLED_S, FollowedTrack, Hearing, unless_stalled


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
        files_per_child: int = 50,
        load_timeout_s: float = 180.0,
        stalled_after_s: float = STALLED_S,
    ) -> None:
        self._stalled_after_s = stalled_after_s
        if slots < 1 or files_per_child < 1:
            raise ValueError("slots and files_per_child are at least 1")
        self._model_path = model_path
        self._model_name = model_name or model_path.name
        self._settings = asdict(settings or DecodingSettings())
        self._budget = budget or DecodingBudget()
        self._files_per_child = files_per_child
        self._load_timeout_s = load_timeout_s
        self._slots = slots
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
        hearing = await self._begin(path, speaker, follow=False)
        async with self._hearing(hearing):
            work = asyncio.create_task(hearing.result(self._budget.of(info.seconds)))
            return await unless_stalled(work, hearing.child, self._stalled_after_s)

    async def follow(self, path: Path, speaker: Speaker) -> FollowedTrack:
        """Begin to hear a track that is still being recorded, in a decoder of its own beyond the slots.

        The caller bounds how many it follows, and must end each. Raises RecognizerFailed when no decoder can be had.
        """
        hearing = await self._begin(path, speaker, follow=True)
        return FollowedTrack(hearing, self._hearing, self._budget, self._stalled_after_s)

    async def _begin(self, path: Path, speaker: Speaker, *, follow: bool) -> Hearing:
        child = await self._take_child(path)
        try:
            await child.ask({
                "path": str(path), "follow": follow, "cpu_budget": asdict(self._budget), "settings": self._settings
            })
        except BaseException:
            child.kill()
            raise
        return Hearing(child, path, speaker, self._model_name)

    @asynccontextmanager
    async def _hearing(self, hearing: Hearing) -> AsyncIterator[None]:
        """Give a child back that has done its work; whatever else happened to it, it is killed."""
        try:
            yield
        except AudioUnreadable:
            self._give_back(hearing.child)
            raise
        except BaseException:
            hearing.child.kill()
            raise
        else:
            self._give_back(hearing.child)

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
        if child.jobs_done < self._files_per_child and child.alive and len(self._idle) < self._slots:
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
