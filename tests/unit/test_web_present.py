"""What goes over the wire, from what is stored: waits, staleness, states, names, cursors."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.ports.views import PageMark, QueueLive, QueueMember, RecordingTrack, WaitingCaller
from ivr.storage.views import current_tracks, like_literal
from ivr.web.errors import BadRequest
from ivr.web.models import iso
from ivr.web.present import queue_status, readable_name, transcript_state
from ivr.web.query import cursor_of, mark_of

NOW = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
LIVE = QueueLive(
    queue="legal",
    callers=[WaitingCaller("a", "139", 1, NOW.timestamp() - 20)],
    members=[QueueMember("甲", "PJSIP/op-1", "talking", "")],
    link_up=True,
    as_of=NOW - timedelta(seconds=1),
    read_at=NOW,
)


def track(n: int, base: str, speaker: str = "caller", state: str = "transcribed") -> RecordingTrack:
    return RecordingTrack(n, base, "caller" if speaker == "caller" else "operator", f"{base}.wav", 1.0, state, "")


@pytest.mark.parametrize(
    ("age_s", "link_up", "stale", "wait_s"),
    [(0, True, False, 20), (6, True, False, 20), (6.1, True, True, 13.9), (2, False, True, 18), (60, True, True, 0)],
)
def test_waits_run_until_the_board_goes_stale(age_s: float, link_up: bool, stale: bool, wait_s: float) -> None:
    as_of = NOW - timedelta(seconds=age_s)
    status = queue_status(replace(LIVE, as_of=as_of, link_up=link_up), 6.0)
    assert status.stale is stale and status.stale_since == (as_of if stale else None)
    assert status.longest_wait_s == pytest.approx(wait_s) and status.members.talking == 1


def test_an_empty_queue_has_no_wait() -> None:
    status = queue_status(replace(LIVE, callers=[], members=[]), 6.0)
    assert (status.waiting, status.longest_wait_s) == (0, 0.0)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], "none"),
        (["pending", "transcribed"], "pending"),
        (["leased", "quarantined"], "pending"),
        (["transcribed", "quarantined"], "partial"),
        (["no_speech", "transcribed"], "complete"),
    ],
)
def test_transcript_state(states: list[str], expected: str) -> None:
    assert transcript_state([track(n, "a", state=state) for n, state in enumerate(states)]) == expected


def test_tracks_of_two_recordings_are_never_mixed() -> None:
    tracks = [track(3, "new", "operator"), track(1, "old"), track(2, "new", "caller")]
    assert [t.id for t in current_tracks("new", tracks)] == [2, 3]
    assert [t.id for t in current_tracks("", tracks)] == [1]
    assert current_tracks("gone", []) == []


@given(st.text(max_size=200))
def test_a_readable_name_is_one_short_line(raw: str) -> None:
    shown = readable_name(raw)
    assert len(shown) <= 80 and shown.isprintable() | any(c.isspace() or not c.isprintable() for c in shown)
    assert not set(shown) & {"\n", "\r", "\0", "\u202e", "\u2028", "\x1b"}


def test_a_name_is_shown_literally() -> None:
    assert readable_name("<b>张三</b>") == "<b>张三</b>"
    assert readable_name("张\u202e三\n") == "张\ufffd三\ufffd"


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1), timezones=st.just(UTC)),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
)
def test_a_cursor_comes_back(at: datetime, key: str) -> None:
    assert mark_of(cursor_of(PageMark(at, key))) == PageMark(at, key)


@given(st.text(max_size=60))
def test_a_foreign_cursor_is_refused(text: str) -> None:
    try:
        mark = mark_of(text)
    except BadRequest:
        return
    assert mark is not None and cursor_of(mark) == text


def test_times_are_those_of_shanghai() -> None:
    assert iso(NOW) == "2026-11-23T09:30:00.000+08:00"


@pytest.mark.parametrize(("text", "pattern"), [("50%", "%50\\%%"), ("a_b", "%a\\_b%"), ("\\", "%\\\\%")])
def test_wildcards_are_taken_literally(text: str, pattern: str) -> None:
    assert like_literal(text) == pattern
