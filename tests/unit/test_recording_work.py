"""Taking recordings in and hearing them, with scripted ports: what fails is told, tried again, and holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ivr.domain.errors import AudioUnreadable, RecognizerFailed, Unavailable
from ivr.domain.recording import RecordingName, Track, TrackJob
from ivr.domain.transcript import Speaker, TrackTranscript
from ivr.pipeline.collect_recordings import RecordingCollector
from ivr.pipeline.transcribe import TranscriptionWorker
from tests.fakes.scripted_recognizer import ScriptedRecognizer, said

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
UUID = "d4632ef1-7834-4f9a-8fed-687385b99146"


def name_of(n: int) -> RecordingName:
    name = RecordingName.parse(f"20261124/t-1-1795506589.{n}-{UUID}")
    assert name is not None
    return name


class Tracks:
    """A track store in memory that tells what happens to it."""

    def __init__(self, jobs: int = 0) -> None:
        self.waiting = [TrackJob(n, f"t-1.{n}", f"{n}.wav", "caller", 2.0, 1) for n in range(jobs)]
        self.added: list[str] = []
        self.finished: list[tuple[int, str]] = []
        self.failed: list[tuple[int, str, bool]] = []
        self.extended = 0
        self.keeps_lease = True
        self.away = 0
        self.over: set[str] = set()
        self._news = asyncio.Condition()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(condition)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def add(self, tracks: Sequence[Track]) -> int:
        self.added.append(tracks[0].name.linked_id)
        await self._tell()
        return len(tracks)

    async def take(
        self, worker: str, lease_s: float, follower: str = "", longest_s: float | None = None
    ) -> TrackJob | None:
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away")
        return self.waiting.pop(0) if self.waiting else None

    async def extend(self, track_id: int, worker: str, lease_s: float) -> bool:
        self.extended += 1
        await self._tell()
        return self.keeps_lease

    async def finish(self, job: TrackJob, worker: str, transcript: TrackTranscript) -> bool:
        self.finished.append((job.track_id, "".join(s.text for s in transcript.segments)))
        await self._tell()
        return True

    async def fail(self, job: TrackJob, worker: str, problem: str, hopeless: bool) -> bool:
        self.failed.append((job.track_id, problem, hopeless))
        await self._tell()
        return True

    async def call_over(self, linked_id: str) -> bool | None:
        return linked_id in self.over or None

    async def wait_for_work(self, within_s: float) -> None:
        await asyncio.sleep(0.01)


class Spool:
    """Recordings that are done or rest, some of which the disk does not give."""

    def __init__(self, done: Sequence[RecordingName] = (), resting: Sequence[RecordingName] = ()) -> None:
        self.done, self.resting = list(done), list(resting)
        self.unreadable: set[str] = set()
        self.silent: set[str] = set()
        self.repaired: list[str] = []

    async def finished(self) -> Sequence[RecordingName]:
        return list(self.done)

    async def unfinished(self, older_than_s: float) -> Sequence[RecordingName]:
        return list(self.resting)

    async def closed(self, name: RecordingName) -> bool:
        return True

    async def still(self, name: RecordingName, for_s: float) -> bool:
        return True

    async def check(self, name: RecordingName, repair: bool) -> tuple[list[Track], str]:
        if name.linked_id in self.unreadable:
            raise OSError(5, "Input/output error")
        if repair:
            self.repaired.append(name.linked_id)
        if name.linked_id in self.silent:
            return [], ""
        return [Track(name, "caller", 2.0, 32044, 8000)], "operator: missing"

    async def discard(self, name: RecordingName) -> None:
        await self.settle(name)

    async def settle(self, name: RecordingName) -> None:
        for names in (self.done, self.resting):
            if name in names:
                names.remove(name)


@asynccontextmanager
async def collecting(spool: Spool, tracks: Tracks) -> AsyncIterator[None]:
    task = asyncio.create_task(RecordingCollector(spool, tracks).run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_file_the_disk_does_not_give_holds_up_no_other() -> None:
    spool, tracks = Spool([name_of(1), name_of(2), name_of(3)]), Tracks()
    spool.unreadable.add(name_of(1).linked_id)
    async with collecting(spool, tracks):
        await tracks.until(lambda: len(tracks.added) == 2)
        spool.unreadable.clear()
        await tracks.until(lambda: len(tracks.added) == 3)
    assert tracks.added == [name_of(n).linked_id for n in (2, 3, 1)] and spool.done == []


async def test_an_abandoned_calls_empty_files_are_settled_without_a_track() -> None:
    spool, tracks = Spool([name_of(1), name_of(2)]), Tracks()
    spool.silent.add(name_of(1).linked_id)
    async with collecting(spool, tracks):
        await tracks.until(lambda: tracks.added)
    assert tracks.added == [name_of(2).linked_id] and name_of(1) not in spool.done


async def test_a_resting_recording_is_mended_only_when_its_call_is_over() -> None:
    spool, tracks = Spool(resting=[name_of(1), name_of(2)]), Tracks()
    tracks.over.add(name_of(2).linked_id)
    async with collecting(spool, tracks):
        await tracks.until(lambda: tracks.added)
    assert spool.repaired == [name_of(2).linked_id] and spool.resting == [name_of(1)]


@asynccontextmanager
async def working(tracks: Tracks, ears: Any, slots: int = 2, **options: Any) -> AsyncIterator[tuple[TranscriptionWorker, asyncio.Task[None]]]:
    worker = TranscriptionWorker("w", tracks, ears, Path("/recordings"), slots, **options)
    task = asyncio.create_task(worker.run())
    try:
        yield worker, task
    finally:
        worker.drain()
        async with asyncio.timeout(10):
            await task


async def test_tracks_are_heard_and_finished() -> None:
    tracks, ears = Tracks(3), ScriptedRecognizer({"0.wav": [said("caller", 0.0, "您 好")], "1.wav": [said("caller", 0.0, "再 见")]})
    async with working(tracks, ears):
        await tracks.until(lambda: len(tracks.finished) == 3)
    assert sorted(tracks.finished) == [(0, "您好"), (1, "再见"), (2, "")]
    assert sorted(p.name for p in ears.heard) == ["0.wav", "1.wav", "2.wav"] and ears.heard[0].parent == Path("/recordings")


@pytest.mark.parametrize(("error", "hopeless"), [
    (AudioUnreadable("no RIFF"), True), (FileNotFoundError("gone"), True), (RecognizerFailed("decoder died"), False),
])
async def test_a_track_that_cannot_be_heard_is_told_and_the_next_taken(error: Exception, hopeless: bool) -> None:
    tracks, ears = Tracks(2), ScriptedRecognizer({"0.wav": error})
    async with working(tracks, ears, slots=1):
        await tracks.until(lambda: tracks.finished)
    assert tracks.failed == [(0, str(error), hopeless)] and tracks.finished == [(1, "")]


class Hanging:
    """A recogniser that never answers, and tells when it is given up."""

    model_name = "hanging"

    def __init__(self) -> None:
        self.given_up = asyncio.Event()
        self.release = asyncio.Event()

    async def transcribe(self, path: Path, speaker: Speaker) -> TrackTranscript:
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return TrackTranscript(speaker, "hanging", 1.0, 0.0, ())


async def test_a_lease_is_renewed_while_hearing_and_the_work_dropped_when_it_is_lost() -> None:
    tracks, ears = Tracks(1), Hanging()
    async with working(tracks, ears, slots=1, lease_s=0.03):
        await tracks.until(lambda: tracks.extended >= 3)
        assert not ears.given_up.is_set()
        tracks.keeps_lease = False
        async with asyncio.timeout(10):
            await ears.given_up.wait()
    assert tracks.finished == [] == tracks.failed


async def test_draining_finishes_what_is_in_hand_and_takes_nothing_more() -> None:
    tracks, ears = Tracks(5), Hanging()
    async with working(tracks, ears, slots=2, lease_s=0.03) as (worker, task):
        await tracks.until(lambda: len(tracks.waiting) == 3)
        worker.drain()
        assert not task.done()
        ears.release.set()
    assert len(tracks.finished) == 2 and len(tracks.waiting) == 3 and not ears.given_up.is_set()


async def test_cancelling_gives_up_what_is_in_hand() -> None:
    tracks, ears = Tracks(1), Hanging()
    worker = TranscriptionWorker("w", tracks, ears, Path("/"), 1, lease_s=0.03)
    task = asyncio.create_task(worker.run())
    await tracks.until(lambda: tracks.extended)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ears.given_up.is_set() and tracks.finished == []
