"""The peer of `bench live`: what is written first, one loop that sends each change to each page in turn and waits for it.

``python -m tests.bench.live_peer DATABASE_URL PORT``. It reads the same feed and the same boards, makes each frame once, and
serves ``/naive`` without a login.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from ivr.storage.database import connect, open_pool
from ivr.storage.feed import PostgresFeed
from ivr.storage.views import PostgresViews
from ivr.web.live_batch import frame
from ivr.web.present import queue_status


async def main(url: str, port: int) -> None:
    """Serve until killed."""
    pages: list[web.StreamResponse] = []

    async def naive(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": hello\n\n")
        pages.append(response)
        await asyncio.Event().wait()
        return response

    app = web.Application()
    app.router.add_get("/naive", naive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    pool = await open_pool(url, application="bench-peer", size=4)
    feed, views = PostgresFeed(pool, lambda: connect(url, application="bench-peer-feed")), PostgresViews(pool)
    listening = asyncio.create_task(feed.listen())
    seen = (await feed.after(0, 0)).head
    while not listening.done():
        await feed.wait_hint(1.0)
        batch = await feed.after(seen, 500)
        seen = batch.head
        if not batch.entries:
            continue
        for live in await views.queues():
            data = frame("queue", queue_status(live, 6.0), seen)
            for page in list(pages):
                try:
                    await page.write(data)
                except ConnectionError:
                    pages.remove(page)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
