"""Stored recordings as something a browser can play: byte ranges and waveforms, read piecewise in threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from ivr.domain.errors import AudioUnreadable, NotFound, Unavailable
from ivr.domain.transcript import Speaker
from ivr.ports.web import SoundView, Tones, Track
from ivr.speech.audio import StereoWav, inspect_mono, open_sound, peaks, wav_header
from ivr.speech.tones import TonedWav, cover_peaks

_T = TypeVar("_T")


class _Bytes(Protocol):
    @property
    def size(self) -> int: ...

    @property
    def sample_rate(self) -> int: ...

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

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self._info.sample_rate

    def read(self, offset: int, length: int) -> bytes:
        """A range of the file; blocking."""
        end = min(offset + length, self.size)
        head = self._header[offset:end]
        start = max(offset - len(self._header), 0)
        stop = max(end - len(self._header), 0)
        if stop <= start:
            return head
        with open_sound(self._path) as stream:
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

    async def open(self, paths: Mapping[Speaker, Path], track: Track, tones: Tones) -> SoundView:
        """See the port; when one half of ``both`` is missing or no sound, the other is played alone."""
        return _View(await asyncio.to_thread(_open, paths, track, tones))

    async def peaks(self, paths: Mapping[Speaker, Path], points: int, tones: Tones) -> Mapping[Speaker, Sequence[float]]:
        """Largest amplitude per stretch, 0…1; a track that is no sound is left out while the other is one."""
        found = await asyncio.to_thread(_readable, paths, lambda path: _largest(path, points))
        return {
            speaker: cover_peaks(largest, seconds, tones.get(speaker, ())) for speaker, (largest, seconds) in found.items()
        }


def _open(paths: Mapping[Speaker, Path], track: Track, tones: Tones) -> _Bytes:
    if track != "both":
        paths = {speaker: path for speaker, path in paths.items() if speaker == track}
    sounds = _readable(paths, _MonoWav)
    if len(sounds) == 2:
        with _disk_answers():
            both = StereoWav(paths["caller"], paths["operator"])
        return TonedWav(both, [tones.get("caller", ()), tones.get("operator", ())]) if tones else both
    speaker, sound = next(iter(sounds.items()))
    return TonedWav(sound, [tones[speaker]]) if tones.get(speaker) else sound


def _readable(paths: Mapping[Speaker, Path], read: Callable[[Path], _T]) -> dict[Speaker, _T]:
    """What ``read`` makes of each track that is sound; raises what is wrong with the last one when none is."""
    found: dict[Speaker, _T] = {}
    wrong: Exception = NotFound("这段录音的文件不在磁盘上")
    for speaker, path in paths.items():
        try:
            with _disk_answers():
                found[speaker] = read(path)
        except AudioUnreadable as bad:
            wrong = bad if os.path.lexists(path) else wrong
    if not found:
        raise wrong
    return found


@contextmanager
def _disk_answers() -> Iterator[None]:
    """A disk that does not give a file now is away, not broken: the same request may do later."""
    try:
        yield
    except OSError as refused:
        raise Unavailable(f"录音磁盘暂时读不出文件：{refused.strerror}") from refused


def _largest(path: Path, points: int) -> tuple[list[float], float]:
    """Peaks, and over how many seconds."""
    return [round(float(v), 4) for v in np.abs(peaks(path, points)).max(axis=1)], inspect_mono(path).seconds
