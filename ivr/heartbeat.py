"""A process shows its supervisor that its event loop turns; one that is alive and does nothing is seen and ended.

The beat is a byte in a pipe: it needs no disk, no database and no port, and ends with the process.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

BEAT_S = 1.0
HUNG_AFTER_S = 15.0
"""Longer than anything that blocks a loop by right, short enough that the work is taken again within half a minute."""

_LAST_LOOK_S = 1.0


async def beat(handle: int) -> None:
    """Write a byte every second until cancelled; a supervisor that does not read, or is gone, is no reason to stop."""
    os.set_inheritable(handle, False)
    os.set_blocking(handle, False)
    while True:
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(handle, b".")
        await asyncio.sleep(BEAT_S)


async def silence(handle: int, after_s: float = HUNG_AFTER_S) -> bool:
    """Wait until the beats at this end of the pipe stop: True when none came for ``after_s``, False when the pipe ended.

    The first may take its time: a process that starts loads a model. Closes the handle.
    """
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb", buffering=0)
    )
    try:
        heard = await reader.read(4096)
        while heard:
            try:
                async with asyncio.timeout(after_s):
                    heard = await reader.read(4096)
            except TimeoutError:
                # Were we ourselves held up (a suspended machine), beats lie in the pipe.
                try:
                    async with asyncio.timeout(_LAST_LOOK_S):
                        heard = await reader.read(4096)
                except TimeoutError:
                    return True
        return False
    finally:
        transport.close()
