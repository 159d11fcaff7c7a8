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
from ivr.domain.appointment import SERVICES, Booking, Slot, SlotFile, checked_number, parse_slots
from ivr.domain.caller_language import checked_name
from ivr.domain.errors import BadSetting
from ivr.domain.worktime import SHANGHAI
from ivr.settings import load_settings
from ivr.storage.appointments import PostgresAppointments
from ivr.storage.audit import PostgresAudit

slots_app = typer.Typer(help="Times citizens may book by telephone.", no_args_is_help=True)


@slots_app.command("list")
def list_slots() -> None:
    """Show the times to come, by Shanghai's clock, and the numbers of those who booked them."""
    with plain_errors():
        coming = asyncio.run(_coming())
    table = Table("编号", "服务", "时间", "名额", "已约", "预约号/来电号码")
    for slot, who in coming:
        start, end = (m.astimezone(SHANGHAI) for m in (slot.starts_at, slot.ends_at))
        table.add_row(
            str(slot.id), SERVICES.get(slot.service, slot.service), f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}",
            str(slot.places), str(len(who)), " ".join(f"{b.id}/{b.number}" for b in who),
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


@slots_app.command("book")
def book(
    slot: Annotated[int, typer.Argument(help="编号 of `ivr slots list`.")],
    number: Annotated[str, typer.Argument(help="The citizen's telephone number, digits as orders show it.")],
    by: Annotated[str, typer.Option("--by", help="Who books it; kept in the audit trail.")],
    call: Annotated[str, typer.Option("--call", help="The linked id of the call it is done in.")] = "",
) -> None:
    """Book a place for a citizen, as an operator does during a call."""
    with plain_errors():
        checked_name(by)
        booked = asyncio.run(_book(slot, checked_number(number), call, by))
    out.print(f"[green]✓[/green] 预约号 {booked.id}：{booked.number}，{booked.slot.words}")


@slots_app.command("cancel")
def cancel(
    booking: Annotated[int, typer.Argument(help="预约号 of `ivr slots list`.")],
    by: Annotated[str, typer.Option("--by", help="Who cancels it; kept in the audit trail.")],
) -> None:
    """Take a booking back."""
    with plain_errors():
        checked_name(by)
        gone = asyncio.run(_cancel(booking, by))
    out.print(f"[green]✓[/green] 已取消：{gone.number}，{gone.slot.words}")


async def _book(slot_id: int, number: str, linked_id: str, by: str) -> Booking:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        await PostgresAudit(pool).append(f"cli:{by}", "appointment.book", str(slot_id), {"number": number, "call": linked_id})
        return await PostgresAppointments(pool).book(slot_id, number, linked_id)


async def _cancel(booking_id: int, by: str) -> Booking:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        await PostgresAudit(pool).append(f"cli:{by}", "appointment.cancel", str(booking_id), {})
        return await PostgresAppointments(pool).cancel(booking_id)


async def _coming() -> Sequence[tuple[Slot, Sequence[Booking]]]:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        return await PostgresAppointments(pool).coming()


async def _offer(read: SlotFile) -> int:
    async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
        return await PostgresAppointments(pool).offer(read)
