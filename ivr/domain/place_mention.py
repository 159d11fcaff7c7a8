"""Which village or town the caller speaks of: the longest gazetteer name, with its town as a check."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ivr.domain.evidence import Evidence, Field, Heard, Reason, Thresholds, evidence_of
from ivr.domain.phrases import is_denied
from ivr.domain.places import Gazetteer

_LIVES_HERE: Final = re.compile(r"(?:住在?|家在|户口在|我们?(?:家)?(?:是|在)|老家|我这里?是|我家)[^,\uff0c。]{0,6}$")
_OFFICE: Final = re.compile(r"的?(?:司法所|派出所|法庭|法院|政府|卫生院|敬老院|中心小学|人民政府|工作站)")
_ASKED_WHERE: Final = re.compile(r"哪个(?:村|镇|街道|社区|地方)|什么地方|住在?(?:哪|什么)|在哪里|地址|哪里人|哪儿")
_OPERATOR_ASKS: Final = re.compile(r"[吗吧么?\uff1f]|对不对|是不是")
_YES: Final = re.compile(r"(?:嗯|啊|哦)*(?:对(?!不|方|面|于)|没错|是的|是啊|是呢|是$)")


@dataclass(frozen=True, slots=True)
class _Mention:
    code: str
    town: str
    evidence: Evidence
    lives_here: bool
    rule: str


def find_place(heard: Sequence[Heard], gazetteer: Gazetteer, thresholds: Thresholds) -> Field | Reason:
    """The one place the caller names as theirs, a village before its town, or why there is none.

    Where somebody lives (我住在…, the answer to 您在哪个村) goes before a place mentioned by the way; an office (兴泾镇
    派出所) is no place of residence; an operator's words count only when the caller says yes to them.
    """
    mentions, unsure = _mentions(heard, gazetteer, thresholds)
    homes = [mention for mention in mentions if mention.lives_here]
    inside = {home.town for home in homes}
    mentions = [m for m in mentions if m.lives_here or (m.code != m.town and m.town in inside)] if homes else mentions
    villages = [mention for mention in mentions if mention.code != mention.town]
    towns = {mention.town for mention in mentions if mention.code == mention.town}
    if villages and towns:
        villages = [village for village in villages if village.town in towns] or villages
    codes = dict.fromkeys(mention.code for mention in villages) or dict.fromkeys(towns)
    if len(codes) > 1 or (villages and towns and towns != {villages[0].town}):
        found = "、".join(dict.fromkeys(gazetteer.display(mention.code) for mention in mentions))
        return Reason("place", "conflict", f"提到不止一个地方：{found}", mentions[-1].evidence)
    if not codes:
        return unsure or Reason("place", "not_said", "没有听到本区的村居或镇街")
    code = next(iter(codes))
    best, *others = sorted((m for m in mentions if m.code == code), key=lambda m: -m.evidence.confidence)
    support = (*(other.evidence for other in others[:4]), *(m.evidence for m in mentions if m.code != code))
    return Field(
        "place", code, gazetteer.display(code), best.rule, best.evidence, best.evidence.confidence, support[:5]
    )


def _mentions(heard: Sequence[Heard], gazetteer: Gazetteer, limits: Thresholds) -> tuple[list[_Mention], Reason | None]:
    mentions: list[_Mention] = []
    unsure: Reason | None = None
    question = ""
    for at, h in enumerate(heard):
        operator = h.speaker == "operator"
        confirmed = operator and _confirmed(heard, at)
        previous, lives = 0, False
        for hit in gazetteer.index.find(h.text) if not operator or confirmed else ():
            before, previous = h.text[max(previous, hit.start - 12) : hit.start], hit.end
            if h.crosses_words(hit.start, hit.end) or is_denied(h.text, hit.start, hit.end):
                continue
            if _OFFICE.match(h.text, hit.end):
                continue
            name, code = gazetteer.names[hit.key]
            place = gazetteer.places[code]
            evidence = evidence_of(h, hit.start, hit.end)
            if not evidence.confidence >= limits.word:
                unsure = unsure or Reason("place", "unclear", f"“{name}”没有听清", evidence)
                continue
            lives = (
                confirmed
                or (lives and before in ("", "的", "嗯", "那个"))
                or bool(_LIVES_HERE.search(before))
                or bool(_ASKED_WHERE.search(question))
                or (h.text.startswith(("的", "人"), hit.end) and bool(re.search(r"是", before[-6:])))
            )
            rule = "place.confirmed" if confirmed else "place.town" if code == place.town_code else "place.village"
            mentions.append(_Mention(code, place.town_code, evidence, lives, rule))
        question = h.text if operator else ""
    return mentions, unsure


def _confirmed(heard: Sequence[Heard], at: int) -> bool:
    """您住在文昌路街道对吧 — 对."""
    if not _OPERATOR_ASKS.search(heard[at].text) or at + 1 == len(heard):
        return False
    answer = heard[at + 1]
    return answer.speaker == "caller" and bool(_YES.match(answer.text))
