"""From the settings to analysis: the rules in force, who watches for rises, what the pages are served with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.domain.counted_call import Limits
from ivr.domain.early_warning import WarningRules
from ivr.domain.forecast import StaffingRules
from ivr.intake_tables import CodeNames, shipped_tables
from ivr.order_setup import work_time
from ivr.pipeline.month_report import MonthlyReports
from ivr.pipeline.watch_rises import RiseWatch
from ivr.ports.analysis import AnalysisServices
from ivr.reports.write import write_report
from ivr.settings import Settings
from ivr.storage.early_warnings import PostgresEarlyWarnings
from ivr.storage.loads import PostgresLoads
from ivr.storage.statistics import PostgresStatistics

if TYPE_CHECKING:
    from ivr.storage.database import Pool


def warning_rules(settings: Settings) -> WarningRules:
    """What counts as a rise."""
    return WarningRules(settings.analysis.warn_least, settings.analysis.warn_weeks)


def staffing_rules(settings: Settings) -> StaffingRules:
    """What seats are reckoned by; conversation and wrap-up are the hotline's own queue's."""
    queue = next(q for q in settings.queues if q.name == settings.hotline.queue)
    return StaffingRules(
        settings.analysis.seats_goal, settings.figures.answered_within_s, queue.wrap_up_s, usual_talk_s=queue.talk_s
    )


def rise_watch(settings: Settings, pool: Pool) -> RiseWatch:
    """What the controller runs for early warning."""
    rules, calendar = warning_rules(settings), work_time(settings).days
    return RiseWatch(PostgresEarlyWarnings(pool), settings.analysis.warn_by, rules, calendar)


def analysis_services(settings: Settings, pool: Pool) -> AnalysisServices:
    """What pages and commands are served with."""
    figures, time = settings.figures, work_time(settings)
    limits = Limits(figures.answered_within_s, figures.also_within_s, figures.short_s)
    warnings, loads = PostgresEarlyWarnings(pool), PostgresLoads(pool)
    rules, staffing = warning_rules(settings), staffing_rules(settings)
    reports = MonthlyReports(
        PostgresStatistics(pool, limits, time), warnings, loads, CodeNames(shipped_tables()), limits, rules, staffing, time.days
    )
    return AnalysisServices(warnings, loads, reports, write_report, rules, staffing, time.days)
