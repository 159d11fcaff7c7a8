"""`ivr risk`: words of risk that were heard, and how often each phrase of the table was right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors
from ivr.domain.worktime import SHANGHAI
from ivr.intake_tables import shipped_risks
from ivr.settings import load_settings
from ivr.storage.risk import PostgresRisks

risk_app = typer.Typer(help="Words of risk callers said, and how good each word is.", no_args_is_help=True)

T = TypeVar("T")
_DECIDED = {"real": "属实", "false": "误报", None: "待定"}


def _with_risks(work: Callable[[PostgresRisks], Awaitable[T]]) -> T:
    async def go() -> T:
        async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
            return await work(PostgresRisks(pool, shipped_risks()))

    with plain_errors():
        return asyncio.run(go())


@risk_app.command("words")
def words(
    heard: Annotated[bool, typer.Option(help="Only phrases that were heard.")] = False,
) -> None:
    """Every phrase with its real and false alarms, the most false ones first: what the next table should leave out."""
    table = Table("词", "类别", "误报", "属实", "待定", "在用")
    for word in _with_risks(lambda r: r.words()):
        if heard and not word.real + word.false + word.open:
            continue
        table.add_row(
            Text(word.phrase), word.kind, str(word.false), str(word.real), str(word.open), "✓" if word.in_force else "–"
        )
    out.print(table)


@risk_app.command("list")
def alerts(
    open_only: Annotated[bool, typer.Option("--open", help="Only those nobody has decided.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
) -> None:
    """What was heard, undecided ones first. Deciding is for supervisors, on the page."""
    table = Table("时间", "词", "秒", "来电", "工单", "结论", "谁", "依据")
    for alert in _with_risks(lambda r: r.alerts(open_only=open_only, limit=limit)):
        table.add_row(
            f"{alert.raised_at.astimezone(SHANGHAI):%m-%d %H:%M:%S}", Text(alert.words), f"{alert.at_s:.0f}",
            Text(alert.caller_number), alert.order_number, _DECIDED[alert.decision], Text(alert.decided_by), Text(alert.reason),
        )
    out.print(table)
