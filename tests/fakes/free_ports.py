"""Ports nobody uses at this moment."""

from __future__ import annotations

import socket
from contextlib import suppress


def free_ports(count: int) -> list[int]:
    """Loopback ports free for UDP and TCP; a port may be taken before it is used, so use it at once."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with suppress(OSError):
                udp.bind(("127.0.0.1", port))
                if port not in found:
                    found.append(port)
    return found
