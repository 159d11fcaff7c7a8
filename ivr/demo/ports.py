"""Ports for what a demonstration starts: above those the system gives out by itself, so nobody comes by one by chance."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

from ivr.domain.errors import Unavailable

_FIRST, _LAST = 61_000, 65_000


def free_ports(count: int) -> list[int]:
    """Loopback ports that are free now, for UDP and TCP; drawn by lot, so that two who ask at once seldom meet."""
    found: list[int] = []
    for port in random.sample(range(_FIRST, _LAST), 200):
        if len(found) == count:
            return found
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, suppress(OSError):
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            found.append(port)
    raise Unavailable(f"of 200 ports between {_FIRST} and {_LAST} not {count} are free; end what holds them")
