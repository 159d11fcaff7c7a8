"""The month's report of villages as a spreadsheet that can be read, and in which no name is a formula."""

from __future__ import annotations

import io
from datetime import date, datetime

from openpyxl import load_workbook
from pypdf import PdfReader

from ivr.domain.worktime import SHANGHAI
from ivr.ports.advisers import Absence, VillageHours
from ivr.reports.village_month import village_report
from ivr.reports.write import write_report
from ivr.reports.xlsx import workbook

NAMED = VillageHours("640105001-L01", "康庄社区", "西花园路街道", ["8001"], 90, 120, 60, 12, 2)
HOSTILE = VillageHours("640105001-L02", "=HYPERLINK(\"http://x\")", "", [], 0, 0, 0, 0, 0)

ABSENT, EXCUSED = (
    Absence("8001", "王律师", datetime(2026, 11, day, 9, tzinfo=SHANGHAI), datetime(2026, 11, day, 12, tzinfo=SHANGHAI), why, by)
    for day, why, by in ((5, "", ""), (6, "=开庭", "chief"))
)


def test_every_village_has_its_month_and_its_years_outlook() -> None:
    told = village_report(
        [NAMED, HOSTILE], [NAMED, HOSTILE], {NAMED.village: [("v-1", "不可用：自 11-03 起，因为注册已失效。", True), ("v-2", "在用。", False)]},
        {NAMED.village: (28, 30)}, [ABSENT, EXCUSED], first=date(2026, 11, 1),
        today=date(2026, 11, 26), made_at=datetime(2026, 11, 26, 9, tzinfo=SHANGHAI),
    )
    assert not told.complete
    month, year, absent = load_workbook(io.BytesIO(workbook(told))).worksheets
    rows = [[c.value for c in row] for row in month.iter_rows()]
    assert ["西花园路街道", "康庄社区", "8001", 12, 90, 120, 60, 2, "不可用：自 11-03 起，因为注册已失效。\n在用。", "线路差", "28 / 30"] in rows
    assert any("没有终端" in row for row in rows)
    ahead = next(row for row in ([c.value for c in row] for row in year.iter_rows()) if "康庄社区" in row)
    assert ahead[3:] == [4.5, 5.0, 45.0, 39.5]
    missing = [[c.value for c in row] for row in absent.iter_rows()]
    assert ["8001", "王律师", "康庄社区", "11-05", "09:00–12:00", "未说明"] in missing
    assert [row[-1] for row in missing if row[3] == "11-06"] == ["'=开庭"], "what a supervisor typed is no formula"
    assert all(cell.data_type != "f" for sheet in (month, year, absent) for row in sheet.iter_rows() for cell in row)


def test_the_month_is_also_pages_to_print() -> None:
    rows = [VillageHours(f"640105001-L{n:02}", f"第{n}社区", "西花园路街道", ["8001"], 90, 120, 60, 12, 2) for n in range(81)]
    told = village_report(rows, rows, {}, {}, first=date(2026, 11, 1), today=date(2026, 11, 26), made_at=datetime(2026, 11, 26, 9, tzinfo=SHANGHAI))
    text = "".join(page.extract_text().replace("\0", "") for page in PdfReader(io.BytesIO(write_report(told, "pdf"))).pages)
    assert all(text.count(f"第{n}社区") == 2 for n in range(81)) and "村居终端与法律顾问月报 2026-11" in text


def test_a_month_that_is_over_is_whole() -> None:
    told = village_report([], [], {}, {}, first=date(2026, 10, 1), today=date(2026, 11, 1), made_at=datetime(2026, 11, 26, 9, tzinfo=SHANGHAI))
    assert told.complete and told.name == "2026-10"
