"""The shipped tables, the checks on anybody else's, and versions side by side."""

from __future__ import annotations

import pytest

from ivr.domain.code_tables import CodeTables, parse_code_table
from ivr.domain.errors import BadSetting, NotFound
from ivr.domain.phrases import PhraseIndex, is_denied
from tests.scenarios.intake_dialogue import code_tables, table_text

CODES = "kind,code,parent,gives_way,name\ncategory,a,,,甲\nmatter,m,,,乙\nmatter,m.n,m,,丙\n"
CUES = "kind,code,cue,weight\ncategory,a,线索,2\n"


def test_shipped_tables_hold_the_hotlines_codes() -> None:
    table = code_tables().current
    assert [code.name for code in table.of("category")] == (
        ["法律咨询", "法律援助", "人民调解", "公证", "司法鉴定", "仲裁", "行政复议", "律师服务", "投诉建议"]
    )
    assert [code.name for code in table.of("matter") if not code.parent] == (
        ["婚姻家庭", "劳动争议", "合同纠纷", "侵权", "土地承包", "邻里纠纷", "债务", "继承", "刑事", "行政", "其他"]
    )
    assert [code.name for code in table.of("matter") if code.parent == "tort"] == ["交通事故", "工伤", "人身损害"]
    silent = {c.code for c in table.codes} - {cue.code for cues in table.cues.values() for cue in cues}
    assert silent == {"other"}, "其他 is a person's choice; every other code can be heard"


def test_an_order_keeps_the_name_of_its_version() -> None:
    later = parse_code_table("2027.1", CODES.replace("甲", "新名"), CUES)
    tables = CodeTables.of([parse_code_table("2026.10", CODES, CUES), parse_code_table("2026.9", CODES, CUES), later])
    assert tables.current.version == "2027.1"
    assert tables.name("2026.9", "category", "a") == "甲"
    assert tables.name("2027.1", "category", "a") == "新名"
    assert tables.name("2027.1", "category", "") == ""
    assert CodeTables.of(tables.versions.values(), current="2026.10").current.version == "2026.10"
    for version, code in (("1999.1", "a"), ("2026.9", "nothing")):
        with pytest.raises(NotFound):
            tables.name(version, "category", code)


@pytest.mark.parametrize("versions", [[], ["2026.1", "2026.1"]])
def test_no_version_or_one_twice_is_refused(versions: list[str]) -> None:
    with pytest.raises(BadSetting):
        CodeTables.of([parse_code_table(version, CODES, CUES) for version in versions])


@pytest.mark.parametrize(
    ("codes", "cues", "says"),
    [
        ("", CUES, "codes：文件是空的"),
        ("a,b\n", CUES, "codes 第 1 行：表头应为"),
        (CODES + "category,A,,,大写\n", CUES, "codes 第 5 行：code 'A'"),
        (CODES + "category,a,,,又甲\n", CUES, "codes 第 5 行：code a 重复"),
        (CODES + "matter,x,later,,丁\n", CUES, "codes 第 5 行：上级 'later'"),
        (CODES + "matter,x,m.n,,丁\n", CUES, "只支持两级"),
        (CODES + "other,x,,,丁\n", CUES, "kind 应为"),
        (CODES + "matter,x,,maybe,丁\n", CUES, "gives_way"),
        (CODES + "matter,x,,\n", CUES, "codes 第 5 行：应有 5 列，实有 4 列"),
        (CODES, CUES + "category,b,别的,2\n", "cues 第 3 行：category 'b' 不在 codes 表里"),
        (CODES, CUES + "category,a,字,2\n", "cues 第 3 行：线索“字”太短"),
        (CODES, CUES + "category,a,…开头,2\n", "cues 第 3 行：线索 '…开头'"),
        (CODES, CUES + "category,a,有 空格,2\n", "cues 第 3 行"),
        (CODES, CUES + "category,a,多重,12\n", "cues 第 3 行：weight '12'"),
        (CODES, CUES + "category,a,线索,3\n", "cues 第 3 行：线索“线索”与第 2 行重复"),
        (CODES, CUES + 'category,"a,线,3\n', "不是合格的 CSV"),
        ("kind,code,parent,gives_way,name\ncategory,a,,,甲\n", CUES, "没有任何 matter"),
    ],
)
def test_a_bad_row_is_named(codes: str, cues: str, says: str) -> None:
    with pytest.raises(BadSetting) as caught:
        parse_code_table("2026.1", codes, cues)
    assert says in str(caught.value)


def test_every_bad_row_is_listed_up_to_twenty() -> None:
    with pytest.raises(BadSetting) as caught:
        parse_code_table("2026.1", CODES, CUES + "category,a,字,2\n" * 30)
    assert str(caught.value).count("太短") == 20
    assert "共 30 处" in str(caught.value)


def test_comments_and_a_byte_order_mark_are_welcome() -> None:
    parse_code_table("2026.1", "\ufeff" + CODES, "# 说明\n\n" + CUES)


def test_a_bad_version_is_refused() -> None:
    with pytest.raises(BadSetting, match="版本号"):
        parse_code_table("new", CODES, CUES)


def test_shipped_files_end_in_a_line_feed_and_hold_no_carriage_returns() -> None:
    for name in ("codes-2026.1.csv", "cues-2026.1.csv", "places-640105.csv"):
        assert table_text(name).endswith("\n")
        assert "\r" not in table_text(name)


def found(phrases: list[str], text: str) -> list[str]:
    return [phrases[hit.key] for hit in PhraseIndex(phrases).find(text)]


def test_the_longest_phrase_hides_what_it_shares_characters_with() -> None:
    assert found(["合同纠纷", "劳动合同纠纷", "纠纷"], "劳动合同纠纷") == ["劳动合同纠纷"]
    assert found(["合同", "纠纷"], "劳动合同纠纷") == ["合同", "纠纷"]


def test_a_gap_reaches_twelve_characters_and_hides_only_its_own() -> None:
    assert found(["欠…工资", "欠我", "三个月"], "欠我三个月工资") == ["欠…工资", "三个月"]
    assert found(["欠…工资"], "欠" + "x" * 12 + "工资") == ["欠…工资"]
    assert found(["欠…工资"], "欠" + "x" * 13 + "工资") == []


def test_one_name_for_two_places_is_reported_twice() -> None:
    assert found(["幸福村", "幸福村"], "住在幸福村") == ["幸福村", "幸福村"]


def test_nothing_to_find_is_no_error() -> None:
    assert PhraseIndex([]).find("任何话") == []
    assert PhraseIndex(["词语"]).find("") == []


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("我不是要离婚", True),
        ("我不想申请离婚", True),
        ("不用离婚", True),
        ("我要离婚", False),
        ("是不是要离婚", False),
        ("要不要离婚", False),
        ("不用离婚吗", False),
        ("他不同意离婚", False),
    ],
)
def test_denial(text: str, denied: bool) -> None:
    start = text.index("离婚")
    assert is_denied(text, start, start + 2) is denied
