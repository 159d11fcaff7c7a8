"""A partner's web server that behaves as it is told: takes, errs, hangs, redirects, lies, or never ends its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ivr.domain.delivery import why_refused


@dataclass
class PartnerSite:
    """``behaviour`` is one of the names below; ``taken`` are the bodies of signed messages, ``keys`` their keys, in order."""

    secret: bytes
    behaviour: str = "takes"
    taken: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asked: int = 0
    url: str = ""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    now: Any = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body, headers = await request.read(), request.headers
        wrong = why_refused(
            self.secret, headers["Ivr-Time"], headers["Idempotency-Key"], headers["Ivr-Signature"], body, self.now()
        )
        if wrong:
            self.refused.append(wrong)
            return web.Response(status=401)
        self.taken.append(json.loads(body))
        self.keys.append(headers["Idempotency-Key"])
        match self.behaviour:
            case "errs":
                return web.Response(status=500, text="x" * 100_000)
            case "hangs":
                await self.done.wait()
            case "redirects":
                return web.Response(status=302, headers={"Location": f"{self.url}/elsewhere"})
            case "lies":
                return web.Response(status=200, body=b"\xff\x00<html>", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
            case "never ends":
                endless = web.StreamResponse()
                await endless.prepare(request)
                while not self.done.is_set():
                    await endless.write(b"more" * 1000)
                    await asyncio.sleep(0)
                return endless
        return web.Response(status=204)


@asynccontextmanager
async def partner_site(secret: bytes, now: Any, behaviour: str = "takes") -> AsyncIterator[PartnerSite]:
    """Serving on a loopback port until left."""
    site = PartnerSite(secret, behaviour, now=now)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    site.url = "http://{}:{}/events".format(*runner.addresses[0][:2])
    try:
        yield site
    finally:
        site.done.set()
        await runner.cleanup()


@asynccontextmanager
async def rude_site(what: bytes) -> AsyncIterator[str]:
    """A server that speaks no HTTP: sends these bytes to whoever connects, again and again; the address."""
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                writer.write(what)
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    try:
        yield "http://127.0.0.1:{}/".format(server.sockets[0].getsockname()[1])
    finally:
        server.close()
