"""Texts, placeholders and quiet hours of notices to citizens."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.notices import NoticeRules, checked_text
from ivr.settings_partners import NoticeSettings

NUMBER = "6401055261123000016"


def rules(start: time = time(21), end: time = time(8)) -> NoticeRules:
    return NoticeRules(NoticeSettings().texts, start, end)


def test_a_text_names_the_number_a_caller_keys_and_nothing_else() -> None:
    from ivr.domain.order_number import check_digit
    number = NUMBER[:-1] + check_digit(NUMBER[:-1])
    assert rules().text("order.resolved", number) == f"【12348】您咨询的事项（编号 {number[6:]}）已办结。如有疑问请拨打 12348。"


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "1 to 300"), ("长" * 301, "1 to 300"), ("a\nb", "one line"), ("{name}", "not {name}"), ("{", "brace"), ("{}", "not {}"),
     ("{number.x}", "not {number.x}"), ("{number:9999999999}", "only"), ("{number!r}", "only"), ("{0}", "not {0}")],
)  # fmt: skip
def test_a_text_that_cannot_be_sent_is_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked_text(text)


@given(st.times(), st.times(), st.times())
def test_quiet_hours_run_over_midnight(start: time, end: time, moment: time) -> None:
    assert rules(start, start).quiet_at(moment) is False
    if start != end:
        assert rules(start, end).quiet_at(moment) is not rules(end, start).quiet_at(moment)
        assert rules(start, end).quiet_at(start) is True and rules(start, end).quiet_at(end) is False


def test_by_default_nobody_is_told_at_night() -> None:
    assert [rules().quiet_at(time(h)) for h in (20, 21, 0, 7, 8)] == [False, True, True, True, False]


def test_a_gateway_needs_a_secret() -> None:
    with pytest.raises(ValueError, match=r"notices\.secret"):
        NoticeSettings(url="https://sms.example/")
    with pytest.raises(ValueError, match="https"):
        NoticeSettings(url="http://sms.example/", secret="s" * 32)
