"""What the desk needs to book appointments for citizens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ivr.domain.appointment import Booking, Slot


class AppointmentDesk(Protocol):
    """Times citizens may come at, and who does; every change is decided under the time's lock."""

    async def coming(self, limit: int = 500) -> Sequence[tuple[Slot, Sequence[Booking]]]:
        """Times still to come with who booked them, the earliest first."""
        ...

    async def book(self, slot_id: int, number: str, linked_id: str) -> Booking:
        """A place for a number; ``linked_id`` is the call it is booked in, '' at the counter. NotFound or CannotBook else."""
        ...

    async def cancel(self, booking_id: int) -> Booking:
        """Take a booking back; NotFound when there is none to come."""
        ...
