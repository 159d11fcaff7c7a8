"""Compare the books after each start and every night; mend what has one right answer, show people the rest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from ivr.domain.errors import Unavailable
from ivr.domain.reconciliation import Books, Difference, compare
from ivr.ports.pipeline import Alarms, BookStore, SoundFiles

log = structlog.get_logger(__name__)

_NIGHT_HOUR = 3
_AFTER_START_S = 90.0
_DAY_S = 86_400.0
_ALARM = "reconciliation"
_KNOWN = frozenset({"track_quarantined", "file_name_unknown"})


class Reconciler:
    """One comparison at a time over the last days' books."""

    def __init__(
        self, store: BookStore, files: SoundFiles, alarms: Alarms, live: Callable[[], frozenset[str]], *,
        longest_call_s: float,
    ) -> None:
        self._store = store
        self._files = files
        self._alarms = alarms
        self._live = live
        self._longest_call_s = longest_call_s

    async def run(self) -> None:
        """Soon after the start, then every night at three; ends only when cancelled."""
        pause = _AFTER_START_S
        while True:
            await asyncio.sleep(pause)
            try:
                await self.once(days=3)
                pause = _until_night(datetime.now(ZoneInfo("Asia/Shanghai")))
            except (Unavailable, OSError) as away:
                log.warning("reconciliation_waits", reason=str(away))
                pause = 60.0

    async def once(self, days: float) -> list[Difference]:
        """Compare, mend, remember; what is left is returned and, when it needs people, raised as an alarm."""
        now = time.time()
        since = now - days * _DAY_S
        books = Books(
            calls=await self._store.calls(since), tracks=tuple(await self._store.tracks(since)),
            files=await self._files.sizes(since), ledger_calls=await self._store.ledger_calls(since),
            orders_without_call=await self._store.orders_without_call(since), live=self._live(),
        )
        found = compare(books, now, longest_call_s=self._longest_call_s)
        for difference in found:
            log.warning("difference", kind=difference.kind, subject=difference.subject, detail=difference.detail)
            if difference.kind == "recording_missing":
                await self._store.give_up_recording(difference.subject)
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


def _until_night(now: datetime) -> float:
    night = now.replace(hour=_NIGHT_HOUR, minute=0, second=0, microsecond=0)
    if night <= now:
        night += timedelta(days=1)
    return (night - now).total_seconds()
