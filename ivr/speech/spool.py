"""The folder Asterisk records into: which recordings are closed, and whether their files are what they should be."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ivr.domain.errors import AudioUnreadable
from ivr.domain.reconciliation import NO_FILE
from ivr.domain.recording import TRACKS, RecordingName, Track
from ivr.speech.audio import inspect_mono, repair_header
from ivr.speech.day_folders import DONE as _DONE
from ivr.speech.day_folders import TAKEN as _TAKEN
from ivr.speech.day_folders import DayFolders

_MOST_A_ROUND = 500
_HEADER_BYTES = 44


class RecordingSpool:
    """ivr.ports.pipeline.Spool over ``<folder>/<day>/<name>``; names that are not ours are left alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days = DayFolders(folder)

    async def finished(self) -> Sequence[RecordingName]:
        """Recordings with Asterisk's done mark, at most 500 a round."""
        return await asyncio.to_thread(self._marked)

    async def unfinished(self, older_than_s: float) -> Sequence[RecordingName]:
        """See the port; a file that still grows belongs to a call that goes on."""
        return await asyncio.to_thread(self._unmarked, older_than_s)

    async def closed(self, name: RecordingName) -> bool:
        """See the port; what is no sound at all has nobody who would close it."""
        return await asyncio.to_thread(self._closed, name)

    async def still(self, name: RecordingName, for_s: float) -> bool:
        """See the port."""
        return await asyncio.to_thread(self._still, name.base, for_s)

    async def check(self, name: RecordingName, repair: bool) -> tuple[list[Track], str]:
        """See the port. Two files without sound are an abandoned call, not a fault.

        A file that is no sound is a track too, of 0 s: its worker finds out why, keeps the file and says so in the order.
        """
        return await asyncio.to_thread(self._check, name, repair)

    async def settle(self, name: RecordingName) -> None:
        """Turn the done mark into a taken mark."""
        await asyncio.to_thread(self._settle, name)

    async def discard(self, name: RecordingName) -> None:
        """See the port; the done mark goes last, so that a crash in between only repeats it."""
        await asyncio.to_thread(self._discard, name)

    async def changed(self, since: float, until: float) -> dict[str, int]:
        """ivr.ports.pipeline.SoundFiles: bytes of sound of every WAV changed between these times."""
        return await asyncio.to_thread(self._changed, since, until)

    async def sizes(self, paths: Sequence[str]) -> dict[str, int]:
        """See the port."""
        return await asyncio.to_thread(lambda: {p: self._sound_bytes(s) for p, s in self._statuses(paths)})

    async def waits(self, name: RecordingName) -> bool:
        """See the port."""
        return await asyncio.to_thread(self._waits, name)

    def _changed(self, since: float, until: float) -> dict[str, int]:
        wavs = (e for e in self._entries() if e.endswith(".wav"))
        return {p: self._sound_bytes(s) for p, s in self._statuses(wavs) if since <= s.st_mtime <= until}

    def _statuses(self, paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
        for path in paths:
            with suppress(FileNotFoundError, NotADirectoryError):
                yield path, (self._folder / path).lstat()

    @staticmethod
    def _sound_bytes(status: os.stat_result) -> int:
        return max(0, status.st_size - _HEADER_BYTES) if stat.S_ISREG(status.st_mode) else NO_FILE

    def _closed(self, name: RecordingName) -> bool:
        for track in TRACKS:
            with suppress(AudioUnreadable, OSError):
                if not inspect_mono(self._folder / name.path(track)).header_ok:
                    return False
        return True

    def _still(self, base: str, for_s: float) -> bool:
        newest = max(self._modified(f"{base}-{track}.wav") for track in TRACKS)
        return abs(time.time() - newest) > for_s  # a clock set back leaves files from the future

    def _waits(self, name: RecordingName) -> bool:
        there = [os.path.lexists(self._folder / f"{name.base}{mark}") for mark in (_DONE, _TAKEN)]
        return there[0] or (not there[1] and any(os.path.lexists(self._folder / name.path(track)) for track in TRACKS))

    def _marked(self) -> list[RecordingName]:
        return self._named(self._days.marked())

    def _unmarked(self, older_than_s: float) -> list[RecordingName]:
        return self._named(base for base in self._days.unmarked() if self._still(base, older_than_s))

    def _entries(self) -> list[str]:
        days = [d.name for d in os.scandir(self._folder) if d.is_dir(follow_symlinks=False) and d.name.isdigit()]
        return [f"{day}/{f.name}" for day in sorted(days) for f in os.scandir(self._folder / day)]

    def _modified(self, path: str) -> float:
        try:
            return (self._folder / path).lstat().st_mtime
        except OSError:  # gone, or a name too long to be ours
            return 0.0

    @staticmethod
    def _named(bases: Iterable[str]) -> list[RecordingName]:
        names = (RecordingName.parse(base) for base in bases)
        return [n for n in names if n is not None][:_MOST_A_ROUND]

    def _check(self, name: RecordingName, repair: bool) -> tuple[list[Track], str]:
        tracks, problems, heard = [], [], False
        for track in TRACKS:
            path = self._folder / name.path(track)
            size = self._size(path)
            try:
                info = repair_header(path) if repair and size else inspect_mono(path)
                tracks.append(Track(name, track, info.seconds, self._size(path), info.sample_rate))
                heard = heard or info.data_bytes > 0
            except AudioUnreadable as bad:
                problems.append(str(bad))
                tracks.append(Track(name, track, 0.0, max(size, 0), 0))
                # A killed Asterisk leaves an empty file of a call that nobody answered; one it closed has a header.
                heard = heard or size > 0 or (size == 0 and not repair)
        return (tracks if heard else []), "; ".join(problems)

    @staticmethod
    def _size(path: Path) -> int:
        """Bytes of what lies there, −1 when nothing does."""
        try:
            return path.lstat().st_size
        except FileNotFoundError:
            return -1

    def _settle(self, name: RecordingName) -> None:
        done = self._folder / f"{name.base}{_DONE}"
        taken = self._folder / f"{name.base}{_TAKEN}"
        try:
            done.rename(taken)
        except FileNotFoundError:
            taken.touch()

    def _discard(self, name: RecordingName) -> None:
        for ending in (*(f"-{track}.wav" for track in TRACKS), _DONE):
            (self._folder / f"{name.base}{ending}").unlink(missing_ok=True)
