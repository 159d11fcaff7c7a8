"""`ivr retention`: what the next run deletes, holds, and the proof of what went."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors, system_user
from ivr.domain.errors import BadSetting
from ivr.domain.retention import TITLES
from ivr.domain.worktime import SHANGHAI
from ivr.privacy_setup import retention, retention_terms
from ivr.settings import Settings, load_settings
from ivr.storage.retention import PostgresHolds, PostgresRetention

if TYPE_CHECKING:
    from ivr.storage.database import Pool

retention_app = typer.Typer(help="How long what is kept: preview, holds, deletion with proof.", no_args_is_help=True)
T = TypeVar("T")


def _with_pool(work: Callable[[Settings, Pool], Awaitable[T]]) -> T:
    async def go() -> T:
        settings = load_settings()
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            return await work(settings, pool)

    with plain_errors():
        return asyncio.run(go())


@retention_app.command("preview")
def preview(each: Annotated[int, typer.Option(min=1, max=1000, help="Most things listed of each kind.")] = 20) -> None:
    """What the next run would delete; nothing is touched."""
    with plain_errors():
        terms = retention_terms(load_settings())
    found = _with_pool(lambda settings, pool: retention(settings, pool).preview(each))
    table = Table("种类", "保存", "到期", "")
    for kind, title in TITLES.items():
        count, first = found.get(kind, (0, []))
        days = terms.days[kind]
        table.add_row(title, f"{days} 天" if days else "一直保存", str(count), Text("\n".join(d.object_name for d in first)))
    out.print(table)
    out.print("每天 4:00 删除；在办工单和保全的来电、工单不会删除。保存天数见设置 privacy", soft_wrap=True)


@retention_app.command("run")
def run_now() -> None:
    """Delete now what is due, as every night at four."""
    gone = _with_pool(lambda settings, pool: retention(settings, pool, system_user()).once())
    out.print("[green]✓[/green] 已删除：" + "，".join(f"{TITLES[kind]} {count}" for kind, count in gone.items()))


@retention_app.command("hold")
def hold(
    name: Annotated[str, typer.Argument(help="An order's 19 digits, or a call's linked id.")],
    reason: Annotated[str, typer.Option(help="Why it must stay.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Until the end of this day.")],
) -> None:
    """Hold an order with its calls, or one call: it is not deleted before this day is over."""
    with plain_errors():
        end = datetime.combine(until.date() + timedelta(days=1), time(), SHANGHAI)
        if len(reason.strip()) < 2 or end <= datetime.now(UTC):
            raise BadSetting("a hold needs a reason, and a day that is not over")
    thing = f"order:{name}" if len(name) == 19 and name.isdigit() else f"call:{name}"
    number = _with_pool(lambda _, pool: PostgresHolds(pool).hold(thing, reason.strip(), end, system_user()))
    out.print(f"[green]✓[/green] 保全 {number}：{name}，至 {until:%Y-%m-%d}", soft_wrap=True)


@retention_app.command("lift")
def lift(number: int, reason: Annotated[str, typer.Option(help="Why it need not stay any more.")]) -> None:
    """End a hold before its day."""
    with plain_errors():
        if len(reason.strip()) < 2:
            raise BadSetting("say why the hold ends")
    _with_pool(lambda _, pool: PostgresHolds(pool).lift(number, reason.strip(), system_user()))
    out.print(f"[green]✓[/green] 保全 {number} 已解除")


@retention_app.command("holds")
def holds() -> None:
    """Holds in force, the next to end first."""
    table = Table("编号", "来电或工单", "至", "谁", "原因")
    for one in _with_pool(lambda _, pool: PostgresHolds(pool).in_force()):
        table.add_row(
            str(one.id), one.object_name.partition(":")[2], f"{one.until.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", Text(one.set_by),
            Text(one.reason),
        )
    out.print(table)


@retention_app.command("proof")
def proof(limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50) -> None:
    """What was deleted and when, with the sha256 it had; each is an audit row too."""
    for one in _with_pool(lambda _, pool: PostgresRetention(pool).proofs(limit)):
        at = f"{one.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"
        out.print(Text(f"{at}  {TITLES[one.kind]}  {one.sha256.hex()}  {one.size_bytes}  {one.object_name}"), soft_wrap=True)
