"""From files in the spool to tracks that wait for a worker; a file is ready only after it was checked."""

from __future__ import annotations

import asyncio

import structlog

from ivr.domain.errors import Unavailable
from ivr.domain.recording import RecordingName
from ivr.ports.pipeline import Spool, TrackStore

log = structlog.get_logger(__name__)

_EVERY_S = 0.2
_STILL_S = 3.0
_SWEEP_EVERY = 10
_AGAIN_S = 2.0


class RecordingCollector:
    """Takes finished recordings in and mends what a killed Asterisk or a full disk left without its done mark."""

    def __init__(self, spool: Spool, tracks: TrackStore) -> None:
        self._spool = spool
        self._tracks = tracks
        self._waiting: dict[str, float] = {}

    async def run(self) -> None:
        """Ends only when cancelled; a failure is told and tried again."""
        round_number = 0
        while True:
            try:
                for name in await self._spool.finished():
                    if await self._ended(name):
                        await self._take_in(name, repair=False)
                if round_number % _SWEEP_EVERY == 0:
                    await self._recover()
            except (Unavailable, OSError) as away:
                log.warning("recordings_wait", reason=str(away))
                await asyncio.sleep(1.0)
            round_number += 1
            await asyncio.sleep(_EVERY_S)

    async def _ended(self, name: RecordingName) -> bool:
        """Whether nothing comes after the done mark: a recording goes on in the same files when a call is handed on."""
        over = await self._tracks.call_over(name.linked_id)
        if over and await self._spool.closed(name):
            return True
        # The ledger may be away for long: what nobody writes to is not kept waiting for it. A header may never be right.
        return over is not False and await self._spool.still(name, _STILL_S)

    async def _recover(self) -> None:
        """Take in what a killed Asterisk left open. A file that rests may belong to a call on hold: only ended calls count."""
        for name in await self._spool.unfinished(_STILL_S):
            if await self._tracks.call_over(name.linked_id):
                log.warning("recording_recovered", recording=name.base)
                await self._take_in(name, repair=True)

    async def _take_in(self, name: RecordingName, *, repair: bool) -> None:
        """One recording; a file the disk does not give is tried again later and holds up no other."""
        now = asyncio.get_running_loop().time()
        if now < self._waiting.get(name.base, 0.0):
            return
        try:
            tracks, problem = await self._spool.check(name, repair)
            if problem:
                log.warning("recording_problem", recording=name.base, problem=problem)
            if tracks:
                await self._tracks.add(tracks)
                log.info("recording_taken_in", linked_id=name.linked_id, seconds=round(tracks[0].seconds, 2))
                await self._spool.settle(name)
            else:
                await self._spool.discard(name)
            self._waiting.pop(name.base, None)
        except OSError as bad:
            if name.base not in self._waiting:  # once, not at every try: a read-only disk may stay so for hours
                log.warning("recording_waits", recording=name.base, reason=str(bad))
            self._waiting[name.base] = now + _AGAIN_S
