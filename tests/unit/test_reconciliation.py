"""Every kind of difference is seen, what is still on its way is not, and books that fit say nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from ivr.domain.reconciliation import (
    NO_FILE,
    REASONS,
    Books,
    CallFacts,
    Difference,
    DifferenceKind,
    LedgerFile,
    TrackFacts,
    compare,
)
from ivr.pipeline.reconcile import _next_night

NOW = 1_800_000_000.0
ID = "ivr-1-1799990000.0"
BASE = f"20261124/{ID}-00000000-0000-4000-8000-000000000000"
OTHER = BASE[:-1] + "1"
CALL = CallFacts(ID, NOW - 600, NOW - 700, 60.0, True, "6401051261124000010", NOW - 580, outcome="answered", order_outcome="answered")
TRACKS = tuple(
    TrackFacts(
        ID, f"{BASE}-{track}.wav", track, 60.2, 963_244, "transcribed", NOW - 595, NOW - 585, segments=3, heard_until_s=59.0  # type: ignore[arg-type]
    ) for track in ("caller", "operator")
)
FILES = {t.path: 963_200 for t in TRACKS}
FITTING = Books(
    {ID: CALL}, TRACKS, frozenset({ID}), FILES, frozenset({ID}), ledger_files={"f": LedgerFile("ledger.csv", 100, NOW - 500)},
    ledger_positions={"f": 100, "gone": 7},
)


def kinds(books: Books) -> list[DifferenceKind]:
    return [d.kind for d in compare(books, NOW)]


def with_call(**changes: Any) -> Books:
    return replace(FITTING, calls={ID: replace(CALL, **changes)})


def with_track(**changes: Any) -> Books:
    return replace(FITTING, tracks=(TRACKS[0], replace(TRACKS[1], **changes)))


def with_file(path: str, size: int) -> Books:
    return replace(FITTING, files=FILES | {path: size})


def test_books_that_fit_say_nothing() -> None:
    assert kinds(FITTING) == []


CASES: list[tuple[Books, list[DifferenceKind]]] = [
    (replace(FITTING, ledger_positions={"f": 90}), ["ledger_unread"]),
    (replace(FITTING, ledger_positions={}), ["ledger_unread"]),
    (replace(FITTING, ledger_positions={"f": 90}, ledger_files={"f": LedgerFile("ledger.csv", 100, NOW - 5)}), []),
    (replace(FITTING, ledger_positions={"f": 101}), ["ledger_beyond_file"]),
    (replace(FITTING, ledger_calls=frozenset({ID, "ivr-1-1.0"})), ["facts_without_call"]),
    (replace(FITTING, ledger_calls=frozenset()), ["call_without_facts"]),
    (with_call(ended_at=None), ["call_end_unseen"]),
    (replace(with_call(ended_at=None, arrived_at=NOW - 9000), ended_in_ledger=frozenset()), ["call_never_ended"]),
    (replace(with_call(ended_at=None, arrived_at=NOW - 9000), ended_in_ledger=frozenset(), live=frozenset({ID})), []),
    (with_call(order_number="", order_filled_at=None), ["call_without_order"]),
    (replace(FITTING, orders_without_call=("1",)), ["order_without_call"]),
    (with_call(order_outcome="abandoned"), ["order_outcome_differs"]),
    (with_call(order_filled_at=None), ["order_unfilled"]),
    (with_track(finished_at=NOW - 100), ["order_filled_early"]),
    (with_track(finished_at=NOW - 579), []),  # two transactions of which the later began earlier
    (with_track(state="pending", finished_at=None, ready_at=NOW - 70, segments=0), ["order_filled_early"]),
    (replace(FITTING, tracks=(), files={}), ["recording_missing"]),
    (replace(FITTING, tracks=TRACKS[:1], files={TRACKS[0].path: FILES[TRACKS[0].path]}), ["track_missing"]),
    (replace(with_track(call_known=False), calls={}, ledger_calls=frozenset()), ["track_without_call"]),
    (replace(with_track(call_known=False), calls={}), ["facts_without_call"]),
    (with_call(recording_refused=True, recording_expected=False), ["recorded_though_refused"]),
    (with_call(talk_s=90.0), ["length_differs", "length_differs"]),
    (with_call(talk_s=62.0), []),
    (replace(with_call(order_filled_at=None), tracks=(TRACKS[0], replace(TRACKS[1], state="pending"))), ["track_waits"]),
    (with_track(state="quarantined", problem="not sound", segments=0, heard_until_s=0.0, seconds=0.0), ["track_quarantined"]),
    (replace(FITTING, files={TRACKS[0].path: FILES[TRACKS[0].path]}), ["track_file_missing"]),
    (with_file(TRACKS[0].path, 963_000), ["file_differs"]),
    (with_file(TRACKS[0].path, NO_FILE), ["not_a_file"]),
    (with_file("20261124/any.wav", NO_FILE), ["not_a_file"]),
    (with_file(f"{OTHER}-caller.wav", 9), ["file_without_track"]),
    (with_file(f"{OTHER}-caller.wav", 0), []),
    (with_file("20261124/$(reboot).wav", 9), ["file_name_unknown"]),
    (replace(FITTING, segments_astray=(ID,)), ["segment_astray"]),
    (with_track(segments=0), ["transcript_missing"]),
    (with_track(segments=0, heard_until_s=0.0, transcript_deleted=True), []),
    (replace(with_track(deleted=True), files={TRACKS[0].path: FILES[TRACKS[0].path]}), []),
    (with_track(deleted=True), ["file_outlived"]),
    (replace(FITTING, ledger_calls=frozenset(), facts_deleted=frozenset({ID})), []),
    (with_track(state="no_speech"), ["transcript_unexpected"]),
    (with_track(heard_until_s=70.0), ["transcript_beyond_sound"]),
]


@pytest.mark.parametrize(("books", "expected"), CASES)
def test_each_difference_is_named(books: Books, expected: list[str]) -> None:
    assert kinds(books) == expected


def test_every_kind_is_tried_and_has_a_reason_for_people() -> None:
    assert {kind for _, expected in CASES for kind in expected} == set(get_args(DifferenceKind)) == set(REASONS)
    assert Difference("recording_missing", ID).reason == "双方通过话，也没有拒绝录音，却找不到录音"


def test_what_may_still_come_is_no_difference() -> None:
    fresh = replace(CALL, ended_at=NOW - 5, order_filled_at=None)
    assert kinds(replace(FITTING, calls={ID: fresh}, tracks=(), files={})) == []
    waiting = tuple(replace(t, state="pending", ready_at=NOW - 10, segments=0) for t in TRACKS)
    assert kinds(replace(FITTING, calls={ID: fresh}, tracks=waiting)) == []
    assert kinds(replace(FITTING, calls={ID: fresh}, tracks=(), files={f"{OTHER}-caller.wav": 9})) == []


def test_a_hostile_file_name_is_shown_by_its_codes() -> None:
    [found] = compare(with_file("20261124/a\n\u202e\udcff律.wav", 9), NOW)
    assert found.subject == r"20261124/a\u000a\u202e\udcff律.wav"


def test_the_next_night_is_three_o_clock_in_shanghai() -> None:
    three = 1_795_460_400.0  # 2026-11-24 03:00 +08:00
    assert _next_night(three - 1) == three and _next_night(three) == three + 86_400 == _next_night(three + 80_000)
