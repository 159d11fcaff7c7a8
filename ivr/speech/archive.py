"""Stored recordings as something a browser can play: byte ranges and waveforms, read piecewise in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ivr.domain.errors import NotFound
from ivr.domain.transcript import Speaker
from ivr.ports.web import SoundView, Track
from ivr.speech.audio import StereoWav, inspect_mono, peaks, wav_header


class _Bytes(Protocol):
    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


class _MonoWav:
    """One track with a header made from the file's size, so that a killed writer's zeros never reach a player."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._info = inspect_mono(path)
        self._header = wav_header(self._info.sample_rate, 1, self._info.data_bytes)

    @property
    def size(self) -> int:
        """Bytes of header and sound."""
        return len(self._header) + self._info.data_bytes

    def read(self, offset: int, length: int) -> bytes:
        """A range of the file; blocking."""
        end = min(offset + length, self.size)
        head = self._header[offset:end]
        start = max(offset - len(self._header), 0)
        stop = max(end - len(self._header), 0)
        if stop <= start:
            return head
        with self._path.open("rb") as stream:
            stream.seek(self._info.data_offset + start)
            return head + stream.read(stop - start)


class _View:
    """ivr.ports.web.SoundView over blocking reads."""

    def __init__(self, sound: _Bytes) -> None:
        self._sound = sound

    @property
    def size(self) -> int:
        """Bytes of the whole WAV."""
        return self._sound.size

    async def read(self, offset: int, length: int) -> bytes:
        """A range, read in a thread."""
        return await asyncio.to_thread(self._sound.read, offset, length)

    async def close(self) -> None:
        """Nothing is held open between reads."""


class RecordingArchive:
    """ivr.ports.web.AudioArchive over plain files."""

    async def open(self, paths: Mapping[Speaker, Path], track: Track) -> SoundView:
        """See the port; a missing half of ``both`` is the other half's file played on one side alone."""
        return _View(await asyncio.to_thread(_open, paths, track))

    async def peaks(self, paths: Mapping[Speaker, Path], points: int) -> Mapping[Speaker, Sequence[float]]:
        """Largest amplitude per stretch, 0…1."""
        return {s: await asyncio.to_thread(_largest, p, points) for s, p in paths.items()}


def _open(paths: Mapping[Speaker, Path], track: Track) -> _Bytes:
    present = {speaker: path for speaker, path in paths.items() if path.is_file()}
    if track == "both" and len(present) == 2:
        return StereoWav(present["caller"], present["operator"])
    if track == "both" and len(present) == 1:
        return _MonoWav(next(iter(present.values())))
    if track != "both" and track in present:
        return _MonoWav(present[track])
    raise NotFound("这段录音的文件不在磁盘上")


def _largest(path: Path, points: int) -> list[float]:
    return [round(float(v), 4) for v in np.abs(peaks(path, points)).max(axis=1)]
