"""Every kind of difference is seen, what is still on its way is not, and books that fit say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.domain.reconciliation import Books, CallFacts, DifferenceKind, TrackFacts, compare

NOW = 1_800_000_000.0
ID = "ivr-1-1799990000.0"
BASE = f"20261124/{ID}-00000000-0000-4000-8000-000000000000"
CALL = CallFacts(ID, NOW - 600, NOW - 700, 60.0, True, "6401051261124000010", True)
TRACKS = tuple(
    TrackFacts(ID, f"{BASE}-{track}.wav", 60.2, "transcribed", NOW - 590) for track in ("caller", "operator")
)
FILES = {t.path: 963_200 for t in TRACKS}
FITTING = Books({ID: CALL}, TRACKS, FILES, frozenset({ID}))


def kinds(books: Books) -> list[DifferenceKind]:
    return [d.kind for d in compare(books, NOW)]


def test_books_that_fit_say_nothing() -> None:
    assert kinds(FITTING) == []


@pytest.mark.parametrize(("books", "expected"), [
    (replace(FITTING, ledger_calls=frozenset({ID, "ivr-1-1.0"})), ["facts_without_call"]),
    (replace(FITTING, orders_without_call=("1",)), ["order_without_call"]),
    (replace(FITTING, calls={ID: replace(CALL, order_number="", order_filled=False)}), ["call_without_order"]),
    (replace(FITTING, tracks=(), files={}), ["recording_missing"]),
    (replace(FITTING, files={TRACKS[0].path: 10}), ["track_file_missing"]),
    (replace(FITTING, files=FILES | {f"20261124/{ID}-00000000-0000-4000-8000-000000000001-caller.wav": 9}), ["file_without_track"]),
    (replace(FITTING, files=FILES | {"20261124/$(reboot).wav": 9}), ["file_name_unknown"]),
    (replace(FITTING, files=FILES | {f"20261124/{ID}-00000000-0000-4000-8000-000000000001-caller.wav": 0}), []),
    (replace(FITTING, calls={ID: replace(CALL, talk_s=90.0)}), ["length_differs", "length_differs"]),
    (replace(FITTING, calls={ID: replace(CALL, talk_s=62.0)}), []),
    (replace(FITTING, calls={ID: replace(CALL, order_filled=False)}), ["order_unfilled"]),
    (replace(FITTING, tracks=(TRACKS[0], replace(TRACKS[1], state="quarantined", problem="not sound"))), ["track_quarantined"]),
    (replace(FITTING, calls={ID: replace(CALL, order_filled=False)},
             tracks=(TRACKS[0], replace(TRACKS[1], state="pending"))), ["track_waits"]),
    (replace(FITTING, calls={ID: replace(CALL, ended_at=None, arrived_at=NOW - 9000)}), ["call_never_ended"]),
    (replace(FITTING, calls={ID: replace(CALL, ended_at=None, arrived_at=NOW - 9000)}, live=frozenset({ID})), []),
])
def test_each_difference_is_named(books: Books, expected: list[str]) -> None:
    assert kinds(books) == expected


def test_what_may_still_come_is_no_difference() -> None:
    fresh = replace(CALL, ended_at=NOW - 5, order_filled=False)
    assert kinds(replace(FITTING, calls={ID: fresh}, tracks=(), files={})) == []
    waiting = tuple(replace(t, state="pending", ready_at=NOW - 10) for t in TRACKS)
    assert kinds(replace(FITTING, calls={ID: fresh}, tracks=waiting)) == []


def test_every_difference_has_a_reason_for_people() -> None:
    found = compare(replace(FITTING, tracks=(), files={}), NOW)
    assert found[0].reason == "双方通过话，也没有拒绝录音，却找不到录音"
