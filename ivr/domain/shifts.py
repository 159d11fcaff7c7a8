"""Shifts: the roster as a supervisor sees it in a week, one line for a person's time with all specialities of it.

The roster keeps a duty for each speciality (ivr.domain.roster); a shift is those of one person with the same beginning and end.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ivr.domain.csv_cells import csv_text
from ivr.domain.errors import CallerFault
from ivr.domain.roster import COLUMNS, MOST_HOURS, SPECIALITY_KEYS, Duty
from ivr.domain.worktime import SHANGHAI

_ID = re.compile(r"([0-9]{3,6})-([0-9]{12})-([0-9]{12})", re.ASCII)


class BadShift(CallerFault):
    """The shift cannot stand in the roster; the text says why."""

    code = "bad_shift"


class StaleRoster(CallerFault):
    """Somebody changed the roster since it was read: nothing was done."""

    code = "stale_version"


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's time on duty; times are aware and whole minutes, ``specialities`` codes in the order of their keys."""

    work_number: str
    name: str
    starts_at: datetime
    ends_at: datetime
    specialities: tuple[str, ...]

    @property
    def id(self) -> str:
        """``8001-202611260830-202611261200``, by Shanghai's clock."""
        start, end = (f"{m.astimezone(SHANGHAI):%Y%m%d%H%M}" for m in (self.starts_at, self.ends_at))
        return f"{self.work_number}-{start}-{end}"

    @property
    def version(self) -> str:
        """What the shift is made of, as 16 hex digits: another one after any change."""
        return roster_version(self.duties)

    @property
    def duties(self) -> tuple[Duty, ...]:
        """As the roster keeps it."""
        return tuple(Duty(self.starts_at, self.work_number, code, self.ends_at, self.name) for code in self.specialities)


def roster_version(duties: Iterable[Duty]) -> str:
    """16 hex digits for these duties, whatever their order."""
    rows = sorted(
        f"{d.work_number}\t{d.speciality}\t{d.name}\t{d.starts_at.timestamp():.0f}\t{d.ends_at.timestamp():.0f}" for d in duties
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def shifts_of(duties: Iterable[Duty]) -> list[Shift]:
    """Duties as shifts, the earliest first."""
    found: dict[tuple[datetime, str, datetime], dict[str, str]] = {}
    for d in duties:
        found.setdefault((d.starts_at, d.work_number, d.ends_at), {})[d.speciality] = d.name
    order = list(SPECIALITY_KEYS.values())

    def place(code: str) -> tuple[int, str]:
        return order.index(code) if code in order else len(order), code

    return [
        Shift(number, min(codes.values()), start, end, tuple(sorted(codes, key=place)))
        for (start, number, end), codes in sorted(found.items())
    ]


def read_id(text: str) -> tuple[str, datetime, datetime] | None:
    """Work number, beginning and end of a shift's id; None for what is none."""
    found = _ID.fullmatch(text)
    if found is None:
        return None
    try:
        start, end = (datetime.strptime(part, "%Y%m%d%H%M").replace(tzinfo=SHANGHAI) for part in found.groups()[1:])
    except ValueError:
        return None
    return found[1], start, end


def check_shift(shift: Shift, work_numbers: Collection[str], beside: Sequence[Duty]) -> None:
    """Raise BadShift unless it may stand beside these duties of the same person: the rules are those of the import."""
    if shift.work_number not in work_numbers:
        raise BadShift(f"没有工号为 {shift.work_number} 的坐席。")
    if shift.work_number[0] in "09":
        raise BadShift(f"工号 {shift.work_number} 不能由来电人输入：0 是人工，9 是不录音；请给坐席换一个工号。")
    if not shift.name.isprintable():
        raise BadShift("姓名里有不能显示的字符。")
    if unknown := [code for code in shift.specialities if code not in SPECIALITY_KEYS.values()]:
        raise BadShift(f"没有专长 {unknown[0][:20]}。")
    if not 0 < (shift.ends_at - shift.starts_at).total_seconds() <= MOST_HOURS * 3600:
        raise BadShift(f"结束要在开始之后，且不超过 {MOST_HOURS // 24} 天。")
    for other in beside:
        if other.speciality in shift.specialities and other.starts_at < shift.ends_at and shift.starts_at < other.ends_at:
            start, end = (f"{m.astimezone(SHANGHAI):%m-%d %H:%M}" for m in (other.starts_at, other.ends_at))
            raise BadShift(f"工号 {shift.work_number} 在 {start} 至 {end} 已有同一专长的班。")


def roster_csv(duties: Iterable[Duty], names: Mapping[str, str]) -> str:
    """The roster as the import reads it; ``names`` are of the specialities, by code."""
    return csv_text(COLUMNS, (
        (s.work_number, s.name, "、".join(names.get(code, code) for code in s.specialities),
         *(f"{m.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" for m in (s.starts_at, s.ends_at)))
        for s in shifts_of(duties)
    ))
