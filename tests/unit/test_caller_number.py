"""A caller's number is digits or nothing, whatever the line sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.caller_number import normalise

PREFIXES = {"+86": "", "0086": "", "+": "00", "9": "0951"}


@pytest.mark.parametrize(("raw", "number"), [
    ("13895112348", "13895112348"), ("+8613895112348", "13895112348"), ("008613895112348", "13895112348"),
    ("+44 20-7946-0000", "00442079460000"), (" 138 9511 2348 ", "13895112348"), ("912348", "095112348"),
    ("", ""), ("anonymous", ""), ("Unavailable", ""), ("+", "00"), ("138951123４8", ""), ("١٢٣", ""), ("1" * 20, "1" * 20),
    ("1" * 21, ""), ("12348;phone-context=x", ""), ("12348@evil", ""), ("0951*12#", ""), ("1\n2", ""), ("²", ""),
])
def test_a_number_is_what_one_dials(raw: str, number: str) -> None:
    assert normalise(raw, PREFIXES) == number


@given(st.text(), st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=4))
def test_it_is_never_more_than_twenty_digits(raw: str, prefixes: dict[str, str]) -> None:
    number = normalise(raw, prefixes)
    assert number == "" or (number.isascii() and number.isdigit() and len(number) <= 20)


@given(st.text(alphabet="0123456789", min_size=1, max_size=20))
def test_without_a_rule_digits_stay_as_they_are(raw: str) -> None:
    assert normalise(raw, {}) == raw


def test_only_the_longest_prefix_counts_and_only_once() -> None:
    assert normalise("0086008613895112348", PREFIXES) == "008613895112348"
    assert normalise("12", {"": "9"}) == "12"
