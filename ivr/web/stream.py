"""GET /api/v1/live: one page's server-sent events; slow pages are dropped, never buffered."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import HttpVersion11, web

from ivr.domain.errors import Unavailable
from ivr.web.context import IDENTITY, OPTIONS
from ivr.web.live import HUB, LiveClient, Push
from ivr.web.query import NoQuery, read_query
from ivr.web.veils import hidden_from

_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def last_event_id(request: web.Request) -> int | None:
    """The number the page saw last; None (a snapshot) for none or for anything that is not ours."""
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


async def live(request: web.Request) -> web.StreamResponse:
    """Snapshot or resume, then changes as they come, and the clock at every heartbeat."""
    read_query(request, NoQuery)
    hub = request.app[HUB]
    client = hub.subscribe(request[IDENTITY].credential, masked="phone" in hidden_from(request[IDENTITY]))
    try:
        # Asked for before the headers go out: while the database is away the answer is a 503, not a silent stream.
        opening = await hub.opening(client, last_event_id(request))
        response = web.StreamResponse(headers=_HEADERS)
        if request.version >= HttpVersion11:
            response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            try:
                await _serve(request, response, client, b"retry: 2000\n\n" + opening + hub.clock())
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
        return response
    finally:
        hub.unsubscribe(client)


def pusher(request: web.Request, response: web.StreamResponse) -> Push | None:
    """How to send a chunk without this page's task; None when the answer is not in chunks (HTTP/1.0).

    Only while its task waits: then all it wrote is with the transport, and what is pushed comes after it.
    """
    transport = request.transport
    if transport is None or not response.chunked:
        return None

    def push(piece: bytes) -> bool:
        if transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(piece)
        return True

    return push


async def _serve(request: web.Request, response: web.StreamResponse, client: LiveClient, data: bytes) -> None:
    """Send until the page goes, its session ends, or it takes longer than allowed to take a piece (TimeoutError)."""
    hub, options = request.app[HUB], request.app[OPTIONS]
    loop = asyncio.get_running_loop()
    push = pusher(request, response)
    next_beat = loop.time() + options.live_heartbeat_s
    while True:
        if data:
            async with asyncio.timeout(options.live_send_timeout_s):
                await response.write(data)
        client.push = push
        await client.wait(max(0.0, next_beat - loop.time()))
        client.push = None
        if client.closed:
            await response.write_eof()
            return
        data = b""
        if client.lost:
            with contextlib.suppress(Unavailable):
                data = await hub.snapshot(client)
        data += client.take()
        if loop.time() >= next_beat:
            data += hub.clock()
            next_beat = loop.time() + options.live_heartbeat_s
