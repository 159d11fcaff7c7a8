"""`ivr callbacks`: what is owed to citizens, and closing one by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors
from ivr.domain.callback import KIND_WORDS, RESULT_WORDS
from ivr.domain.errors import BadSetting
from ivr.domain.worktime import SHANGHAI
from ivr.ports.views import CallbackFilter, CallbackRecord
from ivr.settings import Settings, load_settings
from ivr.storage.callbacks import PostgresCallbacks
from ivr.storage.views import PostgresViews

callbacks_app = typer.Typer(help="Call-backs owed to citizens.", no_args_is_help=True)

_STATES = {"waiting": "等待", "calling": "正在拨打", "done": "已完成", "failed": "未完成", "withdrawn": "已取消"}
_LONGEST_REASON = 100


@callbacks_app.command("list")
def list_callbacks(
    all_of_them: Annotated[bool, typer.Option("--all", help="Those that are closed too, the newest 500.")] = False,
) -> None:
    """Show the open call-backs, the newest first."""
    with plain_errors():
        found = asyncio.run(_listed(load_settings(), all_of_them))
    table = Table("id", "", "号码", "队列", "状态", "次数", "预约于", "最早再拨", "工单", "情况")
    for job in found:
        table.add_row(
            str(job.id), KIND_WORDS[job.kind], job.number or "-", job.queue, _STATES[job.state], str(job.attempts),
            f"{job.promised_at.astimezone(SHANGHAI):%m-%d %H:%M}",
            "" if job.closed_at else f"{job.not_before.astimezone(SHANGHAI):%m-%d %H:%M}", job.order_number,
            Text(RESULT_WORDS.get(job.reason, job.reason)),
        )
    out.print(table if found else "没有需要回拨的电话" if not all_of_them else "没有回电记录")


@callbacks_app.command("withdraw")
def withdraw(
    job: Annotated[int, typer.Argument(min=1, max=2**62, help="The id that `ivr callbacks list` shows.")],
    reason: Annotated[str, typer.Option(help="Why; the order says it.")],
) -> None:
    """Close an open call-back without calling (any more); a call that is under way goes on."""
    with plain_errors():
        text = reason.strip().rstrip("。")
        if not text or len(text) > _LONGEST_REASON or not text.isprintable():
            raise BadSetting(f"--reason must say why in at most {_LONGEST_REASON} characters on one line")
        number = asyncio.run(_withdrawn(load_settings(), job, text))
    out.print(f"[green]✓[/green] 回电 {job} 已取消，工单 {number} 已注明")


async def _listed(settings: Settings, all_of_them: bool) -> Sequence[CallbackRecord]:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        return await PostgresViews(pool).callbacks(CallbackFilter(open_only=not all_of_them, limit=500))


async def _withdrawn(settings: Settings, job: int, reason: str) -> str:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        return await PostgresCallbacks(pool, bootstrap.callback_rules(settings)).withdraw(job, reason)
