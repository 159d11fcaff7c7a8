"""Who follows which recording, with scripted ports: a head start that never costs a transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ivr.domain.errors import RecognizerFailed, Unavailable
from ivr.domain.recording import RecordingName, TrackJob
from ivr.domain.transcript import Segment, Speaker, TrackTranscript, Word
from ivr.pipeline.follow_recordings import RecordingFollower
from ivr.pipeline.transcribe import TranscriptionWorker

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
UUID = "d4632ef1-7834-4f9a-8fed-687385b99146"


def name_of(n: int) -> RecordingName:
    name = RecordingName.parse(f"20261124/t-1-1795506589.{n}-{UUID}")
    assert name is not None
    return name


class Followed:
    """A followed track that tells what becomes of it."""

    def __init__(self, speaker: Speaker) -> None:
        self.speaker = speaker
        self.broken = False
        self.fails = False
        self.ended = ""
        self.segments: list[Segment] = []

    def heard(self) -> Sequence[Segment]:
        return self.segments

    async def finish(self, audio_s: float) -> TrackTranscript:
        self.ended = f"finished at {audio_s:g}"
        if self.fails:
            raise RecognizerFailed("the decoder died")
        return TrackTranscript(self.speaker, "followed", audio_s, 0.0, ())

    async def give_up(self) -> None:
        self.ended = self.ended or "given up"


class Ears:
    """Follows what it is asked to, and hears whole files."""

    model_name = "ears"

    def __init__(self) -> None:
        self.followed: dict[str, Followed] = {}
        self.heard: list[str] = []
        self.full = False

    async def transcribe(self, path: Path, speaker: Speaker) -> TrackTranscript:
        self.heard.append(path.name)
        return TrackTranscript(speaker, "whole", 2.0, 0.0, ())

    async def follow(self, path: Path, speaker: Speaker) -> Followed:
        if self.full:
            raise RecognizerFailed("no decoder")
        assert path.as_posix() not in self.followed, "followed twice at once"
        made = self.followed[path.relative_to("/recordings").as_posix()] = Followed(speaker)
        return made


class Tracks:
    """Calls that talk, claims, and jobs."""

    def __init__(self) -> None:
        self.talking: list[RecordingName] = []
        self.others: set[str] = set()
        self.jobs: list[TrackJob] = []
        self.taken_as: list[str] = []
        self.finished: list[tuple[int, str]] = []
        self.failed: list[int] = []
        self.away = False
        self.rounds = 0
        self._news = asyncio.Condition()

    async def until(self, condition: object) -> None:
        assert callable(condition)
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(condition)

    async def rounds_more(self, count: int = 2) -> None:
        wanted = self.rounds + count
        await self.until(lambda: self.rounds >= wanted)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def being_recorded(self, limit: int) -> Sequence[RecordingName]:
        self.rounds += 1
        await self._tell()
        if self.away:
            raise Unavailable("PostgreSQL is away")
        return self.talking[:limit]

    async def follow(self, paths: Sequence[str], follower: str, lease_s: float) -> frozenset[str]:
        return frozenset(paths) - self.others

    async def take(
        self, worker: str, lease_s: float, follower: str = "", longest_s: float | None = None
    ) -> TrackJob | None:
        self.taken_as.append(follower)
        return self.jobs.pop(0) if self.jobs else None

    async def extend(self, track_id: int, worker: str, lease_s: float) -> bool:
        return True

    async def finish(self, job: TrackJob, worker: str, transcript: TrackTranscript) -> bool:
        self.finished.append((job.track_id, transcript.model))
        await self._tell()
        return True

    async def fail(self, job: TrackJob, worker: str, problem: str, hopeless: bool) -> bool:
        self.failed.append(job.track_id)
        await self._tell()
        return True

    async def wait_for_work(self, within_s: float) -> None:
        await asyncio.sleep(0.01)


@asynccontextmanager
async def following(tracks: Tracks, ears: Ears, most: int = 4) -> AsyncIterator[RecordingFollower]:
    follower = RecordingFollower("host:1", tracks, ears, Path("/recordings"), most, every_s=0.01)  # type: ignore[arg-type]
    worker = TranscriptionWorker("host:1", tracks, ears, Path("/recordings"), 2, follower=follower)  # type: ignore[arg-type]
    task = asyncio.create_task(worker.run())
    try:
        yield follower
        assert not task.done(), task
    finally:
        worker.drain()
        async with asyncio.timeout(10):
            await task


def job(n: int, speaker: Speaker = "caller") -> TrackJob:
    return TrackJob(n, name_of(n).linked_id, name_of(n).path(speaker), speaker, 12.0, 1)


async def test_both_tracks_of_a_call_are_followed_and_handed_over() -> None:
    tracks, ears = Tracks(), Ears()
    async with following(tracks, ears):
        tracks.talking = [name_of(1)]
        await tracks.until(lambda: len(ears.followed) == 2)
        tracks.talking = []
        tracks.jobs = [job(1, "caller"), job(1, "operator")]
        await tracks.until(lambda: len(tracks.finished) == 2)
    assert tracks.finished == [(1, "followed"), (1, "followed")] and ears.heard == []
    assert {f.ended for f in ears.followed.values()} == {"finished at 12"} and set(tracks.taken_as) == {"host:1"}


async def test_no_more_than_the_limit_is_followed_and_the_rest_heard_afterwards() -> None:
    tracks, ears = Tracks(), Ears()
    async with following(tracks, ears, most=3):
        tracks.talking = [name_of(n) for n in range(5)]
        await tracks.rounds_more(3)
        assert len(ears.followed) == 3
        tracks.jobs = [job(4)]
        await tracks.until(lambda: tracks.finished)
    assert tracks.finished == [(4, "whole")]


async def test_what_another_worker_follows_is_left_to_it() -> None:
    tracks, ears = Tracks(), Ears()
    tracks.others = {name_of(1).path("caller")}
    async with following(tracks, ears):
        tracks.talking = [name_of(1)]
        await tracks.rounds_more(3)
        assert list(ears.followed) == [name_of(1).path("operator")]
        tracks.others = {name_of(1).path("operator")}  # a claim lost is a track given up
        await tracks.rounds_more(3)
        assert ears.followed[name_of(1).path("operator")].ended == "given up"


async def test_a_broken_head_start_costs_nothing() -> None:
    tracks, ears = Tracks(), Ears()
    async with following(tracks, ears):
        tracks.talking = [name_of(1)]
        await tracks.until(lambda: len(ears.followed) == 2)
        ears.full = True
        for followed in ears.followed.values():
            followed.broken = True
        tracks.jobs = [job(1)]
        await tracks.until(lambda: tracks.finished)
    assert tracks.finished == [(1, "whole")] and tracks.failed == []


async def test_a_followed_track_whose_decoder_dies_at_the_end_is_tried_again() -> None:
    tracks, ears = Tracks(), Ears()
    async with following(tracks, ears):
        tracks.talking = [name_of(1)]
        await tracks.until(lambda: len(ears.followed) == 2)
        for followed in ears.followed.values():
            followed.fails = True
        tracks.talking = []
        tracks.jobs = [job(1)]
        await tracks.until(lambda: tracks.failed)
        tracks.jobs = [job(1)]
        await tracks.until(lambda: tracks.finished)
    assert tracks.failed == [1] and tracks.finished == [(1, "whole")]


async def test_a_database_that_is_away_ends_nothing() -> None:
    tracks, ears = Tracks(), Ears()
    async with following(tracks, ears):
        tracks.talking = [name_of(1)]
        await tracks.until(lambda: len(ears.followed) == 2)
        tracks.away = True
        await tracks.rounds_more(5)
        assert not any(f.ended for f in ears.followed.values())
        tracks.away = False
        tracks.jobs = [job(1)]
        await tracks.until(lambda: tracks.finished)
    assert tracks.finished == [(1, "followed")]


async def test_a_failing_round_is_not_the_last() -> None:
    tracks, ears = Tracks(), Ears()

    async def fails(limit: int) -> Sequence[RecordingName]:
        del tracks.being_recorded  # type: ignore[method-assign]
        raise RuntimeError("a fault of ours")

    tracks.being_recorded = fails  # type: ignore[method-assign]
    async with following(tracks, ears):
        tracks.talking = [name_of(1)]
        await tracks.until(lambda: len(ears.followed) == 2)


async def test_ending_gives_up_what_is_followed() -> None:
    tracks, ears = Tracks(), Ears()
    async with following(tracks, ears):
        tracks.talking = [name_of(1)]
        await tracks.until(lambda: len(ears.followed) == 2)
    assert {f.ended for f in ears.followed.values()} == {"given up"}


async def test_no_follower_at_all_is_a_setting() -> None:
    tracks, ears = Tracks(), Ears()
    async with following(tracks, ears, most=0):
        tracks.talking = [name_of(1)]
        tracks.jobs = [job(1)]
        await tracks.until(lambda: tracks.finished)
    assert tracks.rounds == 0 and tracks.finished == [(1, "whole")]


class Words:
    """Keeps what is told of calls, and may be away."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []
        self.away = False

    async def hear(self, linked_id: str, first: int, segments: Sequence[Segment]) -> None:
        if self.away:
            raise Unavailable("PostgreSQL is away")
        self.told += [(linked_id, n, s.text) for n, s in enumerate(segments, first)]


def spoken(text: str) -> Segment:
    return Segment("caller", 1.0, 2.0, (Word(text, 1.0, 2.0, 0.9),))


async def test_what_is_heard_of_a_call_is_told_while_it_goes_on_each_stretch_once() -> None:
    tracks, ears, words = Tracks(), Ears(), Words()
    follower = RecordingFollower("host:1", tracks, ears, Path("/recordings"), 4, every_s=0.01, words=words)  # type: ignore[arg-type]
    task = asyncio.create_task(follower.run())
    try:
        name = name_of(1)
        tracks.talking = [name]
        await tracks.until(lambda: len(ears.followed) == 2)
        track = ears.followed[name.path("caller")]
        track.segments.append(spoken("您好"))
        await tracks.rounds_more(3)
        assert words.told == [(name.linked_id, 0, "您好")]
        words.away = True
        track.segments += [spoken("我想"), spoken("咨询")]
        await asyncio.sleep(0.05)
        words.away = False
        await tracks.rounds_more(3)
        assert words.told[1:] == [(name.linked_id, 1, "我想"), (name.linked_id, 2, "咨询")]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
