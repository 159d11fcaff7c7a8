"""What a caller hears of an order, and which keys mean which order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.order_number import BadOrderNumber, compose
from ivr.domain.progress import STATE_PROMPTS, LastFour, OrderProgress, pieces, read_keys
from ivr.domain.spoken_pieces import date_pieces, digit_pieces, number_pieces
from ivr.exchange_setup import PROMPTS
from ivr.telephony.prompts import read_manifest

NUMBER = compose("hotline", date(2026, 11, 24), 17)
STATES = ("draft", "pending_review", "assigned", "accepted", "in_progress", "resolved", "callback_due", "closed", "archived", "returned", "voided")
DUE = datetime(2026, 12, 3, 10, tzinfo=UTC)


def spoken(order: OrderProgress) -> str:
    """The answer as text."""
    texts = read_manifest(PROMPTS).spoken
    return "".join(texts[p].rstrip("。，") for p in pieces(order))


def test_the_answer_names_state_owner_and_day() -> None:
    assert spoken(OrderProgress(str(NUMBER), "in_progress", "8001", DUE)) == "您的事项正在办理承办人工号八零零一将在十二月三日前办结"


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_words_of_its_own_prompt(state: str) -> None:
    assert state in STATE_PROMPTS and spoken(OrderProgress(str(NUMBER), state)).startswith("您的")
    assert ("办结" in spoken(OrderProgress(str(NUMBER), state, "", DUE)).replace("已经办结", "")) is (
        state not in ("resolved", "callback_due", "closed", "archived", "voided")), "a day is told as long as it is to come"


def test_a_state_of_tomorrow_is_told_as_received() -> None:
    assert pieces(OrderProgress(str(NUMBER), "on_the_moon")) == ["progress-received"]


def test_the_day_is_shanghais() -> None:
    late = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    assert pieces(OrderProgress("", "assigned", "", late))[-5:] == ["digits/1", "month", "digits/1", "day", "progress-due"]


@given(st.dates(date(2020, 1, 1), date(2099, 12, 31)))
def test_every_day_is_spoken_from_pieces_that_exist(day: date) -> None:
    texts = read_manifest(PROMPTS).spoken
    digits = "零一二三四五六七八九"
    said = "".join(texts[p] for p in date_pieces(day))
    month, _, rest = said.partition("月")

    def value(text: str) -> int:
        tens, ten, ones = text.rpartition("十")
        return ((digits.index(tens) if tens else 1) * 10 if ten else 0) + (digits.index(ones) if ones else 0)

    assert (value(month), value(rest.removesuffix("日"))) == (day.month, day.day)


@pytest.mark.parametrize(("number", "expected"), [(1, "1"), (10, "10"), (12, "10 2"), (20, "20"), (31, "30 1"), (99, "90 9")])
def test_numbers_are_spoken(number: int, expected: str) -> None:
    assert number_pieces(number) == [f"digits/{p}" for p in expected.split()]


def test_what_is_no_number_is_not_spoken() -> None:
    assert digit_pieces("8a0*٣") == ["digits/8", "digits/0"]
    for wrong in (0, 100, -1):
        with pytest.raises(ValueError, match="not spoken"):
            number_pieces(wrong)


def test_keys_are_a_number_or_its_end() -> None:
    assert read_keys(NUMBER.short) == str(NUMBER) and read_keys("0177") == LastFour("0177")
    for wrong in ("", "1", "123", "12345", NUMBER.short[:-1], NUMBER.short + "1", str(NUMBER), "abcd", "٣٣٣٣"):
        with pytest.raises(BadOrderNumber):
            read_keys(wrong)


@given(st.integers(0, 12), st.integers(1, 9))
def test_any_wrong_digit_is_caught_before_anything_is_looked_up(place: int, step: int) -> None:
    digits = NUMBER.short
    wrong = digits[:place] + str((int(digits[place]) + step) % 10) + digits[place + 1 :]
    with pytest.raises(BadOrderNumber):
        read_keys(wrong)


def test_durations_of_a_day_never_change_the_words() -> None:
    assert pieces(OrderProgress("", "assigned", "", DUE)) == pieces(OrderProgress("", "assigned", "", DUE - timedelta(hours=9)))
