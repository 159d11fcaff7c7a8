"""The AMI link: panoramisk made safe.

panoramisk 1.4 gives the action format, its ids and the protocol seam; the rest of its behaviour is replaced, because it
decodes each chunk alone, lets CR/LF make second actions, waits for ever, replays actions after a reconnect, never
checks its pings and runs callbacks as loose tasks. Here frames arrive whole, typed events come in order through one
bounded queue, every request has a deadline, nothing is ever sent twice, and each login is followed by a snapshot.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import structlog
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol

from ivr.domain.errors import IvrError, Unavailable
from ivr.domain.events import ExchangeSnapshot, LinkLost, LiveEvent
from ivr.telephony.ami_events import WANTED, read_event, read_snapshot
from ivr.telephony.ami_framing import AmiProtocolError, Frame, FrameReader

log = structlog.get_logger(__name__)

_UNSAFE = re.compile(r"[\r\n\0]")
_PENDING_LIMIT = 256
_LIST_LIMIT = 50_000


class AmiLost(Unavailable):
    """The link broke while an action was under way; its outcome is unknown and it is not sent again."""

    code = "ami_lost"


class AmiRefused(IvrError):
    """Asterisk answered Error: the text is Asterisk's own."""

    code = "ami_refused"


class _Request:
    """One action and the frames that answer it."""

    def __init__(self, action: Action) -> None:
        self.action = action
        self.frames: list[Frame] = []
        self.future: asyncio.Future[list[Frame]] = asyncio.get_running_loop().create_future()

    def add(self, frame: Frame) -> bool:
        """Take a frame; True when the answer is whole. A list is one only when the peer declares it."""
        self.frames.append(frame)
        listing = self.frames[0].get("eventlist", "").lower() == "start"
        whole = (
            not listing or frame.get("eventlist", "").lower() in ("complete", "cancelled")
            or frame.get("response", "") in ("Error", "Failure")
        )
        if not whole and len(self.frames) > _LIST_LIMIT:
            raise AmiProtocolError(f"a list of more than {_LIST_LIMIT} entries; the link is made again")
        if whole and not self.future.done():
            self.future.set_result(self.frames)
        return whole


class _Protocol(AMIProtocol):  # type: ignore[misc]
    """One connection: frames in, requests matched, the rest handed to ``on_frame``."""

    def __init__(self, client: AmiClient) -> None:
        self._client = client
        self._reader = FrameReader(WANTED)
        self.greeted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.pending: dict[str, _Request] = {}

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except AmiProtocolError as wrong:
            self.drop(str(wrong))
            return
        if self._reader.version is not None and not self.greeted.done():
            self.greeted.set_result(self._reader.version)

    def _take(self, frame: Frame) -> None:
        request = self.pending.get(frame.get("actionid", ""))
        if request is not None and "event" in frame and frame["event"] == "OriginateResponse":
            request = None
        if request is None:
            self._client.on_frame(frame)
        elif request.add(frame):
            self.pending.pop(frame["actionid"], None)

    def request(self, action: Action) -> _Request:
        if self.lost.done() or self.transport.is_closing():
            raise AmiLost("not connected to Asterisk" + (f": {self.lost.result()}" if self.lost.done() else ""))
        if len(self.pending) >= _PENDING_LIMIT:
            raise Unavailable("too many AMI actions wait for an answer; Asterisk is overloaded")
        request = _Request(action)
        self.pending[str(action.id)] = request
        self.transport.write(str(action).encode())
        return request

    def drop(self, reason: str) -> None:
        """Give the connection up now; whoever waits hears why."""
        if not self.lost.done():
            self.lost.set_result(reason)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(str(exc) if exc else "Asterisk closed the AMI link")
        reason = self.lost.result()
        if not self.greeted.done():
            self.greeted.set_exception(AmiLost(reason))
            self.greeted.exception()
        for request in self.pending.values():
            if not request.future.done():
                request.future.set_exception(AmiLost(f"{reason}; whether the action was done is unknown"))
                request.future.exception()
        self.pending.clear()


class AmiClient:
    """Keeps one link up for ever. ``events()`` is its one outlet, ``request()`` its one inlet; run ``run()`` in a task."""

    def __init__(
        self, host: str, port: int, username: str, secret: str, *, queue_size: int = 10_000, ping_every_s: float = 5.0,
        answer_within_s: float = 5.0, greeting_within_s: float = 2.0, longest_pause_s: float = 2.0,
    ) -> None:
        self._ping_every_s = ping_every_s
        self._answer_within_s = answer_within_s
        self._greeting_within_s = greeting_within_s
        self._longest_pause_s = longest_pause_s
        self._address = (host, port)
        self._login = (username, secret)
        self._events: asyncio.Queue[LiveEvent] = asyncio.Queue(queue_size)
        self._held: deque[LiveEvent] | None = None
        self._reloaded = asyncio.Event()
        self._protocol: _Protocol | None = None
        self.connected = False

    async def events(self) -> AsyncIterator[LiveEvent]:
        """Live events in the order Asterisk sent them; one consumer only."""
        while True:
            yield await self._events.get()

    async def request(self, name: str, within_s: float = 5.0, **headers: str | list[str]) -> list[Frame]:
        """Send one action and return its answer: the response, then the events of its list, if it is one.

        Raises AmiRefused (Asterisk said no), AmiLost (link gone, outcome unknown), TimeoutError (no answer in time) and
        ValueError for CR, LF or NUL in a header, which would make a second action.
        """
        if self._protocol is None:
            raise AmiLost("not connected to Asterisk")
        return await self._request(self._protocol, name, within_s, headers)

    async def _request(self, protocol: _Protocol, name: str, within_s: float, headers: dict[str, Any]) -> list[Frame]:
        for key, value in [("Action", name), *headers.items()]:
            for text in (key, *(value if isinstance(value, list) else [value])):
                if _UNSAFE.search(str(text)):
                    raise ValueError(f"the AMI header {key} holds a line break or NUL")
        request = protocol.request(Action({"Action": name, **headers}))
        try:
            async with asyncio.timeout(within_s):
                frames = await request.future
        finally:
            protocol.pending.pop(str(request.action.id), None)
        if frames[0].get("response", "") in ("Error", "Failure"):
            raise AmiRefused(f"Asterisk refused {name}: {frames[0].get('message', 'no reason given')}")
        return frames

    async def run(self) -> None:
        """Connect, log in, snapshot, listen, and begin again when the link is lost; ends only when cancelled."""
        pause = 0.2
        while True:
            began = time.monotonic()
            try:
                reason = await self._session()
            except (OSError, TimeoutError, IvrError) as failed:
                reason = str(failed) or type(failed).__name__
            finally:
                self.connected = False
                protocol, self._protocol, self._held = self._protocol, None, None
                if protocol is not None:
                    protocol.drop("closed")
            log.warning("ami_link_lost", reason=reason)
            await self._events.put(LinkLost(reason, time.time()))
            pause = 0.2 if time.monotonic() - began > 30 else min(pause * 2, self._longest_pause_s)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    async def _session(self) -> str:
        loop = asyncio.get_running_loop()
        # Short, because a connection that was made while the network was broken stays silent when it is mended.
        async with asyncio.timeout(self._greeting_within_s):
            _, protocol = await loop.create_connection(lambda: _Protocol(self), *self._address)
            self._protocol, self._held = protocol, deque()
            version = await protocol.greeted
        username, secret = self._login
        await self._request(protocol, "Login", self._answer_within_s, {"Username": username, "Secret": secret, "Events": "on"})
        snapshot = await self._snapshot(protocol)
        self.connected = True
        log.info("ami_link_up", version=version, queues=len(snapshot.queues), calls=len(snapshot.linked_ids))
        return await self._listen(protocol)

    async def _snapshot(self, protocol: _Protocol) -> ExchangeSnapshot:
        """Hand out everything live, then the events that came meanwhile; applying one twice is harmless."""
        self._held = held = deque[LiveEvent]()
        at = time.time()
        queues = await self._request(protocol, "QueueStatus", 2 * self._answer_within_s, {})
        channels = await self._request(protocol, "CoreShowChannels", 2 * self._answer_within_s, {})
        devices = await self._request(protocol, "DeviceStateList", 2 * self._answer_within_s, {})
        snapshot = read_snapshot(queues, channels, devices, at)
        await self._events.put(snapshot)
        while held:  # still holding, so that what arrives during these puts keeps its place
            await self._events.put(held.popleft())
        self._held = None
        return snapshot

    async def _listen(self, protocol: _Protocol) -> str:
        """Ping until the link is lost (a half-open one is seen when a ping stays unanswered); snapshot again after a reload.

        A reload may add and remove queues and members without an event for each.
        """
        while True:
            reloaded = asyncio.ensure_future(self._reloaded.wait())
            waited: set[asyncio.Future[Any]] = {protocol.lost, reloaded}
            await asyncio.wait(waited, timeout=self._ping_every_s, return_when=asyncio.FIRST_COMPLETED)
            reloaded.cancel()
            if protocol.lost.done():
                return protocol.lost.result()
            if self._reloaded.is_set():
                self._reloaded.clear()
                await self._snapshot(protocol)
            else:
                await self._request(protocol, "Ping", self._answer_within_s, {})

    def on_frame(self, frame: Frame) -> None:
        """Turn a frame into an event and queue it; when the consumer is hopelessly behind, begin anew with a snapshot."""
        if frame.get("event") == "Reload":
            self._reloaded.set()
            return
        event = read_event(frame, time.time())
        if event is None:
            return
        if self._held is not None:
            self._held.append(event)
            if len(self._held) > self._events.maxsize and self._protocol:
                self._protocol.drop("too many events during the snapshot")
            return
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            if self._protocol:
                self._protocol.drop("events are not consumed; a new snapshot will follow")
