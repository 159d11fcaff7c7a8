"""A report as pages that look the same everywhere, for people who print and sign it.

The Chinese font is one of this machine's (setup installs Noto Sans CJK), and only the glyphs that are used go into the file.
"""

from __future__ import annotations

import functools
import io
import logging
from typing import Final

from fontTools.ttLib import TTFont
from fontTools.ttLib.ttCollection import TTCollection
from fpdf import FPDF
from fpdf.enums import Align, TableBordersLayout, WrapMode
from fpdf.fonts import FontFace

from ivr.domain.errors import Unavailable
from ivr.domain.intervals import SHANGHAI
from ivr.domain.month_report import MonthReport, Plot, Table, shown, writable
from ivr.reports.plots import chinese_font, font_file, picture

_WIDE_MM: Final = 174.0
_LANDSCAPE_FROM: Final = 8
"""Tables of so many columns are read on a page that lies on its side."""
_INK: Final = (30, 41, 55)
_SOFT: Final = (82, 93, 107)
_HEAD: Final = FontFace(fill_color=(230, 236, 245), color=_INK)
_MISSING: Final = "\N{REPLACEMENT CHARACTER}"


class NoChineseFont(Unavailable):
    """There is no font on this machine that has Chinese characters."""

    code = "no_chinese_font"


def pages(report: MonthReport) -> bytes:
    """The file's bytes; NoChineseFont where there is none. A table goes on with its head on the next page."""
    file, number = _font_file()
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells every table it drops from a font
    made = _Pages(report.title, wide=any(len(t.head) >= _LANDSCAPE_FROM for s in report.sections for t in s.tables))
    made.add_font("chinese", "", file, collection_font_number=number)
    made.set_title(_fit(report.title))
    made.set_author("12348")
    made.set_creation_date(report.made_at.astimezone(SHANGHAI))
    made.add_page()
    made.line_of(report.title, 18, align="C")
    made.line_of(f"生成时间 {report.made_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}", 9, colour=_SOFT, align="C")
    for section in report.sections:
        made.heading(section.title, 14)
        for text in section.text:
            made.line_of(text, 10)
        for plot in section.plots:
            _plot(made, plot)
        for table in section.tables:
            _table(made, table)
    return bytes(made.output())


class _Pages(FPDF):
    """Pages with their number below."""

    def __init__(self, title: str, *, wide: bool) -> None:
        super().__init__("landscape" if wide else "portrait", "mm", "A4")
        self._told = _fit(title)
        self.set_margins(18, 16, 18)
        self.set_auto_page_break(True, 16)

    def footer(self) -> None:
        """Called by the library at each page's end."""
        self.set_y(-12)
        self.set_font("chinese", size=8)
        self.set_text_color(*_SOFT)
        self.cell(0, 5, f"{self._told}　第 {self.page_no()} 页", align="C")

    def line_of(self, text: str, size: float, *, colour: tuple[int, int, int] = _INK, align: str = "L") -> None:
        """A paragraph."""
        self.set_font("chinese", size=size)
        self.set_text_color(*colour)
        self.multi_cell(0, size * 0.55, _fit(text), align=align, new_x="LMARGIN", new_y="NEXT", wrapmode=WrapMode.CHAR)
        self.ln(1.2)

    def heading(self, text: str, size: float) -> None:
        """A heading stays with at least some lines of what follows."""
        if self.will_page_break(size * 0.55 + 25):
            self.add_page()
        self.ln(2.5)
        self.line_of(text, size)


def _plot(made: _Pages, plot: Plot) -> None:
    wide = min(_WIDE_MM, made.epw)
    if made.will_page_break(wide * 0.375 + 14):  # its title stays with it
        made.add_page()
    made.heading(plot.title, 11)
    drawn = io.BytesIO(picture(plot, chinese_font()))
    made.image(drawn, w=wide, h=wide * 0.375, x=Align.C, alt_text=_fit(plot.title))
    made.ln(2)


def _table(made: _Pages, table: Table) -> None:
    made.heading(table.title, 11)
    if not table.rows:
        made.line_of("没有。", 10)
        return
    made.set_font("chinese", size=8.5)
    made.set_text_color(*_INK)
    made.set_draw_color(200, 208, 218)
    wants = [_share(table, x) for x in range(len(table.head))]
    sides = ["RIGHT" if not any(isinstance(row[x], str) for row in table.rows) else "LEFT" for x in range(len(table.head))]
    with made.table(
        col_widths=wants, text_align=sides, headings_style=_HEAD, line_height=5, padding=0.6, borders_layout=TableBordersLayout.ALL,
        first_row_as_headings=True, repeat_headings=1, wrapmode=WrapMode.CHAR,
    ) as grid:
        grid.row([_fit(name) for name in table.head])
        for y, values in enumerate(table.rows):
            grid.row([_fit(shown(value, table.unit(y, x))) for x, value in enumerate(values)])
    if table.note:
        made.ln(1)
        made.line_of(table.note, 8.5, colour=_SOFT)


def _share(table: Table, column: int) -> int:
    """How much of the page a column wants: what its longest cell takes, within reason."""
    texts = [table.head[column], *(shown(row[column], table.unit(y, column)) for y, row in enumerate(table.rows))]
    return max(7, min(40, max(sum(2 if ord(c) > 0x2E80 else 1 for line in (text.split("\n")) for c in line) for text in texts) + 2))


@functools.cache
def _font_file() -> tuple[str, int]:
    """A Chinese font's file, and which of the file's fonts it is."""
    name = chinese_font()
    if name is None:
        raise NoChineseFont("这台机器上没有中文字体，不能生成 PDF；请安装 fonts-noto-cjk，或下载 docx")
    file = font_file(name)
    if not file.lower().endswith((".ttc", ".otc")):
        return file, 0
    with TTCollection(file, lazy=True) as collection:
        wanted = [n for n, font in enumerate(collection.fonts) if "SC" in (font["name"].getDebugName(1) or "")]
    return file, wanted[0] if wanted else 0


@functools.cache
def _known() -> frozenset[int]:
    """Every character the font has."""
    file, number = _font_file()
    with TTFont(file, fontNumber=number, lazy=True) as font:
        return frozenset(font.getBestCmap())


def _fit(text: str) -> str:
    """The text in characters the font has: an empty box would be read as nothing."""
    known = _known()
    return "".join(c if c == "\n" or ord(c) in known else _MISSING if ord(_MISSING) in known else "?" for c in writable(text))
