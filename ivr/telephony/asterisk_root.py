"""Find the Asterisk to run: the system's when it is new enough, else the tree unpacked into the cache.

An unpacked tree is started by its own loader, so it needs neither root nor a chroot and leaves the system alone.
"""

from __future__ import annotations

import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ivr.domain.errors import BadSetting, Unavailable

OLDEST = (22, 10, 1)
NEXT_MAJOR = 23
_SYSTEM = Path("/")


@dataclass(frozen=True, slots=True)
class AsteriskRoot:
    """An Asterisk installation: where its parts lie and how its programs are started."""

    root: Path
    version: tuple[int, ...]

    @property
    def is_system(self) -> bool:
        """True for a normally installed Asterisk, started without a loader of its own."""
        return self.root == _SYSTEM

    @property
    def libraries(self) -> Path:
        """The folder of shared libraries for this machine's architecture."""
        return self.root / "usr/lib" / f"{platform.machine()}-linux-gnu"

    @property
    def modules(self) -> Path:
        """Folder of Asterisk's loadable modules."""
        found = self.libraries / "asterisk/modules"
        return found if found.is_dir() else self.root / "usr/lib/asterisk/modules"

    @property
    def sbin(self) -> Path:
        """Folder of the program itself."""
        return self.root / "usr/sbin"

    @property
    def data(self) -> Path:
        """Folder of documentation, sounds and REST descriptions."""
        return self.root / "usr/share/asterisk"

    @property
    def music(self) -> Path:
        """Folder of waiting music."""
        return self.data / "moh"

    def command(self, configuration: Path, *arguments: str) -> list[str]:
        """The argument vector that starts Asterisk (or its console, with ``-rx``) on a configuration."""
        return [*_launcher(self.root, self.libraries), "-C", str(configuration), *arguments]


def _launcher(root: Path, libraries: Path) -> list[str]:
    program = str(root / "usr/sbin/asterisk")
    if root == _SYSTEM:
        return [program]
    loader = next((p for p in (root / "lib64/ld-linux-x86-64.so.2", root / "lib/ld-linux-aarch64.so.1") if p.exists()), None)
    if loader is None:
        raise Unavailable(f"{root} holds no program loader; run `make setup` to unpack Asterisk again")
    return [str(loader), "--inhibit-cache", "--argv0", program, "--library-path", str(libraries), program]


def _version(root: Path) -> tuple[int, ...] | None:
    libraries = root / "usr/lib" / f"{platform.machine()}-linux-gnu"
    if not (root / "usr/sbin/asterisk").exists():
        return None
    try:
        told = subprocess.run([*_launcher(root, libraries), "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"Asterisk (\d+)\.(\d+)\.(\d+)", told.stdout)
    return tuple(int(n) for n in found.groups()) if found else None


def find_asterisk(configured: Path | None, cache: Path) -> AsteriskRoot:
    """The Asterisk to use; blocking, up to ten seconds. Raises BadSetting or Unavailable with the remedy."""
    if configured is not None:
        version = _version(configured)
        if version is None:
            raise BadSetting(f"asterisk.root {configured} holds no working Asterisk; correct it or leave it empty")
        candidates = [(configured, version)]
    else:
        candidates = [(root, v) for root in (_SYSTEM, cache / "asterisk-root") if (v := _version(root)) is not None]
    for root, version in candidates:
        if OLDEST <= version < (NEXT_MAJOR,):
            return AsteriskRoot(root, version)
    if candidates:
        seen = ", ".join(f"{'.'.join(map(str, v))} in {r}" for r, v in candidates)
        raise Unavailable(f"Asterisk ≥ 22.10.1 and < 23 is needed, found {seen}; run `make setup`")
    raise Unavailable("no Asterisk on this machine yet; run `make setup`, which unpacks Asterisk 22 into the cache")
