"""The FastAGI server against every kind of peer: Asterisk, junk, giants, the half-hearted and the slow, on a real socket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import pytest

from ivr.domain.errors import Unavailable
from ivr.telephony.fastagi import FastAgiServer, Question
from tests.fakes.free_ports import free_ports

HEAD = "agi_network: yes\nagi_network_script: {name}\nagi_request: agi://127.0.0.1/{name}\nagi_callerid: {caller}\nagi_uniqueid: t-1.0\n{args}\n"


async def echo(question: Question) -> Mapping[str, str]:
    return {"FOUND": "yes", "KEYED": question.argument(0), "NOTHING": question.argument(7)}


async def never(question: Question) -> Mapping[str, str]:
    await asyncio.Event().wait()
    raise AssertionError


async def breaks(question: Question) -> Mapping[str, str]:
    raise ZeroDivisionError


async def away(question: Question) -> Mapping[str, str]:
    raise Unavailable("PostgreSQL cannot be reached")


async def unfit(question: Question) -> Mapping[str, str]:
    return {"FOUND": "yes", "TEXT": 'x"\nEXEC System id'}


RESPONDERS = {"echo": echo, "never": never, "breaks": breaks, "away": away, "unfit": unfit}


@asynccontextmanager
async def serving(**options: float) -> AsyncIterator[int]:
    (port,) = free_ports(1)
    server = FastAgiServer(port, RESPONDERS, **options)  # type: ignore[arg-type]
    running = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(5):
            await server.listening.wait()
        yield port
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def head(name: str = "echo", *arguments: str, caller: str = "13896200001") -> bytes:
    args = "".join(f"agi_arg_{n}: {a}\n" for n, a in enumerate(arguments, 1))
    return HEAD.format(name=name, caller=caller, args=args).encode()


async def ask(port: int, sent: bytes, reply: bytes = b"200 result=1\n", *, close: bool = False) -> dict[str, str]:
    """What an Asterisk would have set when the server closed; it answers each command with ``reply``."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        found: dict[str, str] = {}
        try:
            writer.write(sent)
            if close:
                writer.write_eof()
            while line := await reader.readline():
                command = re.fullmatch(rb'SET VARIABLE ([A-Z_]+) "([A-Za-z0-9/&_-]*)"\n', line)
                assert command, line
                found[command[1].decode()] = command[2].decode()
                writer.write(reply)
        except ConnectionError:
            pass
        finally:
            writer.close()
        return found


async def answers(port: int) -> bool:
    return (await ask(port, head("echo", "12"))).get("KEYED") == "12"


async def test_a_question_is_answered_with_variables() -> None:
    async with serving() as port:
        assert await ask(port, head("echo", "1261124", "x")) == {"FOUND": "yes", "KEYED": "1261124", "NOTHING": ""}


async def test_a_caller_who_hangs_up_meanwhile_is_told_inline() -> None:
    async with serving() as port:
        assert "NOTHING" in await ask(port, head("echo", "1"), b"HANGUP\n200 result=1\n")


@pytest.mark.parametrize("sent", [
    b"", b"\n", b"\0\xff\xfe\n\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"agi_network: yes\n\n", head("unknown"), head("../echo"),
    b"agi_network_script: echo", b"a" * 100_000, b"a" * 100_000 + b"\n\n", b"a: b\n" * 5000, head("echo")[:-1], head("breaks"), head("away"), head("unfit"),
    head("echo", "x" * 2000), head("echo", 'a"\r\nEXEC System id'), head("echo", "令"),
], ids=lambda sent: repr(sent[:24]))
async def test_junk_gets_no_word_and_harms_nobody(sent: bytes) -> None:
    async with serving() as port:
        assert await ask(port, sent, close=True) == {}
        assert await answers(port)


@pytest.mark.parametrize("reply", [b"510 Invalid or unknown command\n", b"x" * 5000, b"HANGUP\n" * 9, b"\n", b"520-Invalid\n"])
async def test_a_refused_answer_ends_the_conversation(reply: bytes) -> None:
    async with serving() as port:
        assert await ask(port, head("echo", "1"), reply) == {"FOUND": "yes"}
        assert await answers(port)


async def test_a_health_check_that_connects_and_closes_costs_nothing() -> None:
    async with serving() as port:
        for _ in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
        assert await answers(port)


async def test_who_says_nothing_or_waits_for_ever_is_let_go() -> None:
    async with serving(within_s=0.2) as port:
        assert await ask(port, b"agi_network: yes\n") == {}
        assert await ask(port, head("never")) == {}
        assert await ask(port, head("echo", "1"), b"") == {"FOUND": "yes"}, "a peer that takes no answer"
        assert await answers(port)


async def test_a_hundred_at_once_and_no_more_than_allowed() -> None:
    async with serving() as port:
        told = await asyncio.gather(*(ask(port, head("echo", str(n))) for n in range(100)))
        assert [t["KEYED"] for t in told] == [str(n) for n in range(100)]
    async with serving(most_at_once=3, within_s=5) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        assert await ask(port, head("echo", "1")) == {}
        for _, writer in held:
            writer.close()
        async with asyncio.timeout(5):
            while not await answers(port):
                await asyncio.sleep(0.01)


async def test_a_port_in_use_is_waited_for() -> None:
    (port,) = free_ports(1)
    other = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", port)
    server = FastAgiServer(port, RESPONDERS)
    running = asyncio.create_task(server.run())
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await server.listening.wait()
        other.close()
        async with asyncio.timeout(5):
            await server.listening.wait()
        assert await answers(port)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_ending_the_server_ends_its_conversations() -> None:
    async with serving(within_s=60) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head("never"))
        await writer.drain()
    async with asyncio.timeout(5):
        with suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
