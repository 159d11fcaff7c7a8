"""Codes of a second factor: the published vectors, the neighbours of now, and never twice."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.one_time_code import (
    RECOVERY_NOISE,
    STEP_S,
    as_typed,
    code_of,
    is_timed,
    key_address,
    matching_step,
    recovery_codes,
    secret_text,
    step_at,
)

SECRET = b"12345678901234567890"

RFC_6238 = [  # appendix B, SHA-1
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]  # appendix D


@pytest.mark.parametrize(("unix_s", "code"), RFC_6238)
def test_the_vectors_of_rfc_6238(unix_s: int, code: str) -> None:
    assert code_of(SECRET, step_at(unix_s), digits=8) == code


def test_the_vectors_of_rfc_4226() -> None:
    assert [code_of(SECRET, step) for step in range(10)] == RFC_4226


@given(st.integers(5, 10**8), st.floats(0, STEP_S - 0.001), st.integers(-5, 5))
def test_one_step_of_skew_is_taken_and_no_more(step: int, into_s: float, off: int) -> None:
    # A six-digit code of another step may be the same by chance: what is asked for is the step, not that it is refused.
    found = matching_step(SECRET, code_of(SECRET, step + off), step * STEP_S + into_s)
    if abs(off) <= 1:
        assert found is not None
    else:
        assert found is None or code_of(SECRET, found) == code_of(SECRET, step + off)


@given(st.integers(2, 10**8), st.integers(-1, 1))
def test_a_code_is_good_once_and_takes_the_older_ones_with_it(step: int, off: int) -> None:
    now = step * STEP_S
    taken = matching_step(SECRET, code_of(SECRET, step + off), now)
    assert taken is not None
    for earlier in range(step - 1, taken + 1):
        again = matching_step(SECRET, code_of(SECRET, earlier), now, after=taken)
        assert again is None or again > taken


def test_a_replay_within_the_same_half_minute_is_refused() -> None:
    taken = matching_step(SECRET, "287082", 59)
    assert taken == 1
    assert matching_step(SECRET, "287082", 59, after=taken) is None
    assert matching_step(SECRET, "755224", 59, after=taken) is None, "nor the one before"
    assert matching_step(SECRET, "359152", 61, after=taken) == 2


@given(st.text(max_size=20))
def test_whatever_is_typed_is_read_without_failing(text: str) -> None:
    code = as_typed(text)
    if not is_timed(code):
        assert matching_step(SECRET, code, 59) is None


def test_blanks_and_hyphens_are_not_minded() -> None:
    assert as_typed(" 287 082 ") == "287082" and as_typed("abcd-efgh-jklm") == "ABCDEFGHJKLM"
    assert not is_timed("２８７０８２"), "full-width digits are no ASCII ones"


@given(st.binary(min_size=RECOVERY_NOISE, max_size=RECOVERY_NOISE))
def test_recovery_codes_have_sixty_bits_and_no_look_alikes(noise: bytes) -> None:
    codes = list(recovery_codes(noise))
    assert len(codes) == 10
    assert all(re.fullmatch(r"(?:[A-HJ-NP-Z2-9]{4}-){2}[A-HJ-NP-Z2-9]{4}", code) for code in codes)
    assert not any(is_timed(as_typed(code)) for code in codes)


def test_the_address_says_what_an_app_needs() -> None:
    parts = urlsplit(key_address(SECRET, "12348 热线", "li.na@区"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/12348 热线:li.na@区"
    assert parse_qs(parts.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"], "issuer": ["12348 热线"], "algorithm": ["SHA1"], "digits": ["6"],
        "period": ["30"],
    }
    assert secret_text(b"\1" * 21).endswith("=") is False
