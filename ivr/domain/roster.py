"""Who is on duty when (点名式): the roster as an office writes it, and which lawyers the keys of a caller mean.

A caller picks by a lawyer's work number or by one key for a speciality. Times are Shanghai's.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from ivr.domain.errors import CallerFault
from ivr.domain.worktime import SHANGHAI

SPECIALITY_KEYS: Mapping[str, str] = {
    "1": "family", "2": "labour", "3": "contract", "4": "tort", "5": "land", "6": "debt", "7": "inheritance", "8": "criminal",
}
"""The key for each speciality: a matter's code in the code table. The prompts ``speciality-<code>`` say them."""

COLUMNS = ("work_number", "name", "speciality", "from", "to")
_MOST_ROWS = 20_000
MOST_HOURS = 24 * 31
"""The longest a duty lasts."""
_BETWEEN = re.compile(r"[\s、/;；]+")
_MOMENT = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}", re.ASCII)


class BadRoster(CallerFault):
    """The file is no roster at all; the text says what it should look like."""

    code = "bad_roster"


@dataclass(frozen=True, slots=True, order=True)
class Duty:
    """One person's one speciality from one moment to another; times are aware, ``speciality`` a matter's code."""

    starts_at: datetime
    work_number: str
    speciality: str
    ends_at: datetime
    name: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was not understood; ``line`` counts from 1 with the head."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class RosterFile:
    """What a file says, in order; nothing of it may be used while there are bad rows."""

    duties: tuple[Duty, ...]
    bad: tuple[BadRow, ...]

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last Shanghai day on which a duty begins: the file is the whole roster of these days."""
        days = [d.starts_at.astimezone(SHANGHAI).date() for d in self.duties]
        return (min(days), max(days)) if days else None


def parse_roster(text: str, work_numbers: Collection[str], specialities: Mapping[str, str]) -> RosterFile:
    """Read a CSV with the head work_number,name,speciality,from,to; every bad row is told, not only the first.

    ``work_numbers`` are those of the seats, ``specialities`` the codes by their Chinese names; a row may name several,
    parted by 、 or a space. Raises BadRoster for a file without this head.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True)
    duties: list[Duty] = []
    bad: list[BadRow] = []
    same: dict[tuple[str, str], list[Duty]] = {}
    try:
        head = [h.strip() for h in reader.fieldnames or ()]
        if sorted(head) != sorted(COLUMNS):
            raise BadRoster(f"第一行应为 {','.join(COLUMNS)}，现在是 {','.join(head)[:80] or '空'}")
        reader.fieldnames = head
        for row in reader:
            if len(duties) >= _MOST_ROWS:
                raise BadRoster(f"值班表超过 {_MOST_ROWS} 行，请分月导入")
            if any(v is None for v in row.values()) or None in row:
                bad.append(BadRow(reader.line_num, f"应有 {len(COLUMNS)} 列"))
            elif any(row.values()):
                found, reasons = _read_row({k: v.strip() for k, v in row.items()}, work_numbers, specialities)
                bad += [BadRow(reader.line_num, r) for r in reasons]
                for duty in found:
                    beside = same.setdefault((duty.work_number, duty.speciality), [])
                    if any(other.starts_at < duty.ends_at and duty.starts_at < other.ends_at for other in beside):
                        bad.append(BadRow(reader.line_num, f"工号 {duty.work_number} 的这段时间与前面的行重叠"))
                    else:
                        beside.append(duty)
                        duties.append(duty)
    except csv.Error as wrong:
        raise BadRoster(f"第 {reader.line_num} 行不是 CSV：{wrong}") from wrong
    return RosterFile(tuple(duties), tuple(bad))


def _read_row(
    row: Mapping[str, str], work_numbers: Collection[str], specialities: Mapping[str, str]
) -> tuple[list[Duty], list[str]]:
    reasons = []
    number = row["work_number"]
    if number not in work_numbers:
        reasons.append(f"没有工号为 {number[:20] or '空'} 的坐席，已配置：{'、'.join(sorted(work_numbers)) or '无'}")
    elif number[0] in "09":
        reasons.append(f"工号 {number} 不能由来电人输入：0 是人工，9 是不录音；请给坐席换一个工号")
    if not 1 <= len(row["name"]) <= 40 or not row["name"].isprintable():
        reasons.append("姓名应为 1 至 40 个字")
    codes = []
    for name in filter(None, _BETWEEN.split(row["speciality"])):
        code = specialities.get(name, "")
        if code in SPECIALITY_KEYS.values():
            codes.append(code)
        else:
            known = "、".join(n for n, c in specialities.items() if c in SPECIALITY_KEYS.values())
            reasons.append(f"没有专长 {name[:20]}，可用：{known}")
    if not row["speciality"]:
        reasons.append("缺少专长")
    start, end = (_moment(row[c]) for c in ("from", "to"))
    for column, moment in (("from", start), ("to", end)):
        if moment is None:
            reasons.append(f"{column} 应如 2026-11-26 08:30，现在是 {row[column][:20] or '空'}")
    if start and end and not 0 < (end - start).total_seconds() <= MOST_HOURS * 3600:
        reasons.append(f"to 应在 from 之后，且不超过 {MOST_HOURS // 24} 天")
    if reasons or start is None or end is None:
        return [], reasons
    return [Duty(start, number, code, end, row["name"]) for code in dict.fromkeys(codes)], []


def _moment(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    day, clock = re.split(r"[ T]", text)
    try:
        return datetime(*map(int, day.split("-")), *map(int, clock.split(":")), tzinfo=SHANGHAI)  # type: ignore[arg-type,misc]
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class RosterDiff:
    """What an import changes among the duties that begin on the file's days."""

    added: tuple[Duty, ...]
    removed: tuple[Duty, ...]
    unchanged: int


def diff_roster(existing: Sequence[Duty], file: RosterFile) -> RosterDiff:
    """Compare the file with what is stored of its days; a duty that differs in anything is removed and added."""
    known = {_in_shanghai(d) for d in existing}
    wanted = {_in_shanghai(d) for d in file.duties}
    return RosterDiff(tuple(sorted(wanted - known)), tuple(sorted(known - wanted)), len(wanted & known))


def _in_shanghai(duty: Duty) -> Duty:
    return replace(duty, starts_at=duty.starts_at.astimezone(SHANGHAI), ends_at=duty.ends_at.astimezone(SHANGHAI))


def specialities_on_duty(duties: Iterable[Duty]) -> list[str]:
    """The codes somebody on duty answers for, in the order of their keys."""
    there = {d.speciality for d in duties}
    return [code for code in SPECIALITY_KEYS.values() if code in there]


def meant_by(keyed: str, duties: Sequence[Duty]) -> list[str]:
    """The work numbers on duty that these keys mean, none of them twice: a work number's own, or a speciality's."""
    if keyed in SPECIALITY_KEYS:
        return sorted({d.work_number for d in duties if d.speciality == SPECIALITY_KEYS[keyed]})
    return [keyed] if any(d.work_number == keyed for d in duties) else []
