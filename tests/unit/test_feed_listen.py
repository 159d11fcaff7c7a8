"""The feed's listener ends when it is told to, whatever it is doing in that moment."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from ivr.storage.feed import PostgresFeed


class Silent:
    """A connection that hears nothing."""

    async def add_listener(self, *_: Any) -> None:
        return None

    async def close(self, *, timeout: float) -> None:
        return None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("turns", range(6))
async def test_a_listener_ended_in_the_moment_it_connects_ends(turns: int) -> None:
    ready: asyncio.Future[Silent] = asyncio.get_running_loop().create_future()

    async def connect() -> Silent:
        return await ready

    feed = PostgresFeed(cast(Any, None), cast(Any, connect))
    listening = asyncio.ensure_future(feed.listen())
    for _ in range(5):
        await asyncio.sleep(0)
    ready.set_result(Silent())
    for _ in range(turns):
        await asyncio.sleep(0)
    listening.cancel()
    done, _ = await asyncio.wait({listening}, timeout=5)
    assert done and listening.cancelled()
