"""Listen and serve until told to end; connections are drained, a port in use is said plainly."""

from __future__ import annotations

import asyncio
import errno
import ssl

from aiohttp import web

from ivr.domain.errors import BadSetting
from ivr.web.app import create_runner


async def serve(
    app: web.Application, host: str, port: int, context: ssl.SSLContext | None, stop: asyncio.Event
) -> None:
    """Serve the application on one address until ``stop`` is set."""
    runner = create_runner(app)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, ssl_context=context).start()
        except OSError as taken:
            if taken.errno == errno.EADDRINUSE:
                raise BadSetting(f"port {port} on {host} is in use; choose another with IVR_WEB__PORT") from taken
            raise BadSetting(f"cannot listen on {host}:{port}: {taken.strerror}") from taken
        await stop.wait()
    finally:
        await runner.cleanup()
