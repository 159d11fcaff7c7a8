"""A process somebody else started, followed through a pidfd: a number the system has given away again is never mistaken for it."""

from __future__ import annotations

import asyncio
import os
import select
import signal
from pathlib import Path


class AdoptedProcess:
    """Has what asyncio.subprocess.Process has of ``pid``, ``returncode``, ``wait`` and ``send_signal``.

    A process that is not our child tells nobody its exit status: ``returncode`` is None while it runs, -1 afterwards.
    """

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    @classmethod
    def find(cls, pid_file: Path, named: Path) -> AdoptedProcess | None:
        """The process a pid file names, while it runs with ``named`` in its command line; else None. Never raises."""
        try:
            pid = int(pid_file.read_text().split()[0])
            descriptor = os.pidfd_open(pid)
        except (OSError, ValueError, IndexError):
            return None
        found = cls(pid, descriptor)
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return None
        return found if os.fsencode(named) in command.split(b"\0") and found.returncode is None else None

    def __del__(self) -> None:
        os.close(self._descriptor)

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return -1 if self.ended_within(0) else None

    def ended_within(self, seconds: float) -> bool:
        """Wait for its end; blocking, for threads."""
        return bool(select.select([self._descriptor], [], [], seconds)[0])

    async def wait(self) -> int:
        """Until it has ended."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        watched = os.dup(self._descriptor)  # a loop holds one reader for each descriptor, and there may be two who wait

        def on_end() -> None:
            if not ended.done():
                ended.set_result(None)

        loop.add_reader(watched, on_end)
        try:
            await ended
        finally:
            loop.remove_reader(watched)
            os.close(watched)
        return -1

    def end(self, *signals: signal.Signals, within_s: float = 10) -> None:
        """End it by these signals, each given time before the next; blocking, for threads."""
        for number in signals:
            try:
                self.send_signal(number)
            except ProcessLookupError:
                return
            if self.ended_within(within_s):
                return

    def send_signal(self, number: signal.Signals) -> None:
        """Raises ProcessLookupError when it has ended."""
        signal.pidfd_send_signal(self._descriptor, number)
