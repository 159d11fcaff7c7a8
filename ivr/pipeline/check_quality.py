"""Every answered call is checked by the machine soon after its transcript is there; nothing waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.quality_check import check_call
from ivr.ports.quality import QualityQueue

log = structlog.get_logger(__name__)

AT_ONCE = 20


class QualityChecker:
    """One task of the controller. A second controller finds the same calls; each result is written once.

    The words of a long call are looked at in a thread: the loop that follows calls is not held up.
    """

    def __init__(
        self, queue: QualityQueue, shipped_card: Callable[[], str], today: Callable[[], date], *, look_every_s: float = 2.0,
        month_every: int = 1800,
    ) -> None:
        self._queue = queue
        self._shipped_card = shipped_card
        self._today = today
        self._look_every_s = look_every_s
        self._month_every = month_every

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        looks, seeded = 0, False
        while True:
            more = 0
            try:
                if not seeded:
                    await self._queue.seed(await asyncio.to_thread(self._shipped_card))
                    seeded = True
                more = await self.look()
                if looks % self._month_every == 0:
                    await self._queue.close_month(self._today())
                looks += 1
            except IvrError as away:
                log.warning("quality_waits", reason=str(away))
            if more < AT_ONCE:
                await asyncio.sleep(self._look_every_s)

    async def look(self) -> int:
        """Check what waits, at most ``AT_ONCE`` calls; how many there were."""
        due = await self._queue.due(AT_ONCE)
        for one in due:
            try:
                checked = await asyncio.to_thread(check_call, one.card, one.talk)
            except Exception:  # whatever is wrong with one call's words, the others and the telephone go on
                log.exception("call_check_failed", linked_id=one.linked_id)
                await self._queue.give_up(one)
                continue
            if await self._queue.keep(one, checked):
                log.info("call_checked", linked_id=one.linked_id, card=one.card.version, score=checked.marks.score)
        return len(due)
