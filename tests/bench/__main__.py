"""``python -m tests.bench [--only NAME] [--json FILE] [--full]``: measure, print a table, write the figures."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.bench.figure import Figure, quick

BENCHES = ("ami", "speech", "memory", "hangup", "calls", "growth", "journey", "live", "desk", "search", "video")
"""Modules of this package; each has one public function ``measure(full) -> list[Figure]``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything could be measured; a missed goal is a figure, not a failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Figures as ratios to a peer, in one run.")
    parser.add_argument("--only", choices=BENCHES, action="append", help="run this one (may be repeated)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--full", action="store_true", help="longer: growth to a million calls, search in a million transcripts, more rounds")
    given = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
        + (" — QUICK: these figures show the shape only" if quick() else "")
    )
    figures: list[Figure] = []
    broken = []
    for name in given.only or BENCHES:
        console.print(f"[bold]bench {name}[/bold] …")
        try:
            measured = importlib.import_module(f"tests.bench.{name}").measure(given.full)
        except Exception:
            console.print_exception(max_frames=6)
            broken.append(name)
            continue
        figures += measured
        console.print(table(measured))
        for figure in measured:
            if figure.remark:
                console.print(f"  {escape(figure.figure)}: {escape(figure.remark)}", style="red" if figure.met is False else "dim")
    if given.json:
        given.json.write_text(json.dumps([f.plain() for f in figures], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    missed = [f for f in figures if f.met is False]
    console.print(f"{len(figures)} figures, {sum(f.met is True for f in figures)} goals met, {len(missed)} missed")
    for name in broken:
        console.print(f"[red]bench {name} could not be measured[/red]")
    return 1 if broken else 0


def table(figures: Sequence[Figure]) -> Table:
    """The figures of one bench as people read them."""
    shown = Table(box=None, header_style="bold")
    for heading in ("figure", "ours", "peer", "unit", "ratio", "spread", "goal", ""):
        shown.add_column(heading, justify="right" if heading in ("ours", "peer", "ratio", "spread") else "left")
    for f in figures:
        spread = f"{f.spread[0]:g}…{f.spread[1]:g}" if f.spread else ""
        mark = {True: "[green]met[/green]", False: "[red]MISSED[/red]", None: ""}[f.met]
        shown.add_row(escape(f.figure), _number(f.ours), _number(f.peer), f.unit, _number(f.ratio), spread, f.goal or "", mark)
    return shown


def _number(value: Any) -> str:
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:g}"


if __name__ == "__main__":
    sys.exit(main())
