"""A wire between the controller and Asterisk's AMI port that can be broken in every way a network breaks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType

_BANNER = b"Asterisk Call Manager/"


class AmiRelay:
    """Listens on ``port`` and passes bytes to and from ``target`` (both on 127.0.0.1). Use with ``async with``.

    ``deaf``: bytes of both directions vanish while both ends believe in the link; a link that lost bytes stays deaf for
    ever, as one whose other end forgot it. ``delay_s``: pause before each write; ``size``: bytes a write (0: as they
    come). ``greeting``: what a foreign server says instead of being connected. ``version``: put into Asterisk's banner.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self.deaf = False
        self.delay_s = 0.0
        self.size = 0
        self.greeting = b""
        self.version = b""
        self.made = 0
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> AmiRelay:
        await self.accept()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse()

    @property
    def links(self) -> int:
        """Connections open now; ``made`` counts all there ever were."""
        return len(self._links)

    async def accept(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def refuse(self) -> None:
        """Cut what is there and refuse what comes."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self.cut()
        if server is not None:
            await server.wait_closed()

    async def cut(self) -> None:
        """End every link at once; new ones are taken."""
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def heal(self) -> None:
        """Every new link is sound again."""
        self.deaf, self.delay_s, self.size, self.greeting, self.version = False, 0.0, 0, b"", b""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        ends = [writer]
        try:
            if self.greeting:
                writer.write(self.greeting)
                await reader.read()
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            ends.append(back)
            up = asyncio.create_task(self._pass(reader, back))
            down = asyncio.create_task(self._pass(there, writer, asterisk=True))
            try:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                up.cancel()
                down.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                end.transport.abort()
            self._links.discard(link)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asterisk: bool = False) -> None:
        lost = False
        first = asterisk
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if first and self.version and data.startswith(_BANNER):
                    data = _BANNER + self.version + data[data.index(b"\r\n") :]
                first = False
                lost = lost or self.deaf
                if lost:
                    continue
                size = self.size or len(data)
                for start in range(0, len(data), size):
                    if self.delay_s:
                        await asyncio.sleep(self.delay_s)
                    writer.write(data[start : start + size])
                    await writer.drain()
                    if self.size:
                        await asyncio.sleep(0)
