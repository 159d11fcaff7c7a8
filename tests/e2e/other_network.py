"""A network of its own beside this machine's: a namespace joined with it by one pair of virtual cards; needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class OtherNetwork:
    """What runs in it has one card, one address, and this machine as its only way out; this machine's loopback is not there."""

    def __init__(self) -> None:
        pid = os.getpid()
        self.name = f"ivr-test-{pid}"
        self._card = f"ivt{pid}"
        self.near, self.address = (f"10.{200 + pid % 50}.{pid // 50 % 250}.{last}" for last in (1, 2))

    def open(self) -> None:
        """Make it; an address of it that is taken already is an error."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._card, "type", "veth", "peer", "name", "office", "netns", self.name)
        _ip("addr", "add", f"{self.near}/30", "dev", self._card)
        _ip("link", "set", self._card, "up")
        for command in (("addr", "add", f"{self.address}/30", "dev", "office"), ("link", "set", "office", "up"), ("link", "set", "lo", "up"),
                        ("route", "add", "default", "via", self.near)):
            _ip("-n", self.name, *command)

    def close(self) -> None:
        """The cards go with the namespace."""
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "del", self._card], check=False, capture_output=True)

    def program(self, folder: Path, program: str) -> Path:
        """A program that is this one, started in the other network."""
        wrapper = folder / f"{Path(program).name}-{self.name}"
        wrapper.write_text(f'#!/bin/sh\nexec nsenter --net=/run/netns/{self.name} {program} "$@"\n')
        wrapper.chmod(0o755)
        return wrapper


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip()}; a second network needs root"


@contextmanager
def other_network() -> Iterator[OtherNetwork]:
    """One, from its making to its end."""
    network = OtherNetwork()
    try:
        network.open()
        yield network
    finally:
        network.close()
