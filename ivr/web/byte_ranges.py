"""Sound and video, piecewise: whole, or one byte range (RFC 9110 §14); who reads is written down before the first byte."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from aiohttp import web

from ivr.domain.errors import IvrError, NotFound
from ivr.web.errors import problem

_CHUNK = 64 * 1024
_PIECE = 256 * 1024
_SEND_TIMEOUT_S = 30.0
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_log = structlog.get_logger(__name__)


class Unsatisfiable(Exception):
    """The range lies wholly outside: 416."""


class Readable(Protocol):
    """Something of known length in bytes that is read piecewise."""

    @property
    def size(self) -> int: ...

    async def read(self, offset: int, length: int) -> bytes: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Slice:
    """The bytes [start, end)."""

    start: int
    end: int


def parse_range(header: str | None, size: int) -> Slice | None:
    """RFC 9110 §14: the asked slice of ``size`` bytes; None (send the whole) for no, several or senseless ranges."""
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return Slice(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return Slice(int(first), min(size, int(last) + 1) if last else size)


async def send_ranged(
    request: web.Request, source: Readable, media_type: str, etag: str, noted: Callable[[], Awaitable[None]],
    more: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Answer GET or HEAD with ``source``; ``etag`` is quoted, ``noted`` writes a GET's audit row, ``more`` are headers.

    A range that continues another version (If-Range) is answered with the whole, so that the two are never glued together.
    """
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, no-store", **(more or {})}
    fits = request.method == "GET" and request.headers.get("If-Range") in (None, etag)
    try:
        part = parse_range(request.headers.get("Range") if fits else None, source.size)
    except Unsatisfiable:
        return problem(
            416, "range_not_satisfiable", f"There are {source.size} bytes.",
            headers={**headers, "Content-Range": f"bytes */{source.size}"},
        )
    if request.method == "GET":
        await noted()
    chosen = part or Slice(0, source.size)
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    response.content_type = media_type
    response.content_length = chosen.end - chosen.start
    if part:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{source.size}"
    await response.prepare(request)
    if request.method == "GET":
        await _send_part(request, response, source, chosen)
    return response


async def _send_part(request: web.Request, response: web.StreamResponse, source: Readable, part: Slice) -> None:
    """Send the slice piecewise. Once begun it can only be sent whole or be cut off: an error document would be taken
    for what was asked."""
    offset = part.start
    try:
        while offset < part.end:
            data = await source.read(offset, min(_CHUNK, part.end - offset))
            if not data:
                raise NotFound("The file ended early.")
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await response.write(data)
            offset += len(data)
        await response.write_eof()
    except (IvrError, OSError, TimeoutError) as error:
        _log.warning("answer_cut_off", path=request.path, sent=offset - part.start, error=type(error).__name__)
        if request.transport is not None:
            request.transport.abort()


async def pieces_of(source: Readable) -> AsyncIterator[bytes]:
    """The whole, for an archive; closed at its end. NotFound when it ends early."""
    try:
        offset = 0
        while offset < source.size:
            piece = await source.read(offset, _PIECE)
            if not piece:
                raise NotFound("The file ended early.")
            yield piece
            offset += len(piece)
    finally:
        await source.close()
