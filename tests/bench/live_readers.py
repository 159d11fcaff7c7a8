"""Dashboards by the thousand: connections to a stream that note when each change reached them.

``python -m tests.bench.live_readers`` obeys one JSON object a line on standard input and answers each with one:
``open`` connects readers, and some that never read; ``finish`` tells how late the changes came and closes all. A change is
a number in the stream (MARK and six digits); a later number brings every earlier one with it, as folded changes do.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import socket
import sys
import time
from typing import Any

MARK = b'"paused_reason":"n'
_DIGITS = 6
_RAMP = 50


class Reader(asyncio.Protocol):
    """One page: keeps (number, time) of every change it saw, and nothing else."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self.seen: list[tuple[int, float]] = []
        self.first_byte: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if not self.first_byte.done():
            self.first_byte.set_result(None)
        whole = self._tail + data
        at = whole.rfind(MARK)
        if at >= 0 and len(digits := whole[at + len(MARK) : at + len(MARK) + _DIGITS]) == _DIGITS:
            number = int(digits)
            if not self.seen or number > self.seen[-1][0]:
                self.seen.append((number, now))
        self._tail = whole[-(len(MARK) + _DIGITS) :]

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.first_byte.done():
            self.first_byte.set_exception(ConnectionError("the stream ended before it began"))


class Stalled(asyncio.Protocol):
    """A page that asks and then never reads."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()
        transport.write(self._request)


class Crowd:
    """All connections of one arm."""

    def __init__(self) -> None:
        self.readers: list[Reader] = []
        self.stalled: list[Stalled] = []

    async def open(self, port: int, path: str, token: str, readers: int, stalled: int) -> None:
        """Connect fifty at a time; return when every reader has got its first bytes."""
        loop = asyncio.get_running_loop()
        request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for _ in range(stalled):
            taken = socket.socket()
            # As over an office network: the loopback's huge segments would let the kernel take megabytes for a page.
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            taken.setblocking(False)
            await loop.sock_connect(taken, ("127.0.0.1", port))
            self.stalled.append((await loop.create_connection(lambda: Stalled(request), sock=taken))[1])
        for begin in range(0, readers, _RAMP):
            some = [
                (await loop.create_connection(lambda: Reader(request), "127.0.0.1", port))[1]
                for _ in range(min(_RAMP, readers - begin))
            ]
            self.readers += some
            async with asyncio.timeout(60):
                await asyncio.gather(*(r.first_byte for r in some))

    def lateness(self, sent: dict[int, float]) -> dict[str, Any]:
        """Milliseconds from sending a change to each reader's having it; ``missed`` counts (reader, change) never seen."""
        numbers = sorted(sent)
        late: list[float] = []
        missed = untouched = 0
        for reader in self.readers:
            at = 0
            for number, when in reader.seen:
                while at < len(numbers) and numbers[at] <= number:
                    late.append(1000 * (when - sent[numbers[at]]))
                    at += 1
            missed += len(numbers) - at
            untouched += at == 0
        late.sort()
        places = {f"p{p}": late[min(len(late) - 1, len(late) * p // 100)] if late else None for p in (50, 90, 99)}
        return {
            **places, "most": late[-1] if late else None, "seen": len(late), "missed": missed, "untouched": untouched,
            "lost": sum(r.lost for r in self.readers),
        }

    def close(self) -> None:
        for one in (*self.readers, *self.stalled):
            if one.transport is not None:
                one.transport.abort()


async def main() -> None:
    """Obey until standard input ends."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    gc.disable()
    lines = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    crowd = Crowd()
    while line := await lines.readline():
        asked = json.loads(line)
        if asked["do"] == "open":
            crowd = Crowd()
            await crowd.open(asked["port"], asked["path"], asked["token"], asked["readers"], asked["stalled"])
            told: dict[str, Any] = {"open": len(crowd.readers)}
        else:
            told = crowd.lateness({int(number): when for number, when in asked["sent"].items()})
            crowd.close()
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
