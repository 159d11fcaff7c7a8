"""Days, months and years as callers say them, resolved against the day of the call: 昨天, 上个月五号, 去年三月."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ivr.domain.spoken_numbers import digit_row, parse_quantity

MOST_DAYS_AHEAD: Final = 60
"""三月五号 without a year is this year's, unless that lies further ahead than this: then last year's is meant."""

_NUMBER: Final = r"[零〇一二三四五六七八九十0-9]"
_DIGIT: Final = r"[零〇一二三四五六七八九0-9]"
_YEAR: Final = rf"(?:(?P<year_word>大前年|前年|去年|今年|明年)|(?P<year>{_DIGIT}{{4}}|{_DIGIT}{{2}})年)的?"
_MONTH_WORD: Final = r"(?P<month_word>上上个?月|上个?月|这个月|本月|下个?月)的?"
_RULES: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        (
            "date.month_day",
            rf"(?:{_YEAR})?(?<!{_NUMBER})(?P<month>{_NUMBER}{{1,2}})月份?的?(?P<day>{_NUMBER}{{1,3}})[号日](?!楼|院|线|门)",
        ),
        ("date.year_month", rf"{_YEAR}(?P<month>{_NUMBER}{{1,2}})月份?"),
        ("date.month", rf"(?<!{_NUMBER})(?P<month>{_NUMBER}{{1,2}})月份"),
        ("date.relative_month_day", rf"{_MONTH_WORD}(?P<day>{_NUMBER}{{1,3}})[号日]"),
        ("date.relative_month", _MONTH_WORD),
        ("date.weekday", r"(?P<week>上上|上|这|本|下)个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六天日])(?![个次])"),
        ("date.week", r"(?P<week>上上|上|这|本|下)个?(?:周(?!围|边|转|岁)|星期|礼拜)"),
        (
            "date.ago",
            r"(?P<ago>[零一二两三四五六七八九十百几0-9]{1,5}|半)(?P<unit>天|个?星期|周|个月|年)(?:以前|之前|前(?![妻夫面后任台门]))",
        ),
        ("date.year", _YEAR + r"(?!龄|纪|级|轻)"),
        ("date.day", r"大前天|前天|昨天|昨晚|今天|今早|明天|大后天|后天"),
    )
)
_DAY_WORDS: Final = {
    "大前天": -3,
    "前天": -2,
    "昨天": -1,
    "昨晚": -1,
    "今天": 0,
    "今早": 0,
    "明天": 1,
    "后天": 2,
    "大后天": 3,
}
_YEAR_WORDS: Final = {"大前年": -3, "前年": -2, "去年": -1, "今年": 0, "明年": 1}
_WEEK_WORDS: Final = {"上上": -2, "上": -1, "这": 0, "本": 0, "下": 1}
_AGE: Final = re.compile(
    r"(?:已经|都|快|才)?(?:多大|多少岁|几岁|[零一二两三四五六七八九十百几0-9]{1,4}(?:多)?(?:周)?岁)"
)
_BIRTH: Final = re.compile(r".{0,6}(?:出生|(?<!发)生的|生人)")
_OPENING_HOURS: Final = re.compile(r".{0,6}(?:上班|开门|营业)")
_COUNT_OF_YEARS: Final = re.compile(r"一二|两三|二三|三四|四五|五六|六七|七八|八九|三五")


@dataclass(frozen=True, slots=True)
class SpokenDate:
    """The days text[start:end] names, both included; ``approximate`` when the year or day had to be assumed."""

    start: int
    end: int
    first: date
    last: date
    approximate: bool
    rule: str

    @property
    def value(self) -> str:
        """ISO 8601: ``2026-03-05``, or an interval ``2026-02-01/2026-02-28``."""
        return (
            self.first.isoformat() if self.first == self.last else f"{self.first.isoformat()}/{self.last.isoformat()}"
        )

    @property
    def display(self) -> str:
        """For people: the day, or first 至 last; 约 when something was assumed."""
        days = f"{self.first:%Y-%m-%d}" if self.first == self.last else f"{self.first:%Y-%m-%d} 至 {self.last:%Y-%m-%d}"
        return f"约 {days}" if self.approximate else days


Days = tuple[date, date, bool]


def find_dates(text: str, called_on: date) -> list[SpokenDate]:
    """Every day, week, month or year named in one segment's text, in order; the longest reading of each place.

    Impossible days (二月三十号) and ages (今年六十岁) give nothing.
    """
    found: list[SpokenDate] = []
    taken: set[int] = set()
    for rule, pattern in _RULES:
        for match in pattern.finditer(text):
            if taken.isdisjoint(range(match.start(), match.end())) and not _means_no_date(text, match, rule):
                days = _resolve(rule, match, called_on)
                taken.update(range(match.start(), match.end()))
                if days is not None:
                    found.append(SpokenDate(match.start(), match.end(), *days, rule))
    return sorted(found, key=lambda d: d.start)


def _means_no_date(text: str, match: re.Match[str], rule: str) -> bool:
    if rule == "date.year" and match["year_word"] == "今年":
        return bool(_AGE.match(text, match.end()))
    if rule in ("date.year", "date.month_day", "date.year_month"):
        return bool(_BIRTH.match(text, match.end()))
    return rule == "date.day" and bool(_OPENING_HOURS.match(text, match.end()))


def _resolve(rule: str, match: re.Match[str], today: date) -> Days | None:
    try:
        return _RESOLVERS[rule](match, today)
    except (ValueError, OverflowError):  # a day that does not exist, or one outside the calendar
        return None


def _month_day(match: re.Match[str], today: date) -> Days | None:
    month, day = _number(match["month"]), _number(match["day"])
    if match["year_word"] or match["year"]:
        year = _year(match, today)
        return None if year is None else _one(date(year, month, day))
    this_year = date(today.year, month, day) if (month, day) != (2, 29) else _leap_day(today)
    if this_year - today > timedelta(days=MOST_DAYS_AHEAD):
        this_year = this_year.replace(year=this_year.year - 1)
    return (this_year, this_year, True)


def _leap_day(today: date) -> date:
    return date(next(y for y in range(today.year, today.year - 9, -1) if calendar.isleap(y)), 2, 29)


def _year_month(match: re.Match[str], today: date) -> Days | None:
    year = _year(match, today)
    return None if year is None else (*_month_span(year, _number(match["month"])), False)


def _month(match: re.Match[str], today: date) -> Days:
    first, last = _month_span(today.year, _number(match["month"]))
    if first - today > timedelta(days=MOST_DAYS_AHEAD):
        first, last = _month_span(today.year - 1, first.month)
    return (first, last, True)


def _relative_month(match: re.Match[str], today: date) -> Days:
    word = match["month_word"]
    back = -2 if word.startswith("上上") else -1 if word.startswith("上") else 1 if word.startswith("下") else 0
    first, last = _months_from(today, back)
    if "day" not in match.groupdict():
        return (first, last, False)
    return _one(first.replace(day=_number(match["day"])))


def _week(match: re.Match[str], today: date) -> Days:
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=_WEEK_WORDS[match["week"]])
    if "weekday" not in match.groupdict():
        return (monday, monday + timedelta(days=6), False)
    return _one(monday + timedelta(days="一二三四五六天".index(match["weekday"].replace("日", "天"))))


def _ago(match: re.Match[str], today: date) -> Days | None:
    unit = match["unit"].removeprefix("个")
    if match["ago"] == "半":
        first, last = _months_from(today, -6) if unit == "年" else (today - timedelta(days=15),) * 2
        return (first, last, True) if unit in ("年", "月") else None
    quantity = parse_quantity(match["ago"])
    if quantity is None or quantity.high > 1000:
        return None
    near, far = int(quantity.low), int(quantity.high)
    if unit == "天":
        return (today - timedelta(days=far), today - timedelta(days=near), near != far)
    if unit in ("周", "星期"):
        return (today - timedelta(weeks=far, days=3), today - timedelta(weeks=near, days=-3), True)
    if unit == "月":
        return (_months_from(today, -far)[0], _months_from(today, -near)[1], True)
    return (date(today.year - far, 1, 1), date(today.year - near, 12, 31), True)


def _whole_year(match: re.Match[str], today: date) -> Days | None:
    year = _year(match, today)
    return None if year is None else (date(year, 1, 1), date(year, 12, 31), False)


def _day(match: re.Match[str], today: date) -> Days:
    return _one(today + timedelta(days=_DAY_WORDS[match[0]]))


_RESOLVERS: Final[dict[str, Callable[[re.Match[str], date], Days | None]]] = {
    "date.month_day": _month_day,
    "date.year_month": _year_month,
    "date.month": _month,
    "date.relative_month_day": _relative_month,
    "date.relative_month": _relative_month,
    "date.weekday": _week,
    "date.week": _week,
    "date.ago": _ago,
    "date.year": _whole_year,
    "date.day": _day,
}


def _one(day: date) -> Days:
    return (day, day, False)


def _year(match: re.Match[str], today: date) -> int | None:
    if match["year_word"]:
        return today.year + _YEAR_WORDS[match["year_word"]]
    if _COUNT_OF_YEARS.fullmatch(match["year"]):
        return None  # 三四年 counts years
    digits = digit_row(match["year"]) or ""
    if len(digits) == 4:
        return int(digits) if 1900 <= int(digits) <= today.year + 10 else None
    century = today.year // 100 * 100
    return century + int(digits) - (100 if int(digits) > today.year % 100 + 10 else 0)


def _number(text: str) -> int:
    quantity = parse_quantity(text)
    if quantity is None or not quantity.is_exact:
        raise ValueError(text)
    return int(quantity.low)


def _month_span(year: int, month: int) -> tuple[date, date]:
    first = date(year, month, 1)
    return first, first.replace(day=calendar.monthrange(year, month)[1])


def _months_from(today: date, months: int) -> tuple[date, date]:
    index = today.year * 12 + today.month - 1 + months
    return _month_span(index // 12, index % 12 + 1)
