"""Ports for this test process alone: suites run side by side, and a port that is only free at the moment is a guess."""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

_FIRST, _LANES, _WIDTH = 10_000, 6, 3_300  # below what the system gives out by itself, and below the scripted phones' media
_SERVICES, _RTP_LAST, _SIPP = 500, 2_899, 2_900  # within a lane: services, then Asterisks' RTP, then SIPp's

_REFUSED_BY_BROWSERS = 10_080  # by the fetch standard's list of bad ports, the only one above 6,700


@cache
def _lane() -> int:
    """The first port of a lane that is this process's until it ends; another may have it then."""
    folder = Path(tempfile.gettempdir()) / "ivr-test-lanes"
    folder.mkdir(exist_ok=True)
    for lane in range(_LANES):
        held = os.open(folder / str(lane), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            continue
        return _FIRST + lane * _WIDTH
    raise RuntimeError(f"{_LANES} test processes run already, and there are ports for no more; wait for one to end")


_services = itertools.count()
_sipp_blocks = itertools.count()


def free_ports(count: int) -> list[int]:
    """Loopback ports free for UDP and TCP, which no other test process is given; the port after each is its own too.

    A scripted phone that listens at one takes the next as well, for SIP over TLS.
    """
    found: list[int] = []
    for _ in range(_SERVICES):
        if len(found) == count:
            return found
        port = _lane() + 2 * next(_services) % _SERVICES
        if port not in found and port != _REFUSED_BY_BROWSERS and _is_free(port):
            found.append(port)
    raise RuntimeError(f"no {count} of this process's {_SERVICES // 2} ports are free; something was left running")


def rtp_ports() -> tuple[int, int]:
    """First and last media port for the Asterisks of this process; each takes those nobody has."""
    return _lane() + _SERVICES, _lane() + _RTP_LAST


def sipp_media_port() -> int:
    """The first of fifty media ports for one SIPp of this process."""
    return _lane() + _SIPP + next(_sipp_blocks) % 8 * 50


def _is_free(port: int) -> bool:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
