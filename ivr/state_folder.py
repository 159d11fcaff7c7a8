"""The folders the product may write: made, found usable; and the state folder held by one running product at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ivr.domain.errors import BadSetting


def make_folder(folder: Path, variable: str) -> None:
    """Make it when missing; BadSetting, with what to do and the setting's name, when it cannot be a folder of ours."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        wrong = next(p for p in (folder, *folder.parents) if p.exists() and not p.is_dir())
        raise BadSetting(f"{wrong} is a file where a folder is needed; set {variable} to a folder you may write") from None
    except OSError as wrong:
        raise BadSetting(
            f"the folder {folder} cannot be made: {wrong.strerror}; set {variable} to a folder you may write"
        ) from wrong
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadSetting(f"the folder {folder} cannot be written; correct its rights, or set {variable} to another")


class StateLock:
    """Held from start to end: a second product on one folder would end the first one's database.

    The kernel lets go of it when its holder is killed; the process id left in the file then tells the next start that
    there may be something to take over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    def take(self) -> bool:
        """True when the last holder was killed; BadSetting while another lives."""
        make_folder(self._folder, "IVR_STATE_DIR")
        file = os.open(self._folder / "running.lock", os.O_RDWR | os.O_CREAT, 0o600)
        holder = os.pread(file, 32, 0).decode(errors="replace").strip()
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise BadSetting(
                f"the product already runs on the state folder {self._folder}"
                + (f" (process {holder})" if holder else "")
                + "; end that one first, or give this one its own IVR_STATE_DIR and ports"
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file
        return bool(holder)

    def release(self) -> None:
        """Say that everything ended in order."""
        file, self._file = self._file, None
        if file is not None:
            os.ftruncate(file, 0)
            os.close(file)
