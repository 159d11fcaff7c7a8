"""Where Asterisk connects to us during a call: one bounded listener on loopback, for FastAGI and for AudioSocket alike."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

_RETRY_S = 1.0

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection within a limit of its own, and raises nothing."""


class LoopbackServer:
    """Serves 127.0.0.1:``port``, ``most_at_once`` connections at a time; a further one is closed at once.

    ``name`` says in the log what is served; ``buffer`` is the most bytes read ahead on one connection. Port 0 is any free one:
    ``bound_port`` tells which, once ``listening`` is set.
    """

    def __init__(self, name: str, port: int, serve: Serve, *, most_at_once: int, buffer: int, backlog: int) -> None:
        self._name = name
        self._port = port
        self._serve = serve
        self._most = most_at_once
        self._buffer = buffer
        self._backlog = backlog
        self._open = 0
        self.bound_port = port
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Ends only when cancelled, and ends every connection with it; a port still in use is waited for."""
        async with asyncio.TaskGroup() as connections:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if self._open >= self._most:
                    log.warning("connection_refused", server=self._name, reason="too many at once")
                    writer.transport.abort()
                    return
                self._open += 1
                connections.create_task(self._one(reader, writer))

            while True:
                try:
                    server = await asyncio.start_server(accept, "127.0.0.1", self._port, limit=self._buffer, backlog=self._backlog)
                except OSError as taken:
                    log.warning("not_listening_yet", server=self._name, port=self._port, reason=str(taken))
                    await asyncio.sleep(_RETRY_S)
                    continue
                try:
                    self.bound_port = int(server.sockets[0].getsockname()[1])
                    self.listening.set()
                    await asyncio.Event().wait()
                finally:
                    server.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            self._open -= 1
            # Everything worth sending was acknowledged, so nothing is lost by not lingering.
            writer.transport.abort()
