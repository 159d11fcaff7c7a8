"""`ivr people`: who orders may be given to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_places import read_text
from ivr.cli_roster import specialities
from ivr.cli_terminal import err, out, plain_errors, system_user
from ivr.domain.assignment import COLUMNS, PeopleDiff, Person, parse_people
from ivr.domain.csv_cells import csv_text
from ivr.domain.errors import BadSetting
from ivr.intake_tables import shipped_places
from ivr.settings import Settings, load_settings
from ivr.storage.people import PostgresPeople
from ivr.storage.places import load_places, seed_places

people_app = typer.Typer(help="People and units work orders are given to.", no_args_is_help=True)
_SHOWN = 12


@people_app.command("list")
def list_people() -> None:
    """Show everybody with unit, account, specialities and places."""
    with plain_errors():
        people = asyncio.run(_stored(load_settings()))
    table = Table("工号", "姓名", "单位", "账号", "专长", "镇街村居", "调解员电话", "")
    for p in people:
        held = (" ".join(p.specialities), " ".join(p.places), p.mediator_phone, "" if p.enabled else "停用")
        table.add_row(*map(Text, (p.work_number, p.name, p.unit, p.account, *held)))
    out.print(table)


@people_app.command("export")
def export_people() -> None:
    """Print everybody as a CSV that `ivr people import` takes."""
    with plain_errors():
        people = asyncio.run(_stored(load_settings()))
    rows = [
        (p.work_number, p.name, p.unit, p.account, "|".join(p.specialities), "|".join(p.places),
         "yes" if p.enabled else "no", p.mediator_phone)
        for p in people
    ]
    print(csv_text(COLUMNS, rows), end="")


@people_app.command("import")
def import_people(
    file: Path, dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False
) -> None:
    """Import a CSV (docs/reference/orders.md tells its columns). With any bad row nothing changes."""
    with plain_errors():
        diff = asyncio.run(_import(load_settings(), read_text(file), dry_run))
    told = (("新增", diff.added), ("修改", [after for _, after in diff.changed]), ("文件中没有，保留", diff.missing))
    for title, people in told:
        if people:
            names = "、".join(f"{p.work_number} {p.name}" for p in people[:_SHOWN])
            out.print(f"{title} {len(people)}：{names}{'……' if len(people) > _SHOWN else ''}", markup=False)
    if diff.new_units:
        out.print(f"新单位：{'、'.join(diff.new_units)}", markup=False)
    out.print(f"不变 {diff.unchanged}")
    out.print("[yellow]试运行，没有写入[/yellow]" if dry_run else "[green]✓[/green] 已导入，立即生效")


async def _stored(settings: Settings) -> list[Person]:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        return await PostgresPeople(pool).everybody()


async def _import(settings: Settings, text: str, dry_run: bool) -> PeopleDiff:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        await seed_places(pool, shipped_places())
        places = {key: p.code for p in await load_places(pool) if p.status == "confirmed" for key in (p.code, p.name)}
        known = specialities()
        read = parse_people(text, known | {code: code for code in known.values()}, places)
        for bad in read.bad[:200]:
            err.print(f"[red]第 {bad.line} 行[/red] ", end="")
            err.print(bad.reason, markup=False, soft_wrap=True)
        if read.bad:
            raise BadSetting(f"{len(read.bad)} 处有误，没有导入任何内容；改正后再试")
        return await PostgresPeople(pool).apply(read, actor=system_user(), dry_run=dry_run)
