"""How a call travelled is read from what the dialplan wrote, and a line is judged by several calls."""

from __future__ import annotations

import pytest

from ivr.domain.media_quality import MediaQuality, line_is_poor, parse_media

GOOD = MediaQuality("audio", 3000, 0, 3000, 3, 2, 3, 40)
LOSSY = MediaQuality("audio", 3000, 0, 3000, 150, 2, 3, 40)


def test_what_the_dialplan_wrote_is_read() -> None:
    read = parse_media("video 560 14 4000 100 0.004500 0.000250 0.041")
    assert read == MediaQuality("video", 560, 14, 4000, 100, 4.5, 0.25, 41)
    assert round(read.loss, 4) == 0.025, "the worse way: 100 of 4000 there, 14 of 574 here"


@pytest.mark.parametrize("told", ["", "audio", "audio 1 2 3 4 5 6", "sound 1 2 3 4 5 6 7", "audio 1 2 3 4 5 6 7 8", "audio 1 2 3 4 -5 6 7", "audio ١ 2 3 4 5 6 7"])
def test_what_tells_nothing_is_nothing(told: str) -> None:
    assert parse_media(told) is None


def test_a_count_below_zero_that_was_printed_unsigned_is_no_loss() -> None:
    read = parse_media("audio 3000 4294967290 3000 16777214 0 0 0")
    assert read is not None and read.loss == 0 and not read.poor


@pytest.mark.parametrize(("media", "poor"), [
    (GOOD, False), (LOSSY, True),
    (MediaQuality("audio", 3000, 90, 3000, 0, 0, 0, 0), False), (MediaQuality("audio", 3000, 94, 3000, 0, 0, 0, 0), True),
    (MediaQuality("audio", 3000, 0, 3000, 0, 0, 61, 0), True), (MediaQuality("audio", 3000, 0, 3000, 0, 0, 0, 401), True),
    (MediaQuality("audio", 40, 40, 40, 20, 0, 0, 900), False),
])
def test_poor_is_what_people_notice_in_a_call_long_enough(media: MediaQuality, poor: bool) -> None:
    assert media.poor is poor


@pytest.mark.parametrize(("calls", "poor"), [
    ("", False), ("p", False), ("pp", True), ("pgp", False), ("ppg", True), ("ppgg", True), ("ppggg", False), ("ppggpgg", True),
    ("ppgggp", False), ("p-p", True), ("pp---", True),
])
def test_two_poor_calls_in_a_row_are_told_and_three_good_ones_end_it(calls: str, poor: bool) -> None:
    media = {"p": [GOOD, LOSSY], "g": [GOOD], "-": []}
    assert line_is_poor([media[c] for c in calls]) is poor
