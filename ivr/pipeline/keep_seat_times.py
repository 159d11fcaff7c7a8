"""Seat times are written as they happen: every change with its moment, and every few seconds that all is as it was."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.events import LiveEvent
from ivr.domain.seat_time import SeatActivities
from ivr.ports.seat_time import ActivityAt, SeatTimes

log = structlog.get_logger(__name__)

_MOST_KEPT = 20_000


class SeatTimekeeper:
    """``see`` takes live events in order and never waits; what cannot be written yet is kept, the oldest dropped at last."""

    def __init__(self, store: SeatTimes, *, every_s: float = 5.0) -> None:
        self._store = store
        self._every_s = every_s
        self._activities = SeatActivities()
        self._changes: deque[ActivityAt] = deque(maxlen=_MOST_KEPT)
        self._news = asyncio.Event()
        self._held: frozenset[str] = frozenset()  # what the last writing saw; every change since is kept

    def see(self, event: LiveEvent) -> None:
        """Take one live event."""
        at = datetime.now(UTC)
        for changed in self._activities.apply(event):
            self._changes.append(ActivityAt(changed.interface, changed.activity, at))
            self._news.set()

    async def run(self) -> None:
        """Ends only when cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._every_s):
                    await self._news.wait()
                    await asyncio.sleep(0.2)  # what comes together is written together
            except TimeoutError:
                pass
            self._news.clear()
            await self._write()

    async def _write(self) -> None:
        changes, seen = list(self._changes), sorted(self._activities.now)
        if not changes and not seen:
            return
        try:
            await self._store.note(changes, seen, datetime.now(UTC), self._held)
        except IvrError as away:
            log.warning("seat_times_wait", reason=str(away), kept=len(changes))
            await asyncio.sleep(1.0)
        else:
            for _ in range(min(len(changes), len(self._changes))):
                self._changes.popleft()
            self._held = frozenset(seen)
