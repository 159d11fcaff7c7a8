"""A village phone of plain sockets that offers or accepts one video codec, and shows every byte that reached it."""

from __future__ import annotations

import asyncio
import re
import struct
from typing import Any

from tests.e2e.village import HERE, PlainPhone, _ok

_KEPT = re.compile(r"(Via|From|To|Call-ID|CSeq|Record-Route):", re.IGNORECASE)


class _Heard(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.payloads: set[bytes] = set()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(data) > 12 and not 200 <= data[1] < 208:
            self.payloads.add(data[12:])


class VideoPhone(PlainPhone):
    """``codec`` is as in SDP, ``fmtp`` its parameters or ''. ``invite`` is the call it was offered, ``answer`` the one it was given.

    Without ``answers`` a call rings until ``pick_up``.
    """

    def __init__(self, server: int, user: str, secret: str, codec: str, fmtp: str = "", *, answers: bool = True) -> None:
        super().__init__(server, user, secret)
        self._codec, self._fmtp = codec, fmtp
        self.invite = self.answer = ""
        self._answers, self._from = answers, ("", 0)
        self._kind = 0  # of the codec it took, where several were offered
        self.rung = asyncio.Event()
        self._sequence = 0

    async def __aenter__(self) -> VideoPhone:
        await super().__aenter__()
        loop = asyncio.get_running_loop()
        self._media = {m: await loop.create_datagram_endpoint(_Heard, local_addr=(HERE, 0)) for m in ("audio", "video")}
        return self

    async def __aexit__(self, *gone: object) -> None:
        for transport, _ in self._media.values():
            transport.close()
        await super().__aexit__(*gone)

    def heard(self, medium: str) -> set[bytes]:
        """Payloads of this medium so far."""
        return self._media[medium][1].payloads

    async def call(self, number: str) -> int:
        """Offers sound and this one codec."""
        return await self._ask("INVITE", f"sip:{number}@127.0.0.1:{self.server}", "Content-Type: application/sdp\r\n", self._sdp(99))

    def send(self, medium: str, payload: bytes) -> None:
        """One RTP packet to where the other side wants this medium; nothing where it wants none."""
        port, kind = self.wanted(medium)
        kind = self._kind if medium == "video" and self._kind else kind
        if port:
            self._sequence += 1
            head = struct.pack("!BBHII", 0x80, kind | (0x80 if medium == "video" else 0), self._sequence, self._sequence * 160, 0x1234 + len(medium))
            self._media[medium][0].sendto(head + payload, ("127.0.0.1", port))

    def wanted(self, medium: str) -> tuple[int, int]:
        """Port and payload type of the other side for this medium; port 0 for none."""
        found = re.search(rf"m={medium} ([0-9]+) \S+ ([0-9]+)", self.answer or self.invite)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode(errors="replace")
        if text.startswith("INVITE"):
            self.invite = text
            self._from = addr
            if self._answers:
                self._take(text, addr)
            else:
                self.transport.sendto(_ok(text).replace(b"200 OK", b"180 Ringing", 1), addr)
            self.rung.set()
        elif text.startswith(("BYE", "CANCEL")):
            self.transport.sendto(_ok(text), addr)
        else:
            if text.startswith("SIP/2.0 200") and "m=audio" in text:
                self.answer = text
            super().datagram_received(data, addr)

    def pick_up(self) -> None:
        """Answer the call that rings."""
        self._answers = True
        self._take(self.invite, self._from)

    def _take(self, invite: str, addr: Any) -> None:
        offered = re.search(rf"a=rtpmap:([0-9]+) {self._codec}/90000", invite)
        self._kind = int(offered[1]) if offered else 0
        lines = [line for line in invite.split("\r\n") if _KEPT.match(line)]
        lines = [f"{line};tag={self.tag}" if line.lower().startswith("to:") and "tag=" not in line else line for line in lines]
        head = "\r\n".join(["SIP/2.0 200 OK", *lines, f"Contact: <sip:{self.user}@{HERE}:{self.port}>", "Content-Type: application/sdp"])
        body = self._sdp(int(offered[1]) if offered else 0, "m=video" in invite)
        self.transport.sendto(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode(), addr)

    def _sdp(self, kind: int, refuses: bool = False) -> str:
        audio, video = (self._media[m][0].get_extra_info("sockname")[1] for m in ("audio", "video"))
        text = f"v=0\r\no=- 1 1 IN IP4 {HERE}\r\ns=-\r\nc=IN IP4 {HERE}\r\nt=0 0\r\nm=audio {audio} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        if kind:
            text += f"m=video {video} RTP/AVP {kind}\r\na=rtpmap:{kind} {self._codec}/90000\r\n"
            text += f"a=fmtp:{kind} {self._fmtp}\r\n" if self._fmtp else ""
        return text + ("m=video 0 RTP/AVP 99\r\n" if refuses and not kind else "")
