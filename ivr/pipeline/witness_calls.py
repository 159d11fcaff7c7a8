"""The live view as second witness: a call the ledger does not tell of becomes a call and an order all the same."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog

from ivr.domain.call import Call, fold
from ivr.domain.errors import Unavailable
from ivr.domain.events import LiveEvent
from ivr.domain.witness import LiveWitness

if TYPE_CHECKING:
    from ivr.pipeline.track_calls import LedgerTracker

log = structlog.get_logger(__name__)

_AGAIN_S = 5.0
_LEDGER_WITHIN_S = 30.0


class CallWitness:
    """Waits ``grace_s`` after a call's end for the ledger to tell of it; then says what was seen of it live.

    The ledger's word stands: it is read to its end first, and what it tells later changes nothing twice. Only that two
    people talked, which it may have lost in its middle, is believed against it.
    """

    def __init__(self, ledger: LedgerTracker, *, grace_s: float = 5.0) -> None:
        self._ledger = ledger
        self._grace_s = grace_s
        self._live = LiveWitness()
        self._forgotten = 0
        self._due: dict[str, float] = {}
        self._news = asyncio.Event()

    def see(self, event: LiveEvent) -> None:
        """Take a live event."""
        for call in self._live.apply(event):
            self._due[call.linked_id] = time.monotonic() + self._grace_s
            self._news.set()
        if self._live.forgotten > self._forgotten:
            log.warning("witness_full", forgotten=self._live.forgotten - self._forgotten)
            self._forgotten = self._live.forgotten

    def told(self, call: Call) -> None:
        """Take what the ledger tells; a call whose end it knows needs no witness."""
        seen = self._live.calls.get(call.linked_id)
        if seen is None or call.state != "ended":
            return
        live = fold(seen.facts, {})
        if call.answered_at is not None or live is None or live.answered_at is None:
            self._forget(call.linked_id)

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        while True:
            await self._until_due()
            try:
                await self._speak()
            except (Unavailable, TimeoutError) as away:
                log.warning("witness_waits", calls=len(self._due), reason=str(away))
                await asyncio.sleep(_AGAIN_S)

    async def _until_due(self) -> None:
        while True:
            self._news.clear()
            first = next(iter(self._due.values()), None)
            left = None if first is None else first - time.monotonic()
            if left is not None and left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _speak(self) -> None:
        due = [linked_id for linked_id, at in self._due.items() if at <= time.monotonic()]
        try:
            await self._ledger.read_to_end(_LEDGER_WITHIN_S)
        except TimeoutError:
            log.warning("witness_speaks_before_ledger", calls=len(due))
        for linked_id in due:
            seen = self._live.calls.get(linked_id)
            if seen is not None:
                call = await self._ledger.witness(linked_id, seen.told(time.time()))
                if call is not None:
                    log.warning("call_witnessed", linked_id=linked_id, outcome=call.outcome)
            self._forget(linked_id)

    def _forget(self, linked_id: str) -> None:
        self._live.forget(linked_id)
        self._due.pop(linked_id, None)
