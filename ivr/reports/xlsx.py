"""A report as a spreadsheet: a sheet a section, numbers as numbers, plots as the spreadsheet's own charts."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final

from openpyxl import Workbook
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter

from ivr.domain.csv_cells import harmless
from ivr.domain.intervals import SHANGHAI
from ivr.domain.month_report import Cell, MonthReport, Plot, Section, Table, Unit, writable

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_FORMATS: Final[dict[Unit, str]] = {"share": "0.00%", "seconds": '0.0" 秒"', "": "General"}
_FONT: Final = "Microsoft YaHei"
_COLOURS: Final = ("2A4365", "19713A", "BF2118", "8F5300")
_LINE: Final = Side(style="thin", color="DFE4EA")
_WIDEST: Final = 48
_CHART_ROWS: Final = 16
_PLOTS_COLUMN: Final = 12


def workbook(report: MonthReport) -> bytes:
    """The file's bytes. No text becomes a formula, whatever it begins with; a title of a sheet loses what sheets may not have."""
    book = Workbook()
    book.remove(book.active)
    for section in report.sections:
        sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\']", "", writable(section.title))[:31])
        _write(sheet, report, section)
    book.properties.title = report.title
    book.properties.creator = "12348"
    book.properties.created = book.properties.modified = report.made_at.astimezone(SHANGHAI).replace(tzinfo=None)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _write(sheet: Worksheet, report: MonthReport, section: Section) -> None:
    sheet.sheet_view.showGridLines = False
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    row = 1
    for text, size, bold in ((report.title, 14, True), (section.title, 12, True), *((t, 10, False) for t in section.text)):
        cell = sheet.cell(row, 1, _text(text))
        cell.font = Font(_FONT, size, bold=bold)
        row += 1
    widths: dict[int, int] = {}
    for table in section.tables:
        row = _table(sheet, table, row + 1, widths)
    for column, width in widths.items():
        sheet.column_dimensions[get_column_letter(column)].width = min(width, _WIDEST) + 2
    for n, plot in enumerate(section.plots):
        _chart(sheet, plot, n, widths)


def _table(sheet: Worksheet, table: Table, row: int, widths: dict[int, int]) -> int:
    """Write a table from this row on; the row after it."""
    sheet.cell(row, 1, _text(table.title)).font = Font(_FONT, 11, bold=True)
    row += 1
    for column, name in enumerate(table.head, 1):
        cell = sheet.cell(row, column, _text(name))
        cell.font, cell.fill = Font(_FONT, 10, bold=True, color="FFFFFF"), PatternFill("solid", "22344D")
        cell.alignment = Alignment("center", "center", wrap_text=True)
        widths[column] = max(widths.get(column, 8), min(_width(name), 16))
    for y, cells in enumerate(table.rows):
        row += 1
        for x, value in enumerate(cells):
            _value(sheet, row, x + 1, value, table.unit(y, x))
            widths[x + 1] = max(widths.get(x + 1, 8), _width(value))
    if not table.rows:
        row += 1
        sheet.cell(row, 1, "没有").font = Font(_FONT, 10, color="525D6B")
    if table.note:
        row += 1
        sheet.cell(row, 1, _text(table.note)).font = Font(_FONT, 9, color="525D6B")
    return row + 1


def _value(sheet: Worksheet, row: int, column: int, value: Cell, unit: Unit) -> None:
    cell = sheet.cell(row, column, "–" if value is None else _text(value) if isinstance(value, str) else value)
    cell.font, cell.border = Font(_FONT, 10), Border(bottom=_LINE)
    if isinstance(value, str):
        cell.alignment = Alignment("left", "top", wrap_text=True)
    else:
        cell.alignment, cell.number_format = Alignment("right", "top"), _FORMATS[unit]


def _chart(sheet: Worksheet, plot: Plot, number: int, widths: dict[int, int]) -> None:
    """The chart to the right of the tables; its numbers lie beside it, so that whoever changes them sees it change."""
    left = max(_PLOTS_COLUMN, max(widths, default=0) + 2)
    data = left + 12 + number * (len(plot.series) + 2)
    for column, name in enumerate(("", *plot.series)):
        sheet.cell(1, data + column, _text(name))
    for y, label in enumerate(plot.labels, 2):
        sheet.cell(y, data, _text(label))
        for x, values in enumerate(plot.series.values(), 1):
            cell = sheet.cell(y, data + x, values[y - 2])
            cell.number_format = _FORMATS[plot.unit]
    last = len(plot.labels) + 1
    chart = BarChart() if plot.kind == "columns" else LineChart()
    chart.add_data(Reference(sheet, data + 1, 1, data + len(plot.series), last), titles_from_data=True)
    chart.set_categories(Reference(sheet, data, 2, data, last))
    for series, colour in zip(chart.series, _COLOURS, strict=False):
        series.graphicalProperties.line.solidFill = colour
        if plot.kind == "columns":
            series.graphicalProperties.solidFill = colour
        else:
            series.smooth = False
    chart.title, chart.width, chart.height = writable(plot.title), 22, 7.5
    chart.legend.position = "b"
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.y_axis.numFmt = _FORMATS[plot.unit].replace("0.00%", "0%")
    sheet.add_chart(chart, f"{get_column_letter(left)}{1 + number * _CHART_ROWS}")


def _text(text: str) -> str:
    return harmless(writable(text))


def _width(value: Cell) -> int:
    return sum(2 if ord(c) > 0x2E80 else 1 for c in value) if isinstance(value, str) else 9
