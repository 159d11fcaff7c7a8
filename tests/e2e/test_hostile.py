"""Callers who send what no honest telephone sends: real INVITEs, byte for byte, on the line; bounded to 60 calls."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.exchange_setup import database_url
from tests.e2e.hostile_line import HostileCaller, LineEnd, ledger, meant
from tests.e2e.hotline import RunningHotline

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

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
