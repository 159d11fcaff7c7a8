"""What telling callers their expected wait needs of the database and of Asterisk; both may raise Unavailable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TalkTimes(Protocol):
    """Lengths of conversations."""

    async def recent_talks_s(self, queue: str) -> Sequence[float]:
        """Seconds of the latest answered calls of a queue, those of the last days only."""
        ...


class WaitNotice(Protocol):
    """What the dialplan reads when a caller joins a queue."""

    async def tell_wait(self, queue: str, seconds_per_place: int | None, at: float) -> None:
        """Note how fast the queue moves, as of this Unix time; None: nobody knows. What is old is not spoken."""
        ...
