"""Articles as files and versions, and which words of an operator tell an item of a one-time notice."""

from __future__ import annotations

import pytest

from ivr.domain.errors import BadSetting
from ivr.domain.knowledge import Article, NoticeItem, heard_items, parse_articles, problems_of, write_articles
from ivr.domain.transcript import Segment, Speaker, Word
from ivr.intake_tables import shipped_articles, shipped_tables

ITEMS = (
    NoticeItem("id", "bring", "身份证", ("身份证",)), NoticeItem("other", "bring", "对方的住址", ("对方…住址",)),
    NoticeItem("proxy", "note", "对方身份证", ("身份证",)), NoticeItem("takes", "takes", "三十日", ("三十日", "三十天")),
)


def said(text: str, at_s: float = 3.0, speaker: Speaker = "operator") -> Segment:
    return Segment(speaker, at_s, at_s + 2, (Word(text, at_s, at_s + 2, 1.0),))


@pytest.mark.parametrize(("text", "told"), [
    ("来的时候请带上身份证", {"id", "proxy"}),
    ("身份证不用带了", {"id", "proxy"}),  # said after it: a person's tick corrects the machine's
    ("这次不用带身份证", set()),
    ("不需要提供身份证", set()),
    ("要不要带身份证呢", {"id", "proxy"}),
    ("还要写清楚对方现在的住址", {"other"}),
    ("一般三十天就办好", {"takes"}),
    ("您好请讲", set()),
])
def test_what_is_heard_and_what_was_denied(text: str, told: set[str]) -> None:
    assert {heard.code for heard in heard_items(ITEMS, [said(text)])} == told


def test_the_operators_word_counts_and_the_first_time_it_was_said() -> None:
    segments = [said("我带了身份证", 1.0, "caller"), said("三十日", 40.0), said("三十天", 9.0), said("三十日", 12.0)]
    assert [(h.code, h.at_s) for h in heard_items(ITEMS, segments)] == [("takes", 9.0)]


def test_the_shipped_articles_are_whole_marked_as_samples_and_of_the_orders_own_codes() -> None:
    articles = [article for article, _ in parse_articles(shipped_articles())]
    table = shipped_tables().current
    categories, matters = ({code.code for code in table.of(kind)} for kind in ("category", "matter"))
    wanted = {"wages", "land-contract", "divorce", "inheritance", "loan", "traffic", "legal-aid", "mediation", "notary"}
    assert wanted <= {a.slug for a in articles}
    for a in articles:
        assert a.sample and a.statutes and {"bring", "where"} <= {i.kind for i in a.checklist}, a.slug
        assert a.category in categories and a.matter in matters | {""}, a.slug
        assert all(i.heard for i in a.checklist), a.slug
        for item in a.checklist:
            for phrase in item.heard:
                assert heard_items((item,), [said(phrase.replace("…", "的"))]), (a.slug, phrase)


@pytest.mark.parametrize("body", ["一行", "两行\n第二行", "带 '''三个''' 引号", '带 """ 和 \\ 反斜杠', "制表\t符\x7f"])
def test_what_is_written_is_read_back(body: str) -> None:
    article = Article("wages", "labour", "", '"工资"怎么要', body, ("《劳动法》第五十条",), True, False, ITEMS)
    assert parse_articles(write_articles([(article, 3)])) == [(article, 3)]


@pytest.mark.parametrize(("text", "word"), [
    ("", "[[articles]]"), ("a = ", "TOML"), ("articles = []", "[[articles]]"), ("x = 1\n[[articles]]\n", "没有别的"),
    ('[[articles]]\nslug = "a"', "缺 category"), ('[[articles]]\nslug = 5', "slug 的类型"), ('[[articles]]\nsecret = "a"', "不认识 secret"),
    ('[[articles]]\nslug="A b"\ncategory="x"\ntitle="t"\nbody="b"', "slug"),
    ('[[articles]]\nslug="a"\ncategory="x"\ntitle=" "\nbody="b"', "title"),
    ('[[articles]]\nslug="a"\ncategory="x"\ntitle="t"\nbody="b"\nversion=0', "version"),
    ('[[articles]]\nslug="a"\ncategory="x"\ntitle="t"\nbody="b"\n[[articles]]\nslug="a"\ncategory="x"\ntitle="t"\nbody="b"', "有两篇"),
    ('[[articles]]\nslug="a"\ncategory="x"\ntitle="t"\nbody="b"\nchecklist=[{code="a",kind="buy",text="x"}]', "kind"),
    ('[[articles]]\nslug="a"\ncategory="x"\ntitle="t"\nbody="b"\nchecklist=[{code="a",kind="note"}]', "code、kind、text"),
    ('[[articles]]\nslug="a"\ncategory="x"\ntitle="t"\nbody="b"\nchecklist=[{code="a",kind="note",text="x",heard=["一"]}]', "heard"),
])
def test_a_file_with_a_fault_is_refused_and_says_which(text: str, word: str) -> None:
    with pytest.raises(BadSetting, match=word.replace("[", r"\[").replace("]", r"\]")):
        parse_articles(text)


def test_two_items_of_one_code_and_endless_lists_are_refused() -> None:
    twice = Article("a", "x", "", "题", "文", checklist=(ITEMS[0], ITEMS[0]))
    assert problems_of(twice) == ["清单项 id 有两个"]
    assert problems_of(Article("a", "x", "", "题", "文" * 8001)) and problems_of(Article("a", "x", "", "题", "文", ("条",) * 21))
    assert problems_of(Article("a", "x", "", "题", "文", ("《民法典》",), checklist=ITEMS)) == []
