"""A monthly report as data: paragraphs, tables and plots, so that every file format says the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Cell = str | int | float | None
Unit = Literal["", "share", "seconds"]
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Table:
    """``units`` say how a column's numbers are shown: '' as they are, shares as percentages, seconds to a tenth. None is a dash.

    ``row_units`` say it by row instead, for a table of figures. ``note`` stands below.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    units: Sequence[Unit] = ()
    row_units: Sequence[Unit] = ()
    note: str = ""

    def unit(self, row: int, column: int) -> Unit:
        """How the number in this cell is shown."""
        if self.row_units and column > 0:
            return self.row_units[row]
        return self.units[column] if column < len(self.units) else ""


@dataclass(frozen=True, slots=True)
class Plot:
    """Columns over labels, one series beside the other, or lines; None leaves a gap."""

    title: str
    kind: Literal["columns", "lines"]
    labels: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    unit: Unit = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its paragraphs, then its plots, then its tables."""

    title: str
    text: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True, slots=True)
class MonthReport:
    """``name`` is the month as 2026-10; ``complete`` False while it runs."""

    name: str
    title: str
    made_at: datetime
    complete: bool
    sections: Sequence[Section]


def writable(text: str) -> str:
    """The text without what no XML file may hold: control characters, halves of characters, and two that are none."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def shown(value: Cell, unit: Unit) -> str:
    """A cell as people read it."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if unit == "share":
        return f"{100 * value:.2f}%"
    if unit == "seconds":
        return f"{value:.1f} 秒"
    return str(value) if isinstance(value, int) else f"{value:g}"
