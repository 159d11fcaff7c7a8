"""Reports as files: numbers stay numbers, hostile texts stay texts, and both formats say the same."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from PIL import Image
from pypdf import PageObject, PdfReader

from ivr.domain.month_report import MonthReport, Plot, Section, Table, shown
from ivr.reports import pdf
from ivr.reports.plots import legend, picture
from ivr.reports.write import write_report

AT = datetime(2026, 11, 1, 1, tzinfo=UTC)
HOSTILE = ["=cmd|'/C calc'!A0", "+1", "-2", "@SUM(A1)", "\x00\x07坏", "<w:p>&amp;</w:p>", "\ud800", "长" * 300, "\u202e反"]
TABLE = Table(
    "每日", ["日期", "到达", "接通率"], [["10-01", 12, 0.9583], ["10-02", 0, None]], units=["", "", "share"], note="–：没有来电。"
)
PLOT = Plot("来电", "columns", ["1", "2"], {"到达": [12, 0], "放弃": [1, 0]})
RATE = Plot("接通率", "lines", ["1", "2"], {"接通率": [0.9583, None]}, "share")


def report(*sections: Section) -> MonthReport:
    return MonthReport("2026-10", "运行报告", AT, True, sections)


def texts(page: PageObject) -> str:
    """A page's text; the reader takes the font's two-byte characters for two each."""
    return page.extract_text().replace("\0", "")


def test_the_spreadsheet_holds_numbers_with_their_formats_and_charts_of_them() -> None:
    book = load_workbook(io.BytesIO(write_report(report(Section("二、每日", ["一句话"], [PLOT, RATE], [TABLE])), "xlsx")))
    sheet = book["二、每日"]
    found = {cell.value: cell for row in sheet.iter_rows() for cell in row if cell.value is not None}
    assert found[0.9583].number_format == "0.00%" and found["–"].alignment.horizontal == "right" and "–：没有来电。" in found
    assert len(sheet._charts) == 2
    for chart, plot in zip(sheet._charts, (PLOT, RATE), strict=True):
        for series, values in zip(chart.series, plot.series.values(), strict=True):
            where = series.val.numRef.f.split("!")[1].replace("$", "")
            assert [c.value for (c,) in sheet[where]] == list(values)  # a chart shows its own numbers, not its neighbour's


def test_the_document_holds_the_same_as_people_read_it_with_the_head_on_every_page() -> None:
    made = docx.Document(io.BytesIO(write_report(report(Section("二、每日", ["一句话"], [PLOT, RATE], [TABLE, Table("无", ["甲"], [])])), "docx")))
    (grid,) = made.tables
    assert [[c.text for c in row.cells] for row in grid.rows] == [["日期", "到达", "接通率"], ["10-01", "12", "95.83%"], ["10-02", "0", "–"]]
    assert "tblHeader" in grid.rows[0]._tr.xml and len(made.inline_shapes) == 2
    texts = [p.text for p in made.paragraphs]
    assert "一句话" in texts and "没有。" in texts and "生成时间 2026-11-01 09:00" in texts


def test_the_pages_hold_the_same_with_a_font_of_their_own_and_the_head_on_each() -> None:
    long = Table("每日", TABLE.head, [[f"{n:02}", n, 0.5] for n in range(120)], units=TABLE.units)
    read = PdfReader(io.BytesIO(write_report(report(Section("二、每日", ["一句话"], [PLOT, RATE], [TABLE, Table("无", ["甲"], []), long])), "pdf")))
    told = [texts(page) for page in read.pages]
    assert all(word in told[0] for word in ("运行报告", "生成时间 2026-11-01 09:00", "一句话", "95.83%", "–：没有来电。", "没有。", "第 1 页"))
    assert len(told) > 2 and all("接通率" in page for page in told[1:]) and sum(len(page.images) for page in read.pages) == 2
    fonts = [font.get_object() for page in read.pages for font in page["/Resources"]["/Font"].values()]
    descriptors = [f["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object() for f in fonts]
    assert descriptors and all({"/FontFile2", "/FontFile3"} & set(d) for d in descriptors), "embedded, so that it looks the same everywhere"


def test_pages_of_many_columns_lie_on_their_side_and_a_machine_without_a_font_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Table("宽", [str(n) for n in range(9)], [list(range(9))])
    page = PdfReader(io.BytesIO(write_report(report(Section("一", tables=[wide])), "pdf"))).pages[0]
    assert page.mediabox.width > page.mediabox.height
    pdf._font_file.cache_clear()
    monkeypatch.setattr(pdf, "chinese_font", lambda: None)
    try:
        with pytest.raises(pdf.NoChineseFont, match="fonts-noto-cjk"):
            write_report(report(), "pdf")
    finally:
        pdf._font_file.cache_clear()


def test_hostile_texts_are_texts_on_pages_too() -> None:
    written = write_report(report(Section("=a", HOSTILE, [], [Table("=1+1", HOSTILE, [HOSTILE], note="=2")])), "pdf")
    text = "".join(texts(page) for page in PdfReader(io.BytesIO(written)).pages)
    assert "=2" in text and text.count("长") >= 600 and b"/JavaScript" not in written and b"/Launch" not in written


@pytest.mark.parametrize("kind", ["xlsx", "docx"])
def test_hostile_texts_are_texts_everywhere(kind: str) -> None:
    table = Table("=1+1", HOSTILE, [HOSTILE], note="=2")
    plot = Plot("=3", "columns", HOSTILE, {"=4": [1.0] * len(HOSTILE)})
    written = write_report(report(Section("=a[b]:c*d?e/f\\g" * 9, HOSTILE, [plot] if kind == "xlsx" else [], [table])), kind)  # type: ignore[arg-type]
    with zipfile.ZipFile(io.BytesIO(written)) as parts:
        assert parts.testzip() is None
        assert not any(b"<f>" in parts.read(name) for name in parts.namelist() if "worksheets" in name)
    if kind == "docx":
        (grid,) = docx.Document(io.BytesIO(written)).tables
        assert grid.rows[1].cells[0].text == HOSTILE[0] and grid.rows[1].cells[5].text == HOSTILE[5]
    else:
        sheet = load_workbook(io.BytesIO(written)).worksheets[0]
        texts = {cell.value for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)}
        assert "'" + HOSTILE[0] in texts and not any(t.startswith(("=", "+", "-", "@")) for t in texts)


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=40))
def test_any_text_can_be_written(text: str) -> None:
    content = report(Section(text, [text], tables=[Table(text, [text], [[text]], note=text)]))
    for kind in ("xlsx", "docx"):
        assert write_report(content, kind)[:2] == b"PK"  # type: ignore[arg-type]


@pytest.mark.parametrize("plot", [PLOT, RATE, Plot("无", "lines", [], {"a": []}), Plot("字", "columns", ["婚姻家庭"], {"件": [3]})])
def test_a_plot_is_drawn_without_a_chinese_font_too(plot: Plot, recwarn: pytest.WarningsRecorder) -> None:
    image = Image.open(io.BytesIO(picture(plot, None)))
    assert image.size == (1920, 720) and len(set(image.convert("L").getdata())) > 10
    assert not [w for w in recwarn if "Glyph" in str(w.message)]  # no empty boxes where words should be
    assert legend(["到达", "放弃"]) == "深蓝：到达；绿：放弃"


def test_cells_are_shown_as_people_read_them() -> None:
    assert [shown(v, u) for v, u in ((None, "share"), (1.0, "share"), (9.52, "seconds"), (3, ""), (2.5, ""), ("x", "share"))] == [
        "–", "100.00%", "9.5 秒", "3", "2.5", "x"]  # type: ignore[arg-type]
