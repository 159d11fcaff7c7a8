"""The event loop's side of the decoder host and its children (see ``decoder_host`` for what they say to each other)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import ivr
from ivr.domain.errors import Unavailable

_SOURCE_ROOT: Final = Path(ivr.__file__).resolve().parents[1]
_MAX_MESSAGE: Final = 4096
_MAX_LINE: Final = 1 << 22  # one segment: far more words than fit between two silences
_ANSWER_S: Final = 20.0
_FAREWELL_S: Final = 5.0
_SIGNAL_MEANING: Final = {
    signal.SIGABRT: "the decoder aborted (an assertion in Kaldi)",
    signal.SIGKILL: "the decoder was killed (out of memory?)",
    signal.SIGSEGV: "the decoder crashed",
    signal.SIGXCPU: "the decoder used up its processor time",
}


class DecoderDied(Exception):
    """A decoder child ended in the middle of a job; the text says how."""


class DecoderChild:
    """One forked decoder, busy with at most one job at a time."""

    def __init__(self, host: DecoderHost, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.jobs_done = 0
        self._host = host
        self._reader = reader
        self._writer = writer

    @property
    def alive(self) -> bool:
        return self._host.alive and self.pid in self._host.running and not self._reader.at_eof()

    async def ask(self, job: dict[str, Any], sound: bytes = b"") -> None:
        """Hand a job over, with the sound that belongs to it; a child that is dead tells so in ``answers``."""
        await self._say(job, sound)

    async def say_closed(self) -> None:
        """Tell a child that follows a recording that the file is whole."""
        await self._say({"op": "closed"})

    async def answers(self) -> AsyncGenerator[dict[str, Any], None]:
        """Every answer to the job up to and including the last one; raises DecoderDied when the child ends first."""
        try:
            while line := await self._reader.readline():
                answer: dict[str, Any] = json.loads(line)
                if "segment" not in answer:
                    self.jobs_done += 1
                    yield answer
                    return
                yield answer
        except (OSError, ValueError) as problem:  # ValueError: a line cut short by death, or beyond all measure
            raise DecoderDied(await self._host.cause_of_death(self.pid) or str(problem)) from None
        raise DecoderDied(await self._host.cause_of_death(self.pid) or "the decoder ended without an answer")

    async def _say(self, order: dict[str, Any], sound: bytes = b"") -> None:
        with contextlib.suppress(OSError):
            self._writer.write(json.dumps(order).encode() + b"\n" + sound)
            await self._writer.drain()

    def retire(self) -> None:
        """Let the child end by itself after its last job."""
        self._writer.close()

    def kill(self) -> None:
        """End the child now, whatever it is doing; the host reaps it."""
        self._host.kill(self.pid)
        self._writer.close()


class DecoderHost:
    """The running host process: forks children and tells how they ended."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.running: set[int] = set()
        self.alive = True
        self._process = process
        self._control = control
        self._forked: asyncio.Queue[int] = asyncio.Queue(maxsize=1)
        self._fork_lock = asyncio.Lock()
        self._ends: dict[int, asyncio.Future[str]] = {}
        self._complaints: deque[str] = deque(maxlen=5)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, model: Path, load_timeout_s: float) -> DecoderHost:
        """Start a host and wait until it has loaded the model; raises Unavailable with the reason if it cannot."""
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ivr.speech.decoder_host", str(model), str(theirs.fileno()), str(os.getpid()),
                pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE, env=clean_environment(),
            )  # fmt: skip
        host = cls(process, control)
        host._tasks.append(asyncio.create_task(host._hear_complaints(), name="decoder-host-stderr"))
        try:
            async with asyncio.timeout(load_timeout_s):
                message = await asyncio.get_running_loop().sock_recv(control, _MAX_MESSAGE)
        except TimeoutError:
            await host.stop()
            raise Unavailable(f"the speech model {model} was not loaded within {load_timeout_s:g} s") from None
        except BaseException:
            await host.stop()
            raise
        greeting = json.loads(message) if message else {}
        if "ready" not in greeting:
            await host.stop()
            reason = greeting.get("broken") or "; ".join(host._complaints) or "its process ended"
            raise Unavailable(f"the speech model {model} cannot be loaded: {reason}")
        host._tasks.append(asyncio.create_task(host._hear_reports(), name="decoder-host-reports"))
        return host

    async def fork(self, *, urgent: bool = False) -> DecoderChild:
        """A fresh child with the model already in its memory; raises Unavailable when the host is gone.

        ``urgent``: a caller waits for it, so it is not nice to other processes.
        """
        mine, theirs = socket.socketpair()
        mine.setblocking(False)
        with theirs:
            async with self._fork_lock:
                try:
                    socket.send_fds(self._control, [json.dumps({"op": "fork", "urgent": urgent}).encode()], [theirs.fileno()])
                    async with asyncio.timeout(_ANSWER_S):
                        pid = await self._forked.get()
                except (OSError, TimeoutError) as problem:
                    mine.close()
                    self.alive = False
                    raise Unavailable(f"the decoder host does not answer: {problem or 'time limit'}") from None
        if not pid:
            mine.close()
            raise Unavailable("the decoder host ended")
        reader, writer = await asyncio.open_unix_connection(sock=mine, limit=_MAX_LINE)
        return DecoderChild(self, pid, reader, writer)

    def kill(self, pid: int) -> None:
        """Have the host kill one of its children; no harm if that child is gone already."""
        with contextlib.suppress(OSError):
            self._control.send(json.dumps({"op": "kill", "pid": pid}).encode())

    async def cause_of_death(self, pid: int) -> str:
        """How a child ended, in words, once the host has reaped it; empty when nothing is known."""
        end = self._ends.get(pid)
        if end is None:
            return ""
        try:
            async with asyncio.timeout(_FAREWELL_S):
                return await asyncio.shield(end)
        except TimeoutError:
            return ""

    async def stop(self) -> None:
        """End the host, its children with it, and wait until the kernel has forgotten them."""
        self.alive = False
        self._control.close()
        try:
            async with asyncio.timeout(_FAREWELL_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._bury("the decoder host was stopped")

    def _bury(self, cause: str) -> None:
        self.alive = False
        self.running.clear()
        for end in self._ends.values():
            if not end.done():
                end.set_result(cause)

    async def _hear_reports(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while message := await loop.sock_recv(self._control, _MAX_MESSAGE):
                report = json.loads(message)
                if pid := report.get("forked"):
                    self.running.add(pid)
                    self._ends[pid] = loop.create_future()
                    self._forked.put_nowait(pid)
                elif pid := report.get("exited"):
                    self.running.discard(pid)
                    end = self._ends.pop(pid)
                    end.set_result(_in_words(report["signal"], report["code"]))
                    self._recall(pid, end)
        if self._forked.empty():
            self._forked.put_nowait(0)
        self._bury("the decoder host died and its decoders with it")

    def _recall(self, pid: int, end: asyncio.Future[str]) -> None:
        """Keep the last few deaths for whoever asks a moment later."""
        self._ends[pid] = end
        for old in [p for p, known in self._ends.items() if known.done()][:-64]:
            del self._ends[old]

    async def _hear_complaints(self) -> None:
        """What the engine says on stderr: kept short, read always, so that a full pipe never blocks a decoder."""
        assert self._process.stderr is not None
        while chunk := await self._process.stderr.read(_MAX_MESSAGE):
            self._complaints.extend(line for line in chunk.decode(errors="replace").splitlines() if line.strip())


def _in_words(died: int, code: int) -> str:
    if died:
        return _SIGNAL_MEANING.get(signal.Signals(died), f"the decoder was ended by {signal.Signals(died).name}")
    return f"the decoder ended with code {code}" if code else "the decoder ended"


def clean_environment() -> dict[str, str]:
    """Only what a child that works on recordings needs: no secrets of the server, and one thread per numeric library."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "VIRTUAL_ENV"}}
    return kept | {"PYTHONPATH": str(_SOURCE_ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
