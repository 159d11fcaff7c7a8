"""Which days people work: what the weekday says, unless the state or the office says otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Exceptions by day: True is a worked weekend (调休), False a day off. ``known_until`` is the last day the state told.

    Later days fall back to their weekday; whoever shows them says so.
    """

    exceptions: Mapping[date, bool] = field(default_factory=dict)
    known_until: date = date.min

    def worked(self, day: date) -> bool:
        """Whether this day is worked."""
        return self.exceptions.get(day, day.weekday() < 5)

    def between(self, first: date, last: date, *, worked: bool) -> list[date]:
        """The exceptions of one kind that are none by their weekday, first and last day included."""
        days = (first + timedelta(n) for n in range((last - first).days + 1))
        return [d for d in days if self.worked(d) == worked != (d.weekday() < 5)]


@dataclass(frozen=True, slots=True)
class OpeningSpan:
    """Open from ``start`` until before ``end`` (HHMM, 24:00 is allowed), on worked days or on the others."""

    workdays: bool
    start: str
    end: str

    @classmethod
    def parse(cls, text: str, *, workdays: bool) -> OpeningSpan:
        """``08:30-12:00``; ValueError says what is wrong."""
        found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", text)
        if found is None:
            raise ValueError(f"{text!r} is no span of time; write it like 08:30-12:00")
        start, end = text[:5].replace(":", ""), text[6:].replace(":", "")
        if start >= end:
            raise ValueError(f"{text} ends before it begins; a night is two spans, 22:00-24:00 and 00:00-06:00")
        return cls(workdays, start, end)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When something is open."""

    spans: tuple[OpeningSpan, ...]

    def open_at(self, worked: bool, hhmm: str) -> bool:
        """Whether it is open at this time of a day that is worked or not."""
        return any(s.workdays == worked and s.start <= hhmm < s.end for s in self.spans)
