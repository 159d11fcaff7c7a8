"""From files in the spool to tracks that wait for a worker; a file is ready only after it was checked."""

from __future__ import annotations

import asyncio

import structlog

from ivr.domain.errors import Unavailable
from ivr.domain.recording import RecordingName
from ivr.ports.pipeline import Alarms, Spool, TrackStore

log = structlog.get_logger(__name__)

_EVERY_S = 0.2
_STILL_S = 3.0
_SWEEP_EVERY = 10


class RecordingCollector:
    """Takes finished recordings in, mends what a killed Asterisk left, and watches the volume's free space."""

    def __init__(self, spool: Spool, tracks: TrackStore, alarms: Alarms, reserve_bytes: int) -> None:
        self._spool = spool
        self._tracks = tracks
        self._alarms = alarms
        self._reserve = reserve_bytes

    async def run(self) -> None:
        """Ends only when cancelled; a failure is told and tried again."""
        round_number = 0
        while True:
            try:
                for name in await self._spool.finished():
                    await self._take_in(name, repair=False)
                if round_number % _SWEEP_EVERY == 0:
                    await self._recover()
                    await self._watch_space()
            except (Unavailable, OSError) as away:
                log.warning("recordings_wait", reason=str(away))
                await asyncio.sleep(1.0)
            round_number += 1
            await asyncio.sleep(_EVERY_S)

    async def _recover(self) -> None:
        """Take in what a killed Asterisk left open. A file that rests may belong to a call on hold: only ended calls count."""
        for name in await self._spool.unfinished(_STILL_S):
            if await self._tracks.call_over(name.linked_id):
                log.warning("recording_recovered", recording=name.base)
                await self._take_in(name, repair=True)

    async def _take_in(self, name: RecordingName, *, repair: bool) -> None:
        """One recording; a file the disk does not give is tried again next round and holds up no other."""
        try:
            tracks, problem = await self._spool.check(name, repair)
            if problem:
                log.warning("recording_problem", recording=name.base, problem=problem)
            if tracks:
                await self._tracks.add(tracks)
                log.info("recording_taken_in", linked_id=name.linked_id, seconds=round(tracks[0].seconds, 2))
            await self._spool.settle(name)
        except OSError as bad:
            log.warning("recording_waits", recording=name.base, reason=str(bad))

    async def _watch_space(self) -> None:
        free = await self._spool.free_bytes()
        if free < self._reserve:
            await self._alarms.raised(
                "recordings_disk", f"录音磁盘只剩 {free >> 20} MB，请清理或扩容；通话照常进行，但新录音可能丢失。"
            )
        else:
            await self._alarms.cleared("recordings_disk")
