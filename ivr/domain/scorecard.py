"""Scorecards of quality review (质检): what a call is judged by, as data in versions, and how marks add up.

A criterion is the machine's when it names a ``check``, else a person's. It has a weight, or is fatal (一票否决) and has none:
the weights of a card are 100 together. The score is what was gained of what could be judged; one fatal failing makes it 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from ivr.domain.errors import BadSetting, CallerFault

Check = Literal[
    "greeting", "notice", "forbidden", "silence_share", "longest_silence", "talk_over_share", "interruptions", "speech_rate",
    "required", "closing",
]
CHECKS: Final[tuple[Check, ...]] = get_args(Check)
MarkedBy = Literal["machine", "human"]
Verdict = Literal["pass", "fail", "not_judged"]

WHOLE: Final = 100
SHORTEST_REASON: Final = 2
_PHRASED: Final = frozenset({"greeting", "forbidden", "required", "closing"})
_TIMED: Final = frozenset({"greeting", "closing"})
_BOUNDED: Final = frozenset({"silence_share", "longest_silence", "talk_over_share", "interruptions", "speech_rate"})
_SHARES: Final = frozenset({"silence_share", "talk_over_share"})
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,19}")
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,29}")
_KNOWN: Final = frozenset({"code", "title", "check", "weight", "fatal", "phrases", "within_s", "least", "most"})
_MOST_CRITERIA: Final = 40
_LONGEST_FILE: Final = 64 * 1024


class SheetRefused(CallerFault):
    """A sheet does not fit the card it is for; the text names the criterion."""

    code = "sheet_refused"


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing a call is judged by. ``check`` '' is a person's. ``weight`` is 0 for a fatal one and for no other.

    ``phrases`` are what is listened for, ``within_s`` the first or last seconds they are listened for in; ``least`` and
    ``most`` bound what is measured: shares 0…1, seconds, times, or characters a minute.
    """

    code: str
    title: str
    check: Check | Literal[""] = ""
    weight: int = 0
    fatal: bool = False
    phrases: tuple[str, ...] = ()
    within_s: float = 0.0
    least: float = 0.0
    most: float = 0.0

    @property
    def kind(self) -> MarkedBy:
        """Who judges it at first."""
        return "machine" if self.check else "human"


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One version. Words surer than ``least_confidence`` are judged, in recordings of ``least_s`` seconds and more."""

    version: str
    title: str
    least_confidence: float
    least_s: float
    criteria: tuple[Criterion, ...]

    def criterion(self, code: str) -> Criterion | None:
        """The criterion of this code, None when the card has none."""
        return next((c for c in self.criteria if c.code == code), None)


@dataclass(frozen=True, slots=True)
class SheetLine:
    """What a person says of one criterion: ``points`` of its weight, or whether a fatal one is ``passed``."""

    code: str
    points: int | None = None
    passed: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MarkLine:
    """One criterion as it is marked in the end; neither points nor passed: nobody could judge it."""

    code: str
    points: int | None
    passed: bool | None
    by: MarkedBy
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """All criteria of a card marked. ``score`` 0…100, None when nothing was judged."""

    lines: tuple[MarkLine, ...]
    score: float | None
    fatal: bool


def parse_scorecard(text: str) -> Scorecard:
    """A card from its file (TOML). BadSetting names everything that is wrong with it."""
    if len(text.encode()) > _LONGEST_FILE:
        raise BadSetting(f"评分卡不能超过 {_LONGEST_FILE // 1024} KiB")
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise BadSetting(f"评分卡不是 TOML：{wrong}") from None
    problems: list[str] = []
    version, title = told.get("version"), told.get("title")
    if not (isinstance(version, str) and _VERSION.fullmatch(version)):
        problems.append("version 应是 1 到 20 个字母、数字、点或短横")
    if not _is_title(title):
        problems.append("title 应有 1 到 60 个字")
    confidence, least_s = told.get("least_confidence"), told.get("least_s")
    if not _is_number(confidence, 0, 1):
        problems.append("least_confidence 应在 0 到 1 之间")
    if not _is_number(least_s, 0, 600):
        problems.append("least_s 应在 0 到 600 秒之间")
    if further := sorted(set(told) - {"version", "title", "least_confidence", "least_s", "criteria"}):
        problems.append(f"不认识 {further[0]}")
    rows = told.get("criteria")
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST_CRITERIA or not all(isinstance(row, dict) for row in rows):
        raise BadSetting("\n".join([*problems, f"criteria 应有 1 到 {_MOST_CRITERIA} 项"]))
    criteria = [_criterion(row, number, problems) for number, row in enumerate(rows, 1)]
    codes = [c.code for c in criteria]
    problems += [f"{code} 有两项" for code in sorted({c for c in codes if codes.count(c) > 1})]
    if not problems and (whole := sum(c.weight for c in criteria)) != WHOLE:
        problems.append(f"分值合计 {whole}，应是 {WHOLE}")
    if problems:
        raise BadSetting("评分卡不对：\n" + "\n".join(problems[:20]))
    return Scorecard(str(version), str(title), float(confidence or 0), float(least_s or 0), tuple(criteria))


def _criterion(row: Mapping[str, Any], number: int, problems: list[str]) -> Criterion:
    code, title, check = row.get("code"), row.get("title"), row.get("check", "")
    name = code if isinstance(code, str) and _CODE.fullmatch(code) else f"第 {number} 项"
    found: list[str] = []
    if name != code:
        found.append("code 应是小写字母、数字和下划线")
    if not _is_title(title):
        found.append("title 应有 1 到 60 个字")
    if further := sorted(set(row) - _KNOWN):
        found.append(f"不认识 {further[0]}")
    if check != "" and check not in CHECKS:
        found.append(f"check 应是 {'、'.join(CHECKS)} 之一，人工项不写")
    fatal, weight = row.get("fatal", False), row.get("weight", 0)
    if not isinstance(fatal, bool) or type(weight) is not int or not (weight == 0 if fatal else 1 <= weight <= WHOLE):
        found.append("weight 应是 1 到 100 的整数；一票否决项（fatal = true）没有分值")
    phrases = row.get("phrases", [])
    if not isinstance(phrases, list) or not all(isinstance(p, str) and 2 <= len(p.strip()) <= 20 for p in phrases):
        found.append("phrases 应是 2 到 20 个字的词")
        phrases = []
    if (check in _PHRASED) != bool(phrases):
        found.append("phrases 只有听词的项才有，而且必须有")
    within_s = row.get("within_s", 0)
    if not (_is_number(within_s, 1, 600) if check in _TIMED else within_s == 0):
        found.append("within_s 只有开头和结束用语才有，1 到 600 秒")
    least, most = row.get("least", 0), row.get("most", 0)
    if check in _BOUNDED:
        limit = 1 if check in _SHARES else 10_000
        if not (_is_number(most, 0, limit) and _is_number(least, 0, limit) and least <= most) or (least and check != "speech_rate"):
            found.append(f"most 应在 0 到 {limit} 之间；least 只有语速才有，不能大于 most")
    elif least or most:
        found.append("least 和 most 只有测量的项才有")
    problems += [f"{name}：{what}" for what in found]
    if found:
        return Criterion(name, "")
    return Criterion(
        name, str(title), check, weight, fatal, tuple(p.strip() for p in phrases), float(within_s), float(least), float(most)
    )


def _is_title(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value.strip()) <= 60 and value.isprintable()


def _is_number(value: object, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high  # type: ignore[operator]


def machine_marks(card: Scorecard, verdicts: Mapping[str, Verdict]) -> Marked:
    """The machine's own marks: its criteria alone, all or nothing of each weight; people's are left open."""
    return _add_up(card, [_machine_line(c, verdicts.get(c.code, "not_judged")) for c in card.criteria if c.check])


def human_marks(card: Scorecard, verdicts: Mapping[str, Verdict], sheet: Sequence[SheetLine]) -> Marked:
    """A person's marks over the machine's. SheetRefused for a line that does not fit, or one that is missing.

    Every criterion of a person needs a line; one of the machine may have one, with a reason, and it counts instead.
    """
    given: dict[str, SheetLine] = {}
    for line in sheet:
        if card.criterion(line.code) is None or line.code in given:
            raise SheetRefused(f"{line.code[:30]} is no criterion of card {card.version}, or given twice.")
        given[line.code] = line
    lines = []
    for criterion in card.criteria:
        said = given.get(criterion.code)
        if said is None:
            if not criterion.check:
                raise SheetRefused(f"{criterion.code} ({criterion.title}) has no mark yet.")
            lines.append(_machine_line(criterion, verdicts.get(criterion.code, "not_judged")))
            continue
        fits = said.points is None and said.passed is not None if criterion.fatal else (
            said.passed is None and said.points is not None and 0 <= said.points <= criterion.weight
        )
        if not fits:
            how = "passed or not" if criterion.fatal else f"points from 0 to {criterion.weight}"
            raise SheetRefused(f"{criterion.code} ({criterion.title}) takes {how}.")
        reason = said.reason.strip()
        if len(reason) < SHORTEST_REASON and (criterion.check or said.passed is False):
            raise SheetRefused(f"{criterion.code} ({criterion.title}) needs a reason.")
        lines.append(MarkLine(criterion.code, said.points, said.passed, "human", reason))
    return _add_up(card, lines)


def _machine_line(criterion: Criterion, verdict: Verdict) -> MarkLine:
    if verdict == "not_judged":
        return MarkLine(criterion.code, None, None, "machine")
    passed = verdict == "pass"
    if criterion.fatal:
        return MarkLine(criterion.code, None, passed, "machine")
    return MarkLine(criterion.code, criterion.weight if passed else 0, None, "machine")


def _add_up(card: Scorecard, lines: Sequence[MarkLine]) -> Marked:
    weights = {c.code: c.weight for c in card.criteria}
    could = sum(weights[line.code] for line in lines if line.points is not None)
    gained = sum(line.points for line in lines if line.points is not None)
    fatal = any(line.passed is False for line in lines)
    if not could:
        return Marked(tuple(lines), 0.0 if fatal else None, fatal)
    return Marked(tuple(lines), 0.0 if fatal else round(100 * gained / could, 1), fatal)
