"""Spoken numbers, sums and dates, one table each; cn2an is the independent witness for exact numbers."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.spoken_amounts import find_amounts
from ivr.domain.spoken_dates import find_dates
from ivr.domain.spoken_numbers import NUMERAL_CHARS, digit_row, parse_exact, parse_quantity

MONDAY = date(2026, 11, 23)


@given(st.integers(min_value=1, max_value=10**12 - 1))
def test_exact_numbers_agree_with_cn2an(number: int) -> None:
    spoken = cn2an.an2cn(number)
    if len(spoken) <= 24:
        assert parse_exact(spoken) == number, spoken


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("三万五", 35000),
        ("三万零五", 30005),
        ("三万零五百", 30500),
        ("一百二", 120),
        ("两千五", 2500),
        ("五千六百", 5600),
        ("一万两千三", 12300),
        ("一亿两千万", 120_000_000),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("十二点五万", 125_000),
        ("3.5万", 35000),
        ("３０００", 3000),
    ],
)
def test_exact_as_said(said: str, value: int) -> None:
    assert parse_exact(said) == Decimal(value)


@pytest.mark.parametrize(
    "said", ["", "幺三九", "一二三四", "十二千", "百", "万", "零万", "好", "点", "三点", "万亿亿", "二千三千"]
)
def test_no_number(said: str) -> None:
    assert parse_quantity(said) is None


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        ("十几万", 110_000, 200_000),
        ("几万", 20_000, 100_000),
        ("好几万", 20_000, 100_000),
        ("几十万", 200_000, 1_000_000),
        ("十几", 11, 19),
        ("三万多", 30_000, 40_000),
        ("十多万", 100_000, 200_000),
        ("一百来", 100, 200),
        ("两三万", 20_000, 30_000),
        ("三四千", 3000, 4000),
        ("二三十万", 200_000, 300_000),
    ],
)
def test_ranges_stay_ranges(said: str, low: int, high: int) -> None:
    quantity = parse_quantity(said)
    assert quantity is not None
    assert (int(quantity.low), int(quantity.high)) == (low, high)
    assert not quantity.is_exact


@given(st.text(alphabet=NUMERAL_CHARS + "幺半钱x", max_size=30))
def test_numbers_never_raise_and_ranges_are_in_order(said: str) -> None:
    quantity = parse_quantity(said)
    assert quantity is None or 0 <= quantity.low <= quantity.high


def test_digit_rows() -> None:
    assert digit_row("幺三九零〇") == "13900"
    assert digit_row("1３九") == "139"
    assert digit_row("十三") is None
    assert digit_row("") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("欠我三万块钱不还", [("三万块钱", "30000", False)]),
        ("一共两千五百元", [("两千五百元", "2500", False)]),
        ("欠我三万五一直不给", [("三万五", "35000", False)]),
        ("欠我三万一直不给", [("三万", "30000", False)]),
        ("房租三千一个月", [("三千", "3000", False)]),
        ("骗了十几万", [("十几万", "110000/200000", True)]),
        ("大概三万块钱", [("三万块钱", "30000", True)]),
        ("五千块左右", [("五千块左右", "5000", True)]),
        ("三块五毛", [("三块五毛", "3.50", False)]),
        ("五毛钱", [("五毛钱", "0.50", False)]),
        ("三百块一天", [("三百块", "300", False)]),
        ("后来三万块", [("三万块", "30000", False)]),
        ("借了两万好像", [("两万", "20000", False)]),
        ("欠我3.5万", [("3.5万", "35000", False)]),
        ("一个月工资三千给我扣了五百", [("三千", "3000", False), ("五百", "500", False)]),
        ("三百个人", []),
        ("欠我们三十个农民工的工资", []),
        ("一块地", []),
        ("这三块儿", []),
        ("很多钱", []),
        ("多少钱", []),
        ("幺三九零九五一一二三四", []),
        ("等了三个小时", []),
        ("一万年", []),
    ],
)
def test_amounts(text: str, found: list[tuple[str, str, bool]]) -> None:
    assert [(text[a.start : a.end], a.value, a.approximate) for a in find_amounts(text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("昨天发生的", [("昨天", "2026-11-22")]),
        ("大前天", [("大前天", "2026-11-20")]),
        ("上个月", [("上个月", "2026-10-01/2026-10-31")]),
        ("上个月五号", [("上个月五号", "2026-10-05")]),
        ("上上个月", [("上上个月", "2026-09-01/2026-09-30")]),
        ("去年", [("去年", "2025-01-01/2025-12-31")]),
        ("去年三月", [("去年三月", "2025-03-01/2025-03-31")]),
        ("去年三月五号", [("去年三月五号", "2025-03-05")]),
        ("三月五号", [("三月五号", "2026-03-05")]),
        ("十二月五号开庭", [("十二月五号", "2026-12-05")]),
        ("二零二四年二月二十九号", [("二零二四年二月二十九号", "2024-02-29")]),
        ("2024年2月29日", [("2024年2月29日", "2024-02-29")]),
        ("二四年三月", [("二四年三月", "2024-03-01/2024-03-31")]),
        ("九八年", [("九八年", "1998-01-01/1998-12-31")]),
        ("三月份", [("三月份", "2026-03-01/2026-03-31")]),
        ("上周三", [("上周三", "2026-11-18")]),
        ("下个星期天", [("下个星期天", "2026-12-06")]),
        ("上周", [("上周", "2026-11-16/2026-11-22")]),
        ("三天前", [("三天前", "2026-11-20")]),
        ("十几天以前", [("十几天以前", "2026-11-04/2026-11-12")]),
        ("两个月前", [("两个月前", "2026-09-01/2026-09-30")]),
        ("半年前", [("半年前", "2026-05-01/2026-05-31")]),
        ("三年以前", [("三年以前", "2023-01-01/2023-12-31")]),
        ("二月三十号", []),
        ("十三月五号", []),
        ("三个月工资", []),
        ("三四年了", []),
        ("今年六十岁", []),
        ("一九八零年出生", []),
        ("三号楼", []),
        ("三月五号楼", []),
        ("两年前妻", []),
        ("星期六上班吗", []),
        ("明天上班吗", []),
    ],
)
def test_dates(text: str, found: list[tuple[str, str]]) -> None:
    assert [(text[d.start : d.end], d.value) for d in find_dates(text, MONDAY)] == found


def test_a_day_without_a_year_says_that_the_year_was_assumed() -> None:
    (day,) = find_dates("三月五号", MONDAY)
    assert day.approximate
    assert day.display == "约 2026-03-05"


DATE_WORDS = [
    "去年",
    "上个月",
    "这周",
    "三",
    "十",
    "二",
    "零",
    "月",
    "号",
    "年",
    "天",
    "前",
    "半",
    "昨天",
    "个",
    "几",
    "周",
    "2024",
    "的",
]


@given(st.lists(st.sampled_from(DATE_WORDS), max_size=12), st.dates())
def test_dates_never_raise_on_any_day_of_the_calendar(words: list[str], called_on: date) -> None:
    text = "".join(words)
    for found in find_dates(text, called_on):
        assert found.first <= found.last
        assert 0 <= found.start < found.end <= len(text)


@given(st.dates(min_value=date(1950, 1, 1), max_value=date(2090, 1, 1)))
def test_month_and_day_without_year_lie_in_the_last_ten_months_or_the_next_sixty_days(called_on: date) -> None:
    for found in find_dates("三月五号", called_on):
        assert called_on - timedelta(days=366) <= found.first <= called_on + timedelta(days=60)
