"""What an order says of a recording that is shorter than its conversation."""

from __future__ import annotations

import pytest

from ivr.domain.order_notes import note_on_length


@pytest.mark.parametrize(("recorded_s", "talked_s", "told"), [
    ((60.0, 60.0), 60.5, ""), ((58.0, 60.0), 60.0, ""), ((600.0,), 620.0, ""), ((), 60.0, ""), ((70.0,), 60.0, ""),
    ((56.0, 60.0), 60.0, "录音 56 秒，与通话时长 60 秒不符，可能没有录全。"), ((0.0, 0.0), 3.0, "录音 0 秒，与通话时长 3 秒不符，可能没有录全。"),
])
def test_only_a_track_cut_short_is_told(recorded_s: tuple[float, ...], talked_s: float, told: str) -> None:
    assert note_on_length(recorded_s, talked_s) == told
