"""Files of recordings, films of rooms, and pictures taken in calls, whose time is over: their digests, and their end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ivr.domain.errors import AudioUnreadable
from ivr.domain.picture import is_picture_path
from ivr.domain.recording import RecordingName
from ivr.domain.room_film import is_film_path
from ivr.ports.retention import FileDigest
from ivr.speech.audio import open_sound
from ivr.speech.day_folders import DONE, TAKEN

_BLOCK = 1 << 20


class RecordingShredder:
    """ivr.ports.retention.Shredder under the recordings folder; names that are not ours are left alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def digests(self, paths: Sequence[str]) -> Mapping[str, FileDigest]:
        """See the port; no link is followed."""
        return await asyncio.to_thread(self._digests, paths)

    async def remove(self, paths: Sequence[str]) -> None:
        """See the port."""
        await asyncio.to_thread(self._remove, paths)

    def _digests(self, paths: Sequence[str]) -> dict[str, FileDigest]:
        found = {}
        for path in paths:
            with suppress(AudioUnreadable):
                if _is_ours(path):
                    found[path] = self._digest(path)
        return found

    def _digest(self, path: str) -> FileDigest:
        digest, size = hashlib.sha256(), 0
        with open_sound(self._folder / path) as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
        return FileDigest(digest.digest(), size)

    def _remove(self, paths: Sequence[str]) -> None:
        for path in filter(_is_ours, paths):
            (self._folder / path).unlink(missing_ok=True)
            if is_picture_path(path) or is_film_path(path):
                with suppress(OSError):
                    (self._folder / path).parent.rmdir()
                continue
            base = self._folder / path.rpartition("-")[0]
            if not list(base.parent.glob(f"{base.name}-*.wav")):
                for mark in (DONE, TAKEN):
                    base.with_name(base.name + mark).unlink(missing_ok=True)
                with suppress(OSError):  # a day's folder goes with its last recording
                    base.parent.rmdir()


def _is_ours(path: str) -> bool:
    return is_picture_path(path) or is_film_path(path) or RecordingName.parse(path.rpartition("-")[0]) is not None
