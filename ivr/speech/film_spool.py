"""Pictures of rooms under the recordings folder: what Asterisk wrote (``filming/``), and what was made of it (``films/<day>/``)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ivr.domain.errors import AudioUnreadable, NotFound
from ivr.domain.room_film import SPOOL, Film, FilmProblem, FilmUnreadable, Spooled, is_film_path, linked_id_of, path_of
from ivr.domain.stored_video import Codec
from ivr.domain.worktime import SHANGHAI
from ivr.ports.films import KeptFile
from ivr.speech.audio import open_sound
from ivr.speech.decoder_process import clean_environment
from ivr.speech.film_mux import CONTAINERS, UNREADABLE, Muxed

_MOST_A_ROUND = 100
_COUNTED_FOR_S = 30.0
_MUXED_WITHIN_S = 3600.0
_CODECS: tuple[Codec, ...] = ("vp8", "h264")


class RoomFilmSpool:
    """ivr.ports.films.FilmSpool. ``reserve_bytes`` stay free on the disk, ``bound_bytes`` is the most all films take."""

    def __init__(self, folder: Path, *, reserve_bytes: int, bound_bytes: int) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._bound = bound_bytes
        self._kept = (0, float("-inf"))

    async def problem(self) -> FilmProblem:
        """See the port; what is kept is counted anew every half minute."""
        return await asyncio.to_thread(self._problem)

    async def finished(self, still_s: float) -> Sequence[Spooled]:
        """See the port; names that are not ours are left alone."""
        return await asyncio.to_thread(self._finished, still_s)

    async def keep(self, spooled: Spooled) -> KeptFile:
        """See the port. Under another name, to the disk, then under its own; the disk's reserve is left alone.

        The work is a child's, so that calls are followed meanwhile; one that takes longer than an hour is ended.
        """
        if spooled.codec is None:
            raise FilmUnreadable("No picture ever came.")
        path, media_type, part = await asyncio.to_thread(self._prepare, spooled, spooled.codec)
        source = self._folder / SPOOL / spooled.name
        try:
            picture, sound = (source.with_name(f"{spooled.name}.{ending}") for ending in (spooled.codec, "wav"))
            made = await _muxed(spooled.codec, picture, sound, part)
            await asyncio.to_thread(_settle, part, self._folder / path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        return KeptFile(path, media_type, made.width, made.height, made.frames, made.seconds, made.size_bytes, made.sha256)

    async def discard(self, spooled: Spooled) -> None:
        """See the port."""
        await asyncio.to_thread(self._discard, spooled)

    def _problem(self) -> FilmProblem:
        room = os.statvfs(self._folder)
        if room.f_bavail * room.f_frsize < self._reserve:
            return "no_space"
        now = time.monotonic()
        if now - self._kept[1] > _COUNTED_FOR_S:
            self._kept = sum(_bytes_in(day) for day in _folders(self._folder / "films")), now
        return "full" if self._kept[0] + _bytes_in(self._folder / SPOOL) >= self._bound else ""

    def _finished(self, still_s: float) -> list[Spooled]:
        found: dict[str, dict[str, os.stat_result]] = {}
        try:
            entries = [e for e in os.scandir(self._folder / SPOOL) if e.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        for entry in entries:
            name, _, ending = entry.name.rpartition(".")
            if linked_id_of(name) and ending in ("wav", *_CODECS):
                found.setdefault(name, {})[ending] = entry.stat(follow_symlinks=False)
        finished = []
        for name, files in found.items():
            newest = max(status.st_mtime for status in files.values())
            if abs(time.time() - newest) > still_s:  # a clock set back leaves files from the future
                codec = next((c for c in _CODECS if c in files and "wav" in files), None)
                finished.append(Spooled(name, linked_id_of(name), codec, self._began(name), sum(s.st_size for s in files.values())))
        return sorted(finished, key=lambda one: one.began_at)[:_MOST_A_ROUND]

    def _began(self, name: str) -> float:
        """When Asterisk began it: as its last change less its sound's length says, which a copy of the files keeps."""
        sound = self._folder / SPOOL / f"{name}.wav"
        try:
            status = sound.lstat()
        except FileNotFoundError:
            return 0.0
        return status.st_mtime - max(0, status.st_size - 44) / 16_000

    def _prepare(self, spooled: Spooled, codec: Codec) -> tuple[str, str, Path]:
        room = os.statvfs(self._folder)
        if room.f_bavail * room.f_frsize < self._reserve + spooled.size_bytes:
            raise OSError("the disk's reserve would not be kept")
        media_type = CONTAINERS[codec][2]
        path = path_of(spooled.name, datetime.fromtimestamp(spooled.began_at, SHANGHAI).strftime("%Y%m%d"), media_type)
        target = self._folder / path
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        part.unlink(missing_ok=True)
        return path, media_type, part

    def _discard(self, spooled: Spooled) -> None:
        for ending in (*_CODECS, "wav"):
            (self._folder / SPOOL / f"{spooled.name}.{ending}").unlink(missing_ok=True)


async def _muxed(codec: Codec, picture: Path, sound: Path, part: Path) -> Muxed:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ivr.speech.film_mux", codec, str(picture), str(sound), str(part), str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    try:
        async with asyncio.timeout(_MUXED_WITHIN_S):
            told, complaint = await child.communicate()
    except TimeoutError as slow:
        raise OSError(f"no film was made within {_MUXED_WITHIN_S:.0f} s") from slow
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == UNREADABLE:
        raise FilmUnreadable(told.decode(errors="replace").strip())
    if child.returncode:
        raise OSError(f"no film was made: {complaint.decode(errors='replace').strip()[-300:] or child.returncode}")
    made = json.loads(told)
    return Muxed(**{**made, "sha256": bytes.fromhex(made["sha256"])})


def _settle(part: Path, target: Path) -> None:
    part.chmod(0o640)
    part.replace(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


class FilmFile:
    """ivr.ports.films.OpenFilm."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self._size

    async def read(self, offset: int, length: int) -> bytes:
        """See the port."""
        return await asyncio.to_thread(os.pread, self._stream.fileno(), length, offset)

    async def close(self) -> None:
        """See the port."""
        await asyncio.to_thread(self._stream.close)


async def open_film(folder: Path, film: Film) -> FilmFile:
    """The film's file, no link followed; NotFound when it is not the one that was kept, by its size."""
    def opened() -> FilmFile:
        if not is_film_path(film.path):
            raise NotFound("The film is not where it should be. Tell an administrator.")
        try:
            stream = open_sound(folder / film.path)
        except (AudioUnreadable, OSError) as gone:
            raise NotFound("The film is not on disk. Tell an administrator.") from gone
        size = os.fstat(stream.fileno()).st_size
        if size != film.size_bytes:
            stream.close()
            raise NotFound("The film on disk is not what was kept. Tell an administrator.")
        return FilmFile(stream, size)

    return await asyncio.to_thread(opened)


def _folders(folder: Path) -> list[Path]:
    try:
        return [Path(e.path) for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _bytes_in(folder: Path) -> int:
    try:
        return sum(e.stat(follow_symlinks=False).st_size for e in os.scandir(folder) if e.is_file(follow_symlinks=False))
    except FileNotFoundError:
        return 0
