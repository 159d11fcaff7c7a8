"""Changing the roster: single shifts under their version, or whole days by a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.roster import Duty, RosterDiff, RosterFile
from ivr.domain.shifts import Shift


class ShiftDesk(Protocol):
    """The roster's write side; what changes it is audited in the same transaction. Raises ``Unavailable``.

    ``work_numbers`` are those of the seats. A shift is held against what is stored at that moment, never against what was read.
    """

    async def between(self, start: datetime, end: datetime, limit: int = 5000) -> Sequence[Duty]:
        """Duties that touch the time, the earliest first."""
        ...

    async def add(self, shift: Shift, work_numbers: Collection[str], actor: str) -> None:
        """Write a new shift; BadShift when it cannot stand."""
        ...

    async def change(self, shift_id: str, version: str, shift: Shift, work_numbers: Collection[str], actor: str) -> None:
        """Put another shift in the place of one; NotFound, StaleRoster or BadShift, and nothing has changed."""
        ...

    async def remove(self, shift_id: str, version: str, actor: str) -> None:
        """Take a shift out; NotFound or StaleRoster."""
        ...

    async def replace(
        self, file: RosterFile, *, actor: str = "system", dry_run: bool = False, version: str | None = None
    ) -> tuple[RosterDiff, str]:
        """Make a file without bad rows the whole roster of its days; what changes, and the version of what is stored of them.

        StaleRoster when ``version`` is not that one.
        """
        ...


@dataclass(frozen=True)
class RosterServices:
    """What the HTTP edge is given for the roster: the desk, and the seats' people by work number."""

    desk: ShiftDesk
    people: Mapping[str, str]
