"""A fake Asterisk that speaks true AMI over TCP, and misbehaves on demand.

It is believed because two unrelated clients (panoramisk and asterisk-ami) work with it, and because the real Asterisk
answers the same checks the same way: tests/contract/test_fake_asterisk.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from tests.fakes.ami_wire import World, answer, event, packet, refusal, success

USERS = {"controller": "open-sesame", "probe": "only-looking"}
Action = dict[str, str]
Reply = Callable[[Action], list[bytes] | None]
"""Packets to send instead of the true answer; an empty list says nothing, None ends the connection at once."""


class FakeAsterisk:
    """Use with ``async with``; stopping and starting again keeps the port, as a restarted Asterisk does.

    ``mute``: reads, answers nothing (half-open). ``chunk``: bytes a write (0: as one). ``banner``: what it greets with.
    ``replies``: by action name in lower case, what to answer instead. ``actions``: every action received, in order.
    ``write_within_s``: a client that stops reading is cut off when one write blocks for longer (manager.conf: writetimeout).
    """

    def __init__(self, *, banner: bytes = b"Asterisk Call Manager/11.0.0\r\n") -> None:
        self.banner = banner
        self.world = World()
        self.mute = False
        self.chunk = 0
        self.write_within_s = 30.0
        self.replies: dict[str, Reply] = {}
        self.actions: list[Action] = []
        self.logins = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._links: list[asyncio.StreamWriter] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> FakeAsterisk:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; on the first start the port is any free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop every link and refuse new ones."""
        if self._server is not None:
            self._server.close()
        self.drop()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def drop(self) -> None:
        """End every link at once, as a killed Asterisk does."""
        for link in self._links:
            link.transport.abort()
        self._links.clear()

    async def tell(self, name: str, **headers: str) -> None:
        """Send an event to every link."""
        await self.send(event(name, **headers))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are to every link, in the set chunks."""
        for link in list(self._links):
            with suppress(ConnectionError):
                await self._write(link, data)

    def named(self, name: str) -> list[Action]:
        """The actions of this name received so far."""
        return [a for a in self.actions if a.get("action", "").lower() == name.lower()]

    async def until(self, condition: Callable[[FakeAsterisk], object], within_s: float = 10) -> None:
        """Wait for what the clients do: the condition is looked at after every action, login and end of a link."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: condition(self))

    @property
    def links(self) -> int:
        """Connections open now."""
        return len(self._links)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._write(writer, self.banner)
            await self._talk(reader, writer)
        if writer in self._links:
            self._links.remove(writer)
        writer.close()
        await self._tell_news()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        logged_in = False
        while True:
            text = (await reader.readuntil(b"\r\n\r\n")).decode()
            action = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in text.split("\r\n") if line)}
            self.actions.append(action)
            await self._tell_news()
            if self.mute:
                continue
            name = action.get("action", "").lower()
            scripted = self.replies.get(name)
            if scripted is not None:
                packets = scripted(action)
            elif name == "login":
                packets = self._login(action)
            elif not logged_in:
                packets = [refusal(action.get("actionid", ""), "Permission denied")]
            else:
                packets = answer(action, self.world)
            if packets is None:
                writer.transport.abort()
                return
            for one in packets:
                await self._write(writer, one)
            if name == "login":
                logged_in = USERS.get(action.get("username", "")) == action.get("secret")
                self.logins += logged_in
                await self._tell_news()
            if name == "logoff" or (name == "login" and not logged_in and packets):
                return

    def _login(self, action: Action) -> list[bytes]:
        action_id, user = action.get("actionid", ""), action.get("username", "")
        if USERS.get(user) != action.get("secret"):
            return [refusal(action_id, "Authentication failed")]
        accepted = success(action_id, ("Message", "Authentication accepted"))
        booted = packet(("Event", "FullyBooted"), ("Privilege", "system,all"), ("Uptime", "0"), ("Status", "Fully Booted"))
        return [accepted, booted] if user == "controller" else [accepted]

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        size = self.chunk or len(data) or 1
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            try:
                async with asyncio.timeout(self.write_within_s):
                    await writer.drain()
            except TimeoutError:
                writer.transport.abort()
                return
            if self.chunk:
                await asyncio.sleep(0)  # lets the reader of this loop see the chunk by itself

    async def _tell_news(self) -> None:
        async with self._news:
            self._news.notify_all()
