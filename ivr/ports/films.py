"""Recorded pictures of rooms of three sides: from the exchange's files to what an order's page shows.

``ivr.domain.errors.Unavailable`` when the record or the disk is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.room_film import Film, FilmProblem, Spooled


@dataclass(frozen=True, slots=True)
class Told:
    """Who had heard that sound and picture are recorded, and when; ``third`` '' when it is not known of the third."""

    villager_at: datetime
    third: str
    third_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A film as it lies on disk; pixels of its first picture."""

    path: str
    media_type: str
    width: int
    height: int
    frames: int
    seconds: float
    size_bytes: int
    sha256: bytes


class FilmSpool(Protocol):
    """The disk's side."""

    async def problem(self) -> FilmProblem:
        """Why no picture may be recorded now, or go on being: ``no_space``, ``full`` or ''."""
        ...

    async def finished(self, still_s: float) -> Sequence[Spooled]:
        """What the exchange wrote and has written nothing to for so long, the oldest first; at most a hundred."""
        ...

    async def keep(self, spooled: Spooled) -> KeptFile:
        """Make one playable file of it, whole or not at all; again, it is the same one. FilmUnreadable, OSError."""
        ...

    async def discard(self, spooled: Spooled) -> None:
        """Remove the exchange's files; what is gone already is no fault."""
        ...


class FilmBook(Protocol):
    """The record's side."""

    async def call_over(self, linked_id: str) -> bool | None:
        """Whether all of its facts are in; None for a call that is not known (yet)."""
        ...

    async def known(self, name: str) -> bool:
        """Whether a room's film has its row."""
        ...

    async def told(self, linked_id: str, began_at: float) -> Told | None:
        """Who had heard the notice when the recording began (Unix seconds); None when the villager had not."""
        ...

    async def add(self, spooled: Spooled, told: Told | None, kept: KeptFile | None, problem: FilmProblem) -> None:
        """The row with its audit row; ``problem`` instead of a file says why there is none."""
        ...


class OpenFilm(Protocol):
    """One file that is read; ``close`` it."""

    @property
    def size(self) -> int: ...

    async def read(self, offset: int, length: int) -> bytes: ...

    async def close(self) -> None: ...


class FilmDesk(Protocol):
    """The web's end."""

    async def of_order(self, number: str) -> Sequence[Film]:
        """Of all calls of an order, the oldest first, those without a file and those whose time was over too."""
        ...

    async def open(self, film: Film) -> OpenFilm:
        """The file as it was kept. NotFound when it is gone or has another size."""
        ...
