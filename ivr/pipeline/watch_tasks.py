"""Urgent tasks of partners: whoever sits at a page sees them until somebody accepts, and louder when nobody does in time."""

from __future__ import annotations

import asyncio

import structlog

from ivr.domain.errors import IvrError
from ivr.ports.partners import Inbox

log = structlog.get_logger(__name__)


class UrgentTaskWatch:
    """One task of the controller; the database decides by its own clock, so a second controller does no harm."""

    def __init__(self, inbox: Inbox, accept_within_s: float, look_every_s: float = 2.0) -> None:
        self._inbox = inbox
        self._accept_within_s = accept_within_s
        self._look_every_s = look_every_s

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        while True:
            try:
                await self._inbox.watch(self._accept_within_s)
            except IvrError as away:
                log.warning("urgent_tasks_wait", reason=str(away))
            await asyncio.sleep(self._look_every_s)
