"""Words of danger in what a caller said: the first that is meant, and when it was said."""

from __future__ import annotations

import pytest

from ivr.domain.emergency import cry_for_help
from ivr.domain.heard_phrase import HeardPhrase
from ivr.domain.transcript import Segment, Transcript, Word


def said(*lines: tuple[str, str]) -> Transcript:
    """Segments five seconds apart, words parted by spaces, half a second each."""
    segments = []
    for n, (speaker, line) in enumerate(lines):
        words = [Word(w, 5.0 * n + i / 2, 5.0 * n + (i + 1) / 2, 0.9) for i, w in enumerate(line.split())]
        segments.append(Segment(speaker, words[0].start_s, words[-1].end_s, tuple(words)))  # type: ignore[arg-type]
    return Transcript.of("l", segments)


@pytest.mark.parametrize(("lines", "cry"), [
    ((("caller", "我 家 着火 了"),), HeardPhrase("着火", 1.0)),
    ((("caller", "你好"), ("caller", "他 又 打 人 了 快 救 命")), HeardPhrase("打人", 6.0)),
    ((("caller", "请 打 幺 二 零"),), HeardPhrase("幺二零", 1.0)),
    ((("caller", "我 不 想 报警"),), None),
    ((("operator", "需要 报警 吗"),), None),
    ((("caller", "老板 拖欠 工资"),), None),
    ((), None),
])
def test_the_first_word_of_danger_that_is_meant(lines: tuple[tuple[str, str], ...], cry: HeardPhrase | None) -> None:
    assert cry_for_help(said(*lines)) == cry
