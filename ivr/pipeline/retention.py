"""Delete every night what is due: file by file, with the proof written before the file goes.

A crash between the two leaves a file that is marked as deleted: the next run removes it, and until then the books say so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from ivr.domain.errors import Unavailable
from ivr.domain.retention import KINDS, Due, Kind, Proof, Terms
from ivr.domain.worktime import SHANGHAI
from ivr.ports.retention import RetentionStore, Shredder

log = structlog.get_logger(__name__)

_NIGHT_HOUR = 4
_BATCH = 100
_MOST_A_NIGHT = 20_000
_SEEN_AGAIN = timedelta(days=30)


class Retention:
    """One run at a time; ``clock`` gives Unix seconds and ``sleep`` waits for some of them."""

    def __init__(
        self, store: RetentionStore, shredder: Shredder, terms: Terms, *,
        clock: Callable[[], float] = time.time, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._shredder = shredder
        self._terms = terms
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Every night at four, an hour after the books were compared; ends only when cancelled."""
        due = _next_night(self._clock())
        while True:
            await self._sleep(min(max(0.0, due - self._clock()), 60.0))
            due = min(due, _next_night(self._clock()))  # a clock set back
            if self._clock() < due:
                continue
            try:
                await self.once()
            except (Unavailable, OSError) as away:
                log.warning("retention_waits", reason=str(away))
                await self._sleep(60.0)
            else:
                due = _next_night(self._clock())

    async def preview(self, each: int = 20) -> dict[Kind, tuple[int, Sequence[Due]]]:
        """What the next run would delete: how much of each kind, and the first of them."""
        found: dict[Kind, tuple[int, Sequence[Due]]] = {}
        for kind in KINDS:
            before = self._terms.before(kind, self._now())
            if before is not None:
                found[kind] = await self._store.count(kind, before), list(await self._store.due(kind, before, each))
        return found

    def next_run(self) -> datetime:
        """When the next one begins."""
        return datetime.fromtimestamp(_next_night(self._clock()), UTC)

    def days(self, kind: Kind) -> int:
        """How long a kind is kept; 0: for ever."""
        return self._terms.days.get(kind, 0)

    async def proofs(self, limit: int) -> Sequence[Proof]:
        """What was deleted, the newest first."""
        return await self._store.proofs(limit)

    async def once(self) -> dict[Kind, int]:
        """Delete what is due, at most some tens of thousands; how much of each kind went. Orders go last."""
        await self._shredder.remove(await self._store.marked_files(self._now() - _SEEN_AGAIN))
        gone: dict[Kind, int] = dict.fromkeys(KINDS, 0)
        left = _MOST_A_NIGHT
        for kind in sorted(KINDS, key=lambda k: k == "order"):
            before, after = self._terms.before(kind, self._now()), ""
            while before is not None and left > 0:
                batch = await self._store.due(kind, before, min(_BATCH, left), after)
                for due in batch:
                    gone[kind] += await self._delete(due)
                if not batch:
                    break
                after, left = batch[-1].object_name, left - len(batch)
        log.info("retention_done", **gone)
        return gone

    async def _delete(self, due: Due) -> bool:
        files = await self._shredder.digests(due.paths) if due.paths else {}
        if due.paths and not files:
            log.warning("retention_file_lost", recording=due.object_name)
            return False
        if not await self._store.delete(due, files):
            return False
        await self._shredder.remove(sorted(files))
        return True

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _next_night(now: float) -> float:
    today = datetime.fromtimestamp(now, SHANGHAI)
    night = today.replace(hour=_NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return (night if night > today else night + timedelta(days=1)).timestamp()
