"""A report as a document of A4 pages, for people who file and sign it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import docx
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from ivr.domain.intervals import SHANGHAI
from ivr.domain.month_report import MonthReport, Plot, Table, shown, writable
from ivr.reports.plots import chinese_font, legend, picture

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import _Cell
    from docx.text.paragraph import Paragraph

_TEXT: Final = "宋体"
_HEADING: Final = "黑体"
_PAGE_CM: Final = 17.0
_STYLES: Final = (("Normal", _TEXT, 10.5), ("Title", _HEADING, 18), ("Heading 1", _HEADING, 14), ("Heading 2", _HEADING, 11))


def document(report: MonthReport) -> bytes:
    """The file's bytes."""
    made = docx.Document()
    page = made.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = Cm(2)
    page.top_margin = page.bottom_margin = Cm(2.2)
    for style, font, size in _STYLES:
        found = made.styles[style]
        found.font.name, found.font.size, found.font.color.rgb = "Times New Roman", Pt(size), RGBColor(0x1E, 0x29, 0x37)
        fonts = found.element.get_or_add_rPr().get_or_add_rFonts()
        for name in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(name), None)
        fonts.set(qn("w:eastAsia"), font)
    made.add_heading(writable(report.title), 0).alignment = WD_ALIGN_PARAGRAPH.CENTER
    told = made.add_paragraph(f"生成时间 {report.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}")
    told.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for section in report.sections:
        made.add_heading(writable(section.title), 1)
        for text in section.text:
            made.add_paragraph(writable(text))
        for plot in section.plots:
            _plot(made, plot)
        for table in section.tables:
            _table(made, table)
    made.core_properties.title, made.core_properties.author = writable(report.title), "12348"
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def _plot(made: Document, plot: Plot) -> None:
    font = chinese_font()
    heading = made.add_heading(writable(plot.title), 2)
    heading.paragraph_format.keep_with_next = True
    made.add_picture(io.BytesIO(picture(plot, font)), width=Cm(_PAGE_CM))
    if font is None:
        told = legend(list(plot.series))
        if not all(label.isascii() for label in plot.labels):
            told += "；横轴 " + "，".join(f"{n} {label}" for n, label in enumerate(plot.labels, 1))
        made.add_paragraph(writable(told))


def _table(made: Document, table: Table) -> None:
    made.add_heading(writable(table.title), 2).paragraph_format.keep_with_next = True
    if not table.rows:
        made.add_paragraph("没有。")
        return
    grid = made.add_table(1, len(table.head), style="Table Grid")
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    head = grid.rows[0]
    repeated = OxmlElement("w:tblHeader")
    repeated.set(qn("w:val"), "true")
    head._tr.get_or_add_trPr().append(repeated)
    numbers = [bool(table.rows) and not any(isinstance(row[x], str) for row in table.rows) for x in range(len(table.head))]
    for x, (top, name) in enumerate(zip(head.cells, table.head, strict=True)):
        _fill(top, name, bold=True, right=numbers[x])
        shade = OxmlElement("w:shd")
        for key, value in (("w:val", "clear"), ("w:color", "auto"), ("w:fill", "E6ECF5")):
            shade.set(qn(key), value)
        top._tc.get_or_add_tcPr().append(shade)
    for y, values in enumerate(table.rows):
        for x, (cell, content) in enumerate(zip(grid.add_row().cells, values, strict=True)):
            _fill(cell, shown(content, table.unit(y, x)), right=not isinstance(content, str))
    grid.autofit = False
    wide = [_share(table, x) for x in range(len(table.head))]
    for row in grid.rows:
        for cell, share in zip(row.cells, wide, strict=True):
            cell.width = Cm(_PAGE_CM * share / sum(wide))
    if table.note:
        _small(made.add_paragraph(writable(table.note)))


def _share(table: Table, column: int) -> int:
    """How much of the page a column wants: what its longest cell takes, within reason."""
    texts = [table.head[column], *(shown(row[column], table.unit(y, column)) for y, row in enumerate(table.rows))]
    return max(6, min(36, max(sum(2 if ord(c) > 0x2E80 else 1 for c in text) for text in texts) + 2))


def _fill(cell: _Cell, text: str, *, bold: bool = False, right: bool = False) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.add_run(writable(text)).bold = bold
    if right:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    _small(paragraph)


def _small(paragraph: Paragraph) -> None:
    paragraph.paragraph_format.space_after = Pt(0)
    for run in paragraph.runs:
        run.font.size = Pt(9)
