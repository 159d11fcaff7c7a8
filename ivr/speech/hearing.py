"""One track in the hands of a decoder child, heard after its call or while it is still being recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import Any

from ivr.domain.errors import AudioUnreadable, RecognizerFailed
from ivr.domain.transcript import Segment, Speaker, TrackTranscript, Word
from ivr.speech.decoder_process import DecoderChild, DecoderDied
from ivr.speech.decoding_settings import DecodingBudget


class Hearing:
    """The answers of one child to the job it was asked for, made into a transcript."""

    def __init__(self, child: DecoderChild, path: Path, speaker: Speaker, model_name: str) -> None:
        self.child = child
        self._path = path
        self._speaker = speaker
        self._model_name = model_name

    async def result(self, within_s: float | None) -> TrackTranscript:
        """The whole transcript. Raises AudioUnreadable, or RecognizerFailed when the child died, failed or took too long."""
        segments: list[Segment] = []
        last: dict[str, Any] = {}
        try:
            async with asyncio.timeout(within_s), aclosing(self.child.answers()) as answers:
                async for last in answers:
                    if words := last.get("segment"):
                        segments.append(_segment(self._speaker, words))
        except TimeoutError:
            raise RecognizerFailed(f"{self._path.name}: decoding took more than {within_s:g} s and was stopped") from None
        except DecoderDied as death:
            raise RecognizerFailed(f"{self._path.name}: {death}") from None
        if text := last.get("unreadable"):
            raise AudioUnreadable(text)
        if text := last.get("failed"):
            raise RecognizerFailed(f"{self._path.name}: {text}")
        done = last["done"]
        return TrackTranscript(self._speaker, self._model_name, done["audio_s"], done["speech_s"], tuple(segments))


class FollowedTrack:
    """Implements ``ivr.ports.speech.FollowedTrack``: owns its child until it is finished or given up."""

    def __init__(
        self, hearing: Hearing, handling: Callable[[Hearing], AbstractAsyncContextManager[None]], budget: DecodingBudget
    ) -> None:
        self._hearing = hearing
        self._budget = budget
        self._result = asyncio.create_task(self._hear(handling), name="followed-track")

    async def _hear(self, handling: Callable[[Hearing], AbstractAsyncContextManager[None]]) -> TrackTranscript:
        async with handling(self._hearing):
            return await self._hearing.result(None)

    @property
    def broken(self) -> bool:
        """Whether its decoder has failed already, so that the track must be heard from its start."""
        return self._result.done()

    async def finish(self, audio_s: float) -> TrackTranscript:
        """Hear the rest of a recording that is closed; ``audio_s`` is its length and gives the time limit."""
        limit_s = self._budget.of(audio_s)
        await self._hearing.child.say_closed()
        try:
            async with asyncio.timeout(limit_s):
                return await self._result
        except TimeoutError:
            raise RecognizerFailed(f"a followed track was not done {limit_s:g} s after its end") from None

    async def give_up(self) -> None:
        """End the decoder; what it heard is forgotten. After the end it does nothing."""
        if not self._result.done():
            self._hearing.child.kill()
            self._result.cancel()
        await asyncio.gather(self._result, return_exceptions=True)


def _segment(speaker: Speaker, words: list[tuple[str, float, float, float]]) -> Segment:
    heard = tuple(Word(*word) for word in words)
    return Segment(speaker, heard[0].start_s, heard[-1].end_s, heard)
