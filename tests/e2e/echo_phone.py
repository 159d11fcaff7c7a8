"""A village phone that answers by itself when a call asks for it, and sends back what it hears: late and quieter, or not at all."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import Any, Literal

import numpy as np

from tests.e2e.village import HERE, PlainPhone, _ok

Manner = Literal["echoes", "is_deaf", "rings", "declines"]
_KEPT = re.compile(r"(Via|From|To|Call-ID|CSeq|Record-Route):", re.IGNORECASE)


def _a_law() -> tuple[np.ndarray, np.ndarray]:
    """Each byte's sample (ITU-T G.711 table 1a, 13 bits as 16), and the bytes in order of their samples."""
    code = np.arange(256) ^ 0x55
    segment, step = (code >> 4) & 7, code & 15
    size = np.where(segment == 0, step * 2 + 1, (step * 2 + 33) << np.maximum(segment - 1, 0)) * 8
    samples = np.where(code & 0x80, size, -size)
    return samples, np.argsort(samples)


_SAMPLES, _ORDER = _a_law()


def quieter(payload: bytes, gain: float) -> bytes:
    """A-law sound at this gain."""
    wanted = _SAMPLES[np.frombuffer(payload, np.uint8)] * gain
    return bytes(_ORDER[np.clip(np.searchsorted(_SAMPLES[_ORDER], wanted), 0, 255)].astype(np.uint8))


class _Ear(asyncio.DatagramProtocol):
    """Each packet is answered by one: what came ``late`` packets before, at ``gain``; silence while nothing did."""

    def __init__(self, late: int, gain: float) -> None:
        self._kept = deque([b"\xd5" * 160] * late, maxlen=late + 1)
        self._gain = gain

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(data) == 172 and data[1] & 0x7F == 8:
            self._kept.append(quieter(data[12:], self._gain))
            self._transport.sendto(data[:8] + b"echo" + self._kept[0], addr)


class EchoPhone(PlainPhone):
    """``manner`` may change between calls; ``invites`` are the calls it was offered, ``over`` counts those that ended."""

    def __init__(self, server: int, user: str, secret: str, manner: Manner = "echoes", *, late_ms: int = 120, gain: float = 0.25) -> None:
        super().__init__(server, user, secret)
        self.manner = manner
        self.invites: list[str] = []
        self.answered = asyncio.Event()
        self.over = asyncio.Event()
        self._late, self._gain = late_ms // 20, gain

    async def __aenter__(self) -> EchoPhone:
        await super().__aenter__()
        loop = asyncio.get_running_loop()
        deaf = asyncio.DatagramProtocol
        self._ears = [
            (await loop.create_datagram_endpoint(make, local_addr=(HERE, 0)))[0]  # type: ignore[type-var]
            for make in (lambda: _Ear(self._late, self._gain), deaf)
        ]
        return self

    async def __aexit__(self, *gone: object) -> None:
        for ear in self._ears:
            ear.close()
        await super().__aexit__(*gone)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode(errors="replace")
        method = text.split(" ", 1)[0]
        if method == "INVITE":
            if text not in self.invites:
                self.invites.append(text)
                self._take(text, addr)
        elif method in ("BYE", "CANCEL"):
            self.transport.sendto(_ok(text), addr)
            if method == "CANCEL":
                self._answer(self.invites[-1], addr, "487 Request Terminated")
            self.over.set()
        else:
            super().datagram_received(data, addr)

    def _take(self, invite: str, addr: Any) -> None:
        if self.manner == "declines":
            self._answer(invite, addr, "603 Decline")
        elif self.manner == "rings" or "answer-after=0" not in invite:
            self._answer(invite, addr, "180 Ringing")
        else:
            ear = self._ears[0 if self.manner == "echoes" else 1]
            port = ear.get_extra_info("sockname")[1]
            sdp = f"v=0\r\no=- 1 1 IN IP4 {HERE}\r\ns=-\r\nc=IN IP4 {HERE}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
            self._answer(invite, addr, "200 OK", "Content-Type: application/sdp\r\n", sdp)
            self.answered.set()

    def _answer(self, request: str, addr: Any, status: str, more: str = "", body: str = "") -> None:
        lines = [line for line in request.split("\r\n") if _KEPT.match(line)]
        lines = [f"{line};tag={self.tag}" if line.lower().startswith("to:") and "tag=" not in line else line for line in lines]
        head = "\r\n".join([f"SIP/2.0 {status}", *lines, f"Contact: <sip:{self.user}@{HERE}:{self.port}>"])
        self.transport.sendto(f"{head}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode(), addr)
