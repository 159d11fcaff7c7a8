"""Callers who send what no honest telephone sends: real INVITEs, byte for byte, on the line; bounded to 60 calls."""

from __future__ import annotations

import asyncio
import csv
import re
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from ivr.bootstrap import database_url
from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

_LONGEST_NAME = 79  # bytes: Asterisk keeps no more of a name or number

# What stands between the quotes of From; MARKER becomes the path of a file that must never come to be.
NAMES: tuple[bytes, ...] = tuple(text.encode() if isinstance(text, str) else text for text in (
    "马建国", 'quote\\"inside', "back\\\\slash", 'both\\\\\\"', "${SHELL(touch MARKER)}", "${SHELL(touch${IFS}MARKER)}",
    "$(touch MARKER)", "`touch MARKER`", "|touch MARKER", ";touch MARKER;", "&& touch MARKER", "a,b,c,d", "a;b;c", "a|b|c",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "'; DROP TABLE call; --", "\u202e12348\u202c", "\u200b\u200d",
    "😀☎️", "x" * 250, "律" * 250, "%0d%0aAction: Originate", "%00", "../../../etc/passwd", "/etc/passwd", "a&PJSIP/seat-one",
    "PJSIP/13800000000@trunk-carrier", "${EXTEN}${CALLERID(num)}", "$[1/0]", "${EVAL(${SHELL(touch MARKER)})}", "{{ 7*7 }}",
    '=HYPERLINK(\\"http://example.org\\")', "@SUM(1+1)*cmd|' /C calc'!A0", "\t tab", "%s%s%n", "\x7f\x1b[31mred", b"\xff\xfe\x80 not utf-8",
    b"half \xe5\xbe", '\\"USER_DEFINED\\",\\"LINKEDID_END\\"', "CEL\\",  # the last one never closes its quotes
))

# What stands before the @ of From. %-escapes are SIP's own way to write any byte there.
NUMBERS: tuple[bytes, ...] = tuple(text.encode() for text in (
    "", "anonymous", "+8613895110061", "%00", "%0d%0aAction:%20Originate", "%22%3b%2c", "%24%7BSHELL(touch%20MARKER)%7D",
    "%60touch%20MARKER%60", "1%7C2", "..%2f..%2fetc%2fpasswd", "1" * 250, "138&PJSIP", "seat-one", "trunk-carrier", "echo", "12348",
    "s", "%E5%BE%8B%E5%B8%88", "138;phone-context=example.org", "138,9",
))


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

    async def call(self, name: bytes, number: bytes) -> Heard:
        """One whole call, or its refusal."""
        assert self._line.transport
        port = self._line.transport.get_extra_info("sockname")[1]
        # Never used before: the system gives ports again, and a BYE that looks like an older one is taken for it.
        call_id = f"hostile-{uuid.uuid4()}"
        sender = b'From: "' + name + b'" <sip:' + number + (b"@" if number else b"") + b"127.0.0.1>;tag=h\r\n"
        head = f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{{}}{call_id}\r\nMax-Forwards: 70\r\nCall-ID: {call_id}\r\n"
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
            "a=rtpmap:8 PCMA/8000\r\n"
        ).encode()
        uri = f"sip:12348@127.0.0.1:{self._to[1]}"

        def request(method: str, sequence: int, to: bytes, body: bytes = b"") -> bytes:
            return b"".join([
                f"{method} {uri} SIP/2.0\r\n".encode(), head.format(method).encode(), sender, to,
                f"CSeq: {sequence} {method}\r\nContact: <sip:127.0.0.1:{port}>\r\n".encode(),
                b"Content-Type: application/sdp\r\n" if body else b"", b"Content-Length: %d\r\n\r\n" % len(body), body,
            ])

        to = b"To: <sip:12348@127.0.0.1>\r\n"
        self._line.transport.sendto(request("INVITE", 1, to, sdp), self._to)
        answer = await self._final(call_id, "INVITE")
        if answer is None:
            return Heard(0, call_id)
        tagged = re.search(rb"(?im)^To:.*\r\n", answer)
        assert tagged is not None
        self._line.transport.sendto(request("ACK", 1, tagged[0]), self._to)
        status = int(answer[8:11])
        if status == 200:
            self._line.transport.sendto(request("BYE", 2, tagged[0]), self._to)
            ended = await self._final(call_id, "BYE")
            assert ended is not None and ended.startswith(b"SIP/2.0 200 "), (answer, ended)
        return Heard(status, call_id)

    async def _final(self, call_id: str, method: str, within_s: float = 3) -> bytes | None:
        """The final answer; None when the exchange says nothing at all, as it does to what is not SIP."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    answer = await self._line.answers.get()
                    if call_id.encode() in answer and method.encode() in answer and answer[8:9] != b"1":
                        return answer
        except TimeoutError:
            return None


@pytest_asyncio.fixture(loop_scope="session")
async def hostile(hotline: RunningHotline) -> AsyncIterator[HostileCaller]:
    """The line's other end, in hostile hands."""
    async with HostileCaller(hotline.sip) as caller:
        yield caller


async def rows(hotline: RunningHotline) -> dict[str, dict[str, Any]]:
    """Every call with its orders, from the database."""
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        found = await connection.fetch(
            "SELECT linked_id, state, outcome, caller_number, caller_number_raw, caller_name_raw,"
            " (SELECT count(*) FROM work_order_call w WHERE w.linked_id = call.linked_id) AS orders FROM call"
        )
    finally:
        await connection.close()
    return {r["linked_id"]: dict(r) for r in found}


def ledger(hotline: RunningHotline) -> list[list[str]]:
    """The ledger as any CSV reader sees it."""
    with (hotline.folder / "state/run/asterisk/log/cel-custom/ledger.csv").open(newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.reader(file, strict=True))


def meant(name: bytes) -> str:
    """The name as Asterisk keeps it: SIP's backslashes stay, a long one is cut between two characters."""
    if len(name) > _LONGEST_NAME:
        return name[:_LONGEST_NAME].decode("utf-8", "ignore")
    return name.decode("utf-8", "replace")


async def one_call(hotline: RunningHotline, client: HotlineClient, hostile: HostileCaller, name: bytes, number: bytes) -> dict[str, Any] | None:
    """What was kept of one hostile call, once it has ended; None when the exchange refused it."""
    before = set(await rows(hotline))
    heard = await hostile.call(name, number)
    if heard.status != 200:
        assert heard.status == 0 or 400 <= heard.status < 500, heard
        assert set(await rows(hotline)) == before, "a refused INVITE became a call"
        return None
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        new = {i: r for i, r in (await rows(hotline)).items() if i not in before}
        if new and all(r["state"] == "ended" and r["orders"] for r in new.values()):
            break
        if asyncio.get_running_loop().time() > deadline:
            told = "\n".join(" ".join(r[:6] + r[15:]) for r in ledger(hotline) if r[4] in new)
            raise AssertionError(f"not settled: {new}\n{told}")
        await asyncio.sleep(0.05)
    assert len(new) == 1, new
    [(linked_id, row)] = new.items()
    assert row["outcome"] == "abandoned" and row["orders"] == 1
    call = await client.get(f"/calls/{linked_id}")  # what a page is given can always be given
    assert not re.search(r"[\x00-\x1f\x7f\u202a-\u202e]", str(call.get("caller_name") or ""))
    kinds = [r[1] for r in ledger(hotline) if r[4] == linked_id]
    assert kinds.count("CHAN_START") == 1 and kinds.count("LINKEDID_END") == 1, kinds
    return row


@pytest.fixture
def untouched(hotline: RunningHotline) -> Any:
    """Nothing may be executed, and neither dialplan nor expressions may stumble."""
    marker = hotline.folder / "marker"
    before = len(hotline.asterisk_log)
    yield marker
    assert not marker.exists()
    said = hotline.asterisk_log[before:].splitlines()
    stumbled = [line for line in said if re.search(r"(ERROR|WARNING).*(pbx|ast_expr|app_|func_|cel|cdr|config)", line)]
    assert not stumbled, stumbled


@pytest.mark.parametrize("name", NAMES, ids=lambda n: ascii(n.decode("utf-8", "replace"))[1:31])
async def test_a_hostile_name_is_text_and_nothing_else(
    hotline: RunningHotline, client: HotlineClient, hostile: HostileCaller, untouched: Any, name: bytes
) -> None:
    name = name.replace(b"MARKER", str(untouched).encode())
    kept = await one_call(hotline, client, hostile, name, b"13895110060")
    if kept is not None:
        assert kept["caller_number"] == "13895110060"
        assert kept["caller_name_raw"] == meant(name)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: n.decode()[:30] or "empty")
async def test_a_hostile_number_is_digits_or_nothing(
    hotline: RunningHotline, client: HotlineClient, hostile: HostileCaller, untouched: Any, number: bytes
) -> None:
    kept = await one_call(hotline, client, hostile, b"x", number.replace(b"MARKER", str(untouched).encode()))
    if kept is not None:
        assert re.fullmatch(r"[0-9]{0,20}", kept["caller_number"]), kept


async def test_a_stranger_who_calls_himself_a_trunk_is_none(hotline: RunningHotline) -> None:
    """Another machine that puts a trunk's or a seat's name into From is asked for a password nobody has."""
    loop = asyncio.get_running_loop()
    for name in ("trunk-carrier", "seat-one", "13895110060"):
        line = LineEnd()
        transport, _ = await loop.create_datagram_endpoint(lambda end=line: end, local_addr=("127.0.0.9", 0))
        port = transport.get_extra_info("sockname")[1]
        transport.sendto((
            f"INVITE sip:12348@127.0.0.1:{hotline.sip} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:{port};branch=z9hG4bKs{name}\r\n"
            f"Max-Forwards: 70\r\nCall-ID: stranger-{name}\r\nFrom: <sip:{name}@127.0.0.9>;tag=s\r\nTo: <sip:12348@127.0.0.1>\r\n"
            f"CSeq: 1 INVITE\r\nContact: <sip:127.0.0.9:{port}>\r\nContent-Length: 0\r\n\r\n"
        ).encode(), ("127.0.0.1", hotline.sip))
        async with asyncio.timeout(5):
            answer = await line.answers.get()
        transport.close()
        assert answer.startswith(b"SIP/2.0 401 "), answer


async def test_what_is_no_sip_is_survived(hotline: RunningHotline, client: HotlineClient, hostile: HostileCaller) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as wire:
        for junk in (b"", b"\0" * 1000, b"\xff" * 60000, b"INVITE\r\n\r\n", b"INVITE sip:12348 SIP/2.0\r\n" * 500, b"\r\n\r\n"):
            wire.sendto(junk, ("127.0.0.1", hotline.sip))
    assert await one_call(hotline, client, hostile, b"after", b"13895110062")
