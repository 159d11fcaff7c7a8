"""Words of risk: the shipped table, what is heard and what is not, and a table that is wrong."""

from __future__ import annotations

import pytest

from ivr.domain.errors import BadSetting
from ivr.domain.risk import RISK_KINDS, newest, parse_risk_table, risks_in
from ivr.domain.transcript import Segment, Speaker, Word
from ivr.intake_tables import shipped_risks

HEAD = "kind,phrase\n"


def said(*words: str, speaker: Speaker = "caller", at: float = 10.0) -> Segment:
    heard = tuple(Word(word, at + n, at + n + 1, 0.9) for n, word in enumerate(words))
    return Segment(speaker, at, at + len(words), heard)


@pytest.mark.parametrize(("words", "kind", "heard", "second"), [
    (("我", "真的", "不想活", "了"), "self_harm", "不想活", 12.0),
    (("我们", "几十个", "工人", "的", "工资", "都没发"), "mass_wage", "几十个工人的工资", 11.0),
    (("再不给", "我就", "弄死", "他"), "violence", "弄死", 12.0),
    (("明天", "我们", "去", "堵门"), "mass_unrest", "堵门", 13.0),
])
def test_a_phrase_is_found_where_it_is_said(words: tuple[str, ...], kind: str, heard: str, second: float) -> None:
    found = risks_in([said(*words)], shipped_risks())
    assert [(r.kind, r.words, r.at_s) for r in found] == [(kind, heard, second)]
    assert found[0].said == "".join(words)


@pytest.mark.parametrize("segment", [
    said("我没有要", "自杀"), said("您", "别", "自杀", speaker="operator"), said("我想", "咨询", "离婚"), said(),
])
def test_what_is_denied_or_said_by_the_operator_is_no_risk(segment: Segment) -> None:
    assert risks_in([segment], shipped_risks()) == []


def test_a_phrase_said_twice_is_told_once_where_it_was_first() -> None:
    found = risks_in([said("我", "不想活"), said("不想活", at=40)], shipped_risks())
    assert [(r.phrase, r.at_s) for r in found] == [("不想活", 11.0)]


def test_the_shipped_table_has_every_kind() -> None:
    assert {p.kind for p in shipped_risks().phrases} == set(RISK_KINDS)


@pytest.mark.parametrize(("text", "says"), [
    ("phrase,kind\n", "第 1 行"), (HEAD + "weather,下雨了\n", "第 2 行"), (HEAD + "violence,打\n", "第 2 行"),
    (HEAD + "violence,打死\nviolence,打死\n", "第 3 行"), (HEAD + "violence,…打死\n", "第 2 行"), (HEAD, "一个词也没有"),
    (HEAD + "violence,打死,x\n", "第 2 行"),
])
def test_a_wrong_table_names_its_line(text: str, says: str) -> None:
    with pytest.raises(BadSetting, match=says):
        parse_risk_table("2026.1", text)


def test_the_highest_version_is_in_force() -> None:
    tables = [parse_risk_table(version, HEAD + "violence,打死\n") for version in ("2026.9", "2026.10")]
    assert newest(tables).version == "2026.10"
    with pytest.raises(BadSetting, match="版本号"):
        parse_risk_table("next", HEAD + "violence,打死\n")
