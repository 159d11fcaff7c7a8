"""Run Asterisk as a supervised child on a rendered configuration, and speak to its local console."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import structlog

from ivr.domain.errors import Unavailable
from ivr.telephony.asterisk_root import AsteriskRoot

log = structlog.get_logger(__name__)

_CONSOLE_WITHIN_S = 10


class Console:
    """``asterisk -rx`` on one run directory: reloads go this way, so that AMI needs no right to the system."""

    def __init__(self, root: AsteriskRoot, run: Path) -> None:
        self._root = root
        self._configuration = run / "etc/asterisk.conf"

    async def command(self, line: str) -> str:
        """Asterisk's answer to one console line; Unavailable when it does not answer."""
        process = await asyncio.create_subprocess_exec(
            *self._root.command(self._configuration, "-rx", line), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(_CONSOLE_WITHIN_S):
                out, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise Unavailable(f"Asterisk's console did not answer {line!r}") from None
        if process.returncode:
            raise Unavailable(f"Asterisk's console: {out.decode(errors='replace').strip()}")
        return out.decode(errors="replace")

    async def reload(self) -> None:
        """Take a new rendering into use; calls in progress go on."""
        for line in ("dialplan reload", "module reload res_pjsip.so", "module reload app_queue.so"):
            await self.command(line)


class EmbeddedAsterisk:
    """One Asterisk child. The configuration must have been written to ``run`` before."""

    def __init__(self, root: AsteriskRoot, run: Path) -> None:
        self._root = root
        self._run = run
        self.console = Console(root, run)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The running Asterisk."""
        if self._process is None:
            raise Unavailable("Asterisk is not running")
        return self._process

    async def start(self, within_s: float = 30) -> None:
        """Start and wait until every module is up; Unavailable with the log's last lines when it ends instead."""
        with (self._run / "log/console.log").open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._root.command(self._run / "etc/asterisk.conf", "-f", "-n"), stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, cwd=self._run, start_new_session=True,
            )
        try:
            async with asyncio.timeout(within_s):
                while True:
                    if self._process.returncode is not None:
                        raise Unavailable(f"Asterisk ended at once: {self._last_words()}")
                    if (self._run / "run/asterisk.ctl").exists():
                        try:
                            if "booted" in await self.console.command("core waitfullybooted"):
                                return
                        except Unavailable:
                            pass
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Unavailable(f"Asterisk was not up within {within_s:.0f} s: {self._last_words()}") from None

    async def stop(self, within_s: float = 10) -> None:
        """Hang up what is left and end; killed when it does not in time."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                process.send_signal(how)
                async with asyncio.timeout(within_s):
                    await process.wait()
                return
            except TimeoutError:
                continue
            except ProcessLookupError:
                return

    def _last_words(self) -> str:
        for name in ("messages.log", "console.log"):
            try:
                lines = (self._run / "log" / name).read_text(errors="replace").strip().splitlines()
            except OSError:
                continue
            errors = [line for line in lines if "ERROR" in line] or lines
            if errors:
                return " / ".join(errors[-3:])
        return "it wrote no log"
