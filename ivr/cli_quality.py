"""`ivr quality`: the scorecard in force, another put in its place after a dry run, and what waits for people."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors, system_user
from ivr.domain.errors import BadSetting
from ivr.domain.scorecard import Scorecard, parse_scorecard
from ivr.domain.worktime import SHANGHAI
from ivr.ports.quality import PublishedCard
from ivr.quality_setup import shipped_scorecard
from ivr.settings import load_settings
from ivr.storage.quality_reviews import PostgresQualityDesk

quality_app = typer.Typer(help="Quality review: scorecards, and what waits for people.", no_args_is_help=True)

T = TypeVar("T")


def _with_quality(work: Callable[[PostgresQualityDesk], Awaitable[T]]) -> T:
    async def go() -> T:
        async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
            return await work(PostgresQualityDesk(pool))

    with plain_errors():
        return asyncio.run(go())


@quality_app.command("card")
def card(
    version: Annotated[str | None, typer.Argument(help="Default: the one in force.")] = None,
    text: Annotated[bool, typer.Option("--text", help="The file itself, to make the next version from.")] = False,
) -> None:
    """Show a scorecard: what the machine looks for, what people judge, and the weights."""
    found = _with_quality(lambda q: q.card(version))
    with plain_errors():
        if found is None and version is not None:
            raise BadSetting(f"没有版本 {version[:20]}；有哪些见 ivr quality cards")
    if text:
        typer.echo(found.text if found else shipped_scorecard(), nl=False)
        return
    told = found.card if found else parse_scorecard(shipped_scorecard())
    since = f"，{found.published_by} 于 {found.published_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} 发布" if found else "，随产品附带"
    out.print(Text(f"{told.title} · 版本 {told.version}{since}"))
    _print(told)


@quality_app.command("cards")
def cards() -> None:
    """List every published version, the one in force first."""
    table = Table("版本", "名称", "项", "发布人", "发布时间", "在用")
    found: list[PublishedCard] = list(_with_quality(lambda q: q.cards()))
    for n, one in enumerate(found):
        table.add_row(
            Text(one.card.version), Text(one.card.title), str(len(one.card.criteria)), Text(one.published_by),
            f"{one.published_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", "✓" if n == 0 else "–",
        )
    out.print(table)


@quality_app.command("publish")
def publish(
    file: Annotated[Path, typer.Argument(help="A scorecard (TOML); begin with `ivr quality card --text`.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check it, and show what would change.")] = False,
) -> None:
    """Put a scorecard in force for calls from now on. A published version never changes; marks keep theirs."""
    with plain_errors():
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as refused:
            raise BadSetting(f"{file} cannot be read: {refused}") from refused
    before = _with_quality(lambda q: q.card(None))
    told = _with_quality(lambda q: q.publish(text, system_user(), dry_run=dry_run))
    _print(told, before.card if before else None)
    if dry_run:
        out.print("试运行：没有发布。")
    else:
        out.print(f"[green]✓[/green] 版本 {told.version} 已生效，此后的来电按它质检")


@quality_app.command("waiting")
def waiting() -> None:
    """How many picked calls nobody has scored, and how many appeals nobody has decided."""
    counts = _with_quality(lambda q: q.counts())
    out.print(f"待评 {counts.open} 通，申诉待定 {counts.appealed} 件")


def _print(told: Scorecard, before: Scorecard | None = None) -> None:
    """The criteria; with a card before, what is new in each."""
    table = Table("项", "名称", "谁评", "分值", "怎么判", *(["和在用的比"] if before else []))
    for c in told.criteria:
        bounds = f"{c.least:g}–{c.most:g}" if c.least else f"≤ {c.most:g}" if c.most else ""
        how = "、".join(c.phrases[:4]) + (" …" if len(c.phrases) > 4 else "") if c.phrases else bounds
        row = [c.code, c.title, "机器" if c.check else "人工", "一票否决" if c.fatal else str(c.weight), how]
        if before:
            known = before.criterion(c.code)
            row.append("新增" if known is None else "有改动" if known != c else "")
        table.add_row(*map(Text, row))
    out.print(table)
    if before and (gone := [c.title for c in before.criteria if told.criterion(c.code) is None]):
        out.print(Text(f"不再有：{'、'.join(gone)}"))
