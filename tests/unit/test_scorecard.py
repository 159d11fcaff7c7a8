"""Scorecards: what a file may say, how marks add up, what a sheet must hold."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ivr.domain.errors import BadSetting
from ivr.domain.scorecard import MarkLine, SheetLine, SheetRefused, Verdict, human_marks, machine_marks, parse_scorecard
from ivr.quality_setup import shipped_scorecard

FILE = """
version = "2026.9"
title = "质检"
least_confidence = 0.7
least_s = 10
[[criteria]]
code = "greeting"
title = "问候"
check = "greeting"
weight = 20
phrases = ["您好"]
within_s = 15
[[criteria]]
code = "silence"
title = "静默"
check = "silence_share"
weight = 20
most = 0.3
[[criteria]]
code = "answer"
title = "答复"
weight = 60
[[criteria]]
code = "forbidden"
title = "忌语"
check = "forbidden"
fatal = true
phrases = ["不归我管"]
[[criteria]]
code = "privacy"
title = "隐私"
fatal = true
"""
CARD = parse_scorecard(FILE)
HEARD: Mapping[str, Verdict] = {"greeting": "pass", "silence": "fail", "forbidden": "pass"}
SHEET = [SheetLine("answer", 45), SheetLine("privacy", passed=True)]


def test_the_shipped_card_follows_the_trade() -> None:
    card = parse_scorecard(shipped_scorecard())
    assert {c.check for c in card.criteria if c.check} == {
        "greeting", "notice", "forbidden", "silence_share", "longest_silence", "talk_over_share", "interruptions", "speech_rate",
        "required", "closing",
    }
    assert sum(c.weight for c in card.criteria) == 100
    assert [c.code for c in card.criteria if c.fatal] == ["forbidden", "privacy"]
    assert sum(c.weight for c in card.criteria if not c.check) == 45


@pytest.mark.parametrize(("old", "new", "word"), [
    ("version = \"2026.9\"", "version = \"一\"", "version"),
    ("weight = 60", "weight = 61", "101"),
    ("weight = 60", "weight = 60\nfatal = true", "answer：weight"),
    ("weight = 60", "weight = 60.0", "answer：weight"),
    ("most = 0.3", "most = 1.3", "silence：most"),
    ("most = 0.3", "most = 0.3\nleast = 0.1", "least 只有语速"),
    ("within_s = 15", "", "greeting：within_s"),
    ("phrases = [\"不归我管\"]", "", "forbidden：phrases"),
    ("phrases = [\"不归我管\"]", "phrases = [\"不\"]", "forbidden：phrases"),
    ("check = \"greeting\"", "check = \"smile\"", "check 应是"),
    ("code = \"answer\"", "code = \"greeting\"", "greeting 有两项"),
    ("code = \"answer\"", "code = \"Answer\"", "第 3 项：code"),
    ("title = \"答复\"", "title = \"\"", "answer：title"),
    ("title = \"答复\"", "title = \"答复\"\ncolour = 1", "不认识 colour"),
    ("least_s = 10", "least_s = true", "least_s"),
    ("least_s = 10", "least_s = nan", "least_s"),
    ("[[criteria]]", "[[criteria", "TOML"),
])
def test_a_wrong_file_is_refused_by_its_place(old: str, new: str, word: str) -> None:
    with pytest.raises(BadSetting, match=word):
        parse_scorecard(FILE.replace(old, new, 1))


def test_a_file_without_criteria_or_endless_is_refused() -> None:
    for text in ("", FILE[:FILE.index("[[")], FILE + "#" * 70_000):
        with pytest.raises(BadSetting):
            parse_scorecard(text)


def test_the_machine_scores_what_it_could_judge() -> None:
    marked = machine_marks(CARD, HEARD)
    assert (marked.score, marked.fatal) == (50.0, False)
    assert machine_marks(CARD, {"greeting": "pass", "silence": "not_judged"}).score == 100.0
    assert machine_marks(CARD, {}).score is None
    assert machine_marks(CARD, {**HEARD, "forbidden": "fail"}).score == 0.0


def test_a_person_adds_to_the_machine_and_overrides_it_with_a_reason() -> None:
    marked = human_marks(CARD, HEARD, SHEET)
    assert (marked.score, marked.fatal) == (65.0, False)  # 20 + 0 + 45 of 100
    over = human_marks(CARD, HEARD, [*SHEET, SheetLine("silence", 20, reason="在等来电人找合同")])
    assert over.score == 85.0 and over.lines[1] == MarkLine("silence", 20, None, "human", "在等来电人找合同")
    saved = human_marks(CARD, {**HEARD, "forbidden": "fail"}, [*SHEET, SheetLine("forbidden", passed=True, reason="转述")])
    assert (saved.score, saved.fatal) == (65.0, False)
    failed = human_marks(CARD, HEARD, [SheetLine("answer", 60), SheetLine("privacy", passed=False, reason="说出了他人姓名")])
    assert (failed.score, failed.fatal) == (0.0, True)
    unheard = human_marks(CARD, {}, SHEET)
    assert unheard.score == 75.0  # what the machine could not judge counts neither way


@pytest.mark.parametrize("sheet", [
    [], SHEET[:1], [*SHEET, SHEET[0]], [*SHEET, SheetLine("smile", 1)], [SheetLine("answer", 61), SHEET[1]], [SheetLine("answer", -1), SHEET[1]],
    [SheetLine("answer", passed=True), SHEET[1]], [SheetLine("answer"), SHEET[1]], [SHEET[0], SheetLine("privacy", 1)],
    [SHEET[0], SheetLine("privacy", passed=False)], [*SHEET, SheetLine("silence", 20)], [*SHEET, SheetLine("silence", 20, reason=" 短 ")],
    [*SHEET, SheetLine("silence", 20, True, "两样")],
])
def test_a_sheet_that_does_not_fit_is_refused(sheet: list[SheetLine]) -> None:
    with pytest.raises(SheetRefused):
        human_marks(CARD, HEARD, sheet)
