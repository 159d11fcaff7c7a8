"""One track in the hands of a decoder child, heard after its call or while it is still being recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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
        self.segments: list[Segment] = []

    async def result(self, within_s: float | None) -> TrackTranscript:
        """The whole transcript. Raises AudioUnreadable, or RecognizerFailed when the child died, failed or took too long."""
        last: dict[str, Any] = {}
        try:
            async with asyncio.timeout(within_s), aclosing(self.child.answers()) as answers:
                async for last in answers:
                    if words := last.get("segment"):
                        self.segments.append(_segment(self._speaker, words))
        except TimeoutError:
            raise RecognizerFailed(f"{self._path.name}: decoding took more than {within_s:g} s and was stopped") from None
        except DecoderDied as death:
            raise RecognizerFailed(f"{self._path.name}: {death}") from None
        if text := last.get("unreadable"):
            raise AudioUnreadable(text)
        if text := last.get("failed"):
            raise RecognizerFailed(f"{self._path.name}: {text}")
        done = last["done"]
        return TrackTranscript(self._speaker, self._model_name, done["audio_s"], done["speech_s"], tuple(self.segments))


STALLED_S = 20.0
"""A decoder that has work and uses no processor time for so long hangs; one that is only slow goes on to its budget."""


async def unless_stalled(work: asyncio.Task[TrackTranscript], child: DecoderChild, after_s: float) -> TrackTranscript:
    """The work's result; RecognizerFailed when its child stands still. The work is ended with the wait, however that ends."""
    watch = asyncio.create_task(_until_stalled(child.pid, after_s))
    try:
        await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise RecognizerFailed(f"the decoder stood still for {after_s:g} s and was ended")
    finally:
        watch.cancel()
        work.cancel()
        await asyncio.gather(watch, work, return_exceptions=True)


async def _until_stalled(pid: int, after_s: float) -> None:
    """Until a process has used no processor time for so long, or is gone: then its end is told elsewhere."""
    loop = asyncio.get_running_loop()
    used, since = -1, loop.time()
    while True:
        state, now = _activity(pid)
        if not state:
            await asyncio.Event().wait()
        if now != used or state == "D":  # who waits for the disk does not stand still
            used, since = now, loop.time()
        elif loop.time() - since > after_s:
            return
        await asyncio.sleep(min(1.0, after_s / 4))


def _activity(pid: int) -> tuple[str, int]:
    """State letter, and user and system time in clock ticks (/proc/<pid>/stat); '' for a process that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return fields[0], int(fields[11]) + int(fields[12])


class FollowedTrack:
    """Implements ``ivr.ports.speech.FollowedTrack``: owns its child until it is finished or given up."""

    def __init__(
        self, hearing: Hearing, handling: Callable[[Hearing], AbstractAsyncContextManager[None]], budget: DecodingBudget,
        stalled_after_s: float,
    ) -> None:
        self._stalled_after_s = stalled_after_s
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

    def heard(self) -> Sequence[Segment]:
        """What was heard so far."""
        return self._hearing.segments

    async def finish(self, audio_s: float) -> TrackTranscript:
        """Hear the rest of a recording that is closed; ``audio_s`` is its length and gives the time limit."""
        limit_s = self._budget.of(audio_s)
        await self._hearing.child.say_closed()
        try:
            async with asyncio.timeout(limit_s):
                return await unless_stalled(self._result, self._hearing.child, self._stalled_after_s)
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
