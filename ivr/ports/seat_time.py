"""Keeping how long seats were in which state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.seat_time import Activity


@dataclass(frozen=True, slots=True)
class ActivityAt:
    """From this moment on; None: nothing is known from then on, or the seat is away."""

    interface: str
    activity: Activity | None
    at: datetime


class SeatTimes(Protocol):
    """Raises ``ivr.domain.errors.Unavailable`` when the database is away."""

    async def note(
        self, changes: Sequence[ActivityAt], seen: Collection[str], at: datetime, held: Collection[str] = ()
    ) -> None:
        """Write changes in their order, and that ``seen`` seats are as they were said to be until ``at``.

        ``held`` were never out of the writer's sight since it wrote last. What nobody saw for half a minute, and nobody held,
        ended when it was seen last: its controller died. Twice the same changes nothing.
        """
        ...
