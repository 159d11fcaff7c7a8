"""Appointments (预约) for legal aid and mediation: times on offer as data, and what a call did about one.

A caller chooses among the next times by key, hears the choice read back and confirms it; calling again tells it, and one
key cancels it. Times are Shanghai's.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ivr.domain.errors import CallerFault
from ivr.domain.roster import BadRow
from ivr.domain.spoken_pieces import date_pieces, digit_pieces, number_pieces
from ivr.domain.worktime import SHANGHAI

SERVICES: Mapping[str, str] = {"legal-aid": "法律援助", "mediation": "人民调解"}
"""What can be booked: the name in menu plans and tables, and the words."""

OFFERED = 3
"""How many times one call is offered, by the keys 1 to 3."""

COLUMNS = ("service", "from", "to", "places")
_MOST_ROWS = 5_000
_MOMENT = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}", re.ASCII)
_TOLD = re.compile(r"(booked|cancelled|told):([a-z-]{1,20}):([0-9]{1,18})-([0-9]{12})", re.ASCII)

Act = Literal["booked", "cancelled", "told"]


class BadSlots(CallerFault):
    """The file is no table of appointment times; the text says what it should look like."""

    code = "bad_slots"


class CannotBook(CallerFault):
    """The place cannot be given: the time is full, or the number has one already. The text says which."""

    code = "cannot_book"


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A time that ``places`` citizens may come; ``id`` is 0 before it is stored. Times are aware."""

    starts_at: datetime
    ends_at: datetime
    service: str
    places: int
    id: int = 0

    @property
    def reference(self) -> str:
        """How the dialplan and the ledger name it: id and Shanghai time, ``17-202612030900``."""
        return f"{self.id}-{self.starts_at.astimezone(SHANGHAI):%Y%m%d%H%M}"

    @property
    def words(self) -> str:
        """Service and time for people: 法律援助 2026-12-03 09:00."""
        return f"{SERVICES.get(self.service, self.service)} {self.starts_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class Booking:
    """A place that a number has booked."""

    id: int
    slot: Slot
    number: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a call did about an appointment, as its ledger tells; ``at`` is Shanghai time as digits."""

    act: Act
    service: str
    slot_id: int
    at: str

    @property
    def words(self) -> str:
        """One line for the call's order."""
        act = {"booked": "预约", "cancelled": "取消预约", "told": "查询预约"}[self.act]
        day = f"{self.at[:4]}-{self.at[4:6]}-{self.at[6:8]} {self.at[8:10]}:{self.at[10:]}"
        return f"来电人自助{act}：{SERVICES.get(self.service, self.service)} {day}。"


def checked_number(number: str) -> str:
    """The number when it is one: digits as orders show them, so that a call from it finds the booking; else CallerFault."""
    if not re.fullmatch(r"[0-9]{3,20}", number, re.ASCII):
        raise CallerFault(f"{number[:40]!r} is no telephone number; give 3 to 20 digits as orders show them")
    return number


def read_told(text: str) -> Told | None:
    """``booked:legal-aid:17-202612030900`` taken apart; None for anything else."""
    found = _TOLD.fullmatch(text)
    if found is None or found[1] not in ("booked", "cancelled", "told"):
        return None
    return Told(found[1], found[2], int(found[3]), found[4])  # type: ignore[arg-type]


def time_pieces(moment: datetime) -> list[str]:
    """十二月三日上午九点三十分, from pieces; midnight's hour is 零."""
    local = moment.astimezone(SHANGHAI)
    half = "morning" if local.hour < 12 else "afternoon"
    hour = local.hour if local.hour <= 12 else local.hour - 12
    minutes = [*(digit_pieces("0") if local.minute < 10 else []), *number_pieces(local.minute), "minutes"] if local.minute else []
    return [*date_pieces(local.date()), half, *(number_pieces(hour) if hour else digit_pieces("0")), "oclock", *minutes]


def offer_pieces(slots: list[Slot]) -> list[str]:
    """The times on offer, each with its key."""
    said: list[str] = []
    for key, slot in enumerate(slots[:OFFERED], 1):
        said += [*time_pieces(slot.starts_at), "press", f"digits/{key}"]
    return said


@dataclass(frozen=True, slots=True)
class SlotFile:
    """What a file says; nothing of it may be used while there are bad rows."""

    slots: tuple[Slot, ...]
    bad: tuple[BadRow, ...]


def parse_slots(text: str) -> SlotFile:
    """Read a CSV with the head service,from,to,places; every bad row is told. Raises BadSlots for another head."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), strict=True)
    slots: dict[tuple[str, datetime], Slot] = {}
    bad: list[BadRow] = []
    try:
        head = [h.strip() for h in reader.fieldnames or ()]
        if sorted(head) != sorted(COLUMNS):
            raise BadSlots(f"第一行应为 {','.join(COLUMNS)}，现在是 {','.join(head)[:80] or '空'}")
        reader.fieldnames = head
        for row in reader:
            if len(slots) >= _MOST_ROWS:
                raise BadSlots(f"时段超过 {_MOST_ROWS} 行，请分批导入")
            if any(v is None for v in row.values()) or None in row:
                bad.append(BadRow(reader.line_num, f"应有 {len(COLUMNS)} 列"))
            elif any(row.values()):
                read = _read_row({k: v.strip() for k, v in row.items()})
                if isinstance(read, str):
                    bad.append(BadRow(reader.line_num, read))
                elif (read.service, read.starts_at) in slots:
                    bad.append(BadRow(reader.line_num, "与前面的行是同一时段"))
                else:
                    slots[read.service, read.starts_at] = read
    except csv.Error as wrong:
        raise BadSlots(f"第 {reader.line_num} 行不是 CSV：{wrong}") from wrong
    return SlotFile(tuple(slots.values()), tuple(bad))


def _read_row(row: Mapping[str, str]) -> Slot | str:
    codes = {name: code for code, name in SERVICES.items()}
    service = codes.get(row["service"], row["service"])
    if service not in SERVICES:
        return f"没有服务 {row['service'][:20] or '空'}，可用：{'、'.join(SERVICES.values())}"
    moments = []
    for column in ("from", "to"):
        try:
            if not _MOMENT.fullmatch(row[column]):
                raise ValueError
            moments.append(datetime.strptime(row[column].replace("T", " "), "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI))
        except ValueError:
            return f"{column} 应如 2026-12-03 09:00，现在是 {row[column][:20] or '空'}"
    if not 0 < (moments[1] - moments[0]).total_seconds() <= 86_400:
        return "to 应在 from 之后，且不超过一天"
    if not re.fullmatch(r"[1-9][0-9]{0,2}", row["places"], re.ASCII):
        return f"places 应为 1 至 999，现在是 {row['places'][:20] or '空'}"
    return Slot(moments[0], moments[1], service, int(row["places"]))
