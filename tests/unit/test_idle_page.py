"""The page of a village phone at rest: true of who is there now, plain, and literal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from ivr.domain.idle_page import IdleFacts, idle_words
from ivr.web.idle_page import idle_html

NOW = datetime(2026, 11, 26, 6, 5, tzinfo=UTC)  # 14:05 in Shanghai, a Thursday
FORENOON = (datetime(2026, 11, 26, 1, tzinfo=UTC), datetime(2026, 11, 26, 4, tzinfo=UTC))
AFTERNOON = (datetime(2026, 11, 26, 6, 30, tzinfo=UTC), datetime(2026, 11, 26, 9, tzinfo=UTC))
FACTS = IdleFacts("康庄社区", "马大姐", "王律师", "ready", (FORENOON, AFTERNOON), True, NOW - timedelta(hours=20), NOW)


@pytest.mark.parametrize(
    ("change", "presence", "who", "when"),
    [
        ({}, "here", "王律师在，会接您的电话", ""),
        ({"activity": "talking"}, "busy", "王律师正在和别人说话，别的律师会接", ""),
        ({"activity": "wrap_up"}, "busy", "王律师正在和别人说话，别的律师会接", ""),
        ({"activity": "paused"}, "away", "王律师现在不在，值班律师会接", "王律师今天 14:30 来"),
        ({"activity": None}, "away", "王律师现在不在，值班律师会接", "王律师今天 14:30 来"),
        ({"activity": None, "duties": (FORENOON,)}, "away", "王律师现在不在，值班律师会接", ""),
        ({"adviser": "", "activity": None}, "away", "按了键，值班律师会接", ""),
    ],
)
def test_who_answers_is_told_as_it_is_now(change: dict[str, object], presence: str, who: str, when: str) -> None:
    words = idle_words(replace(FACTS, **change))  # type: ignore[arg-type]
    assert (words.presence, words.who, words.when, words.broken) == (presence, who, when, "")
    assert words.foot == "11月26日 星期四 14:05　昨天检查正常"


def test_what_is_kept_is_said_as_the_office_keeps_it() -> None:
    assert "说的话会录音，画面不录" in idle_html(idle_words(FACTS), "n")
    filmed = idle_html(idle_words(replace(FACTS, filmed=True)), "n")
    assert "会录音，三方视频会录像" in filmed and "不录" not in filmed


def test_a_phone_that_is_not_connected_promises_no_lawyer_and_names_who_helps() -> None:
    words = idle_words(replace(FACTS, connected=False))
    page = idle_html(words, "n")
    assert "话机没有连上" in page and "请找马大姐帮忙" in page and "找律师" not in page
    assert "村里的工作人员" in idle_words(replace(FACTS, connected=False, helper="")).broken


def test_midnight_in_shanghai_decides_what_yesterday_is() -> None:
    early = replace(FACTS, now=datetime(2026, 11, 25, 16, 1, tzinfo=UTC), tested_at=datetime(2026, 11, 25, 15, 59, tzinfo=UTC))
    assert idle_words(early).foot == "11月26日 星期四 00:01　昨天检查正常"
    assert idle_words(replace(early, tested_at=None)).foot == "11月26日 星期四 00:01"


def test_names_are_shown_literally_and_the_page_has_no_script() -> None:
    hostile = '<img src=x onerror="a">&"\''
    page = idle_html(idle_words(replace(FACTS, village=hostile, adviser=hostile)), "n")
    seen: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append(tag)
            assert not [name for name, _ in attrs if name.startswith("on")]

    Tags().feed(page)
    assert {"img", "script"}.isdisjoint(seen) and seen.count("h1") == 1
