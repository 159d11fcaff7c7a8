"""Cells for files that people open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

# What a spreadsheet takes as the beginning of a formula, with the full-width forms it folds to these.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def harmless(cell: object) -> str:
    """The cell as text that no spreadsheet runs: what looks like a formula gets an apostrophe before it. A number stays one."""
    if cell is None:
        return ""
    if isinstance(cell, (int, float)):
        return str(cell)
    text = str(cell).replace("\0", "")
    return f"'{text}" if text.lstrip(" \u3000\ufeff").startswith(FORMULA_STARTS) else text


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV file's text with harmless cells; a byte order mark leads, so that spreadsheets read it as UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(cell) for cell in head])
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()
