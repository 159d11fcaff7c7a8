"""Small volumes that a test can fill, make read-only or slow: a tmpfs over a folder of the product."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path


class SmallVolume:
    """A tmpfs mounted over ``folder`` (made when missing); needs root. ``close`` undoes everything."""

    def __init__(self, folder: Path, size_mb: int, inodes: int = 4000) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={size_mb}m,nr_inodes={inodes},mode=0755", "tmpfs", str(folder))
        self._layers = 1

    def fill(self) -> None:
        """Not one byte is left."""
        with (self.folder / "filler").open("ab", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(piece))

    def use_up_inodes(self) -> None:
        """Space is left, but no further file can be made."""
        (self.folder / "many").mkdir(exist_ok=True)
        with suppress(OSError):
            for n in range(1_000_000):
                (self.folder / f"many/{n}").touch()

    def make_room(self) -> None:
        """Undo ``fill`` and ``use_up_inodes``."""
        (self.folder / "filler").unlink(missing_ok=True)
        for file in [*(self.folder / "many").glob("*")]:
            file.unlink()

    def set_read_only(self) -> None:
        """Every later open for writing fails; files open already go on, as after a remount by the kernel they would not."""
        _mount("--bind", str(self.folder), str(self.folder))
        self._layers += 1
        _mount("-o", "remount,bind,ro", str(self.folder))

    def set_writable(self) -> None:
        """Undo ``set_read_only``."""
        while self._layers > 1:
            self._unmount()

    def close(self) -> None:
        """Unmount, whoever still has files open."""
        while self._layers:
            self._unmount()

    def _unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)
        self._layers -= 1


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def build_preload(source: Path, into: Path) -> Path:
    """Compile one C file to a library for LD_PRELOAD."""
    library = into / f"{source.stem}.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(source), "-ldl"], check=True
    )
    return library
