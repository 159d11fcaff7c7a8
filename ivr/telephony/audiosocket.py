"""The caller's side of a call, live, by Asterisk's AudioSocket: a server on loopback that listens and never speaks.

Each message is a kind, a length of two bytes and so many bytes. The first names the ticket the dialplan was given; then sound
comes every 20 ms, and each key. When whoever listens has heard enough, Asterisk is told to go on with the dialplan.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import structlog

from ivr.domain.end_of_speech import FRAME_BYTES
from ivr.ports.spoken import LiveLeg
from ivr.telephony.loopback_server import LoopbackServer

log = structlog.get_logger(__name__)

_GO_ON, _TICKET, _KEY, _SOUND = 0x00, 0x01, 0x03, 0x10
_FIRST_WITHIN_S = 2.0
_LAST_WITHIN_S = 1.0
_SILENT_LINK_S = 5.0  # Asterisk sends sound all the time
_BUFFER = 1 << 16

Listener = Callable[[str, LiveLeg], Awaitable[None]]
"""Hears the call with this ticket, and returns when it has heard enough; must be bounded by itself."""


class AudioSocketServer:
    """Gives calls to ``listener`` by ticket, on 127.0.0.1:``port``, ``most_at_once`` at a time, each for ``within_s`` at most."""

    def __init__(self, port: int, listener: Listener, *, within_s: float, most_at_once: int) -> None:
        self._listener = listener
        self._within_s = within_s
        self._server = LoopbackServer("audiosocket", port, self._serve, most_at_once=most_at_once, buffer=_BUFFER, backlog=64)

    @property
    def listening(self) -> asyncio.Event:
        """Set once Asterisk can connect."""
        return self._server.listening

    async def run(self) -> None:
        """Ends only when cancelled, and ends what is in hand with it."""
        await self._server.run()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._within_s):
                async with asyncio.timeout(_FIRST_WITHIN_S):
                    kind, body = await _message(reader)
                if kind != _TICKET or len(body) != 16:
                    log.info("live_leg_not_understood", kind=kind)
                    return
                await self._listener(str(UUID(bytes=body)), _Leg(reader))
            await _go_on(reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as ended:
            log.info("live_leg_ended", reason=str(ended) or type(ended).__name__)
        except Exception as failed:
            # One call that cannot be heard must not end the others; its caller goes on by keys.
            log.error("live_leg_failed", reason=f"{type(failed).__name__}: {failed}")


class _Leg:
    """Implements ``ivr.ports.spoken.LiveLeg``."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def sound_and_keys(self) -> AsyncIterator[bytes | str]:
        pending = bytearray()
        while True:
            try:
                async with asyncio.timeout(_SILENT_LINK_S):
                    kind, body = await _message(self._reader)
            except (TimeoutError, OSError, asyncio.IncompleteReadError):
                return
            if kind == _KEY and len(body) == 1:
                yield chr(body[0])
            elif kind == _SOUND:
                pending += body
                while len(pending) >= FRAME_BYTES:
                    yield bytes(pending[:FRAME_BYTES])
                    del pending[:FRAME_BYTES]
            else:
                return


async def _message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readexactly(3)
    return head[0], await reader.readexactly(int.from_bytes(head[1:], "big"))


async def _go_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Have Asterisk go on, and wait until it has closed its end: closing first would reset the link under its next frame."""
    writer.write(bytes((_GO_ON, 0, 0)))
    await writer.drain()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WITHIN_S):
            while await reader.read(_BUFFER):
                pass
