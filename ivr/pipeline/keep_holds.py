"""Holds are written as they happen: there is no ledger of them to read afterwards."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from itertools import islice

import structlog

from ivr.domain.call_holds import CallHolds
from ivr.domain.errors import IvrError
from ivr.domain.events import LiveEvent
from ivr.ports.holds import HoldAt, HoldStore

log = structlog.get_logger(__name__)

_MOST_KEPT = 20_000
_AT_ONCE = 200


class HoldKeeper:
    """``see`` takes live events in order and never waits; what cannot be written yet is kept, the oldest dropped at last."""

    def __init__(self, store: HoldStore, *, again_s: float = 1.0) -> None:
        self._store = store
        self._again_s = again_s
        self._holds = CallHolds()
        self._turns: deque[HoldAt] = deque(maxlen=_MOST_KEPT)
        self._news = asyncio.Event()

    def see(self, event: LiveEvent) -> None:
        """Take one live event."""
        turned = self._holds.apply(event)
        if turned is not None:
            self._turns.append(HoldAt(turned, datetime.now(UTC)))
            self._news.set()

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._turns:
                turns = list(islice(self._turns, _AT_ONCE))
                try:
                    await self._store.note(turns)
                except IvrError as away:
                    log.warning("holds_wait", reason=str(away), kept=len(self._turns))
                    await asyncio.sleep(self._again_s)
                    continue
                for written in turns:
                    if self._turns and self._turns[0] is written:  # it may have been dropped meanwhile
                        self._turns.popleft()
