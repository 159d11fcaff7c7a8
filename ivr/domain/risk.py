"""Words that make a matter urgent while the caller still speaks: harm to oneself or others, disputes of many.

Data, not rules: ``tables/risk-<version>.csv`` has one phrase in a row with its kind, versions side by side as of the other intake
tables. What is heard is a suspicion, and a person decides; how often a phrase was right is counted under the phrase, so that
the next version of the table can be a better one.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from ivr.domain.errors import BadSetting
from ivr.domain.phrases import GAP, PhraseIndex, is_denied
from ivr.domain.transcript import Segment

RiskKind = Literal["self_harm", "violence", "domestic_violence", "minor", "mass_wage", "mass_unrest"]
RISK_KINDS: Final[tuple[RiskKind, ...]] = get_args(RiskKind)
Decision = Literal["real", "false"]
COLUMNS: Final = ("kind", "phrase")
_VERSION: Final = re.compile(r"[0-9]{4}\.[0-9]{1,3}")
_LONGEST: Final = 20


@dataclass(frozen=True, slots=True)
class RiskPhrase:
    """One phrase; ``…`` in it stands for up to a dozen characters."""

    kind: RiskKind
    phrase: str


@dataclass(frozen=True)
class RiskTable:
    """One version of the phrases; build it with ``parse_risk_table``."""

    version: str
    phrases: tuple[RiskPhrase, ...]
    index: PhraseIndex = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RiskHeard:
    """A phrase the caller said: ``words`` as they were heard, ``said`` the stretch they stand in, ``at_s`` into the recording."""

    kind: RiskKind
    phrase: str
    words: str
    said: str
    at_s: float


def parse_risk_table(version: str, text: str) -> RiskTable:
    """Build a version from the text of ``risk-<version>.csv``. BadSetting names every bad row by its line."""
    problems: list[str] = [] if _VERSION.fullmatch(version) else [f"版本号 {version!r} 应形如 2026.1"]
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    if tuple(next(rows, ())) != COLUMNS:
        problems.append(f"第 1 行应是 {','.join(COLUMNS)}")
    found: dict[str, RiskPhrase] = {}
    for line, row in enumerate(rows, 2):
        if not row:
            continue
        kind, phrase = (*(cell.strip() for cell in row), "", "")[:2]
        if len(row) != len(COLUMNS) or kind not in RISK_KINDS:
            problems.append(f"第 {line} 行：类别应是 {'、'.join(RISK_KINDS)} 之一")
        elif not 2 <= len(phrase.replace(GAP, "")) <= _LONGEST or phrase.startswith(GAP) or phrase.endswith(GAP):
            problems.append(f"第 {line} 行：词语应有 2 到 {_LONGEST} 个字，“…” 只能在中间")
        elif phrase in found:
            problems.append(f"第 {line} 行：{phrase} 已经有了")
        else:
            found[phrase] = RiskPhrase(kind, phrase)
    if problems or not found:
        raise BadSetting(f"风险词表 {version} 不对：\n" + "\n".join(problems[:20] or ["一个词也没有"]))
    phrases = tuple(found.values())
    return RiskTable(version, phrases, PhraseIndex([p.phrase for p in phrases]))


def newest(tables: Iterable[RiskTable]) -> RiskTable:
    """The table in force: the highest version."""
    return max(tables, key=lambda t: tuple(int(part) for part in t.version.split(".")))


def risks_in(segments: Sequence[Segment], table: RiskTable) -> list[RiskHeard]:
    """Each phrase once, where the caller said it first; what is denied (我没有要自杀) is none, nor what the operator says."""
    heard: dict[str, RiskHeard] = {}
    for segment in segments:
        if segment.speaker != "caller":
            continue
        text = segment.text
        for hit in table.index.find(text):
            row = table.phrases[hit.key]
            if row.phrase in heard or is_denied(text, hit.start, hit.end):
                continue
            heard[row.phrase] = RiskHeard(row.kind, row.phrase, text[hit.start : hit.end], text, _second_of(segment, hit.start))
    return list(heard.values())


def _second_of(segment: Segment, place: int) -> float:
    at = 0
    for word in segment.words:
        at += len(word.text)
        if place < at:
            return word.start_s
    return segment.start_s
