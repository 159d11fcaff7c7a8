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
