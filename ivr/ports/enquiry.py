"""What questions asked during a call need of the database; every method may raise Unavailable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ivr.domain.appointment import Slot
from ivr.domain.progress import LastFour, OrderProgress
from ivr.domain.roster import Duty


class ProgressStore(Protocol):
    """Orders as those who ask about them may know them, and how often somebody asked in vain."""

    async def find(self, asked: str | LastFour, caller_number: str) -> OrderProgress | None:
        """The order of this number, or the newest of this caller's that ends so; orders of enquiries are never found."""
        ...

    async def misses_today(self, caller_number: str) -> int:
        """How often this number asked in vain today, by Shanghai's calendar; '' counts all who withhold theirs."""
        ...

    async def count_miss(self, caller_number: str) -> None:
        """One more time in vain."""
        ...


class RosterStore(Protocol):
    """Who is on duty."""

    async def on_duty(self) -> Sequence[Duty]:
        """Every duty of this moment, by the database's clock."""
        ...


class AppointmentStore(Protocol):
    """Times citizens may come at, and who does."""

    async def open_times(self, service: str, limit: int) -> Sequence[Slot]:
        """The next times with a place left, the earliest first."""
        ...

    async def booked_by(self, service: str, caller_number: str) -> Slot | None:
        """The next time this number has booked."""
        ...

    async def hold(self, slot_id: int, caller_number: str, linked_id: str) -> Slot | None:
        """Hold a place for the caller of this call, instead of any other it holds; None when none is left."""
        ...
