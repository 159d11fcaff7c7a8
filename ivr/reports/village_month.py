"""The month's report of villages: how each village's phone was used, how it could be, and what its adviser gave it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from ivr.domain.adviser_hours import OWED_H, outlook
from ivr.domain.month_report import Cell, MonthReport, Section, Table
from ivr.domain.worktime import SHANGHAI
from ivr.ports.advisers import Absence, VillageHours

_HEAD = ("镇街", "村居", "顾问工号", "通话数", "通话分钟", "走访分钟", "讲座分钟", "顾问未接", "终端", "线路", "自检通过")
_YEAR = ("镇街", "村居", "顾问工号", "本年小时", "预计全年小时", "预计差小时", "余下每月需小时")
_ABSENT = ("顾问工号", "姓名", "村居", "日期", "排班", "说明")
_ABSENT_NOTE = "排了班而没有签入、接听、走访或讲座记录；说明由班长写。"
_MONTH_NOTE = "通话为本村顾问接听的视频与语音；终端与线路为制表时的情况；自检为本月通过数 / 测得数。"
_YEAR_NOTE = "预计 = 至今小时 ÷ 已过天数 × 全年天数，前 60 天不预计。"


def village_report(
    month: Sequence[VillageHours], year: Sequence[VillageHours], devices: Mapping[str, Sequence[tuple[str, str, bool]]],
    tests: Mapping[str, tuple[int, int]], absences: Sequence[Absence] = (), *, first: date, today: date, made_at: datetime,
) -> MonthReport:
    """``devices`` are {village: (device, the sentence about it now, whether its line is poor)}; ``first`` is the month's first day.

    ``tests`` are {village: (self-tests passed in the month, those that told something)}, ``absences`` those of the month.
    """
    name = f"{first:%Y-%m}"
    rows: list[Sequence[Cell]] = []
    for v in month:
        phones = devices.get(v.village, ())
        word = "\n".join(told for _, told, _ in phones) or "没有终端"
        line = "线路差" if any(poor for _, _, poor in phones) else ""
        passed, made = tests.get(v.village, (0, 0))
        rows.append((
            v.town_name, v.name, "、".join(v.advisers), v.calls, round(v.call_minutes, 1), v.visit_minutes, v.lecture_minutes,
            v.missed, word, line, f"{passed} / {made}" if made else "",
        ))
    ahead: list[Sequence[Cell]] = []
    for v in year:
        told = outlook(v.hours, first.year, today)
        ahead.append((
            v.town_name, v.name, "、".join(v.advisers), round(v.hours, 1),
            None if told.expected_h is None else round(told.expected_h, 1),
            None if told.short_h is None else round(told.short_h, 1), round(told.month_h, 1),
        ))
    absent: list[Sequence[Cell]] = []
    for a in absences:
        start, end = a.starts_at.astimezone(SHANGHAI), a.ends_at.astimezone(SHANGHAI)
        theirs = "、".join(v.name for v in month if a.adviser in v.advisers)
        absent.append((a.adviser, a.name, theirs, f"{start:%m-%d}", f"{start:%H:%M}–{end:%H:%M}", a.reason or "未说明"))
    return MonthReport(
        name, f"村居终端与法律顾问月报 {name}", made_at, complete=(today.year, today.month) > (first.year, first.month), sections=(
            Section("本月", (_MONTH_NOTE,), tables=(Table("各村居", _HEAD, rows),)),
            Section(
                f"{first.year} 年", (f"每村每年应满 {OWED_H:.0f} 小时。{_YEAR_NOTE}",), tables=(Table("各村居", _YEAR, ahead),),
            ),
            Section("顾问缺勤", (_ABSENT_NOTE,), tables=(Table("缺勤", _ABSENT, absent),)),
        ),
    )
