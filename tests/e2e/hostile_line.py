"""The carrier's end of a line in hostile hands: real INVITEs, byte for byte, and what the ledger says of them."""

from __future__ import annotations

import asyncio
import csv
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e.hotline import RunningHotline

_LONGEST_NAME = 79  # bytes: Asterisk keeps no more of a name or number


@dataclass(frozen=True, slots=True)
class Heard:
    """How the exchange answered one INVITE."""

    status: int
    call_id: str


class LineEnd(asyncio.DatagramProtocol):
    """The carrier's end of the line, in bytes: it sends what it is told and answers as little as SIP allows."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue(1000)
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data.startswith(b"SIP/2.0 "):
            self.answers.put_nowait(data)
        elif self.transport:  # OPTIONS, or the BYE of a call we ended as well
            headers = [line for line in data.split(b"\r\n") if re.match(rb"(?i)(via|from|to|call-id|cseq):", line)]
            self.transport.sendto(b"\r\n".join([b"SIP/2.0 200 OK", *headers, b"Content-Length: 0", b"", b""]), addr)


class HostileCaller:
    """Calls 12348 with any bytes as name and number, hears the first seconds, and hangs up."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._line = LineEnd()

    async def __aenter__(self) -> HostileCaller:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self._line, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._line.transport
        self._line.transport.close()

    async def call(
        self, name: bytes, number: bytes, *, infos: Sequence[tuple[str, bytes]] = (), events: Sequence[bytes] = (),
        until: Callable[[], Awaitable[None]] | None = None,
    ) -> Heard:
        """One whole call, or its refusal.

        While it is up, ``infos`` are sent as INFO (content type, body) and ``events`` as RTP payloads of RFC 4733; it hangs
        up when ``until`` returns.
        """
        assert self._line.transport
        port = self._line.transport.get_extra_info("sockname")[1]
        # Never used before: the system gives ports again, and a BYE that looks like an older one is taken for it.
        call_id = f"hostile-{uuid.uuid4()}"
        sender = b'From: "' + name + b'" <sip:' + number + (b"@" if number else b"") + b"127.0.0.1>;tag=h\r\n"
        head = f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{{}}{call_id}\r\nMax-Forwards: 70\r\nCall-ID: {call_id}\r\n"
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
            "a=rtpmap:8 PCMA/8000\r\n"
        )
        if events:
            sdp = sdp.replace("AVP 8", "AVP 8 101") + "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
        uri = f"sip:12348@127.0.0.1:{self._to[1]}"

        def request(method: str, sequence: int, to: bytes, body: bytes = b"", kind: str = "application/sdp") -> bytes:
            return b"".join([
                f"{method} {uri} SIP/2.0\r\n".encode(), head.format(f"{method}{sequence}").encode(), sender, to,
                f"CSeq: {sequence} {method}\r\nContact: <sip:127.0.0.1:{port}>\r\n".encode(),
                f"Content-Type: {kind}\r\n".encode() if body else b"", b"Content-Length: %d\r\n\r\n" % len(body), body,
            ])

        to = b"To: <sip:12348@127.0.0.1>\r\n"
        self._line.transport.sendto(request("INVITE", 1, to, sdp.encode()), self._to)
        answer = await self._final(call_id, "INVITE")
        if answer is None:
            return Heard(0, call_id)
        tagged = re.search(rb"(?im)^To:.*\r\n", answer)
        assert tagged is not None
        self._line.transport.sendto(request("ACK", 1, tagged[0]), self._to)
        status = int(answer[8:11])
        if status == 200:
            for sequence, (kind, body) in enumerate(infos, start=2):
                self._line.transport.sendto(request("INFO", sequence, tagged[0], body, kind), self._to)
            if events:
                await self._press(events, answer)
            if until is not None:
                await until()
            farewell = request("BYE", len(infos) + 2, tagged[0])
            self._line.transport.sendto(farewell, self._to)
            ended = await self._final(call_id, "BYE", again=farewell, within_s=20)
            assert ended is not None and ended.startswith(b"SIP/2.0 200 "), (answer, ended)
        return Heard(status, call_id)

    async def _press(self, events: Sequence[bytes], answer: bytes) -> None:
        """RTP packets to where the answer says sound is heard; each payload is repeated as a telephone does."""
        found = re.search(rb"(?m)^m=audio (\d+) ", answer)
        assert self._line.transport and found, answer
        for n, payload in enumerate(events):
            for repeat in range(3):
                head = bytes([0x80, 101 | (0x80 if repeat == 0 else 0)]) + (3 * n + repeat).to_bytes(2, "big")
                packet = head + (n * 160).to_bytes(4, "big") + b"evil" + payload
                self._line.transport.sendto(packet, ("127.0.0.1", int(found[1])))
            await asyncio.sleep(0)

    async def _final(self, call_id: str, method: str, within_s: float = 3, again: bytes = b"") -> bytes | None:
        """The final answer; None when the exchange says nothing at all, as it does to what is not SIP.

        ``again`` is sent anew while no answer comes: the kernel may drop a datagram of a flood (RFC 3261 §17.1.2).
        """
        deadline = asyncio.get_running_loop().time() + within_s
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            try:
                async with asyncio.timeout(min(left, 0.5) if again else left):
                    answer = await self._line.answers.get()
            except TimeoutError:
                if again and self._line.transport:
                    self._line.transport.sendto(again, self._to)
                continue
            ours = call_id.encode() in answer and re.search(rb"(?im)^CSeq: *\d+ " + method.encode(), answer)
            if ours and answer[8:9] != b"1":
                return answer
        return None


def ledger(hotline: RunningHotline) -> list[list[str]]:
    """The ledger as any CSV reader sees it."""
    with (hotline.folder / "state/run/asterisk/log/cel-custom/ledger.csv").open(newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.reader(file, strict=True))


def meant(name: bytes) -> str:
    """The name as Asterisk keeps it: SIP's backslashes stay, a long one is cut between two characters."""
    if len(name) > _LONGEST_NAME:
        return name[:_LONGEST_NAME].decode("utf-8", "ignore")
    return name.decode("utf-8", "replace")
