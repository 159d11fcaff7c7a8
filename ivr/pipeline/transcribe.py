"""Take a track, hear it, store the words; a track that cannot be heard is kept and said so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from ivr.domain.errors import AudioUnreadable, RecognizerFailed, Unavailable
from ivr.domain.recording import LEASE_S, LONG_S, TrackJob
from ivr.domain.transcript import TrackTranscript
from ivr.pipeline.follow_recordings import RecordingFollower
from ivr.ports.pipeline import TrackStore
from ivr.ports.speech import Recognizer

log = structlog.get_logger(__name__)

_IDLE_S = 1.0
_AWAY_S = 2.0


class TranscriptionWorker:
    """``slots`` tracks at once, one of them never a long one when there are several.

    The lease is renewed while a track is heard, so a hung worker's track is taken again.
    """

    def __init__(
        self, name: str, tracks: TrackStore, recognizer: Recognizer, recordings: Path, slots: int, *,
        follower: RecordingFollower | None = None, lease_s: float = LEASE_S,
    ) -> None:
        self._follower = follower
        self._lease_s = lease_s
        self._name = name
        self._tracks = tracks
        self._recognizer = recognizer
        self._recordings = recordings
        self._slots = slots
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Finish what is in hand and take nothing more; ``run`` then returns."""
        self._draining.set()

    async def run(self) -> None:
        """Until drained or cancelled."""
        following = asyncio.create_task(self._follower.run()) if self._follower else None
        try:
            async with asyncio.TaskGroup() as tasks:
                for slot in range(self._slots):
                    spare = slot > 0 and slot == self._slots - 1  # however many hours are heard, calls of today go on
                    tasks.create_task(self._slot(f"{self._name}/{slot}", LONG_S if spare else None))
        finally:
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _slot(self, worker: str, longest_s: float | None) -> None:
        follower = self._follower.name if self._follower else ""
        while not self._draining.is_set():
            try:
                job = await self._tracks.take(worker, self._lease_s, follower, longest_s)
                if job is None:
                    await self._tracks.wait_for_work(_IDLE_S)
                else:
                    await self._work(job, worker)
            except Unavailable as away:
                log.warning("worker_waits", reason=str(away))
                await asyncio.sleep(_AWAY_S)

    async def _work(self, job: TrackJob, worker: str) -> None:
        bound = log.bind(linked_id=job.linked_id, track=job.track, attempt=job.attempt)
        hearing = asyncio.ensure_future(self._hear(job))
        try:
            while not hearing.done():
                await asyncio.wait({hearing}, timeout=self._lease_s / 3)
                if not hearing.done() and not await self._still_ours(job, worker):
                    bound.warning("lease_lost")
                    return
            transcript = hearing.result()
        except (AudioUnreadable, FileNotFoundError) as bad:
            bound.warning("track_quarantined", problem=str(bad))
            await self._tracks.fail(job, worker, str(bad), hopeless=True)
        except RecognizerFailed as failed:
            bound.warning("track_failed", problem=str(failed))
            await self._tracks.fail(job, worker, str(failed), hopeless=False)
        else:
            if await self._tracks.finish(job, worker, transcript):
                bound.info("track_transcribed", seconds=round(job.seconds, 2), segments=len(transcript.segments))
        finally:
            if not hearing.done():
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, job: TrackJob) -> TrackTranscript:
        followed = self._follower.handed_over(job.path) if self._follower else None
        if followed is None:
            return await self._recognizer.transcribe(self._recordings / job.path, job.track)
        log.info("track_was_followed", linked_id=job.linked_id, track=job.track)
        try:
            return await followed.finish(job.seconds)
        finally:
            await followed.give_up()

    async def _still_ours(self, job: TrackJob, worker: str) -> bool:
        try:
            return await self._tracks.extend(job.track_id, worker, self._lease_s)
        except Unavailable:
            return True  # finish() decides in its own transaction whether the lease was kept
