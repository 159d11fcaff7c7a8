"""What a word is, where it stands, and what is shown around it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.domain.search_text import AROUND, BadSearch, Span, excerpt, fold, found_in, pairs_of, week_of, words_of

ANY_TEXT = st.text(st.sampled_from("工资欠条借利息ＡＢａb１2 　，,𠮷Ⅷİß"), max_size=30)


@given(st.text(max_size=60))
def test_a_folded_text_is_as_long_and_folding_twice_changes_nothing(text: str) -> None:
    assert len(fold(text)) == len(text) and fold(fold(text)) == fold(text)


def test_wide_and_capital_letters_are_read_as_narrow_small_ones() -> None:
    assert fold("ＡＢｃ　１２：（Ｘ）Z İß") == "abc 12:(x)z İß"


def test_words_are_parted_by_spaces_and_told_once() -> None:
    assert words_of("  拖欠　工资 拖欠 ") == ("拖欠", "工资")


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "one to 5"), ("　 ", "one to 5"), ("钱", "at least 2"), ("工资 钱", "钱"), ("aa bb cc dd ee ff", "At most 5"), ("长" * 101, "100")],
)
def test_what_cannot_be_searched_is_told(query: str, said: str) -> None:
    with pytest.raises(BadSearch, match=said):
        words_of(query)


@given(ANY_TEXT, st.lists(ANY_TEXT.map(fold).filter(lambda w: len(w) > 1), min_size=1, max_size=3))
def test_spans_hold_exactly_the_words(text: str, words: list[str]) -> None:
    folded, spans = fold(text), found_in(text, words)
    if not all(word in folded for word in words):
        assert spans == ()
        return
    covered = {n for span in spans for n in range(span.start, span.end)}
    wanted = {n for word in words for at in range(len(folded)) if folded.startswith(word, at) for n in range(at, at + len(word))}
    assert covered == wanted
    assert all(a.end < b.start for a, b in itertools.pairwise(spans)), "apart, in order"


@given(ANY_TEXT, ANY_TEXT.map(fold).filter(lambda w: len(w) > 1))
def test_a_text_with_the_word_has_all_its_pairs(text: str, word: str) -> None:
    if word in fold(text):
        assert set(pairs_of([word])) <= set(pairs_of([fold(text)]))


def test_a_long_text_is_cut_around_the_first_place() -> None:
    shown = excerpt("前" * 100 + "工资" + "后" * 100 + "工资", ["工资"])
    assert shown.text == "前" * AROUND + "工资" + "后" * AROUND and shown.offset == 100 - AROUND
    assert shown.spans == (Span(AROUND, AROUND + 2),)
    assert excerpt("老板拖欠工资", ["工资", "拖欠"]).spans == (Span(2, 6),)


def test_weeks_begin_on_thursday() -> None:
    assert week_of(0) == 0 and week_of(604_799.9) == 0 and week_of(604_800) == 1
