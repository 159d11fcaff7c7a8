"""Whether a folder's volume takes a file now: found by writing, syncing and removing a small one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
import time
from pathlib import Path

from ivr.ports.pipeline import VolumeFault, VolumeLook

_BYTES = b"\0" * 4096
_PATIENCE_S = 4.0
_FAULTS: dict[int, VolumeFault] = {errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EROFS: "read_only"}


class FolderProbe:
    """ivr.ports.pipeline.VolumeProbe for one folder.

    The work is done in a daemon thread of its own: a volume that hangs holds that one thread, no other work and not
    the end of the process. While it hangs nothing more is started.
    """

    def __init__(self, folder: Path, *, patience_s: float = _PATIENCE_S) -> None:
        self._folder = folder
        self._patience_s = patience_s
        self._running: asyncio.Future[VolumeLook] | None = None
        self._began = 0.0

    async def look(self) -> VolumeLook:
        """See the port; never raises, and returns within the patience whatever the volume does."""
        loop = asyncio.get_running_loop()
        if self._running is None:
            self._began = time.monotonic()
            running = self._running = loop.create_future()

            def told(found: VolumeLook) -> None:
                if not running.done():
                    running.set_result(found)

            def work() -> None:
                found = look_at(self._folder)
                with contextlib.suppress(RuntimeError):  # the loop may have ended meanwhile
                    loop.call_soon_threadsafe(told, found)

            threading.Thread(target=work, daemon=True, name=f"probe {self._folder.name}").start()
        done, _ = await asyncio.wait({self._running}, timeout=self._patience_s)
        if not done:
            return VolumeLook("hung", 0, time.monotonic() - self._began)
        found, self._running = self._running.result(), None
        return found


def look_at(folder: Path) -> VolumeLook:
    """One look, blocking for as long as the volume takes."""
    began = time.monotonic()
    free = 0
    try:
        room = os.statvfs(folder)
        free = room.f_bavail * room.f_frsize
        fault: VolumeFault | None = None
        detail = ""
        _write_and_remove(folder / f".ivr-probe-{os.getpid()}")
        if free == 0:
            fault = "full"  # only the superuser's reserve is left
    except OSError as wrong:
        fault, detail = _FAULTS.get(wrong.errno or 0, "refused"), wrong.strerror or str(wrong)
        if fault == "full" and free >= len(_BYTES) and _no_inodes(folder):
            fault = "no_inodes"
    return VolumeLook(fault, free, time.monotonic() - began, detail)


def _write_and_remove(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, _BYTES)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        file.unlink(missing_ok=True)


def _no_inodes(folder: Path) -> bool:
    try:
        room = os.statvfs(folder)
    except OSError:
        return False
    return room.f_files > 0 and room.f_ffree == 0
