"""Place files: every bad row named, nothing dangerous let in, and what an import would change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.places import Gazetteer, Place, diff_places, parse_places
from tests.scenarios.intake_dialogue import gazetteer, shipped_places

HEADER = "code,name,kind,town_code,aliases,status\n"
TOWN = "640105100,兴泾镇,town,,,\n"


def test_shipped_places_are_nine_towns_and_81_villages_of_which_ten_are_known() -> None:
    places = shipped_places()
    towns = [place for place in places if place.kind == "town"]
    villages = [place for place in places if place.kind == "village"]
    confirmed = [place for place in villages if place.status == "confirmed"]
    assert (len(towns), len(villages), len(confirmed)) == (9, 81, 10)
    assert {place.name for place in confirmed if place.town_code == "640105001"} == {
        f"{name}社区" for name in "康庄 西花园 福利巷 惠民 橡民 沁园 梦园 兴洲南路 燕宝".split()
    }
    assert all("-L" in place.code for place in confirmed), "local codes, none that looks official"
    assert all(place.name.startswith("待导入") for place in villages if place.status == "placeholder")


def test_placeholders_are_never_matched_and_never_shown() -> None:
    assert "640105-P01" not in gazetteer().places
    assert gazetteer().display("640105-P01") == ""
    assert not gazetteer().index.find("待导入村居01")


def test_a_village_is_shown_with_its_town() -> None:
    assert gazetteer().display("640105100-L01") == "兴泾镇泾华村"
    assert gazetteer().display("640105100") == "兴泾镇"


def test_chinese_headers_in_any_order_and_a_byte_order_mark() -> None:
    text = "\ufeff名称,编码,类型,所属镇街,别名,状态\n兴泾镇,640105100,镇街,,,已核实\n"
    text += "泾华村,640105100001,村居,640105100,经华村、京华村|经华村,\n"
    file = parse_places(text)
    assert file.bad == ()
    assert file.places[1] == Place("640105100001", "泾华村", "village", "640105100", ("经华村", "京华村"), "confirmed")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (",空编码,town,,,", "编码为空"),
        ("640105100,重号镇,town,,,", "与第 2 行重复"),
        ("640105102,,town,,,", "名称为空"),
        ("640105102,镇,town,,,", "只有一个字"),
        (f"640105102,{'长' * 41},town,,,", "超过 40 字"),
        ("110105001,外区镇,town,,,", "镇街编码应为 640105"),
        ("640105100001,没镇村,village,,,", "没有所属镇街"),
        ("640105999001,孤村,village,640105999,,", "640105999' 不存在"),
        ("640105100-X1,坏码村,village,640105100,,", "村居编码应为"),
        ("640105100001,坏类,city,640105100,,", "类型应为"),
        ("640105100001,坏状态,village,640105100,,maybe", "状态应为"),
        ("640105100001,短行,village", "应有 6 列，实有 3 列"),
        ('640105100001,"=HYPERLINK(""x"")",village,640105100,,', "当作公式执行"),
        ("640105100001,＋加村,village,640105100,,", "当作公式执行"),
        ("640105100001,-减村,village,640105100,,", "当作公式执行"),
        ("640105100001,@某村,village,640105100,,", "当作公式执行"),
        ("640105100001,反\u202e转村,village,640105100,,", "U+202E"),
        ("640105100001,零\u200b宽村,village,640105100,,", "U+200B"),
        ("640105100001,控\x07制村,village,640105100,,", "U+0007"),
        ("640105100001,空\x00字符,village,640105100,,", "U+0000"),
        ("640105100001,<script>,village,640105100,,", "不允许的字符"),
        ("640105100001,好村,village,640105100,坏'名,", "别名含有不允许的字符"),
        (f"640105100001,好村,village,640105100,{'|'.join(f'别名{n}' for n in range(21))},", "别名多于 20 个"),
        ("640105-X1,占位,village,,,placeholder", "占位编码"),
    ],
)
def test_a_bad_row_has_its_line_and_its_reason_and_the_good_ones_stay(row: str, says: str) -> None:
    file = parse_places(HEADER + TOWN + row + "\n" + "640105101,镇北堡镇,town,,,\n")
    assert [place.code for place in file.places] == ["640105100", "640105101"]
    assert [bad.line for bad in file.bad] == [3]
    assert says in file.bad[0].reason


def test_one_name_twice_in_one_town_is_refused_but_not_in_two() -> None:
    rows = "640105100001,幸福村,village,640105100,,\n640105100002,幸福村,village,640105100,,\n"
    other = "640105101,镇北堡镇,town,,,\n640105101001,幸福村,village,640105101,,\n"
    file = parse_places(HEADER + TOWN + rows + other)
    assert [(bad.line, "重复" in bad.reason) for bad in file.bad] == [(4, True)]
    assert len(Gazetteer.of(file.places).index.find("幸福村")) == 2


def test_lines_are_counted_through_quoted_line_breaks() -> None:
    file = parse_places(HEADER + TOWN + '640105101,"镇北\n堡镇",town,,,\n640105102,,town,,,\n')
    assert [bad.line for bad in file.bad] == [3, 5]


@pytest.mark.parametrize(
    ("text", "says"), [("", "空的"), ("a,b\n1,2\n", "表头应为"), (HEADER + '640105100,"未闭合', "CSV")]
)
def test_files_that_are_no_table(text: str, says: str) -> None:
    file = parse_places(text)
    assert file.places == ()
    assert says in file.bad[0].reason


def test_a_town_may_be_known_already_or_come_later_in_the_file() -> None:
    village = "640105100001,泾华村,village,640105100,,\n"
    assert parse_places(HEADER + village).bad
    assert not parse_places(HEADER + village, known_towns=["640105100"]).bad
    assert not parse_places(HEADER + village + TOWN).bad


def test_what_an_import_would_do() -> None:
    before = shipped_places()
    file = parse_places(
        HEADER + "640105101001,吴苑村,village,640105101,,\n640105100-L01,泾华村,village,640105100,,\n",
        known_towns=[place.code for place in before if place.kind == "town"],
    )
    diff = diff_places(before, file.places)
    assert [place.name for place in diff.added] == ["吴苑村"]
    assert [(old.aliases != (), new.aliases) for old, new in diff.changed] == [(True, ())]
    assert diff.unchanged == ()
    assert [place.code for place in diff.replaced_placeholders] == ["640105-P71"]
    assert len(diff.missing) == len(before) - 2
    assert diff_places(before, before).unchanged == before


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    parse_places(text)
    assert len(parse_places(HEADER + TOWN + text).places) + len(parse_places(HEADER + TOWN + text).bad) >= 1
