"""Personal numbers and names are covered however they are written or said, in text and in time; and nothing else is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.disclosure import TABLE, Veil, seen_by, veil_of
from ivr.domain.redaction import KINDS, Spoken, check_digit, cover, find, mask, passes_luhn, seconds
from ivr.domain.roles import ROLES
from ivr.domain.transcript import Word

SPOKEN = dict(zip("0123456789", "零幺二三四五六七八九", strict=True))
SEPARATORS = ["", " ", "-", "，", "嗯", "那个", " - ", "\n", "、", "是", "。"]


def luhn(body: str) -> str:
    return next(body + d for d in "0123456789" if passes_luhn(body + d))


digits = st.text("0123456789", min_size=0, max_size=30)
mobiles = st.builds(lambda second, rest: f"1{second}{rest}", st.sampled_from("3456789"), st.text("0123456789", min_size=9, max_size=9))
landlines = st.builds(lambda area, rest: area + rest, st.sampled_from(["0951", "0571"]), st.text("0123456789", min_size=7, max_size=8))
cards = st.builds(
    lambda area, born, serial: area + born + serial + check_digit(area + born + serial),
    st.sampled_from(["640105", "110101", "330106"]), st.dates().filter(lambda d: 1901 <= d.year <= 2025).map(lambda d: f"{d:%Y%m%d}"),
    st.text("0123456789", min_size=3, max_size=3),
)
banks = st.builds(lambda head, rest: luhn(head + rest), st.sampled_from(["6222", "6217", "4563"]), st.text("0123456789", min_size=11, max_size=14))
personal = st.one_of(mobiles, landlines, cards, banks)


def spell(number: str, spoken: list[bool], between: list[str]) -> str:
    """The number with each digit written or spoken, and something between every two of them."""
    out = []
    for n, char in enumerate(number):
        out.append(SPOKEN.get(char, char) if spoken[n % len(spoken)] else char)
        if n + 1 < len(number):
            out.append(between[n % len(between)])
    return "".join(out)


def hidden(text: str, shown: str) -> int:
    return sum(a != b for a, b in zip(text, shown, strict=True))


@pytest.mark.parametrize(("text", "shown"), [
    ("我的电话是13812345678", "我的电话是138****5678"),
    ("电话一三八 幺二三四 五六七八，谢谢", "电话一三八 **** 五六七八，谢谢"),
    ("+86 138-1234-5678", "+86 138-****-5678"),
    ("0951-2012345", "095*-***2345"),
    ("座机零九五一二零一二三四五", "座机零九五****二三四五"),
    ("身份证640105199001011230", "身份证**************1230"),
    ("身份证11010519491231002X。", "身份证**************002X。"),
    ("卡号6222 0202 0000 1234 567", "卡号**** **** **** ***4 567"),
    ("一三八零零零零幺二", "一三八零零零零幺二"),
    ("幺三八零零零零幺二", "幺三八**零零幺二"),
])  # fmt: skip
def test_numbers_are_covered_as_people_write_and_say_them(text: str, shown: str) -> None:
    if "一三八零零零零幺二" == text:  # nine digits: a mobile number of which two were not heard
        shown = "一三八**零零幺二"
    assert mask(text) == shown


@pytest.mark.parametrize("text", [
    "工单6401051261126000018", "2026-11-26 14:05:09", "欠我三万五千元", "三个人一二三四", "拖欠2026年11月工资3000元", "12348", "（2026）宁0105民初1234号",
    "第一二三条", "", "110", "二零二六年十一月二十六日",
])  # fmt: skip
def test_what_is_nobodys_number_stays(text: str) -> None:
    if "6401051261126" in text:
        from ivr.domain.order_number import check_digit as order_digit

        body = "640105126112600001"
        text = f"工单{body}{order_digit(body)}"
    assert mask(text) == text


def test_a_misheard_digit_does_not_lay_a_card_open() -> None:
    assert mask("640105199001011231") == "*" * 14 + "1231" and mask("6222020200001234568") == "*" * 15 + "4568"
    assert hidden("64010519900", mask("64010519900")) == 0, "no phone, and too short for a card"


@given(personal, st.lists(st.booleans(), min_size=1, max_size=5), st.lists(st.sampled_from(SEPARATORS), min_size=1, max_size=5),
       st.sampled_from(["", "我的号码是", "打 "]), st.sampled_from(["", "谢谢", "，记下了吗"]))  # fmt: skip
def test_no_separator_and_no_way_of_saying_it_covers_less(
    number: str, spoken: list[bool], between: list[str], before: str, after: str
) -> None:
    plain = mask(number)
    text = before + spell(number, spoken, between) + after
    shown = mask(text)
    assert plain.count("*") >= 3 and len(shown) == len(text)
    assert shown.count("*") >= plain.count("*"), (text, shown, plain)
    kept = re.sub(r"[^0-9]", "", "".join({v: k for k, v in SPOKEN.items()}.get(c, c) for c in shown))
    assert number not in kept


@given(st.text("0123456789一二三幺零 -，嗯是年月元Xx张马建国", max_size=60))
def test_masking_again_changes_nothing_and_lengths_stay(text: str) -> None:
    shown = mask(text, KINDS, ("马建国", "张马"))
    assert len(shown) == len(text) and mask(shown, KINDS, ("马建国", "张马")) == shown
    assert all(a == b or b == "*" for a, b in zip(text, shown, strict=True))


@given(digits, personal, digits)
def test_a_number_is_covered_whatever_stands_around_it(before: str, number: str, after: str) -> None:
    """Unless all of it together is one of our own numbers of orders."""
    from ivr.domain.order_number import is_valid

    row = before + number + after
    if not is_valid(row):
        at = len(before)
        assert mask(row)[at : at + len(number)].count("*") >= 3


def test_names_of_the_matter_are_covered() -> None:
    assert mask("我叫马建国，马 建国", KINDS, ("马建国",)) == "我叫马**，马 **"
    assert mask("我叫马建国", frozenset({"phone"}), ("马建国",)) == "我叫马建国"
    assert mask("马", KINDS, ("马",)) == "马", "one character is a surname, and half the dictionary"


def words(text: str, start: float) -> tuple[Word, ...]:
    return tuple(Word(c, start + n, start + n + 1, 1.0) for n, c in enumerate(text))


def spoken(speaker: str, start: float, text: str) -> Spoken:
    return Spoken(speaker, start, start + len(text), text, words(text, start))  # type: ignore[arg-type]


def test_a_number_in_pieces_is_one_number_and_its_seconds_are_known() -> None:
    speech = [
        spoken("caller", 0, "电话幺三八"), spoken("operator", 5, "嗯"), spoken("caller", 6, "幺二三四"), spoken("operator", 10, "好"),
        spoken("caller", 11, "五六七八"), spoken("operator", 20, "幺三八幺二三四五六七八对吗"),
    ]  # fmt: skip
    shown = cover(speech, KINDS)
    assert [s.text for s in shown] == ["电话幺三八", "嗯", "****", "好", "五六七八", "幺三八****五六七八对吗"]
    assert shown[2].words == ("*", "*", "*", "*") and "".join(shown[5].words) == shown[5].text
    times = seconds(speech, KINDS)
    assert times["caller"] == [(pytest.approx(1.85), pytest.approx(5.15)), (pytest.approx(5.85), pytest.approx(10.15)),
                               (pytest.approx(10.85), pytest.approx(15.15))]  # fmt: skip
    assert times["operator"] == [(pytest.approx(19.85), pytest.approx(31.15))]
    assert seconds(speech, KINDS - {"phone"}) == {"caller": [], "operator": []}


def test_words_that_do_not_make_up_their_text_show_no_digit_at_all() -> None:
    speech = [Spoken("caller", 3, 9, "电话13812345678", (Word("电话", 3, 4, 1), Word("138", 4, 5, 1), Word("1234", 5, 6, 1)))]
    assert cover(speech, KINDS)[0].words == ("电话", "***", "****")
    assert seconds(speech, KINDS)["caller"] == [(pytest.approx(2.85), pytest.approx(9.15))], "the whole stretch"
    assert seconds([Spoken("caller", 1, 2, "13812345678")], KINDS)["caller"] == [(pytest.approx(0.85), pytest.approx(2.15))]


def test_the_table_knows_every_role_and_opens_no_card_to_anybody() -> None:
    assert set(TABLE) == set(ROLES)
    assert seen_by(["operator"]) == {"phone", "name"} and seen_by(["handler"]) == set() and seen_by(["handler"], own=True) == {"phone", "name"}
    for role in ROLES:
        assert not seen_by([role], own=True) & {"identity_card", "bank_card"}, role
    assert seen_by(["auditor", "adviser", "administrator", "nobody"], own=True) == set() and seen_by(["supervisor"]) == set()
    assert veil_of(["auditor"], unmasked=True).text("13812345678") == "13812345678"


@pytest.mark.parametrize(("number", "shown"), [
    ("13812345678", "138****5678"), ("+8613812345678", "+86138****5678"), ("", ""), ("2012345", "20***45"), ("12348", "12*48"), ("110", "110"), ("<svg onload=alert(1)>", "<svg onload=alert(1)>"), ("sip:20123@x", "sip:20*23@x"),
    ("00441632960961", "0044*****60961"),
])  # fmt: skip
def test_a_callers_number_is_covered_whatever_its_form(number: str, shown: str) -> None:
    assert Veil().number(number) == shown and veil_of(["operator"]).number(number) == number


def test_kinds_are_told_apart() -> None:
    assert {f.kind for f in find("13812345678")} == {"phone"}
    assert "identity_card" in {f.kind for f in find("11010519491231002X")}
    assert {f.kind for f in find("13812345678，13812345678，09512012345")} == {"phone"}, "said twice, and another one"
    assert check_digit("11010519491231002") == "X" and check_digit("1") == "" and passes_luhn("6222020200001234567") is False
