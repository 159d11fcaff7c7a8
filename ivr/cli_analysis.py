"""`ivr warnings`, `ivr forecast` and `ivr report`: rises and their signatures, seats for a day, the monthly report."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.analysis_setup import analysis_services, rise_watch, warning_rules
from ivr.cli_terminal import out, plain_errors, report_format, system_user
from ivr.domain.early_warning import DECISION_NAMES, LEVEL_NAMES, Decision
from ivr.domain.errors import BadSetting, NotFound
from ivr.domain.forecast import SLOT_S, Forecast, first_day_needed, forecast
from ivr.domain.intervals import SHANGHAI
from ivr.intake_tables import CodeNames, shipped_tables
from ivr.ports.analysis import AnalysisServices, EarlyWarning, WarningFilter
from ivr.settings import Settings, load_settings
from ivr.storage.audit import PostgresAudit

warnings_app = typer.Typer(help="Rises of matters in one place above what is usual there (晴雨表).", no_args_is_help=True)
report_app = typer.Typer(help="Reports as files.", no_args_is_help=True)

T = TypeVar("T")
_STYLES = {1: "yellow", 2: "dark_orange", 3: "red"}


class State(StrEnum):
    """Which warnings."""

    OPEN = "open"
    SIGNED = "signed"
    ALL = "all"


def _with_analysis(work: Callable[[AnalysisServices], Awaitable[T]]) -> T:
    async def go() -> T:
        settings = load_settings()
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            return await work(analysis_services(settings, pool))

    with plain_errors():
        return asyncio.run(go())


@warnings_app.command("list")
def list_warnings(
    state: Annotated[State, typer.Option(help="open: waiting for a signature.")] = State.OPEN,
    start: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Of this day or later.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Before this day.")] = None,
) -> None:
    """Show warnings, the newest day first."""
    waiting = {"open": True, "signed": False, "all": None}[state.value]
    wanted = WarningFilter(start.date() if start else None, end.date() if end else None, waiting, limit=200)

    async def read(services: AnalysisServices) -> tuple[list[EarlyWarning], str]:
        return list(await services.warnings.listed(wanted)), services.warning_rules.told()

    found, rule = _with_analysis(read)
    if found:
        _show(found)
    else:
        out.print("[green]✓[/green] 没有待签发的预警" if state is State.OPEN else "没有预警")
    out.print(rule, style="dim", soft_wrap=True)
    if any(w.open for w in found):
        for act, command in (("签发", "confirm"), ("不予发布", "dismiss")):
            out.print(f"{act}：ivr warnings {command} 编号 --reason 理由", style="dim", soft_wrap=True)


@warnings_app.command("look")
def look() -> None:
    """Look for rises now; the controller does so every twenty seconds."""

    async def go(settings: Settings) -> int:
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            return await rise_watch(settings, pool).look()

    with plain_errors():
        settings = load_settings()
        raised = asyncio.run(go(settings))
    out.print(f"[green]✓[/green] 新增或升级 {raised} 条")
    out.print(warning_rules(settings).told(), style="dim", soft_wrap=True)


Number = Annotated[int, typer.Argument(min=1, max=2**31, help="Its number, from `ivr warnings list`.")]
Reason = Annotated[str, typer.Option(help="Why, for those who read the record later.")]


@warnings_app.command("confirm")
def confirm(warning: Number, reason: Reason) -> None:
    """Sign a warning: it is real, and may be told to others. Audited."""
    _sign(warning, "confirmed", reason)


@warnings_app.command("dismiss")
def dismiss(warning: Number, reason: Reason) -> None:
    """Sign that a warning is explained, and is told to nobody. Audited."""
    _sign(warning, "dismissed", reason)


def _sign(number: int, decision: Decision, reason: str) -> None:
    async def write(services: AnalysisServices) -> EarlyWarning:
        found = next((w for w in await services.warnings.listed(WarningFilter(limit=10_000)) if w.id == number), None)
        if found is None:
            raise NotFound(f"there is no warning {number}; `ivr warnings list --state all` shows them")
        return await services.warnings.sign(number, found.level, decision, reason, system_user())

    _show([_with_analysis(write)])


def _show(found: list[EarlyWarning]) -> None:
    codes = CodeNames(shipped_tables())
    table = Table("编号", "日期", "村居", "内容", "件数", "平时", "级别", "结论", "签署人", "理由")
    for w in found:
        decision = DECISION_NAMES[""] if w.open else DECISION_NAMES[w.decision]
        table.add_row(
            str(w.id), f"{w.day:%m-%d}", Text(w.place_name or w.place), Text(codes.name(w.table_version, w.kind, w.code) or w.code),
            str(w.orders), f"{w.usual:g}", Text(LEVEL_NAMES[w.level], style=_STYLES.get(w.level, "")), decision, Text(w.signed_by),
            Text(w.reason),
        )
    out.print(table)


def show_forecast(day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; today.")] = None) -> None:
    """Show the calls expected in each half-hour of a day and the seats they need, beside what came."""
    now = datetime.now(UTC)
    today = now.astimezone(SHANGHAI).date()
    wanted = day.date() if day else today

    async def read(services: AnalysisServices) -> tuple[Forecast, str]:
        weeks = services.staffing.weeks
        first = min(first_day_needed(wanted, weeks), first_day_needed(today, weeks))
        load = await services.loads.load(first, wanted)
        return forecast(wanted, now, load, services.staffing, services.calendar), services.staffing.told()

    told, rule = _with_analysis(read)
    if not told.slots:
        out.print("记录不足，还不能预测：至少要有三天同类日的来电")
        return
    table = Table("时段", "预测", "需要坐席", "实际", "实际需要坐席", title=f"{wanted:%Y-%m-%d}")
    for slot in told.slots:
        if slot.expected or slot.came:
            start = slot.start.astimezone(SHANGHAI)
            over = ["–" if n is None else str(n) for n in (slot.came, slot.seats_for_came)]
            span = f"{start:%H:%M}–{start + timedelta(seconds=SLOT_S):%H:%M}"
            table.add_row(span, f"{slot.expected:.1f}", str(slot.seats), *over)
    out.print(table)
    out.print(rule, style="dim", soft_wrap=True)
    basis = f"平均处理时长（通话 + 整理）{told.handle_s:.0f} 秒；依据 {len(told.days)} 天：{_spanned(told)}"
    out.print(basis, style="dim", soft_wrap=True)
    if told.replayed:
        off = "–" if told.off_share is None else f"{100 * told.off_share:.1f}%"
        days = "，".join(f"{r.day:%m-%d} {r.expected:.0f}/{r.came}" for r in told.replayed)
        out.print(f"过去 {len(told.replayed)} 天 预测/实际：{days}", style="dim", soft_wrap=True)
        out.print(f"半小时误差 Σ|预测 − 实际| ÷ Σ实际 = {off}", style="dim", soft_wrap=True)


def _spanned(told: Forecast) -> str:
    return f"{told.days[0]:%m-%d} 至 {told.days[-1]:%m-%d}" if told.days else ""


@report_app.command("month")
def month(
    month: Annotated[str, typer.Argument(help="The month, as 2026-10.")],
    to: Annotated[Path, typer.Option("--out", help="File to write: .xlsx, .docx or .pdf.")],
) -> None:
    """Write the monthly report: figures with formulas, days, places, orders, forecast, signed warnings, balance. Audited."""
    with plain_errors():
        found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", month)
        if found is None or not 1970 <= int(found[1]) < 2200:
            raise BadSetting(f"{month} is no month; write it like 2026-10")
        kind = report_format(to)

    async def make() -> bytes:
        settings = load_settings()
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            services = analysis_services(settings, pool)
            report = await services.reports.report(int(found[1]), int(found[2]))
            written = await asyncio.to_thread(services.write, report, kind)
            await PostgresAudit(pool).append(system_user(), "report.export", month, {"format": kind})
            return written

    with Console(stderr=True).status("正在统计并生成报告……"), plain_errors():
        written = asyncio.run(make())
    with plain_errors():
        try:
            to.write_bytes(written)
        except OSError as error:
            raise BadSetting(f"{to} cannot be written: {error.strerror}; choose another file") from error
    out.print(f"[green]✓[/green] {to}（{len(written) // 1024} KB）", soft_wrap=True)
