"""Articles of the knowledge base, and the one-time notice (一次性告知) some have: what to bring, where, how long.

An article is data in versions: a change is a new version, and a call keeps the one it was told from. An item of the notice is told
when a person says so, or when its words were heard from the operator; a person's word is the last.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

from ivr.domain.errors import BadSetting, CallerFault
from ivr.domain.phrases import PhraseIndex, is_denied
from ivr.domain.transcript import Segment

ItemKind = Literal["bring", "where", "takes", "note"]
ITEM_KINDS: Final[tuple[ItemKind, ...]] = get_args(ItemKind)

_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_CODE: Final = re.compile(r"[a-z][a-z0-9_-]{0,29}")
_LONGEST: Final = {"title": 60, "body": 8000, "category": 40, "matter": 40}
_LONGEST_LINE: Final = 200
_MOST_STATUTES, _MOST_ITEMS, _MOST_PHRASES = 20, 20, 12
_LONGEST_FILE: Final = 4 * 1024 * 1024
# 不用带户口本 denies it as 不用户口本 would: what stands between is no part of the denial.
_CARRYING: Final = re.compile(r"(?:带|交|拿|提供|准备|出示)+$")


class ArticleRefused(CallerFault):
    """An article is not fit to be kept; the text says what is wrong with it."""

    code = "article_refused"


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """One thing a citizen has to be told. ``heard`` are the words a machine knows it by; ``…`` is up to a dozen characters."""

    code: str
    kind: ItemKind
    text: str
    heard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Article:
    """One version's content. ``category`` and ``matter`` are codes of the order's tables, ``matter`` '' for any.

    ``sample``: text that came with the program and no lawyer of the centre has reviewed; ``retired``: kept, and no longer shown.
    """

    slug: str
    category: str
    matter: str
    title: str
    body: str
    statutes: tuple[str, ...] = ()
    sample: bool = False
    retired: bool = False
    checklist: tuple[NoticeItem, ...] = ()

    @property
    def told(self) -> str:
        """Everything a search looks through."""
        return "\n".join((self.title, self.body, *self.statutes, *(item.text for item in self.checklist)))


@dataclass(frozen=True, slots=True)
class Heard:
    """An item's words, and where in the recording the stretch begins in which they were said."""

    code: str
    at_s: float


def problems_of(article: Article) -> list[str]:
    """What is wrong with an article, in Chinese; [] when nothing is."""
    found = []
    if not _SLUG.fullmatch(article.slug):
        found.append(f"slug {article.slug[:40]!r} 应是小写字母开头的字母、数字和短横，至多 40 个")
    found += [
        f"{name} 应有 1 到 {most} 个字" for name, most in _LONGEST.items()
        if not (0 if name == "matter" else 1) <= len(getattr(article, name).strip()) <= most
    ]
    if len(article.statutes) > _MOST_STATUTES or not all(_is_line(s) for s in article.statutes):
        found.append(f"statutes 至多 {_MOST_STATUTES} 条，每条 1 到 {_LONGEST_LINE} 个字")
    if len(article.checklist) > _MOST_ITEMS:
        found.append(f"checklist 至多 {_MOST_ITEMS} 项")
    codes = [item.code for item in article.checklist]
    found += [f"清单项 {code} 有两个" for code in sorted({c for c in codes if codes.count(c) > 1})]
    for item in article.checklist:
        if not _CODE.fullmatch(item.code):
            found.append(f"清单项 code {item.code[:30]!r} 应是小写字母开头的字母、数字、短横")
        if item.kind not in ITEM_KINDS:
            found.append(f"清单项 {item.code[:30]} 的 kind 应是 {'、'.join(ITEM_KINDS)} 之一")
        if not _is_line(item.text):
            found.append(f"清单项 {item.code[:30]} 应有 1 到 {_LONGEST_LINE} 个字")
        if len(item.heard) > _MOST_PHRASES or not all(2 <= len(phrase.replace("…", "")) <= 20 for phrase in item.heard):
            found.append(f"清单项 {item.code[:30]} 的 heard 至多 {_MOST_PHRASES} 个说法，每个 2 到 20 个字")
    return found


def _is_line(text: str) -> bool:
    return 0 < len(text.strip()) <= _LONGEST_LINE and "\n" not in text


def parse_articles(text: str) -> list[tuple[Article, int | None]]:
    """Articles of a file (TOML) with the version each was exported from, None where the file names none.

    BadSetting names everything that is wrong.
    """
    if len(text.encode()) > _LONGEST_FILE:
        raise BadSetting(f"知识库文件不能超过 {_LONGEST_FILE // 1024 // 1024} MiB")
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise BadSetting(f"知识库文件不是 TOML：{wrong}") from None
    rows = told.get("articles")
    if set(told) != {"articles"} or not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise BadSetting("知识库文件应有一个或多个 [[articles]]，没有别的")
    problems: list[str] = []
    found: list[tuple[Article, int | None]] = []
    for number, row in enumerate(rows, 1):
        version = row.pop("version", None)
        try:
            article = article_of(row)
            if version is not None and (type(version) is not int or version < 1):
                raise ArticleRefused("version 应是正整数")
        except ArticleRefused as wrong:
            problems.append(f"第 {number} 篇：{wrong}")
            continue
        problems += [f"第 {number} 篇（{article.title[:20]}）：{problem}" for problem in problems_of(article)]
        found.append((article, version))
    slugs = [article.slug for article, _ in found]
    problems += [f"{slug} 有两篇" for slug in sorted({s for s in slugs if slugs.count(s) > 1})]
    if problems:
        raise BadSetting("\n".join(problems))
    return found


_TYPES: Final[Mapping[str, type]] = {
    "slug": str, "category": str, "matter": str, "title": str, "body": str, "statutes": list, "sample": bool, "retired": bool,
    "checklist": list,
}


def article_of(row: Mapping[str, Any]) -> Article:
    """An article from plain data. ArticleRefused for an unknown name or a wrong type; ``problems_of`` says the rest."""
    if unknown := sorted(set(row) - set(_TYPES)):
        raise ArticleRefused(f"不认识 {unknown[0][:40]}")
    if wrong := next((name for name, value in row.items() if type(value) is not _TYPES[name]), None):
        raise ArticleRefused(f"{wrong} 的类型不对")
    if missing := next((name for name in ("slug", "category", "title", "body") if name not in row), None):
        raise ArticleRefused(f"缺 {missing}")
    members = {"matter": "", **row, "body": row["body"].strip()}
    statutes, items = members.pop("statutes", ()), members.pop("checklist", ())
    if not all(isinstance(s, str) for s in statutes):
        raise ArticleRefused("statutes 应是一行行文字")
    return Article(**members, statutes=tuple(statutes), checklist=tuple(item_of(item) for item in items))


def item_of(row: Any) -> NoticeItem:
    """An item from plain data; ArticleRefused as above."""
    if not isinstance(row, dict) or not {"code", "kind", "text"} <= set(row) <= {"code", "kind", "text", "heard"}:
        raise ArticleRefused("清单项要有 code、kind、text，可以有 heard，没有别的")
    heard = row.get("heard", [])
    if not all(isinstance(row[n], str) for n in ("code", "kind", "text")) or not (
        isinstance(heard, list) and all(isinstance(phrase, str) for phrase in heard)
    ):
        raise ArticleRefused("清单项的类型不对")
    return NoticeItem(row["code"], row["kind"], row["text"], tuple(heard))


def plain_item(item: NoticeItem) -> dict[str, Any]:
    """An item as plain data, for JSON and TOML alike."""
    return {"code": item.code, "kind": item.kind, "text": item.text, "heard": list(item.heard)}


def write_articles(articles: Iterable[tuple[Article, int]]) -> str:
    """The file of these articles and versions, which ``parse_articles`` reads back."""
    out = []
    for article, version in articles:
        out += ["[[articles]]", f"version = {version}"]
        for one in fields(Article):
            value = getattr(article, one.name)
            if one.name == "checklist":
                out += ["checklist = [", *(f"  {_table(plain_item(item))}," for item in value), "]"]
            elif one.name == "body" and "'''" not in value and not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", value):
                out.append(f"body = '''\n{value}\n'''")
            else:
                out.append(f"{one.name} = {_value(value)}")
        out.append("")
    return "\n".join(out)


def _table(item: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{name} = {_value(value)}" for name, value in item.items()) + "}"


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    # A JSON string is a TOML string, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def heard_items(checklist: Sequence[NoticeItem], segments: Iterable[Segment]) -> list[Heard]:
    """Items whose words the operator said, each at the first time; what was denied (不用带户口本) was not told.

    Of words that several items know (身份证 of the citizen, of the other side) all items are told.
    """
    known = [(item.code, phrase) for item in checklist for phrase in item.heard]
    index = PhraseIndex([phrase for _, phrase in known])
    first: dict[str, float] = {}
    for segment in segments:
        if segment.speaker != "operator":
            continue
        text = segment.text
        for hit in index.find(text):
            begins = len(_CARRYING.sub("", text[: hit.start]))
            code = known[hit.key][0]
            if not is_denied(text, begins, hit.end):
                first[code] = min(segment.start_s, first.get(code, segment.start_s))
    return [Heard(code, at_s) for code, at_s in first.items()]
