"""What self-tests of village phones need of the world: the tests that are due, and a line that plays a tone to a phone and listens.

Implementations raise ``ivr.domain.errors.Unavailable`` when what they stand on is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.device_test import Finding, TestCall, TestNights


@dataclass(frozen=True, slots=True)
class WantedTest:
    """A test that was taken up."""

    id: int
    device: str
    asked_by: str


class TestStore(Protocol):
    """Tests that are due and were asked for. A test is taken up by one controller, and once."""

    async def now(self) -> datetime:
        """The database's clock."""
        ...

    async def plan(self, nights: TestNights, now: datetime) -> int:
        """Write down what is due of the nightly round, once for each device and night; how many were new."""
        ...

    async def take(self, most: int, *, by_hand_only: bool) -> Sequence[WantedTest]:
        """Take up to ``most`` waiting tests, those asked for by hand first; none of a device that is blocked or in a call."""
        ...

    async def finish(self, test: int, finding: Finding) -> None:
        """Write down what became of a test."""
        ...

    async def give_up(self) -> int:
        """Close what a controller that is gone left unfinished, and what nobody took up in its night; how many."""
        ...


class TestLine(Protocol):
    """The exchange, ringing a phone that answers by itself. What comes back is returned and kept nowhere."""

    async def play(self, device: str, tone: bytes) -> TestCall:
        """Call the device, sound only, play ``tone`` and listen meanwhile. Bounded; ends the call in any case."""
        ...
