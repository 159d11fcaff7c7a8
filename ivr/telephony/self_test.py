"""Rings a village phone that answers by itself, plays it a tone and takes what comes back: AMI Originate and AudioSocket.

The phone is dialled by dialplan/self_test.j2; the other end of that call is this process, by AudioSocket on loopback. So no person
is ever in the call, and what the phone's microphone hears is measured in memory and kept nowhere.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import structlog

from ivr.domain.device import village_of
from ivr.domain.device_test import TestCall
from ivr.domain.echo_test import FRAME_BYTES
from ivr.domain.errors import Unavailable
from ivr.domain.events import ChannelEnded, LiveEvent
from ivr.telephony.ami import AmiClient, AmiRefused
from ivr.telephony.loopback_server import LoopbackServer

log = structlog.get_logger(__name__)

_RING_S = 20
_CONNECTS_WITHIN_S = _RING_S + 10.0
_LISTENS_WITHIN_S = 5.0
_FIRST_WITHIN_S = 2.0
_SETTLES_S = 0.5  # a phone that has just answered: its loudspeaker, its jitter buffer
_FRAME_S = 0.02
_TICKET, _SOUND = 0x01, 0x10
_MOST_AT_ONCE = 8


@dataclass(slots=True)
class _Test:
    """A test under way: the tone to play, and what is known of it."""

    tone: bytes
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Future[TestCall] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def end(self, call: TestCall) -> None:
        if not self.ended.done():
            self.ended.set_result(call)


class AsteriskTestLine:
    """ivr.ports.device_tests.TestLine; ``run()`` in a task, ``see()`` with every live event."""

    def __init__(self, client: AmiClient) -> None:
        self._client = client
        self._tests: dict[UUID, _Test] = {}
        self._channels: dict[str, _Test] = {}
        self._server = LoopbackServer("self-test", 0, self._serve, most_at_once=_MOST_AT_ONCE, buffer=1 << 16, backlog=16)

    async def run(self) -> None:
        """Ends only when cancelled."""
        await self._server.run()

    def see(self, event: LiveEvent) -> None:
        """A test whose channel is gone is over, and its cause says why."""
        test = self._channels.get(event.unique_id) if isinstance(event, ChannelEnded) else None
        if isinstance(event, ChannelEnded) and test is not None and not test.connected.is_set():
            test.end(TestCall(False, event.cause))

    async def play(self, device: str, tone: bytes) -> TestCall:
        """See the port; Unavailable when Asterisk cannot be told."""
        if not village_of(device):
            raise ValueError(f"{device[:40]!r} is no device")
        async with asyncio.timeout(_LISTENS_WITHIN_S):
            await self._server.listening.wait()
        ticket, test = uuid4(), _Test(tone)
        channel = f"self-test-{ticket}"
        self._tests[ticket] = self._channels[channel] = test
        try:
            await self._client.request(
                "Originate", within_s=10, Channel="Local/s@self-test/n", ChannelId=channel, OtherChannelId=f"{channel}-2",
                Application="AudioSocket", Data=f"{ticket},127.0.0.1:{self._server.bound_port}", Async="true", Codecs="alaw,ulaw",
                Timeout=str((_RING_S + 5) * 1000), Variable=[f"TESTED={device}", f"RING_S={_RING_S}"],
            )
            return await self._outcome(test)
        except AmiRefused as refused:
            raise Unavailable(str(refused)) from refused
        finally:
            del self._tests[ticket], self._channels[channel]
            await self._hang_up(channel)

    async def _outcome(self, test: _Test) -> TestCall:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CONNECTS_WITHIN_S):
                connected = asyncio.ensure_future(test.connected.wait())
                either: set[asyncio.Future[Any]] = {connected, test.ended}
                try:
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    connected.cancel()
        if not test.connected.is_set():
            return test.ended.result() if test.ended.done() else TestCall(False, "19")
        try:
            async with asyncio.timeout(len(test.tone) / FRAME_BYTES * _FRAME_S * 2 + 10):
                return await test.ended
        except TimeoutError:
            return TestCall(True)

    async def _hang_up(self, channel: str) -> None:
        with suppress(AmiRefused, Unavailable, TimeoutError):
            await self._client.request("Hangup", Channel=channel, Cause="16")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_FIRST_WITHIN_S):
                kind, body = await _message(reader)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return
        test = self._tests.get(UUID(bytes=body)) if kind == _TICKET and len(body) == 16 else None
        if test is None or test.connected.is_set():
            log.info("self_test_not_awaited")
            return
        test.connected.set()
        back = bytearray()
        complete = False
        try:
            complete = await _exchange(reader, writer, test.tone, back)
        finally:
            test.end(TestCall(True, sound=bytes(back), complete=complete))


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tone: bytes, back: bytearray) -> bool:
    """Play the tone at its own pace; what comes back from its first frame on is appended. Whether it was played to the end."""
    loop = asyncio.get_running_loop()
    listening = False

    async def listen() -> None:
        while True:
            kind, body = await _message(reader)
            if kind != _SOUND:
                return
            if listening and len(back) < 2 * len(tone):
                back.extend(body)

    ear = asyncio.create_task(listen())
    try:
        await asyncio.wait({ear}, timeout=_SETTLES_S)
        listening = True
        began = loop.time()
        for n in range(0, len(tone), FRAME_BYTES):
            await asyncio.wait({ear}, timeout=max(0.0, began + n / FRAME_BYTES * _FRAME_S - loop.time()))
            if ear.done():
                return False
            frame = tone[n : n + FRAME_BYTES]
            writer.write(bytes((_SOUND,)) + len(frame).to_bytes(2, "big") + frame)
            await writer.drain()
        return True
    except OSError:
        return False
    finally:
        ear.cancel()
        with suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            await ear


async def _message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readexactly(3)
    return head[0], await reader.readexactly(int.from_bytes(head[1:], "big"))
