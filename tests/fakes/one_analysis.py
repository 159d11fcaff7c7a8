"""Analysis without a database: one warning, one busy half-hour on every past day, reports of a few bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from ivr.domain.early_warning import Decision, WarningRules
from ivr.domain.errors import CallerFault, NotFound
from ivr.domain.forecast import SLOTS, Load, StaffingRules
from ivr.domain.month_report import MonthReport
from ivr.domain.working_days import WorkingDays
from ivr.ports.analysis import AnalysisServices, EarlyWarning, ReportFormat, WarningChanged, WarningFilter

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
WARNING = EarlyWarning(
    7, "category", "640105001-L01", "康庄社区", "consult", "v1", T0.date(), 5, 1.0, 40, 2, T0, "", 0, "", None, "",
)


class OneWarning:
    """ivr.ports.analysis.EarlyWarnings, LoadRecord and MonthReporter, which keep nothing."""

    async def listed(self, wanted: WarningFilter) -> Sequence[EarlyWarning]:
        return [] if wanted.before is not None or wanted.decision or wanted.open is False else [WARNING]

    async def sign(self, warning_id: int, level: int, decision: Decision, reason: str, actor: str) -> EarlyWarning:
        if not reason.strip():
            raise CallerFault("A warning is signed with a reason.")
        if warning_id != WARNING.id:
            raise NotFound("There is no such warning.")
        if level != WARNING.level:
            raise WarningChanged("The warning has changed.")
        return replace(WARNING, decision=decision, signed_level=level, signed_by=actor, signed_at=T0, reason=reason)

    async def load(self, first: date, last: date) -> Load:
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return Load(first, {day: [0] * 20 + [6] + [0] * (SLOTS - 21) for day in days}, 300.0, 8.0)

    async def report(self, year: int, month: int) -> MonthReport:
        if year > 2100:
            raise CallerFault("That month has not begun yet.")
        return MonthReport(f"{year}-{month:02}", "运行报告", T0, True, [])


def _written(report: MonthReport, kind: ReportFormat) -> bytes:
    return f"{report.name}.{kind}".encode()


ONE_ANALYSIS = AnalysisServices(
    OneWarning(), OneWarning(), OneWarning(), _written, WarningRules(), StaffingRules(), WorkingDays()
)
