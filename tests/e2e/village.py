"""A village for end-to-end tests: its phones, a plain SIP client for many of them at once, and an ear where outside legs would go."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.exchange_setup import credentials
from tests.e2e.hotline import RunningHotline
from tests.e2e.journeys import command

HERE = "127.0.0.9"  # not the carrier's address: what comes from there is the carrier's, whoever it says it is
HEAD = "device,village,helper,adviser,place,model,speciality\n"


async def secret_of(hotline: RunningHotline, device: str) -> str:
    """The device's secret, as the person who sets it up is shown it; shown once."""
    told = await hotline.cli("devices", "provision", device)
    return next(line.split()[1] for line in told.splitlines() if line.startswith("secret"))


@asynccontextmanager
async def device_phone(hotline: RunningHotline, device: str, secret: str, **more: Any) -> AsyncIterator[ScriptedPhone]:
    """The village's phone with its camera, registered."""
    account = PhoneAccount(device, f"127.0.0.1:{hotline.sip}", secret=secret, video=more.pop("video", True))
    async with hotline._phone(account, **more) as phone:
        await registered(hotline, device)
        yield phone


def lawyer_phone(hotline: RunningHotline, seat: str, *, video: bool = True, **more: Any) -> ScriptedPhone:
    """A lawyer's phone, with a camera or without one."""
    account = PhoneAccount(
        f"seat-{seat}", f"127.0.0.1:{hotline.sip}", secret=credentials(hotline.settings).endpoints[f"seat-{seat}"], video=video
    )
    return hotline._phone(account, **more)


async def registered(hotline: RunningHotline, name: str, yes: bool = True, within_s: float = 20) -> None:
    """Asterisk holds a registration of this name, or none any more."""
    async with asyncio.timeout(within_s):
        while (f"{name}/" in await command(hotline, "pjsip show contacts")) is not yes:
            await asyncio.sleep(0.2)


async def village_call(client: HotlineClient, known: set[str]) -> str:
    """The linked id of the village's call that is not among those known."""
    call = await client.until("a call of a village", lambda: next(
        (c for c in client.calls.values() if c["channel"] == "village_video" and c["linked_id"] not in known), None))
    known.add(str(call["linked_id"]))
    return str(call["linked_id"])


async def frames(phone: ScriptedPhone) -> int:
    """Video frames this phone decoded and displayed, by its own counter."""
    told = str((await phone.command("video_debug")).get("data", ""))
    found = re.search(r"vidisp: \S+ \d+ x \d+ frames=(\d+)", told)
    return int(found[1]) if found else 0


async def keyframes(phone: ScriptedPhone) -> int:
    """Key frames that reached this phone: with one of a camera, whatever shows or records that camera can decode it too."""
    told = str((await phone.command("video_debug")).get("data", ""))
    return sum(int(n) for n in re.findall(r"n_keyframes=([0-9]+)", told))


async def is_keyed(phone: ScriptedPhone, more_than: int, within_s: float = 45) -> None:
    """Until another key frame reached it; a phone sends one every ten seconds."""
    async with asyncio.timeout(within_s):
        while await keyframes(phone) <= more_than:
            await asyncio.sleep(0.2)


async def sees(phone: ScriptedPhone, more_than: int = 0, within_s: float = 45) -> int:
    """How many frames it decoded, once they are more; a phone's first key frame takes ten seconds."""
    async with asyncio.timeout(within_s):
        while (count := await frames(phone)) <= more_than:
            await asyncio.sleep(0.3)
    return count


class Listener(asyncio.DatagramProtocol):
    """The carrier's address: every INVITE that reaches it would be a call to the outside. It answers nothing but OPTIONS."""

    def __init__(self) -> None:
        self.invites: list[str] = []
        self.asked = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode(errors="replace")
        if text.startswith("INVITE"):
            self.invites.append(text)
        elif text.startswith("OPTIONS"):
            self.asked.set()
            self.transport.sendto(_ok(text), addr)


@asynccontextmanager
async def carrier_listens(hotline: RunningHotline) -> AsyncIterator[Listener]:
    """The listener at the carrier's address."""
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_datagram_endpoint(Listener, local_addr=("127.0.0.1", hotline.carrier))
    try:
        yield listener
    finally:
        transport.close()


def _ok(request: str) -> bytes:
    kept = [line for line in request.split("\r\n") if re.match(r"(Via|From|To|Call-ID|CSeq):", line, re.IGNORECASE)]
    return ("\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])).encode()


class PlainPhone(asyncio.DatagramProtocol):
    """A SIP client of one socket: registers, calls, answers OPTIONS; for what a scripted phone would be too heavy, or too polite."""

    def __init__(self, server: int, user: str, secret: str) -> None:
        self.server, self.user, self.secret = server, user, secret
        self.call_id, self.tag = secrets.token_hex(8), secrets.token_hex(4)
        self.sequence = 0
        self.answers: asyncio.Queue[str] = asyncio.Queue(100)

    async def __aenter__(self) -> PlainPhone:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(HERE, 0))
        self.port = self.transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode(errors="replace")
        if text.startswith("OPTIONS"):
            self.transport.sendto(_ok(text), addr)
        elif text.startswith("SIP/2.0"):
            self.answers.put_nowait(text)

    async def register(self, expires: int = 120) -> int:
        """The final status of a REGISTER, digest answered."""
        return await self._ask("REGISTER", f"sip:127.0.0.1:{self.server}", f"Expires: {expires}\r\n")

    async def call(self, number: str) -> int:
        """The final status of an INVITE; one that is answered is not acknowledged, and ends by itself."""
        sdp = f"v=0\r\no=- 1 1 IN IP4 {HERE}\r\ns=-\r\nc=IN IP4 {HERE}\r\nt=0 0\r\nm=audio {self.port} RTP/AVP 8\r\n"
        return await self._ask("INVITE", f"sip:{number}@127.0.0.1:{self.server}", "Content-Type: application/sdp\r\n", sdp)

    async def _ask(self, method: str, target: str, more: str, body: str = "") -> int:
        status, answer = await self._send(method, target, more, body)
        if status != 401:
            return status
        realm, nonce = (re.search(rf'{word}="([^"]+)"', answer)[1] for word in ("realm", "nonce"))  # type: ignore[index]
        first = hashlib.md5(f"{self.user}:{realm}:{self.secret}".encode()).hexdigest()
        second = hashlib.md5(f"{method}:{target}".encode()).hexdigest()
        proof = hashlib.md5(f"{first}:{nonce}:00000001:c:auth:{second}".encode()).hexdigest()
        opaque = re.search(r'opaque="([^"]+)"', answer)
        said = f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{target}", response="{proof}", algorithm=MD5'
        said += ", qop=auth, nc=00000001, cnonce=\"c\"" + (f', opaque="{opaque[1]}"' if opaque else "")
        return (await self._send(method, target, f"{more}{said}\r\n", body))[0]

    async def _send(self, method: str, target: str, more: str, body: str) -> tuple[int, str]:
        self.sequence += 1
        to = f"sip:{self.user}@127.0.0.1" if method == "REGISTER" else target
        text = (
            f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {HERE}:{self.port};branch=z9hG4bK{secrets.token_hex(6)};rport\r\n"
            f"From: <sip:{self.user}@127.0.0.1>;tag={self.tag}\r\nTo: <{to}>\r\nCall-ID: {self.call_id}\r\nCSeq: {self.sequence} {method}\r\n"
            f"Contact: <sip:{self.user}@{HERE}:{self.port}>\r\nMax-Forwards: 70\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        for _ in range(4):
            self.transport.sendto(text.encode(), ("127.0.0.1", self.server))
            try:
                async with asyncio.timeout(3):
                    while True:
                        answer = await self.answers.get()
                        status = int(answer.split(" ", 2)[1])
                        if status >= 200 and f"CSeq: {self.sequence} " in answer:
                            if method == "INVITE":
                                self._acknowledge(target, text, answer)
                            return status, answer
            except TimeoutError:
                continue
        raise AssertionError(f"{method} of {self.user} was not answered")

    def _acknowledge(self, target: str, request: str, answer: str) -> None:
        lines = {name: next(x for x in source.split("\r\n") if x.startswith(f"{name}:")) for name, source in (
            ("Via", request), ("From", request), ("To", answer), ("Call-ID", request))}
        text = "\r\n".join([f"ACK {target} SIP/2.0", *lines.values(), f"CSeq: {self.sequence} ACK", "Max-Forwards: 70", "Content-Length: 0", "", ""])
        self.transport.sendto(text.encode(), ("127.0.0.1", self.server))


def rows(count: int) -> Iterator[tuple[str, str]]:
    """(device, row of the file) for so many devices of one village."""
    for n in range(1, count + 1):
        device = f"v-640105001-L{2 + n // 99:02}-{n % 99 + 1}"
        yield device, f"{device},{device[2:15]},,,,,\n"


async def eventually(fits: Callable[[], Awaitable[bool]], within_s: float = 20) -> None:
    """Return once an awaitable question is answered with yes."""
    async with asyncio.timeout(within_s):
        while not await fits():
            await asyncio.sleep(0.2)
