"""`ivr slots`: times citizens may book, and who comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ivr import bootstrap
from ivr.cli_places import read_text
from ivr.cli_terminal import err, out, plain_errors
from ivr.domain.appointment import SERVICES, Slot, SlotFile, parse_slots
from ivr.domain.errors import BadSetting
from ivr.domain.worktime import SHANGHAI
from ivr.settings import load_settings
from ivr.storage.appointments import PostgresAppointments

slots_app = typer.Typer(help="Times citizens may book by telephone.", no_args_is_help=True)


@slots_app.command("list")
def list_slots() -> None:
    """Show the times to come, by Shanghai's clock, and the numbers of those who booked them."""
    with plain_errors():
        coming = asyncio.run(_coming())
    table = Table("服务", "时间", "名额", "已约", "来电号码")
    for slot, who in coming:
        start, end = (m.astimezone(SHANGHAI) for m in (slot.starts_at, slot.ends_at))
        table.add_row(
            SERVICES.get(slot.service, slot.service), f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}", str(slot.places), str(len(who)),
            " ".join(who),
        )
    out.print(table)


@slots_app.command("import")
def import_slots(
    file: Path, dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file, change nothing.")] = False
) -> None:
    """Import a CSV (service, from, to, places); a known time gets the new places. With any bad row nothing changes."""
    with plain_errors():
        read = parse_slots(read_text(file))
        for bad in read.bad[:200]:
            err.print(f"[red]第 {bad.line} 行[/red] ", end="")
            err.print(bad.reason, markup=False, soft_wrap=True)
        if read.bad:
            raise BadSetting(f"{len(read.bad)} 处有误，没有导入任何内容；改正后再试")
        if dry_run:
            out.print(f"[yellow]试运行，没有写入[/yellow]；文件有 {len(read.slots)} 个时段")
            return
        new = asyncio.run(_offer(read))
    out.print(f"[green]✓[/green] 新增 {new} 个时段，更新 {len(read.slots) - new} 个，立即生效")


async def _coming() -> Sequence[tuple[Slot, Sequence[str]]]:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        return await PostgresAppointments(pool).coming()


async def _offer(read: SlotFile) -> int:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        return await PostgresAppointments(pool).offer(read)
