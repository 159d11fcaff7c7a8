"""Who may be given an order: people and units as an office lists them, ranked for one matter, each with reasons.

Village first, then the town it belongs to, then the speciality, then the least load. Who is in conflict is out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ivr.domain.callback_number import is_dialable
from ivr.domain.errors import CallerFault

COLUMNS = ("work_number", "name", "unit", "account", "specialities", "places", "enabled", "mediator_phone")
_OLDER = COLUMNS[:-1]
_MOST_ROWS = 20_000
_BETWEEN = re.compile(r"[\s、/;；|]+")
_ENABLED = {"": True, "yes": True, "no": False, "是": True, "否": False}


@dataclass(frozen=True, slots=True, order=True)
class Person:
    """One person who may hold orders. ``account`` is the login name ('' for none), codes are of matters and places.

    ``mediator_phone`` makes a mediator: the one number under which a lawyer may ask this person into a village's call; '' for
    everybody else.
    """

    work_number: str
    name: str
    unit: str
    account: str = ""
    specialities: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    enabled: bool = True
    mediator_phone: str = ""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken, and why; ``line`` counts from 1, the head included."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """What a file holds; with anything in ``bad`` nothing of it may be used.

    ``tells_mediators`` is false for a file of the older columns, which leaves everybody's ``mediator_phone`` as it is.
    """

    people: tuple[Person, ...]
    bad: tuple[BadRow, ...]
    tells_mediators: bool = True


@dataclass(frozen=True, slots=True)
class PeopleDiff:
    """What an import changes. People the file does not name stay as they are: who leaves is set to enabled = no."""

    added: tuple[Person, ...]
    changed: tuple[tuple[Person, Person], ...]
    new_units: tuple[str, ...]
    unchanged: int
    missing: tuple[Person, ...]


def parse_people(text: str, specialities: Mapping[str, str], places: Mapping[str, str]) -> PeopleFile:
    """Read the CSV; ``specialities`` and ``places`` map names and codes to codes. CallerFault when it is no such file."""
    rows = csv.reader(io.StringIO(text))
    try:
        head = [cell.strip() for cell in next(rows, [])]
        if sorted(head) not in (sorted(COLUMNS), sorted(_OLDER)):
            raise CallerFault(f"the columns must be {','.join(COLUMNS)}, not {','.join(head)[:200]}")
        people: dict[str, Person] = {}
        accounts: dict[str, str] = {}
        bad: list[BadRow] = []
        for line, cells in enumerate(rows, 2):
            if line > _MOST_ROWS:
                raise CallerFault(f"the file has more than {_MOST_ROWS} rows")
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(head):
                bad.append(BadRow(line, f"有 {len(cells)} 列，应为 {len(head)} 列"))
                continue
            row = dict(zip(head, (cell.strip() for cell in cells), strict=True))
            person, reasons = _person(row, specialities, places)
            if person.work_number in people:
                reasons.append(f"工号 {person.work_number} 重复")
            if person.account and person.account in accounts:
                reasons.append(f"账号 {person.account} 已属于 {accounts[person.account]}")
            bad += [BadRow(line, reason) for reason in reasons]
            people.setdefault(person.work_number, person)
            if person.account:
                accounts.setdefault(person.account, person.work_number)
    except csv.Error as wrong:
        raise CallerFault(f"the file is no CSV: {wrong}") from wrong
    return PeopleFile(tuple(people.values()) if not bad else (), tuple(bad), COLUMNS[-1] in head)


def _person(row: Mapping[str, str], specialities: Mapping[str, str], places: Mapping[str, str]) -> tuple[Person, list[str]]:
    reasons = []
    if not re.fullmatch(r"[0-9]{3,6}", row["work_number"], re.ASCII):
        reasons.append(f"工号应为 3 至 6 位数字，现在是 {row['work_number'][:20] or '空'}")
    for column, title in (("name", "姓名"), ("unit", "单位")):
        if not 1 <= len(row[column]) <= 40 or not row[column].isprintable() or row[column][0] in "=+-@":
            reasons.append(f"{title}应为 1 至 40 个字，不以 = + - @ 开头")
    if row["account"] and not re.fullmatch(r"\S{1,100}", row["account"]):
        reasons.append("账号不能含空格，至多 100 个字")
    codes = {}
    for column, known, title in (("specialities", specialities, "专长"), ("places", places, "镇街或村居")):
        names = [name for name in _BETWEEN.split(row[column]) if name]
        reasons += [f"没有{title} {name[:20]}" for name in names if name not in known]
        codes[column] = tuple(dict.fromkeys(known[name] for name in names if name in known))
    if row["enabled"] not in _ENABLED:
        reasons.append(f"enabled 应为 yes 或 no，现在是 {row['enabled'][:20]}")
    phone = row.get("mediator_phone", "")
    if phone and not is_dialable(phone):
        reasons.append(f"调解员电话应为手机号或带区号的座机号，只写数字，现在是 {phone[:20]}")
    return Person(
        row["work_number"], row["name"], row["unit"], row["account"], codes["specialities"], codes["places"],
        _ENABLED.get(row["enabled"], True), phone,
    ), reasons


def diff_people(existing: Sequence[Person], units: Collection[str], file: PeopleFile) -> PeopleDiff:
    """Compare the file with what is stored."""
    known = {p.work_number: p for p in existing}
    wanted = {p.work_number: p for p in file.people}
    if not file.tells_mediators:
        wanted = {n: replace(p, mediator_phone=known[n].mediator_phone) if n in known else p for n, p in wanted.items()}
    return PeopleDiff(
        tuple(p for n, p in wanted.items() if n not in known),
        tuple((known[n], p) for n, p in wanted.items() if n in known and known[n] != p),
        tuple(sorted({p.unit for p in wanted.values()} - set(units))),
        sum(known.get(n) == p for n, p in wanted.items()),
        tuple(p for n, p in known.items() if n not in wanted),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person for one order with the reasons of their place in the list; ``load`` counts their open orders."""

    person: Person
    load: int
    reasons: tuple[str, ...]


def rank(
    people: Iterable[Person], loads: Mapping[str, int], conflicts: Collection[str], *, village: str, town: str, matter: str
) -> list[Candidate]:
    """Who may be given the order, the best first. Codes are '' where the order does not tell."""
    found: list[tuple[tuple[int, int, int, str], Candidate]] = []
    for person in people:
        if not person.enabled or person.work_number in conflicts:
            continue
        near = 2 if village and village in person.places else 1 if town and town in person.places else 0
        skilled = bool(matter) and any(matter == code or matter.startswith(f"{code}.") for code in person.specialities)
        load = loads.get(person.work_number, 0)
        place_reason = ("", "负责本镇街", "负责本村居")[near]
        reasons = (place_reason, "专长相符" if skilled else "", f"在办 {load} 件")
        found.append(((-near, -skilled, load, person.work_number), Candidate(person, load, tuple(filter(None, reasons)))))
    return [candidate for _, candidate in sorted(found, key=lambda pair: pair[0])]
