"""Callers and a desk that send sound and synthetic video to each other through an Asterisk, and count every packet that arrives.

All calls share one media socket: Asterisk tells them apart by its own ports, so what one loop can send and count is the limit, not
a thread for each call.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

HOST = "127.0.0.1"
FRAME_BYTES = 1100
VIDEO_A_TICK = 1
"""A packet of 1100 bytes every 20 ms each way: 440 kbit/s, 50 packets/s, as much as a 640 × 480 call of talking heads."""
_TICK_S = 0.02
_KEPT = re.compile(r"(Via|From|To|Call-ID|CSeq|Record-Route):", re.IGNORECASE)


@dataclass(slots=True)
class Counted:
    """Packets sent to Asterisk and received from it, by medium, while counting was on."""

    sent: dict[str, int] = field(default_factory=lambda: {"audio": 0, "video": 0})
    received: dict[str, int] = field(default_factory=lambda: {"audio": 0, "video": 0})

    def loss(self) -> float:
        """The worse medium's share of packets that did not arrive, 0 to 1."""
        return max((max(0.0, 1 - self.received[m] / n) for m, n in self.sent.items() if n), default=0.0)


class Media:
    """Sends a packet of sound, and of video where the call has it, every 20 ms on each leg; counts what comes back."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for which in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._socket.setsockopt(socket.SOL_SOCKET, which, 1 << 22)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])
        self._streams: list[tuple[str, int, int, int]] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._counted: Counted | None = None
        self.late = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, sdp: str) -> None:
        """Send to the ports of this description."""
        found = re.findall(r"m=(audio|video) ([1-9][0-9]*) \S+ ([0-9]+)", sdp)
        with self._lock:
            self._streams += [(medium, int(port), int(kind), secrets.randbits(31)) for medium, port, kind in found]

    def clear(self) -> None:
        with self._lock:
            self._streams = []

    def count(self, counted: Counted | None) -> None:
        self._counted = counted

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        sound, picture, tick, due = b"\xd5" * 160, b"\x90\x80\x01" + bytes(FRAME_BYTES - 3), 0, time.monotonic()
        while not self._over.is_set():
            with self._lock:
                streams = self._streams
            counted = self._counted
            for medium, port, kind, source in streams:
                step = 160 if medium == "audio" else 1800
                marked = kind | (0x80 if medium == "video" else 0)
                head = struct.pack("!BBHII", 0x80, marked, tick & 0xFFFF, tick * step & 0xFFFFFFFF, source)
                try:
                    self._socket.sendto(head + (sound if medium == "audio" else picture), (HOST, port))
                except BlockingIOError:
                    self.late += 1
                if counted:
                    counted.sent[medium] += 1
            tick += 1
            due += _TICK_S
            while True:
                self._drain()
                left = due - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(left, 0.004))
            if time.monotonic() - due > 0.1:
                self.late += 1
                due = time.monotonic()

    def _drain(self) -> None:
        counted = self._counted
        while True:
            try:
                size = len(data := self._socket.recv(2048))
            except BlockingIOError:
                return
            if counted and 200 < data[1] < 208:  # RTCP
                continue
            if counted and size > 12:
                counted.received["audio" if size < 400 else "video"] += 1


class Party(asyncio.DatagramProtocol):
    """The signalling of callers or of a desk on one socket; ``video`` is a codec's name or ''."""

    def __init__(self, media: Media, server: int) -> None:
        self._media = media
        self._server = (HOST, server)
        self._answers: dict[str, asyncio.Future[str]] = {}
        self.video = ""
        self.pictures = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._port = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode(errors="replace")
        call = next((line.split(":", 1)[1].strip() for line in text.split("\r\n") if line.lower().startswith("call-id:")), "")
        if text.startswith("INVITE"):
            offered = re.search(rf"a=rtpmap:([0-9]+) {self.video}/90000", text) if self.video else None
            self._reply(text, addr, "200 OK", self._sdp(int(offered[1]) if offered else 0))
            self._media.add(text)
        elif text.startswith(("BYE", "OPTIONS")):
            self._reply(text, addr, "200 OK", "")
        elif text.startswith("SIP/2.0") and (waiting := self._answers.get(call)) and not waiting.done() and int(text[8:11]) >= 200:
            waiting.set_result(text)

    async def call(self, number: int) -> str:
        """Make a call; its dialogue for ``hang_up``. RuntimeError when it is not answered."""
        call, tag, me = secrets.token_hex(8), secrets.token_hex(4), f"<sip:1389511{number:04}@{HOST}:{self._port}>"
        lines = f"From: {me};tag={tag}\r\nTo: <sip:12348@{HOST}>{{to}}\r\nCall-ID: {call}\r\nContact: {me}\r\nMax-Forwards: 70\r\n"
        dialogue = lines
        answer = await self._ask(call, "INVITE", 1, lines.format(to=""), self._sdp(97 if self.video else 0))
        to = re.search(r"^To:.*(;tag=[^;\r\n]+)", answer, re.MULTILINE | re.IGNORECASE)
        if not answer.startswith("SIP/2.0 200") or to is None:
            raise RuntimeError(f"a call was answered {answer.split(chr(13))[0]}")
        dialogue = f"{call}\0{lines.format(to=to[1])}"
        self._send("ACK", 1, lines.format(to=to[1]), "")
        self._media.add(answer)
        self.pictures += bool(re.search(r"m=video [1-9]", answer))
        return dialogue

    async def hang_up(self, dialogue: str) -> None:
        call, lines = dialogue.split("\0")
        await self._ask(call, "BYE", 2, lines, "")

    async def _ask(self, call: str, method: str, sequence: int, lines: str, body: str) -> str:
        self._answers[call] = asyncio.get_running_loop().create_future()
        self._send(method, sequence, lines, body)
        async with asyncio.timeout(20):
            return await self._answers[call]

    def _send(self, method: str, sequence: int, lines: str, body: str) -> None:
        head = f"{method} sip:12348@{HOST}:{self._server[1]} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{self._port};branch=z9hG4bK{secrets.token_hex(6)};rport\r\n"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self._transport.sendto(f"{head}{lines}CSeq: {sequence} {method}\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode(), self._server)

    def _reply(self, request: str, addr: Any, status: str, body: str) -> None:
        kept = [f"{line};tag=desk" if line.lower().startswith("to:") and "tag=" not in line else line for line in request.split("\r\n") if _KEPT.match(line)]
        kind = "Content-Type: application/sdp\r\n" if body else ""
        head = "\r\n".join([f"SIP/2.0 {status}", *kept, f"Contact: <sip:desk@{HOST}:{self._port}>"])
        self._transport.sendto(f"{head}\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode(), addr)

    def _sdp(self, kind: int) -> str:
        video = f"m=video {self._media.port} RTP/AVP {kind}\r\na=rtpmap:{kind} {self.video}/90000\r\n" if kind else ""
        return f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {self._media.port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n{video}"


@asynccontextmanager
async def parties(server: int, desk_port: int) -> AsyncIterator[tuple[Media, Party, Party]]:
    """The media, callers and the desk that answers all of them."""
    media = Media()
    loop = asyncio.get_running_loop()
    ends = []
    try:
        for port in (0, desk_port):
            ends.append(await loop.create_datagram_endpoint(lambda: Party(media, server), local_addr=(HOST, port)))
        yield media, ends[0][1], ends[1][1]
    finally:
        for transport, _ in ends:
            transport.close()
        media.close()
