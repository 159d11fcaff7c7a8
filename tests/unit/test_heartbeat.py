"""A beat that stops is a process that hangs; a pipe that ends is a process that ended; a late first beat is neither."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

from ivr.heartbeat import BEAT_S, HUNG_AFTER_S, beat, silence


async def test_beats_that_stop_are_noticed() -> None:
    ears, mouth = os.pipe()
    watching = asyncio.create_task(silence(ears, after_s=0.2))
    beating = asyncio.create_task(beat(mouth))
    await asyncio.sleep(0)  # its first beat
    beating.cancel()
    async with asyncio.timeout(10):
        assert await watching is True
    os.close(mouth)


async def test_a_process_that_ends_or_has_not_begun_does_not_hang() -> None:
    ears, mouth = os.pipe()
    watching = asyncio.create_task(silence(ears, after_s=0.01))
    await asyncio.wait({watching}, timeout=0.2)
    assert not watching.done(), "nothing was heard yet: it still loads"
    os.write(mouth, b".")
    os.close(mouth)
    async with asyncio.timeout(10):
        assert await watching is False


async def test_nobody_listening_stops_no_beat() -> None:
    ears, mouth = os.pipe()
    os.close(ears)
    beating = asyncio.create_task(beat(mouth))
    await asyncio.wait({beating}, timeout=0.05)
    assert not beating.done()
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    os.close(mouth)
    assert BEAT_S * 5 < HUNG_AFTER_S
