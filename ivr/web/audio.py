"""Recordings over HTTP: one byte range at a time, every play in the audit trail, no path from outside."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import structlog
from aiohttp import web

from ivr.domain.errors import NotFound
from ivr.domain.transcript import Speaker
from ivr.ports.views import RecordingTrack
from ivr.ports.web import Tones, Track
from ivr.web.audit_once import AUDIT_ONCE
from ivr.web.byte_ranges import send_ranged
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Peaks
from ivr.web.order_access import demand_call
from ivr.web.query import AudioQuery, PeaksQuery, read_query
from ivr.web.veils import tones_of

_log = structlog.get_logger(__name__)


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
        etag = '"' + "-".join([track, *(str(t.id) for t in tracks), str(sound.size), _mark_of(tones)]) + '"'
        note = partial(
            request.app[AUDIT_ONCE].note, request[IDENTITY], "recording.play", f"{linked_id}/{track}", {"tones": bool(tones)}
        )
        return await send_ranged(request, sound, "audio/wav", etag, note)
    finally:
        await sound.close()


def _mark_of(tones: Tones) -> str:
    """Tells sounds apart that are of one length and hold other tones, so that their ranges are never glued together."""
    told = json.dumps({speaker: [list(span) for span in spans] for speaker, spans in sorted(tones.items())})
    return hashlib.sha256(told.encode()).hexdigest()[:16] if tones else "whole"


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
