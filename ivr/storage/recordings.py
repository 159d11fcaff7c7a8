"""Recorded tracks as rows: taken in once, leased to workers, transcribed or quarantined; the row is the job."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ivr.domain.recording import LONG_S, MOST_ATTEMPTS, RecordingName, Track, TrackJob, after_failure
from ivr.domain.transcript import TrackTranscript
from ivr.storage.checklists import note_told
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.risk import note_risks
from ivr.storage.work_orders import WorkOrders

if TYPE_CHECKING:
    from ivr.domain.risk import RiskTable
    from ivr.storage.database import Connection, Pool

_POLL_S = 0.25
_NO_LEASE_S = 600.0  # one that reaches further was given before the clock was set back, to nobody who still lives


class PostgresTracks:
    """ivr.ports.pipeline.TrackStore; with a table, words of risk are noted with the transcript that holds them."""

    def __init__(self, pool: Pool, orders: WorkOrders, risks: RiskTable | None = None) -> None:
        self._pool = pool
        self._orders = orders
        self._risks = risks

    async def add(self, tracks: Sequence[Track]) -> int:
        """Both tracks of a call in one transaction, so that an order is never filled from half a call."""
        async with transaction(self._pool) as connection:
            new = 0
            for t in tracks:
                new += bool(await connection.fetchval(
                    "INSERT INTO recording_track (linked_id, base_name, track, path, seconds, bytes, sample_rate, state)"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending') ON CONFLICT DO NOTHING RETURNING id",
                    t.name.linked_id, t.name.base, t.track, t.name.path(t.track), t.seconds, t.size_bytes, t.sample_rate,
                ))
            if new:
                await append(connection, "call", tracks[0].name.linked_id)
            return new

    async def call_over(self, linked_id: str) -> bool | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            over: bool | None = await connection.fetchval("SELECT state = 'ended' FROM call WHERE linked_id = $1", linked_id)
            return over

    async def being_recorded(self, limit: int) -> Sequence[RecordingName]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT recording_name FROM call WHERE state = 'talking' AND recording_name <> '' AND NOT recording_refused"
                " ORDER BY answered_at LIMIT $1", limit,
            )
        names = (RecordingName.parse(r["recording_name"]) for r in rows)
        return [name for name in names if name is not None]

    async def follow(self, paths: Sequence[str], follower: str, lease_s: float) -> frozenset[str]:
        """See the port; a follower that died loses its claims with time."""
        async with transaction(self._pool) as connection:
            await connection.execute("DELETE FROM recording_follow WHERE until < now() - interval '1 minute'")
            rows = await connection.fetch(
                "INSERT INTO recording_follow (path, follower, until) SELECT p, $2, now() + $3 FROM unnest($1::text[]) AS p"
                " ON CONFLICT (path) DO UPDATE SET follower = excluded.follower, until = excluded.until"
                " WHERE recording_follow.follower = excluded.follower OR recording_follow.until < now() RETURNING path",
                sorted(paths), follower, timedelta(seconds=lease_s),
            )
        return frozenset(r["path"] for r in rows)

    async def take(
        self, worker: str, lease_s: float, follower: str = "", longest_s: float | None = None
    ) -> TrackJob | None:
        """See the port. The attempt is committed before the work, so a worker that dies has used it up."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE recording_track SET state = 'leased', leased_by = $1, lease_until = now() + $2,"
                " attempts = attempts + 1 WHERE id = (SELECT t.id FROM recording_track t"
                " LEFT JOIN recording_follow f ON f.path = t.path AND f.until > now() AND f.until < now() + $6"
                " WHERE t.state IN ('pending', 'leased')"
                " AND (t.state = 'pending' OR t.lease_until < now() OR t.lease_until > now() + $6)"
                " AND (f.follower IS NULL OR f.follower = $3) AND ($4::float8 IS NULL OR t.seconds <= $4)"
                " ORDER BY f.follower IS NULL, t.seconds > $5, t.ready_at, t.id"
                " FOR UPDATE OF t SKIP LOCKED LIMIT 1) RETURNING id, linked_id, path, track, seconds, attempts",
                worker, timedelta(seconds=lease_s), follower, longest_s, LONG_S, timedelta(seconds=_NO_LEASE_S),
            )
        if row is None:
            return None
        job = TrackJob(row["id"], row["linked_id"], row["path"], row["track"], row["seconds"], row["attempts"])
        if job.attempt <= MOST_ATTEMPTS:
            return job
        await self.fail(job, worker, "decoding ended the worker too often", hopeless=True)
        return None

    async def extend(self, track_id: int, worker: str, lease_s: float) -> bool:
        """See the port."""
        async with transaction(self._pool) as connection:
            return bool(await connection.fetchval(
                "UPDATE recording_track SET lease_until = now() + $3 WHERE id = $1 AND state = 'leased' AND leased_by = $2"
                " RETURNING true", track_id, worker, timedelta(seconds=lease_s),
            ))

    async def finish(self, job: TrackJob, worker: str, transcript: TrackTranscript) -> bool:
        """Segments, state and, when it was the last track, the order's fields: all in one transaction."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, job.linked_id)
            if not await self._is_ours(connection, job, worker):
                return False
            await connection.execute("DELETE FROM transcript_segment WHERE track_id = $1", job.track_id)
            await connection.executemany(
                "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence,"
                " words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                [
                    (job.track_id, n, job.linked_id, s.speaker, s.start_s, s.end_s, s.text, s.confidence,
                     [{"text": w.text, "start_s": w.start_s, "end_s": w.end_s, "confidence": w.confidence} for w in s.words])
                    for n, s in enumerate(transcript.segments)
                ],
            )
            await connection.execute(
                "UPDATE recording_track SET state = $2, problem = '', model = $3, finished_at = now(), lease_until = NULL"
                " WHERE id = $1", job.track_id, "transcribed" if transcript.segments else "no_speech", transcript.model,
            )
            await note_told(connection, job.linked_id, transcript.segments)
            await self._announce(connection, job.linked_id)
            if self._risks is not None:
                await note_risks(connection, job.linked_id, transcript.segments, self._risks, "transcript")
            return True

    async def fail(self, job: TrackJob, worker: str, problem: str, hopeless: bool) -> bool:
        """See the port."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, job.linked_id)
            if not await self._is_ours(connection, job, worker):
                return False
            if after_failure(job.attempt, hopeless) == "quarantined":
                await self._give_up(connection, job, problem)
            else:
                await connection.execute(
                    "UPDATE recording_track SET state = 'pending', problem = $2, lease_until = NULL, ready_at = now()"
                    " WHERE id = $1", job.track_id, problem,
                )
            return True

    async def sweep(self) -> int:
        """Fill orders a crash left waiting although their tracks are done; returns how many."""
        async with transaction(self._pool) as connection:
            waiting = await self._orders.unfilled(connection)
        filled = 0
        for linked_id in waiting:
            async with transaction(self._pool) as connection:
                await lock_call(connection, linked_id)
                numbers = await self._orders.fill_when_ready(connection, linked_id)
                for number in numbers:
                    await append(connection, "order", number)
                filled += len(numbers)
        return filled

    async def wait_for_work(self, within_s: float) -> None:
        """A short poll: one index probe on the few open rows costs less than keeping another LISTEN connection sound."""
        await asyncio.sleep(min(within_s, _POLL_S))

    async def _is_ours(self, connection: Connection, job: TrackJob, worker: str) -> bool:
        return bool(await connection.fetchval(
            "SELECT true FROM recording_track WHERE id = $1 AND state = 'leased' AND leased_by = $2 AND attempts = $3"
            " FOR UPDATE", job.track_id, worker, job.attempt,
        ))

    async def _give_up(self, connection: Connection, job: TrackJob, problem: str) -> None:
        await connection.execute(
            "UPDATE recording_track SET state = 'quarantined', problem = $2, finished_at = now(), lease_until = NULL"
            " WHERE id = $1", job.track_id, problem,
        )
        await self._announce(connection, job.linked_id)

    async def _announce(self, connection: Connection, linked_id: str) -> None:
        orders = await self._orders.fill_when_ready(connection, linked_id)
        await append(connection, "call", linked_id)
        for number in orders:
            await append(connection, "order", number)
