"""What analysis needs of the record: rises and who signed for them, the load of past days, the orders of a month.

Days are Shanghai's. Implementations raise ``ivr.domain.errors.Unavailable`` when the database is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from ivr.domain.early_warning import Decision, Rise, WarningRules
from ivr.domain.errors import CallerFault
from ivr.domain.forecast import Load, StaffingRules
from ivr.domain.month_report import MonthReport
from ivr.domain.working_days import WorkingDays
from ivr.ports.statistics import HeatKind

Counts = Mapping[tuple[str, str], Mapping[date, int]]
ReportFormat = Literal["xlsx", "docx", "pdf"]


class WarningChanged(CallerFault):
    """The warning is of another level than the one that was to be signed, or not standing any more: read it again."""

    code = "warning_changed"


@dataclass(frozen=True, slots=True)
class RiseRecord:
    """Orders by place and code of some days. ``since`` is the first day of the record; ``today`` by the database's clock.

    ``versions`` are the code tables' the codes were last used with, for their names.
    """

    counts: Counts
    since: date | None
    today: date
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """A rise as it is kept. ``level`` 0: no longer so. Open while it stands above the level somebody signed."""

    id: int
    kind: HeatKind
    place: str
    place_name: str
    code: str
    table_version: str
    day: date
    orders: int
    usual: float
    days: int
    level: int
    raised_at: datetime
    decision: str
    signed_level: int
    signed_by: str
    signed_at: datetime | None
    reason: str

    @property
    def open(self) -> bool:
        """Whether a person has to sign it, for the first time or again because it grew."""
        return self.level > self.signed_level


@dataclass(frozen=True, slots=True)
class WarningFilter:
    """Which warnings, newest first. ``open`` None: also those that are signed. ``before``: the last id of the page before."""

    start: date | None = None
    end: date | None = None
    open: bool | None = None
    decision: Decision | None = None
    limit: int = 50
    before: int | None = None


class EarlyWarnings(Protocol):
    """The warnings people see and sign."""

    async def listed(self, wanted: WarningFilter) -> Sequence[EarlyWarning]:
        """The newest day first, of a day the latest raised first; never those that are no longer so and were not signed."""
        ...

    async def sign(self, warning_id: int, level: int, decision: Decision, reason: str, actor: str) -> EarlyWarning:
        """Sign a warning at the level that was read; audited. Raises NotFound, or WarningChanged when its level is another."""
        ...


class RiseStore(Protocol):
    """What the controller keeps of rises."""

    async def counted(self, kind: HeatKind, days: int, weeks: int, least: int) -> RiseRecord:
        """Orders of places that had ``least`` on one of the last ``days``, or have a warning then, with ``weeks`` before."""
        ...

    async def keep(self, kind: HeatKind, first: date, found: Sequence[Rise], versions: Mapping[str, str]) -> int:
        """Write the rises of every day since ``first``; a warning of those days that is none any more gets level 0.

        Gives how many were new or grew.
        """
        ...


class LoadRecord(Protocol):
    """The load of past days."""

    async def load(self, first: date, last: date) -> Load:
        """Calls that joined a queue from ``first`` to ``last``, both included, with talk and greeting of the same days."""
        ...


class MonthReporter(Protocol):
    """Composing monthly reports."""

    async def report(self, year: int, month: int) -> MonthReport:
        """The report of one month; of the running one, up to now. Raises CallerFault for a month that has not begun."""
        ...


class ReportWriter(Protocol):
    """Writing a report into a file's bytes; takes a second or two and blocks."""

    def __call__(self, report: MonthReport, kind: ReportFormat) -> bytes: ...


@dataclass(frozen=True)
class AnalysisServices:
    """What the HTTP edge serves analysis with."""

    warnings: EarlyWarnings
    loads: LoadRecord
    reports: MonthReporter
    write: ReportWriter
    warning_rules: WarningRules
    staffing: StaffingRules
    calendar: WorkingDays
