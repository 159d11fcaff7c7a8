"""Signatures both ways, and when a failed delivery is tried again."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.delivery import EVENTS, RetryRules, event_of, signature, why_refused
from ivr.domain.work_order import MOVES
from ivr.ports.partners import BadSignature, InboundCall
from ivr.web.inbound_scheme import SignedScheme

SECRET, OTHER, NOW = b"s" * 32, b"o" * 32, 1_795_506_589.0


def test_the_scheme_is_what_the_page_says() -> None:
    expected = hmac.new(SECRET, b'1795506589\nmessage-1\n{"a":1}', hashlib.sha256).hexdigest()
    assert signature(SECRET, "1795506589", "message-1", b'{"a":1}') == f"v1={expected}"


@given(st.binary(max_size=40), st.binary(max_size=40), st.from_regex(r"[A-Za-z0-9._:-]{1,20}", fullmatch=True), st.integers(-400, 400))
def test_only_what_was_signed_passes_and_only_in_the_window(body: bytes, other: bytes, key: str, late: int) -> None:
    time = str(int(NOW) + late)
    given = signature(SECRET, time, key, body)
    assert (why_refused(SECRET, time, key, given, body, NOW) == "") is (abs(late) <= 300)
    assert why_refused(OTHER, time, key, given, body, NOW)
    assert why_refused(SECRET, str(int(time) + 1), key, given, body, NOW)
    assert why_refused(SECRET, time, key + "x", given, body, NOW)
    assert (other == body) or why_refused(SECRET, time, key, given, other, NOW)


@pytest.mark.parametrize(
    ("time", "key", "given", "said"),
    [("soon", "k", "v1=00", "Unix seconds"), ("١٢", "k", "v1=00", "Unix seconds"), ("9" * 13, "k", "v1=00", "Unix seconds"),
     ("1795506589", "ä", "v1=00", "letters, digits"), ("1795506589", "k" * 101, "v1=00", "1 to 100"), ("1795506589", "k", "\udcff", "fit")],
)  # fmt: skip
def test_what_is_wrong_is_told(time: str, key: str, given: str, said: str) -> None:
    assert said in why_refused(SECRET, time, key, given, b"", NOW)


def test_an_old_message_is_told_our_time() -> None:
    told = why_refused(SECRET, "1795506000", "k", signature(SECRET, "1795506000", "k", b""), b"", NOW)
    assert "1795506589" in told


def test_nobody_learns_who_is_a_partner() -> None:
    scheme = SignedScheme({"region": SECRET}, lambda: NOW)

    def told(name: str, given: str) -> str:
        headers = {"ivr-partner": name, "ivr-time": "1795506589", "idempotency-key": "k", "ivr-signature": given}
        with pytest.raises(BadSignature) as refused:
            scheme.sender(InboundCall(headers, b"{}"))
        return str(refused.value)

    assert told("region", "v1=00") == told("nobody", "v1=00") == told("\udcff", "v1=00")
    assert told("nobody", signature(SECRET, "1795506589", "k", b"{}")) == told("region", "v1=00")
    nobodys = signature(b"no partner has this secret", "1795506589", "k", b"{}")
    assert told("nobody", nobodys) == told("region", "v1=00")
    with pytest.raises(BadSignature, match="Ivr-Time, Ivr-Signature are missing"):
        scheme.sender(InboundCall({"ivr-partner": "region", "idempotency-key": "k"}, b""))


@given(st.integers(1, 100), st.floats(0, 1))
def test_waits_double_up_to_the_longest_and_end(failures: int, chance: float) -> None:
    wait = RetryRules(5, 3600, 24).wait_s(failures, chance)
    if failures >= 24:
        assert wait is None
    else:
        full = min(3600.0, 5 * 2.0 ** (failures - 1))
        assert wait is not None and full / 2 <= wait <= full


def test_every_told_move_is_one_of_the_table() -> None:
    told = {event_of(move) for move in MOVES} - {None}
    assert told == {"order.assigned", "order.accepted", "order.resolved"} and told < set(EVENTS)
