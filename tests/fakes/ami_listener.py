"""A running AMI client and the events it hands out, each waited for with a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ivr.domain.events import (
    ExchangeSnapshot,
    LinkLost,
    LiveEvent,
)
from ivr.telephony.ami import AmiClient
from tests.fakes.asterisk import USERS, FakeAsterisk

WITHIN_S = 10.0


class Listener:
    """A running client and the events it hands out."""

    def __init__(self, fake: FakeAsterisk, secret: str, **options: Any) -> None:
        options = {"ping_every_s": 30.0, "answer_within_s": WITHIN_S, "greeting_within_s": WITHIN_S, "longest_pause_s": 0.01} | options
        self.client = AmiClient("127.0.0.1", fake.port, "controller", secret, **options)
        self._events = self.client.events()
        self.task = asyncio.create_task(self.client.run())

    async def next(self) -> LiveEvent:
        async with asyncio.timeout(WITHIN_S):
            return await anext(self._events)

    async def snapshot(self) -> ExchangeSnapshot:
        """The next event, which must be a snapshot."""
        found = await self.next()
        assert isinstance(found, ExchangeSnapshot), found
        return found

    async def lost(self) -> str:
        """The next event, which must be a lost link: its reason."""
        found = await self.next()
        assert isinstance(found, LinkLost), found
        return found.reason

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def linked(fake: FakeAsterisk, secret: str = USERS["controller"], **options: Any) -> AsyncIterator[Listener]:
    listener = Listener(fake, secret, **options)
    try:
        yield listener
    finally:
        await listener.stop()
