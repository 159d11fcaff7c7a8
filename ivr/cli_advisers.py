"""`ivr advisers`: hours of village advisers, what is entered besides calls, and the month's report of villages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors, report_format, system_user
from ivr.device_setup import adviser_desk, device_desk
from ivr.domain.adviser_hours import KINDS, Work, outlook
from ivr.domain.errors import BadSetting
from ivr.domain.worktime import SHANGHAI
from ivr.ports.devices import DeviceRegister
from ivr.reports.village_month import village_report
from ivr.reports.write import write_report
from ivr.settings import load_settings
from ivr.storage.advisers import PostgresAdvisers
from ivr.storage.devices import PostgresDevices

advisers_app = typer.Typer(help="Hours of village advisers.", no_args_is_help=True)

T = TypeVar("T")


def _with_advisers(work: Callable[[PostgresAdvisers, PostgresDevices], Awaitable[T]]) -> T:
    async def go() -> T:
        settings = load_settings()
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            return await work(adviser_desk(settings, pool), device_desk(settings, pool))

    with plain_errors():
        return asyncio.run(go())


@advisers_app.command("hours")
def hours(year: Annotated[int | None, typer.Option(min=2000, max=2199, help="Default: this year.")] = None) -> None:
    """Show each village's year: hours so far, what the pace comes to, and what each month left takes to reach fifty."""

    async def read(advisers: PostgresAdvisers, _devices: PostgresDevices) -> tuple[list[tuple[str, ...]], int]:
        today = await advisers.today()
        wanted = year or today.year
        rows: list[tuple[str, ...]] = []
        for v in await advisers.hours(wanted):
            told = outlook(v.hours, wanted, today)
            foretold = "还不能预计" if told.short_h is None else f"预计差 {told.short_h:.1f}" if told.short_h else "能满"
            advising = "、".join(v.advisers) or "无"
            rows.append((v.village, v.name, advising, f"{v.hours:.1f}", foretold, f"{told.month_h:.1f}", str(v.missed)))
        return rows, wanted

    rows, wanted = _with_advisers(read)
    table = Table("编码", "村居", "顾问", f"{wanted} 年小时", "满 50 小时", "余下每月需", "顾问未接")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


@advisers_app.command("add")
def add(
    village: str, adviser: str,
    kind: Annotated[str, typer.Option(help="visit or lecture.")],
    day: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])],
    minutes: Annotated[int, typer.Option(min=1)],
    evidence: Annotated[str, typer.Option(help="What proves it: the signed sheet's number, the photo's.")],
) -> None:
    """Enter a visit or lecture. The same work entered again counts once."""
    with plain_errors():
        chosen = next((k for k in KINDS if k == kind), None)
        if chosen is None:
            raise BadSetting(f"--kind must be one of {', '.join(KINDS)}")
    work = Work(village, adviser, chosen, day.date(), minutes, evidence)
    number = _with_advisers(lambda advisers, _: advisers.enter(work, system_user()))
    out.print(f"[green]✓[/green] 已登记，编号 {number}")


@advisers_app.command("void")
def void(number: int, reason: Annotated[str, typer.Option(help="Why, for those who read the record later.")]) -> None:
    """Count an entry no more; it stays to be seen."""
    _with_advisers(lambda advisers, _: advisers.void(number, system_user(), reason))
    out.print(f"[green]✓[/green] 编号 {number} 已作废")


@advisers_app.command("absences")
def absences(month: Annotated[datetime, typer.Argument(formats=["%Y-%m"], help="As 2026-11.")]) -> None:
    """Show the duties of a month at which there is no trace of the adviser, and which of them a supervisor excused."""
    first = date(month.year, month.month, 1)
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    found = _with_advisers(lambda advisers, _: advisers.absences(first, after))
    table = Table("工号", "姓名", "排班", "缺勤")
    for a in found:
        start, end = (moment.astimezone(SHANGHAI) for moment in (a.starts_at, a.ends_at))
        why = f"已说明：{a.reason}" if a.excused_by else "未说明"
        table.add_row(a.adviser, Text(a.name), f"{start:%m-%d %H:%M}–{end:%H:%M}", Text(why))
    out.print(table if found else f"{month:%Y-%m} 没有缺勤")


@advisers_app.command("report")
def report(
    month: Annotated[datetime, typer.Argument(formats=["%Y-%m"], help="As 2026-11.")],
    file: Annotated[Path, typer.Option("--output", "-o", help="The file to write: .xlsx, .pdf or .docx.")],
) -> None:
    """Write the month's report of villages as a spreadsheet or pages: phones, calls, the adviser's hours with their outlook."""
    with plain_errors():
        kind = report_format(file)
    first = date(month.year, month.month, 1)
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)

    async def read(advisers: PostgresAdvisers, devices: PostgresDevices) -> bytes:
        register = await devices.register()
        year = await advisers.between(date(first.year, 1, 1), after)
        told = village_report(
            await advisers.between(first, after), year, _phones(register),
            await devices.test_counts(first, after), await advisers.absences(first, after),
            first=first, today=min(await advisers.today(), after), made_at=register.now.astimezone(SHANGHAI),
        )
        return await asyncio.to_thread(write_report, told, kind)

    written = _with_advisers(read)
    with plain_errors():
        try:
            file.write_bytes(written)
        except OSError as refused:
            raise BadSetting(f"{file} cannot be written: {refused.strerror}") from refused
    out.print(f"[green]✓[/green] 已写入 {file}", soft_wrap=True)


def _phones(register: DeviceRegister) -> dict[str, list[tuple[str, str, bool]]]:
    """{village: (device, its sentence, whether its line is poor)}."""
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for r in register.devices:
        found.setdefault(r.device.village, []).append((r.device.id, register.sentence(r), r.poor_line))
    return found
