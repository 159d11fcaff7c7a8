"""Compare the books after each start and every night; mend what has one right answer, show people the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from ivr.domain.errors import Unavailable
from ivr.domain.reconciliation import Books, Difference, compare
from ivr.domain.recording import RecordingName
from ivr.ports.pipeline import Alarms, BookStore, LedgerBooks, SoundFiles

log = structlog.get_logger(__name__)

_NIGHT_HOUR = 3
_DAY_S = 86_400.0
_SETTLED_AFTER_S = 60.0
_ALARM = "reconciliation"
_KNOWN = frozenset({"track_quarantined", "file_name_unknown"})
_SHANGHAI = ZoneInfo("Asia/Shanghai")


class Reconciler:
    """One comparison at a time over the last days' books.

    ``clock`` gives Unix seconds and ``sleep`` waits for some of them; the first comparison comes ``after_start_s`` after
    the start, when what happened meanwhile was caught up with.
    """

    def __init__(
        self, store: BookStore, files: SoundFiles, ledger: LedgerBooks, alarms: Alarms, live: Callable[[], frozenset[str]], *,
        longest_call_s: float, after_start_s: float = 90.0, look_every_s: float = 30.0,
        clock: Callable[[], float] = time.time, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._files = files
        self._ledger = ledger
        self._alarms = alarms
        self._live = live
        self._longest_call_s = longest_call_s
        self._after_start_s = after_start_s
        self._look_every_s = look_every_s
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Soon after the start, then every night at three; ends only when cancelled.

        In between it looks every half minute for calls whose recording will not come, so that no order waits for night.
        """
        due = self._clock() + self._after_start_s
        while True:
            await self._sleep(max(0.0, min(due - self._clock(), self._look_every_s)))
            try:
                if self._clock() >= due:
                    await self.once(days=3)
                    due = _next_night(self._clock())
                else:
                    await self._give_up_recordings(self._clock())
                    due = min(due, max(_next_night(self._clock()), self._clock() + self._after_start_s))  # a clock set back
            except (Unavailable, OSError) as away:
                log.warning("reconciliation_waits", reason=str(away))
                await self._sleep(self._look_every_s)

    async def once(self, days: float) -> list[Difference]:
        """Compare, mend, remember; what is left is returned and, when it needs people, raised as an alarm."""
        now = self._clock()
        books = await self._books(now, now - days * _DAY_S)
        found = compare(books, now, settled_after_s=_SETTLED_AFTER_S, longest_call_s=self._longest_call_s)
        for difference in found:
            log.warning("difference", kind=difference.kind, subject=difference.subject, detail=difference.detail)
        await self._give_up_recordings(now)
        await self._store.remember(now, found)
        open_ones = [d for d in found if d.kind not in _KNOWN]
        if open_ones:
            first = open_ones[0]
            example = f"{first.subject}：{first.reason}"
            await self._alarms.raised(_ALARM, f"对账发现 {len(open_ones)} 处差异，例如 {example}。运行 ivr reconcile 查看")
        else:
            await self._alarms.cleared(_ALARM)
        log.info("reconciled", calls=len(books.calls), tracks=len(books.tracks), files=len(books.files), differences=len(found))
        return found

    async def _books(self, now: float, since: float) -> Books:
        """The disk's files are looked at before and after the database, so that what is written meanwhile is no difference."""
        changed = await self._files.changed(since, now - _SETTLED_AFTER_S)
        ours = tuple(path for path in changed if RecordingName.parse(path.rpartition("-")[0]))
        stored = await self._store.read(since, ours)
        files = changed | await self._files.sizes(tuple(t.path for t in stored.tracks))
        return replace(stored, files=files, ledger_files=await self._ledger.files(), live=self._live())

    async def _give_up_recordings(self, now: float) -> None:
        """Fill orders whose recording never came; while any of its files waits to be taken in, it may still come."""
        for linked_id, base in await self._store.recordings_awaited(now - _SETTLED_AFTER_S):
            name = RecordingName.parse(base)
            if name is None or not await self._files.waits(name):
                log.warning("recording_given_up", linked_id=linked_id)
                await self._store.give_up_recording(linked_id)


def _next_night(now: float) -> float:
    """The next three o'clock in Shanghai, as Unix seconds."""
    today = datetime.fromtimestamp(now, _SHANGHAI)
    night = today.replace(hour=_NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return (night if night > today else night + timedelta(days=1)).timestamp()
