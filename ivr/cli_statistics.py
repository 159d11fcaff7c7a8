"""`ivr statistics`: the figures of a span of time as a table, and as a CSV file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import err, out, plain_errors
from ivr.domain.csv_cells import csv_text
from ivr.domain.errors import BadSetting
from ivr.domain.figures import (
    FIGURES,
    NOT_RECORDED,
    OCCUPANCY,
    ON_TIME,
    Figure,
    definition_of,
    figures,
    occupancy,
    quotient,
)
from ivr.domain.intervals import SHANGHAI
from ivr.ports.statistics import CallsWanted, Counted, CountedGroup
from ivr.settings import Settings, load_settings

_TABLE = ("connection_rate", "service_level", "abandonment", "answer_p50", "answer_p90", "talk_time", "satisfaction", "rated_share")


class Grouping(StrEnum):
    """What the rows are."""

    INTERVAL = "interval"
    QUEUE = "queue"
    TOWN = "town"
    CHANNEL = "channel"
    NUMBER = "number"


class Interval(StrEnum):
    """How long a row is, by interval."""

    QUARTER = "15m"
    HOUR = "1h"
    DAY = "1d"


def statistics(
    start: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From this day on; today.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Before this day; the next.")] = None,
    by: Annotated[Grouping, typer.Option(help="What the rows are.")] = Grouping.INTERVAL,
    interval: Annotated[Interval, typer.Option(help="By interval: how long one is.")] = Interval.HOUR,
    queue: Annotated[str | None, typer.Option(help="Calls that entered this queue.")] = None,
    channel: Annotated[str | None, typer.Option(help="Calls of this channel.")] = None,
    town: Annotated[str | None, typer.Option(help="Calls whose order names this town, by its code.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write every figure with its numbers here; - for the terminal.")] = None,
) -> None:
    """Show the figures of some days, with their formulas; a balance that does not add up is told."""
    with plain_errors():
        settings = load_settings()
        day = _midnight(start or datetime.now(SHANGHAI))
        wanted = CallsWanted(day, _midnight(end) if end else day + timedelta(days=1), queue, channel, town)
        counted = asyncio.run(_counted(settings, wanted, by, interval))
        if csv is not None:
            _write(csv, csv_text(*_sheet(counted, by)))
            return
    limits = bootstrap.figure_limits(settings)
    table = Table("", "到达", "接通", *(definition_of(name).told(limits)[0] for name in _TABLE), "")
    for group in (*counted.groups, counted.total):
        if group is not counted.total and by is Grouping.INTERVAL and not group.tally.counts["arrived"]:
            continue
        told = {f.name: f for f in figures(group.tally)}
        numbers = [str(group.tally.counts[name]) for name in ("arrived", "answered")]
        off = Text(f"差 {_off(group)}" if _off(group) else "", style="red")
        heading = Text("合计" if group is counted.total else _name(group, by))
        table.add_row(heading, *numbers, *(_shown(told[name]) for name in _TABLE), off)
    out.print(table)
    on_time = quotient(ON_TIME, counted.on_time.finished_in_time, counted.on_time.due)
    out.print(f"按时办结率 {_shown(on_time)}（{counted.on_time.finished_in_time} / {counted.on_time.due}）")
    out.print(f"{OCCUPANCY.title} {_shown(occupancy(counted.seats.values()))}")
    for definition in (*(definition_of(name) for name in _TABLE), ON_TIME, OCCUPANCY):
        title, formula = definition.told(limits)
        out.print(f"{title} = {formula}", style="dim", soft_wrap=True)
    for missing in NOT_RECORDED:
        out.print(f"{missing.title}：{missing.why}", style="dim", soft_wrap=True)
    for balance in counted.total.balances:
        if balance.difference:
            kind = "号码" if balance.kind == "number" else "队列"
            told_of = f"{kind} {balance.name}：{balance.difference} 个来电的记录自相矛盾，不在任何一项里；名单见网页“调度”"
            err.print(Text("✗ ", style="red") + Text(told_of, style="default"), soft_wrap=True)


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time(), SHANGHAI)


def _name(group: CountedGroup, by: Grouping) -> str:
    if by is Grouping.INTERVAL:
        return f"{group.start.astimezone(SHANGHAI):%m-%d %H:%M}"
    return group.title or "-"


def _shown(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    return f"{100 * figure.value:.2f}%" if definition_of(figure.name).unit == "share" else f"{figure.value:.1f} s"


def _sheet(counted: Counted, by: Grouping) -> tuple[list[str], list[Sequence[object]]]:
    """Heading and rows: the total first; shares as fractions, seconds as seconds, an empty cell for a figure over nothing."""
    names = list(counted.total.tally.counts)
    numbers = [part for d in FIGURES for part in (d.name, f"{d.name}_numerator", f"{d.name}_denominator")]
    head = ["key", "title", "from", "to", *names, *numbers]
    rows: list[Sequence[object]] = []
    for group in (counted.total, *counted.groups):
        key = "total" if group is counted.total else group.key
        span = [moment.astimezone(SHANGHAI).isoformat() for moment in (group.start, group.end)]
        told = [part for f in figures(group.tally) for part in (f.value, f.numerator, f.denominator)]
        rows.append([key, group.title, *span, *(group.tally.counts[name] for name in names), *told, _off(group)])
    return [*head, "difference"], rows


def _off(group: CountedGroup) -> int:
    return sum(abs(b.difference) for b in group.balances)


def _write(file: Path, text: str) -> None:
    if str(file) == "-":
        sys.stdout.write(text.removeprefix("\ufeff"))
        return
    try:
        file.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise BadSetting(f"{file} cannot be written: {error.strerror}; choose another file") from error
    out.print(f"[green]✓[/green] {file}", soft_wrap=True)


async def _counted(settings: Settings, wanted: CallsWanted, by: Grouping, interval: Interval) -> Counted:
    async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
        return await bootstrap.statistics(settings, pool).counted(wanted, by.value, interval.value)
