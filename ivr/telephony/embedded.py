"""Run Asterisk as a supervised child on a rendered configuration, and speak to its local console.

Asterisk outlives a supervisor that was killed, with all its calls; the next one adopts it instead of starting another.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import structlog

from ivr.adopted_process import AdoptedProcess
from ivr.domain.errors import Unavailable
from ivr.telephony.asterisk_root import AsteriskRoot

log = structlog.get_logger(__name__)

_CONSOLE_WITHIN_S = 10
_ADOPTION_TRIES = 3


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
        for line in ("dialplan reload", "module reload res_pjsip.so", "module reload app_queue.so", "module reload features"):
            await self.command(line)


class EmbeddedAsterisk:
    """One Asterisk on ``run``: adopted, or started as a child after the configuration was written there."""

    def __init__(self, root: AsteriskRoot, run: Path) -> None:
        self._root = root
        self._run = run
        self.console = Console(root, run)
        self._process: asyncio.subprocess.Process | AdoptedProcess | None = None

    @property
    def process(self) -> asyncio.subprocess.Process | AdoptedProcess:
        """The running Asterisk."""
        if self._process is None:
            raise Unavailable("Asterisk is not running")
        return self._process

    async def adopt(self) -> bool:
        """Take over the Asterisk a killed predecessor left on this run directory; its calls notice nothing.

        False when there is none. One whose console is deaf keeps the ports and serves nobody: it is ended.
        """
        found = await asyncio.to_thread(
            AdoptedProcess.find, self._run / "run/asterisk.pid", self._run / "etc/asterisk.conf"
        )
        if found is None:
            return False
        self._process = found
        for _ in range(_ADOPTION_TRIES):
            try:
                if "booted" in await self.console.command("core waitfullybooted"):
                    return True
            except Unavailable as deaf:
                log.warning("left_asterisk_silent", pid=found.pid, reason=str(deaf))
            await asyncio.sleep(0.5)
        log.error("left_asterisk_ended", pid=found.pid)
        await self.stop()
        return False

    def release(self) -> None:
        """Leave it running and forget it."""
        self._process = None

    async def start(self, within_s: float = 30) -> None:
        """Start and wait until every module is up; Unavailable with the log's last lines when it ends instead."""
        with (self._run / "log/console.log").open("ab") as out:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._root.command(self._run / "etc/asterisk.conf", "-f", "-n"), stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, cwd=self._run, start_new_session=True,
            )
        try:
            async with asyncio.timeout(within_s):
                while True:
                    if process.returncode is not None:
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
