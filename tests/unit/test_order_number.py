"""The order number's check digit against ISO 7064 vectors, and what it catches."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.order_number import (
    CHANNEL_DIGITS,
    CHANNELS,
    BadOrderNumber,
    Channel,
    OrderNumber,
    check_digit,
    compose,
    is_valid,
    parse,
)

numbers = st.builds(
    compose,
    st.sampled_from(CHANNELS),
    st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)),
    st.integers(min_value=1, max_value=99_999),
)


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("0794", "5"),  # ISO 7064's example string under MOD 11,10 (07940 is the same string under MOD 11-2)
        ("79462", "3"),  # 794623, the worked example of the pure MOD 11,10 system
        ("3339200596", "1"),  # a Croatian OIB, which uses the same system
        ("3657426180", "9"),  # a German tax number, which uses the same system
    ],
)
def test_known_vectors(body: str, check: str) -> None:
    assert check_digit(body) == check


def test_composed_as_documented() -> None:
    number = compose("hotline", date(2026, 11, 23), 42)
    assert str(number) == "640105" + "1" + "261123" + "00042" + check_digit("640105126112300042")
    assert len(str(number)) == 19
    assert number.short == str(number)[6:]


def test_channel_digits_are_distinct_and_single() -> None:
    assert sorted(CHANNEL_DIGITS.values()) == [1, 2, 3, 4, 5, 6]


@given(numbers)
def test_round_trip_full_short_and_spaced(number: OrderNumber) -> None:
    text = str(number)
    assert parse(text) == number
    assert parse(number.short) == number
    assert parse(f" {text[:6]} {text[6:13]}-{text[13:]}# ") == number


@given(numbers, st.integers(min_value=6, max_value=18), st.integers(min_value=1, max_value=9))
def test_every_single_wrong_digit_is_caught(number: OrderNumber, at: int, offset: int) -> None:
    text = str(number)
    wrong = text[:at] + str((int(text[at]) + offset) % 10) + text[at + 1 :]
    assert not is_valid(wrong)
    assert check_digit(wrong[:-1]) != wrong[-1], "the check digit alone catches it, not only the date or channel"


def test_swaps_of_neighbours_are_caught_but_for_one_in_45() -> None:
    """Exhaustive over four digits: MOD 11,10 misses exactly 2 of 90 ordered pairs at every place, never more."""
    for at in range(4):
        missed = swaps = 0
        for value in range(10_000):
            body = f"{value:04d}"
            text = body + check_digit(body)
            if text[at] == text[at + 1]:
                continue
            swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
            swaps += 1
            missed += check_digit(swapped[:-1]) == swapped[-1]
        assert missed * 45 == swaps, at


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "只含数字"),
        ("12a4", "只含数字"),
        ("６４０１０５", "只含数字"),
        ("1234", "收到 4 位"),
        ("1" * 5000, "收到 64 位"),
        ("110105126112300042" + check_digit("110105126112300042"), "不是本区"),
        ("6401051261123000420", "校验位不符"),
        ("640105926112300042" + check_digit("640105926112300042"), "渠道位 9"),
        ("640105126133300042" + check_digit("640105126133300042"), "日期 261333"),
        ("640105126112300000" + check_digit("640105126112300000"), "序号 0"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(BadOrderNumber, match=says):
        parse(text)


@pytest.mark.parametrize(
    ("channel", "day", "serial"),
    [
        ("hotline", date(2026, 1, 1), 0),
        ("hotline", date(2026, 1, 1), 100_000),
        ("hotline", date(1999, 1, 1), 1),
        ("fax", date(2026, 1, 1), 1),
    ],
)
def test_parts_that_do_not_fit_are_refused(channel: Channel, day: date, serial: int) -> None:
    with pytest.raises(BadOrderNumber):
        compose(channel, day, serial)


@given(st.text(max_size=40))
def test_parse_raises_nothing_else(text: str) -> None:
    try:
        assert is_valid(str(parse(text)))
    except BadOrderNumber:
        pass
