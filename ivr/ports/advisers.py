"""What the hours of village advisers need of the record; ``ivr.domain.errors.Unavailable`` is raised when it is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from ivr.domain.adviser_hours import Work


@dataclass(frozen=True, slots=True)
class VillageHours:
    """One village's year: minutes its advisers talked with it, and those of visits and lectures; ``calls`` are what was talked.

    ``missed`` are calls of the village at which its adviser was rung for nobody: absent, paused, busy or late.
    """

    village: str
    name: str
    town_name: str
    advisers: Sequence[str]
    call_minutes: float
    visit_minutes: int
    lecture_minutes: int
    calls: int
    missed: int

    @property
    def hours(self) -> float:
        """All of it, in hours."""
        return (self.call_minutes + self.visit_minutes + self.lecture_minutes) / 60


@dataclass(frozen=True, slots=True)
class WorkEntry:
    """An entered piece of work; one that was voided counts no more and says why."""

    id: int
    work: Work
    entered_by: str
    entered_at: datetime
    voided_by: str
    voided_why: str


@dataclass(frozen=True, slots=True)
class Absence:
    """A duty that is over and of which there is no trace of its adviser: seat, answered call, visit or lecture of that day.

    ``reason`` and ``excused_by`` are '' until a supervisor excuses it.
    """

    adviser: str
    name: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    excused_by: str


class AdviserDesk(Protocol):
    """Hours and entries; each act is written with its audit row, or not at all."""

    async def today(self) -> date:
        """In Shanghai, by the database's clock."""
        ...

    async def hours(self, year: int) -> Sequence[VillageHours]:
        """Every confirmed village, by code."""
        ...

    async def entries(self, village: str, year: int) -> Sequence[WorkEntry]:
        """Of one village, the latest first, voided ones too. Raises NotFound."""
        ...

    async def enter(self, work: Work, actor: str) -> int:
        """Its number; the same work sent again has the same one. Raises NotFound, CallerFault."""
        ...

    async def void(self, number: int, actor: str, reason: str) -> None:
        """Count it no more. Raises NotFound; CallerFault without a reason or when it is void already."""
        ...

    async def absences(self, start: date, end: date) -> Sequence[Absence]:
        """Of village advisers, by adviser and time, for duties that began on the Shanghai days from ``start`` to before ``end``."""
        ...

    async def excuse(self, adviser: str, starts_at: datetime, reason: str, actor: str) -> None:
        """Excuse one absence; audited. NotFound when there is none; CallerFault without a reason or when it is excused already."""
        ...
