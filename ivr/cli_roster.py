"""`ivr roster`: who is on duty when, for callers who choose a lawyer."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_places import read_text
from ivr.cli_terminal import err, out, plain_errors, system_user
from ivr.domain.errors import BadSetting
from ivr.domain.roster import Duty, RosterDiff, RosterFile, parse_roster
from ivr.domain.worktime import SHANGHAI
from ivr.intake_tables import shipped_tables
from ivr.settings import Settings, load_settings
from ivr.storage.roster import PostgresRoster
from ivr.storage.shifts import PostgresShifts

roster_app = typer.Typer(help="The lawyers on duty, whom callers may choose.", no_args_is_help=True)
_SHOWN = 12


@roster_app.command("list")
def list_roster(days: Annotated[int, typer.Option(min=1, max=92, help="How many days from today on.")] = 7) -> None:
    """Show who is on duty, by Shanghai's clock; who has no seat here cannot be chosen."""
    with plain_errors():
        settings = load_settings()
        duties = asyncio.run(_stored(settings, days))
    seats = {s.work_number for s in settings.seats if s.work_number}
    names = {code: name for name, code in specialities().items()}
    table = Table("工号", "姓名", "专长", "自", "至", "")
    for duty in duties:
        start, end = (f"{m.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" for m in (duty.starts_at, duty.ends_at))
        missing = "" if duty.work_number in seats else "没有坐席"
        table.add_row(duty.work_number, Text(duty.name), names.get(duty.speciality, duty.speciality), start, end, missing)
    out.print(table)


@roster_app.command("import")
def import_roster(
    file: Path, dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False
) -> None:
    """Import a CSV (work_number, name, speciality, from, to): the whole roster of its days. With any bad row nothing changes."""
    with plain_errors():
        settings = load_settings()
        text = read_text(file)
        numbers = [s.work_number for s in settings.seats if s.work_number]
        read = parse_roster(text, numbers, specialities())
        for bad in read.bad[:200]:
            err.print(f"[red]第 {bad.line} 行[/red] ", end="")
            err.print(bad.reason, markup=False, soft_wrap=True)
        if read.bad:
            raise BadSetting(f"{len(read.bad)} 处有误，没有导入任何内容；改正后再试")
        if read.days is None:
            raise BadSetting(f"{file} 里没有值班，没有改变任何内容")
        diff = asyncio.run(_replace(settings, read, dry_run))
    for title, duties in (("新增", diff.added), ("删除", diff.removed)):
        if duties:
            told = "、".join(f"{d.work_number} {d.name} {d.starts_at.astimezone(SHANGHAI):%m-%d %H:%M}" for d in duties[:_SHOWN])
            out.print(f"{title} {len(duties)}：{told}{'……' if len(duties) > _SHOWN else ''}", markup=False)
    out.print(f"不变 {diff.unchanged}；文件是 {read.days[0]} 至 {read.days[1]} 的完整值班表")
    out.print("[yellow]试运行，没有写入[/yellow]" if dry_run else "[green]✓[/green] 已导入，立即生效")


def specialities() -> dict[str, str]:
    """The codes of all matters by their names, in the code table in force."""
    return {code.name: code.code for code in shipped_tables().current.of("matter")}


async def _stored(settings: Settings, days: int) -> list[Duty]:
    today = datetime.now(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        return list(await PostgresRoster(pool).between(today, today + timedelta(days=days)))


async def _replace(settings: Settings, file: RosterFile, dry_run: bool) -> RosterDiff:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        diff, _ = await PostgresShifts(pool).replace(file, actor=system_user(), dry_run=dry_run)
        return diff
