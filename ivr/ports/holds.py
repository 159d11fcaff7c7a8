"""Keeping when citizens were on hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.call_holds import HoldTurned


@dataclass(frozen=True, slots=True)
class HoldAt:
    """What was seen, and when."""

    turned: HoldTurned
    at: datetime


class HoldStore(Protocol):
    """Raises ``ivr.domain.errors.Unavailable`` when the database is away."""

    async def note(self, turns: Sequence[HoldAt]) -> None:
        """Write what was seen, in its order. Twice the same changes nothing, and a hold of a call that is over ends with it."""
        ...
