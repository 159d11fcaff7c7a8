"""Towns and villages of the district: the table's rows, their checks and changes, and the gazetteer made of them.

A village carries the official 12-digit code when the office imports one, else a *local* one, ``640105001-L01``,
which no authority issued. A row with status ``placeholder`` only keeps count (81 villages, ten of them known): it is
never found in speech and never shown as a real place.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ivr.domain.phrases import PhraseIndex

PlaceKind = Literal["town", "village"]
PlaceStatus = Literal["confirmed", "placeholder"]

COLUMNS: Final = ("code", "name", "kind", "town_code", "aliases", "status")
LONGEST_NAME: Final = 40
MOST_ALIASES: Final = 20
MOST_ROWS: Final = 5000
DISTRICT: Final = "640105"

_CHINESE_COLUMNS: Final = dict(zip(("编码", "名称", "类型", "所属镇街", "别名", "状态"), COLUMNS, strict=True))
_KINDS: Final[Mapping[str, PlaceKind]] = {"town": "town", "village": "village", "镇街": "town", "村居": "village"}
_STATUSES: Final[Mapping[str, PlaceStatus]] = {
    "": "confirmed",
    "confirmed": "confirmed",
    "placeholder": "placeholder",
    "已核实": "confirmed",
    "占位": "placeholder",
}
_ALIAS_SEPARATOR: Final = re.compile(r"[|、;\uff1b]")
_FORMULA_STARTS: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # and their full-width forms


@dataclass(frozen=True, slots=True)
class Place:
    """One row of the table; a town's ``town_code`` is its own code, a placeholder village's may be unknown ('')."""

    code: str
    name: str
    kind: PlaceKind
    town_code: str
    aliases: tuple[str, ...] = ()
    status: PlaceStatus = "confirmed"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was refused: the line it begins on in the file (1 is the header), and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlacesFile:
    """Everything a file says: the good rows in order, and every bad one."""

    places: tuple[Place, ...]
    bad: tuple[BadRow, ...]


@dataclass(frozen=True, slots=True)
class PlacesDiff:
    """What an import would do. Rows missing from the file are kept; nothing is deleted but placeholders.

    ``replaced_placeholders``: one placeholder of unknown town goes for each confirmed village that is added, so the
    count of villages stays true; ``changed`` pairs are (before, after).
    """

    added: tuple[Place, ...]
    changed: tuple[tuple[Place, Place], ...]
    unchanged: tuple[Place, ...]
    missing: tuple[Place, ...]
    replaced_placeholders: tuple[Place, ...]


@dataclass(frozen=True)
class Gazetteer:
    """The confirmed places, ready to be found in speech; build it with ``Gazetteer.of``."""

    places: Mapping[str, Place]
    names: tuple[tuple[str, str], ...]
    index: PhraseIndex = field(repr=False, compare=False)

    @classmethod
    def of(cls, places: Iterable[Place]) -> Gazetteer:
        """Names and aliases of confirmed places; placeholders take no part."""
        confirmed = {place.code: place for place in places if place.status == "confirmed"}
        names = tuple(
            (name, place.code) for place in confirmed.values() for name in dict.fromkeys((place.name, *place.aliases))
        )
        return cls(confirmed, names, PhraseIndex([name for name, _ in names]))

    def display(self, code: str) -> str:
        """``兴泾镇泾华村``: a village with its town; '' for a code that is not here."""
        place = self.places.get(code)
        if place is None:
            return ""
        town = self.places.get(place.town_code)
        return place.name if town is None or town is place else f"{town.name}{place.name}"


def parse_places(text: str, known_towns: Iterable[str] = (), district: str = DISTRICT) -> PlacesFile:
    """Read a CSV with the columns code, name, kind, town_code, aliases, status (or their Chinese names).

    ``text`` is decoded already (a byte-order mark is ignored); aliases are separated by ``|`` or ``、``; an empty
    status means confirmed. Towns may stand anywhere in the file or be known already. Never raises: every row is either
    a place or a BadRow, and what makes the file as a whole unreadable is a BadRow too.
    """
    rows, bad = _read(text)
    towns = set(known_towns) | {row["code"] for _, row in rows if _KINDS.get(row["kind"]) == "town"}
    places: list[Place] = []
    codes: dict[str, int] = {}
    names: dict[tuple[str, str], int] = {}
    for line, row in rows:
        outcome = _place(row, towns, district)
        if isinstance(outcome, str):
            bad.append(BadRow(line, outcome))
        elif outcome.code in codes:
            bad.append(BadRow(line, f"编码 {outcome.code} 与第 {codes[outcome.code]} 行重复"))
        elif (outcome.town_code, outcome.name) in names:
            bad.append(BadRow(line, f"名称“{outcome.name}”与第 {names[outcome.town_code, outcome.name]} 行重复"))
        else:
            codes[outcome.code] = names[outcome.town_code, outcome.name] = line
            places.append(outcome)
    return PlacesFile(tuple(places), tuple(sorted(bad, key=lambda b: b.line)))


def diff_places(existing: Iterable[Place], incoming: Iterable[Place]) -> PlacesDiff:
    """Compare by code; the incoming row wins. Pure: the same for a dry run and for the import itself."""
    before = {place.code: place for place in existing}
    after = {place.code: place for place in incoming}
    added = tuple(place for code, place in after.items() if code not in before)
    changed = tuple((before[c], place) for c, place in after.items() if c in before and before[c] != place)
    spare = [p for c, p in before.items() if p.status == "placeholder" and p.kind == "village" and c not in after]
    new_villages = sum(place.kind == "village" and place.status == "confirmed" for place in added)
    replaced = tuple(spare[max(0, len(spare) - new_villages) :])
    return PlacesDiff(
        added=added,
        changed=changed,
        unchanged=tuple(place for code, place in after.items() if before.get(code) == place),
        missing=tuple(place for code, place in before.items() if code not in after and place not in replaced),
        replaced_placeholders=replaced,
    )


def _read(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[BadRow]]:
    """Rows as dictionaries with the line each begins on."""
    rows: list[tuple[int, dict[str, str]]] = []
    bad: list[BadRow] = []
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header: list[str] = []
    line = 1
    try:
        for raw in reader:
            begins, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in raw) or raw[0].startswith("#"):
                continue
            if not header:
                header = [_CHINESE_COLUMNS.get(cell.strip(), cell.strip().lower()) for cell in raw]
                if sorted(header) != sorted(COLUMNS):
                    return [], [BadRow(begins, f"表头应为 {','.join(COLUMNS)}（或 {','.join(_CHINESE_COLUMNS)}）")]
            elif len(raw) != len(header):
                bad.append(BadRow(begins, f"应有 {len(header)} 列，实有 {len(raw)} 列"))
            elif len(rows) >= MOST_ROWS:
                return rows, [*bad, BadRow(begins, f"超过 {MOST_ROWS} 行，此行及以后都没有读")]
            else:
                rows.append((begins, dict(zip(header, raw, strict=True))))
    except csv.Error as error:
        bad.append(BadRow(line, f"不是合格的 CSV，此行及以后都没有读（{error}）"))
    if not header and not bad:
        bad.append(BadRow(1, "文件是空的"))
    return rows, bad


def _place(row: dict[str, str], towns: set[str], district: str) -> Place | str:
    """The row as a place, or what is wrong with it."""
    for column, cell in row.items():
        if wrong := _hostile(cell):
            return f"{column}：{wrong}"
    cells = {column: cell.strip() for column, cell in row.items()}
    kind, status = _KINDS.get(cells["kind"]), _STATUSES.get(cells["status"])
    code, name = cells["code"], cells["name"]
    aliases = tuple(dict.fromkeys(a for a in (part.strip() for part in _ALIAS_SEPARATOR.split(cells["aliases"])) if a))
    if kind is None:
        return f"类型应为 town 或 village（镇街、村居），不是 {cells['kind']!r}"
    if status is None:
        return f"状态应为 confirmed 或 placeholder（已核实、占位），不是 {cells['status']!r}"
    town_code = cells["town_code"] or (code if kind == "town" else "")
    wrong = (
        _wrong_code(code, kind, status, town_code, towns, district)
        or _wrong_name("名称", name)
        or next((wrong for alias in aliases if (wrong := _wrong_name("别名", alias))), "")
        or (f"别名多于 {MOST_ALIASES} 个" if len(aliases) > MOST_ALIASES else "")
    )
    return wrong or Place(code, name, kind, town_code, tuple(a for a in aliases if a != name), status)


def _wrong_code(code: str, kind: PlaceKind, status: PlaceStatus, town_code: str, towns: set[str], district: str) -> str:
    if not code:
        return "编码为空"
    if kind == "town":
        if not re.fullmatch(rf"{re.escape(district)}[0-9]{{3}}", code):
            return f"镇街编码应为 {district} 加 3 位数字：{code[:30]!r}"
        return "" if town_code == code else f"镇街的所属镇街应为空或它自己的编码，不是 {town_code[:30]!r}"
    if status == "placeholder" and not town_code:
        return "" if re.fullmatch(rf"{re.escape(district)}-P[0-9]{{2,3}}", code) else f"占位编码应形如 {district}-P01"
    if not town_code:
        return "村居没有所属镇街"
    if town_code not in towns:
        return f"所属镇街 {town_code[:30]!r} 不存在"
    if not re.fullmatch(rf"{re.escape(town_code)}(?:[0-9]{{3}}|-L[0-9]{{2,3}})", code):
        return f"村居编码应为 {town_code} 加 3 位数字（正式编码）或 -L01（本地编号）：{code[:30]!r}"
    return ""


def _wrong_name(what: str, name: str) -> str:
    if not name:
        return f"{what}为空"
    if len(name) > LONGEST_NAME:
        return f"{what}超过 {LONGEST_NAME} 字"
    if len(name) < 2:
        return f"{what}“{name}”只有一个字，会到处误中"
    if strange := [c for c in name if unicodedata.category(c)[0] not in "LN" and c not in "·()\uff08\uff09"]:
        return f"{what}含有不允许的字符 {strange[0]!r}"
    return ""


def _hostile(cell: str) -> str:
    """What a spreadsheet would run, or what hides text from the reader; '' for an honest cell."""
    if cell.startswith(_FORMULA_STARTS):
        return f"以 {cell[0]!r} 开头，表格软件会当作公式执行"
    for char in cell:
        if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"):
            return f"含有不可见或控制字符 U+{ord(char):04X}"
    return ""
