"""Load the model once, fork a decoder per slot: ``python -m ivr.speech.decoder_host MODEL FD PARENT_PID``.

A Kaldi assertion aborts the whole process and memory may run out in the middle of a file, so every file is decoded in
a forked child, which shares the loaded model's pages with its siblings and takes nobody with it when it dies. Nothing
else of the product is imported here, so that there is little to share and no thread to lose in a fork.

Control (SOCK_SEQPACKET on FD, one JSON object per message): the parent sends ``{"op": "fork"}`` with one end of a
stream socket, or ``{"op": "kill", "pid"}``; the host answers ``{"ready": threads}`` or ``{"broken": text}`` once, then
``{"forked": pid}`` and ``{"exited": pid, "signal", "code"}``. A job on the stream socket is one JSON line
``{"path", "follow", "cpu_budget", "settings"}``; its answers are lines ``{"segment": [[text, start_s, end_s,
confidence]…]}`` ended by ``{"done": {"audio_s", "speech_s"}}``, ``{"unreadable": text}`` or ``{"failed": text}``. A job
that follows a recording goes on until a second line, ``{"op": "closed"}``, says that the file will not grow any more.
``{"utterance": bytes, "rate", "phrases", "cpu_budget"}`` is followed by so much sound, and answered by one line,
``{"heard": [[text, confidence]…]}`` or ``{"failed": text}``. A child forked with ``"urgent"`` is not nice: a caller waits for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from ivr.domain.errors import AudioUnreadable
from ivr.speech.decoding import SpeechModel, TrackDecoder, hear_phrases, release_memory
from ivr.speech.decoding_settings import DecodingSettings
from ivr.speech.track_file import TrackFile

_PR_SET_PDEATHSIG: Final = 1
_MAX_MESSAGE: Final = 4096
_OOM_SCORE: Final = "800"  # of 1000: under memory pressure a decoder goes before Asterisk or PostgreSQL
_NICE: Final = 5  # a call's sound goes before its transcript
_LOOK_EVERY_S: Final = 0.5


def main() -> int:
    """Serve until the control socket closes or SIGTERM comes; children never outlive this process."""
    _die_with_parent(int(sys.argv[3]))
    control = socket.socket(fileno=int(sys.argv[2]))
    try:
        model = SpeechModel(Path(sys.argv[1]))
    except (ValueError, OSError) as problem:
        _tell(control, {"broken": str(problem)})
        return 1
    gc.collect()
    release_memory()
    gc.freeze()  # the collector must not write to pages the children share
    _Host(model, control).serve()
    return 0


class _Host:
    def __init__(self, model: SpeechModel, control: socket.socket) -> None:
        self._model = model
        self._control = control
        self._children: set[int] = set()
        self._stopping = False

    def serve(self) -> None:
        wake_in, wake_out = socket.socketpair()
        wake_in.setblocking(False)
        wake_out.setblocking(False)
        signal.set_wakeup_fd(wake_out.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides when we end
        _tell(self._control, {"ready": len(os.listdir("/proc/self/task"))})
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake_in, selectors.EVENT_READ)
            while not self._stopping:
                for key, _ in selector.select():
                    if key.fileobj is wake_in:
                        wake_in.recv(_MAX_MESSAGE)
                    else:
                        self._obey()
                self._reap()
        self._end_children()

    def _on_terminate(self, *_: object) -> None:
        self._stopping = True

    def _obey(self) -> None:
        message, fds, _, _ = socket.recv_fds(self._control, _MAX_MESSAGE, 1)
        if not message:
            self._stopping = True
            return
        order = json.loads(message)
        if order["op"] == "fork":
            self._fork(socket.socket(fileno=fds[0]), urgent=bool(order.get("urgent")))
        elif order["op"] == "kill" and order["pid"] in self._children:  # a pid we reaped may be another's by now
            os.kill(order["pid"], signal.SIGKILL)

    def _fork(self, jobs: socket.socket, *, urgent: bool) -> None:
        host = os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                self._control.close()
                _prepare_child(host, urgent=urgent)
                _decode_jobs(self._model, jobs)
                code = 0
            finally:
                os._exit(code)
        jobs.close()
        self._children.add(pid)
        _tell(self._control, {"forked": pid})

    def _reap(self) -> None:
        for pid in tuple(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._children.discard(pid)
                died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
                code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
                _tell(self._control, {"exited": pid, "signal": died, "code": code})

    def _end_children(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)


def _tell(control: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the parent is gone; its closed socket ends the loop
        control.send(json.dumps(message).encode())


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process with its parent, also when the parent was killed before we asked."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _prepare_child(host: int, *, urgent: bool) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _die_with_parent(host)
    if not urgent:
        os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # a container may forbid it; the limit of its cgroup then chooses
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)


class _Orders:
    """Lines from the parent; a line may also be looked for while a job is under way."""

    def __init__(self, jobs: socket.socket) -> None:
        self._jobs = jobs
        self._buffer = bytearray()

    def take(self, size: int) -> bytes:
        """So many bytes that follow an order; the process ends when the parent closed its end."""
        while len(self._buffer) < size:
            data = self._jobs.recv(_MAX_MESSAGE)
            if not data:
                os._exit(0)
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def next(self, within_s: float | None = None) -> dict[str, Any] | None:
        """The next order, or None when none comes within the time; the process ends when the parent closed its end."""
        while (end := self._buffer.find(b"\n")) < 0:
            if not select.select([self._jobs], [], [], within_s)[0]:
                return None
            data = self._jobs.recv(_MAX_MESSAGE)
            if not data:
                os._exit(0)
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        order: dict[str, Any] = json.loads(line)
        return order


def _decode_jobs(model: SpeechModel, jobs: socket.socket) -> None:
    """Answer jobs until the parent closes its end."""
    orders = _Orders(jobs)
    with jobs, jobs.makefile("wb") as answers:
        while order := orders.next():
            if "utterance" in order:
                answers.write(json.dumps(_hear(model, order, orders.take(order["utterance"])), ensure_ascii=False).encode() + b"\n")
                answers.flush()
                continue
            if "path" not in order:  # "closed", for a job that had ended by itself
                continue
            for answer in _decode(model, order, orders):
                answers.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                answers.flush()
            release_memory()


def _hear(model: SpeechModel, order: dict[str, Any], sound: bytes) -> dict[str, Any]:
    try:
        _CpuBudget(**order["cpu_budget"]).allow(len(sound) / 2 / order["rate"])
        samples = np.frombuffer(sound[: len(sound) // 2 * 2], dtype="<i2").astype(np.int16)
        return {"heard": hear_phrases(model, samples, order["rate"], order["phrases"])}
    except Exception as problem:  # whatever the engine raises costs this utterance only
        return {"failed": f"{type(problem).__name__}: {problem}"}


def _decode(model: SpeechModel, order: dict[str, Any], orders: _Orders) -> Iterator[dict[str, Any]]:
    budget = _CpuBudget(**order["cpu_budget"])
    end: dict[str, Any]

    def wait_for_more() -> bool:
        return orders.next(within_s=_LOOK_EVERY_S) is not None

    try:
        track = TrackFile(Path(order["path"]), wait_for_more if order["follow"] else None, budget.allow)
        decoder = TrackDecoder(model, track, DecodingSettings.of(order["settings"]))
        for words in decoder.segments():
            yield {"segment": [[w.text, w.start_s, w.end_s, w.confidence] for w in words]}
        end = {"done": {"audio_s": round(track.seconds, 3), "speech_s": round(decoder.speech_s, 3)}}
    except AudioUnreadable as problem:
        end = {"unreadable": str(problem)}
    except Exception as problem:  # whatever the engine raises costs this file only
        end = {"failed": f"{type(problem).__name__}: {problem}"}
    yield end


class _CpuBudget:
    """Processor time one job may use, growing with its sound; SIGXCPU kills this process when it is used up."""

    def __init__(self, least_s: float, per_audio_second: float) -> None:
        self._least_s = least_s
        self._per_audio_second = per_audio_second
        used = resource.getrusage(resource.RUSAGE_SELF)
        self._before_s = used.ru_utime + used.ru_stime

    def allow(self, audio_s: float) -> None:
        """Let the job have what ``audio_s`` seconds of sound may cost."""
        limit = int(self._before_s + max(self._least_s, self._per_audio_second * audio_s)) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    sys.exit(main())
