"""Recordings over HTTP: one byte range at a time, every play in the audit trail, no path from outside."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import structlog
from aiohttp import web

from ivr.domain.errors import IvrError, NotFound
from ivr.domain.transcript import Speaker
from ivr.ports.views import RecordingTrack
from ivr.ports.web import Tones, Track
from ivr.web.audit_once import AUDIT_ONCE
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.errors import problem
from ivr.web.models import Peaks
from ivr.web.order_access import demand_call
from ivr.web.query import AudioQuery, PeaksQuery, read_query
from ivr.web.veils import tones_of

_CHUNK = 64 * 1024
_SEND_TIMEOUT_S = 30.0
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_log = structlog.get_logger(__name__)


class Unsatisfiable(Exception):
    """The range lies wholly outside the sound: 416."""


class Readable(Protocol):
    """Something of known length that is read piecewise."""

    async def read(self, offset: int, length: int) -> bytes: ...


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


def confined(root: Path, relative: str) -> Path:
    """The file under ``root``, links on the way resolved; NotFound for anything that leads outside, whatever the database says.

    The file itself may be a link: whoever opens it refuses that. Touches the disk: never call it in the event loop.
    """
    if "\0" in relative or PurePosixPath(relative).is_absolute():
        raise NotFound("The recording is not where it should be. Tell an administrator.")
    base = root.resolve()
    path = base / relative
    path = path.parent.resolve() / path.name
    if not path.is_relative_to(base) or path == base or path.name == "..":
        _log.error("recording_path_outside", path=relative)
        raise NotFound("The recording is not where it should be. Tell an administrator.")
    return path


async def _paths(request: web.Request, tracks: Sequence[RecordingTrack]) -> dict[Speaker, Path]:
    root = request.app[OPTIONS].recordings_dir
    return await asyncio.to_thread(lambda: {t.track: confined(root, t.path) for t in tracks})


async def _tracks(request: web.Request, wanted: Track) -> list[RecordingTrack]:
    linked_id = request.match_info["linked_id"]
    await demand_call(request, linked_id)
    tracks = await request.app[SERVICES].views.tracks(linked_id)
    if tracks is None:
        raise NotFound(f"There is no call {linked_id[:80]}.")
    chosen = [t for t in tracks if wanted in ("both", t.track)]
    if not chosen:
        raise NotFound("This call has no such recording.")
    return chosen


async def play(request: web.Request) -> web.StreamResponse:
    """GET and HEAD /api/v1/calls/{linked_id}/audio: a WAV, whole or one range of it."""
    track: Track = read_query(request, AudioQuery).track
    linked_id = request.match_info["linked_id"]
    tracks = await _tracks(request, track)
    tones = await tones_of(request, linked_id, tracks)
    sound = await request.app[SERVICES].audio.open(await _paths(request, tracks), track, tones)
    try:
        size = sound.size
        etag = '"' + "-".join([track, *(str(t.id) for t in tracks), str(size), _mark_of(tones)]) + '"'
        headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, no-store"}
        # A range that continues another version of the sound must not be glued to this one.
        if_range = request.headers.get("If-Range")
        asked = request.headers.get("Range") if if_range in (None, etag) and request.method == "GET" else None
        try:
            part = parse_range(asked, size)
        except Unsatisfiable:
            return problem(
                416,
                "range_not_satisfiable",
                f"The sound has {size} bytes.",
                headers={**headers, "Content-Range": f"bytes */{size}"},
            )
        if request.method == "GET":
            await request.app[AUDIT_ONCE].note(request[IDENTITY], "recording.play", f"{linked_id}/{track}", {"tones": bool(tones)})
        chosen = part or Slice(0, size)
        response = web.StreamResponse(status=206 if part else 200, headers=headers)
        response.content_type = "audio/wav"
        response.content_length = chosen.end - chosen.start
        if part:
            response.headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
        await response.prepare(request)
        if request.method == "GET":
            await send_part(request, response, sound, chosen)
        return response
    finally:
        await sound.close()


def _mark_of(tones: Tones) -> str:
    """Tells sounds apart that are of one length and hold other tones, so that their ranges are never glued together."""
    told = json.dumps({speaker: [list(span) for span in spans] for speaker, spans in sorted(tones.items())})
    return hashlib.sha256(told.encode()).hexdigest()[:16] if tones else "whole"


async def send_part(request: web.Request, response: web.StreamResponse, sound: Readable, part: Slice) -> None:
    """Send the slice piecewise. Once begun it can only be sent whole or be cut off: an error document would be taken
    for sound."""
    offset = part.start
    try:
        while offset < part.end:
            data = await sound.read(offset, min(_CHUNK, part.end - offset))
            if not data:
                raise NotFound("The recording ended early.")
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await response.write(data)
            offset += len(data)
        await response.write_eof()
    except (IvrError, OSError, TimeoutError) as error:
        _log.warning("sound_cut_off", path=request.path, sent=offset - part.start, error=type(error).__name__)
        if request.transport is not None:
            request.transport.abort()


async def peaks(request: web.Request) -> web.Response:
    """GET /api/v1/calls/{linked_id}/peaks: the waveform, so that a page need not load the sound to draw it."""
    points = read_query(request, PeaksQuery).points
    tracks = await _tracks(request, "both")
    tones = await tones_of(request, request.match_info["linked_id"], tracks)
    found = await request.app[SERVICES].audio.peaks(await _paths(request, tracks), points, tones)
    return answer(
        Peaks(
            points=points,
            caller=[round(float(v), 4) for v in found.get("caller", ())],
            operator=[round(float(v), 4) for v in found.get("operator", ())],
        )
    )
