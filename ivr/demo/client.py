"""The product seen from outside, as a dispatch centre's program sees it: REST and the live stream, with a token."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from ivr.domain.errors import Unavailable

Json = dict[str, Any]


class HotlineClient:
    """Keeps the newest state of every queue, call and order from the live stream, with the moment it came."""

    def __init__(self, url: str, token: str, authority: ssl.SSLContext | None = None) -> None:
        """``authority`` checks the server's certificate when its own authority signed it."""
        self._url = url
        self._authority = authority
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self.queues: dict[str, Json] = {}
        self.calls: dict[str, Json] = {}
        self.orders: dict[str, Json] = {}
        self.alarms: dict[str, Json] = {}
        self.live = asyncio.Event()

    async def __aenter__(self) -> HotlineClient:
        self._session = aiohttp.ClientSession(
            self._url, headers=self._headers, connector=aiohttp.TCPConnector(ssl=self._authority or True)
        )
        self._task = asyncio.create_task(self._follow(self._session))
        async with asyncio.timeout(10):
            await self.live.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._session:
            await self._session.close()

    async def get(self, path: str) -> Json:
        """One resource under /api/v1."""
        assert self._session is not None
        async with self._session.get(f"/api/v1{path}", timeout=aiohttp.ClientTimeout(total=10)) as answer:
            body: Json = await answer.json()
            if answer.status != 200:
                raise Unavailable(f"GET {path}: {answer.status} {body.get('detail', '')}")
            return body

    async def until(self, what: str, found: Callable[[], Json | None], within_s: float = 30) -> Json:
        """The first state that fits, as soon as the live stream tells it."""
        try:
            async with asyncio.timeout(within_s), self._news:
                while True:
                    if (state := found()) is not None:
                        return state
                    await self._news.wait()
        except TimeoutError:
            raise Unavailable(f"waited {within_s:.0f} s in vain for: {what}") from None

    async def queue_until(self, fits: Callable[[Json], bool], within_s: float = 20) -> Json:
        """The first queue status over HTTP that fits."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    for queue in (await self.get("/queues"))["queues"]:
                        if fits(queue):
                            found: Json = queue
                            return found
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise Unavailable(f"the queue never came to the awaited state within {within_s:.0f} s") from None

    async def _follow(self, session: aiohttp.ClientSession) -> None:
        last = ""
        while True:
            try:
                headers = {"Last-Event-ID": last} if last else {}
                timeout = aiohttp.ClientTimeout(total=None, sock_read=30)
                async with session.get("/api/v1/live", headers=headers, timeout=timeout) as stream:
                    kind, data = "message", ""
                    async for raw in stream.content:
                        line = raw.decode().rstrip("\r\n")
                        name, _, value = line.partition(":")
                        value = value.removeprefix(" ")
                        if name == "event":
                            kind = value
                        elif name == "data":
                            data += value
                        elif name == "id":
                            last = value
                        elif not line and data:
                            await self._take(kind, json.loads(data))
                            kind, data = "message", ""
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                await asyncio.sleep(0.2)

    async def _take(self, kind: str, data: Json) -> None:
        async with self._news:
            if kind == "snapshot":
                for queue in data["queues"]:
                    self._keep(self.queues, queue["queue"], queue)
                for call in data["calls"]:
                    self._keep(self.calls, call["linked_id"], call)
                for order in data["orders"]:
                    self._keep(self.orders, order["number"], order)
                self.live.set()
            elif kind == "queue":
                self._keep(self.queues, data["queue"], data)
            elif kind == "call":
                self._keep(self.calls, data["linked_id"], data)
            elif kind == "alarm":
                if data["active"]:
                    self.alarms[data["name"]] = data
                else:
                    self.alarms.pop(data["name"], None)
            elif kind == "order":
                self._keep(self.orders, data["number"], data)
            self._news.notify_all()

    @staticmethod
    def _keep(kept: dict[str, Json], key: str, state: Json) -> None:
        state["first_seen"] = kept[key]["first_seen"] if key in kept else time.monotonic()
        state["seen"] = time.monotonic()
        kept[key] = state
