"""Pauses of a recording are found at their place in it, whatever order keys are pressed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.recording_gaps import Gap, GapClock, read_gaps, write_gaps


def test_what_was_left_out_does_not_count_in_the_recording() -> None:
    clock = GapClock()
    clock.pause(5.0)  # nothing is recorded yet
    clock.begin(1.0)
    assert clock.recorded(9.0) == 0.0, "who waits for an answer is not recorded"
    clock.see("BRIDGE_ENTER", 9.5, citizens=False)
    clock.see("BRIDGE_ENTER", 10.0, citizens=True)
    for step, at in ((clock.resume, 12.0), (clock.pause, 20.0), (clock.pause, 21.0), (clock.resume, 50.0), (clock.pause, 55.0)):
        step(at)
    assert read_gaps(clock.told()) == (Gap(10.0, 30.0), Gap(15.0, None))
    assert [clock.recorded(at) for at in (9.0, 15.0, 30.0, 52.0, 70.0)] == [0.0, 5.0, 10.0, 12.0, 15.0]
    clock.begin(60.0)
    assert clock.told() == "", "a message after the talk is another recording"


def test_a_message_is_recorded_though_nobody_is_joined() -> None:
    clock = GapClock()
    for kind, at in (("user:RECORDING", 1.0), ("BRIDGE_ENTER", 2.0), ("BRIDGE_EXIT", 5.0), ("user:MESSAGE", 9.0), ("HANGUP", 11.0)):
        clock.see(kind, at, citizens=True)
    assert [clock.recorded(at) for at in (5.0, 8.0, 10.0)] == [3.0, 3.0, 4.0], "it goes on in the same files"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=300))
def test_gaps_never_run_backwards_nor_without_end(steps: list[tuple[bool, float]]) -> None:
    clock, at = GapClock(), 0.0
    clock.begin(at)
    clock.see("BRIDGE_ENTER", at, citizens=True)
    for pauses, seconds in steps:
        at += seconds
        (clock.pause if pauses else clock.resume)(at)
    gaps = read_gaps(clock.told())
    assert write_gaps(gaps) == clock.told() and len(gaps) <= 100
    assert all(gap.at_s >= 0 and (gap.seconds is None or gap.seconds >= 0) for gap in gaps)
    assert sorted(gap.at_s for gap in gaps) == [gap.at_s for gap in gaps] and all(gap.seconds is not None for gap in gaps[:-1])


def test_what_is_no_gap_is_refused() -> None:
    with pytest.raises(ValueError, match="is no gap"):
        read_gaps("12.5")
