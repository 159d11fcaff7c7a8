"""A small world for the web tests: sound made of bytes, code tables of two codes, an app on a real server socket."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import asyncpg

from ivr.domain.errors import AudioUnreadable, NotFound
from ivr.domain.evidence import Thresholds
from ivr.domain.places import Gazetteer
from ivr.domain.transcript import Speaker
from ivr.intake_tables import Intake, shipped_places, shipped_tables
from ivr.ports.web import Tones, Track


class BytesView:
    """A sound held in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.closed = False

    @property
    def size(self) -> int:
        return len(self._data)

    async def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    async def close(self) -> None:
        self.closed = True


class FileArchive:
    """AudioArchive over plain files: ``both`` is simply the two files' bytes one after the other."""

    def __init__(self) -> None:
        self.views: list[BytesView] = []

    async def open(self, paths: Mapping[Speaker, Path], track: Track, tones: Tones) -> BytesView:
        def load() -> bytes:
            if any(path.is_symlink() for path in paths.values()):
                raise AudioUnreadable("The recording is a link.")
            try:
                return b"".join(path.read_bytes() for _, path in sorted(paths.items()))
            except FileNotFoundError:
                raise NotFound("The recording's file is gone.") from None

        data = await asyncio.to_thread(load)
        if data.startswith(b"broken"):
            raise AudioUnreadable("The recording is no sound.")
        view = BytesView(data)
        self.views.append(view)
        return view

    async def peaks(self, paths: Mapping[Speaker, Path], points: int, tones: Tones) -> Mapping[Speaker, Sequence[float]]:
        return {speaker: [0.5] * points for speaker in paths}


SHIPPED_INTAKE = Intake(shipped_tables(), Gazetteer.of(shipped_places()), Thresholds())
"""The rules of intake with the tables and places that come with the product."""


class TwoCodes:
    """A code table that knows two codes of version v1."""

    def name(self, version: str, kind: str, code: str) -> str | None:
        return {("v1", "category", "consult"): "法律咨询", ("v1", "matter", "labour"): "劳动争议"}.get(
            (version, kind, code)
        )

    def codes(self, version: str, kind: str) -> list[tuple[str, str]]:
        return [("consult", "法律咨询")] if kind == "category" else [("labour", "劳动争议")]


def wav(seconds: float, value: int) -> bytes:
    """A mono 8 kHz WAV of one constant sample."""
    data = struct.pack("<h", value) * int(8000 * seconds)
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16,
                       b"data", len(data))  # fmt: skip
    return head + data


async def add_call(pool: asyncpg.Pool[asyncpg.Record], linked_id: str, arrived_at: datetime, **columns: object) -> None:
    """One call row; anything not given is a plain waiting call."""
    row: dict[str, object] = {"state": "queued", "channel": "hotline", "called_number": "12348", **columns}
    names = ["linked_id", "arrived_at", *row]
    marks = ", ".join(f"${n}" for n in range(1, len(names) + 1))
    await pool.execute(f"INSERT INTO call ({', '.join(names)}) VALUES ({marks})", linked_id, arrived_at, *row.values())


async def add_track(
    pool: asyncpg.Pool[asyncpg.Record], linked_id: str, track: str, path: str, *, state: str = "transcribed"
) -> int:
    """One recording track of the recording ``rec-<linked_id>``."""
    track_id: int = await pool.fetchval(
        "INSERT INTO recording_track (linked_id, base_name, track, path, seconds, bytes, sample_rate, state)"
        " VALUES ($1, $2, $3, $4, 1.0, 16044, 8000, $5) RETURNING id",
        linked_id,
        f"rec-{linked_id}",
        track,
        path,
        state,
    )
    return track_id
