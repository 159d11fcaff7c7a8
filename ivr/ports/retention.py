"""Deleting what is due, holding what must stay, and proving what was deleted.

Every method raises ``ivr.domain.errors.Unavailable`` when the database or the disk is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.retention import Due, Kind, Proof


@dataclass(frozen=True, slots=True)
class Hold:
    """A call or an order with its calls that stays until a day; ``lifted_at`` when somebody ended it before."""

    id: int
    object_name: str
    reason: str
    set_by: str
    set_at: datetime
    until: datetime
    lifted_by: str
    lifted_at: datetime | None
    lifted_why: str


@dataclass(frozen=True, slots=True)
class FileDigest:
    """sha256 and size of a file as it lies on disk."""

    sha256: bytes
    size_bytes: int


class RetentionStore(Protocol):
    """The database's side."""

    async def due(self, kind: Kind, before: datetime, limit: int, after: str = "") -> Sequence[Due]:
        """What of a kind ended before then and may go, by name; ``after`` is the last name of the batch before."""
        ...

    async def count(self, kind: Kind, before: datetime) -> int:
        """How much ``due`` would give in all."""
        ...

    async def delete(self, due: Due, files: Mapping[str, FileDigest]) -> bool:
        """Delete its rows, or mark its files as deleted, with proof and audit row in one transaction.

        False, and nothing done, when it may not go any more: a hold came, or its order was taken up again.
        """
        ...

    async def marked_files(self, since: datetime) -> Sequence[str]:
        """Paths marked as deleted since then: a crash may have left the files."""
        ...

    async def proofs(self, limit: int, before: int | None = None) -> Sequence[Proof]:
        """What was deleted, the newest first."""
        ...


class Holds(Protocol):
    """What must stay."""

    async def hold(self, object_name: str, reason: str, until: datetime, by: str) -> int:
        """Hold a call or an order (``call:`` or ``order:`` and its name); audited. NotFound for one there is none of."""
        ...

    async def lift(self, hold: int, reason: str, by: str) -> None:
        """End a hold; audited. NotFound when it is none in force."""
        ...

    async def in_force(self) -> Sequence[Hold]:
        """Holds in force, the next to end first (bounded at 1000)."""
        ...


class RetentionView(Protocol):
    """What people are shown of it."""

    def next_run(self) -> datetime:
        """When the next run begins."""
        ...

    def days(self, kind: Kind) -> int:
        """How long a kind is kept; 0: for ever."""
        ...

    async def preview(self, each: int) -> Mapping[Kind, tuple[int, Sequence[Due]]]:
        """What the next run would delete: how much of each kind that is not kept for ever, and the first of it."""
        ...

    async def proofs(self, limit: int) -> Sequence[Proof]:
        """What was deleted, the newest first."""
        ...


class Shredder(Protocol):
    """The disk's side."""

    async def digests(self, paths: Sequence[str]) -> Mapping[str, FileDigest]:
        """Of each of these files that is there."""
        ...

    async def remove(self, paths: Sequence[str]) -> None:
        """Remove sound files, with the marks of their recording, films and pictures; what is gone already is no fault."""
        ...
