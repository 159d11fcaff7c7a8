"""Categories and matters as versioned data, with the phrases that speak for them.

An order keeps the version it was made with, so several versions live side by side; names are looked up by version.
Rules are data too: a cue is a row in a file, checked on loading, and a bad row is named by its line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ivr.domain.errors import BadSetting, NotFound
from ivr.domain.phrases import GAP, PhraseIndex

Kind = Literal["category", "matter"]

KINDS: Final[tuple[Kind, ...]] = ("category", "matter")
CODE_COLUMNS: Final = ("kind", "code", "parent", "gives_way", "name")
CUE_COLUMNS: Final = ("kind", "code", "cue", "weight")
_CODE: Final = re.compile(r"[a-z][a-z0-9_.]{0,39}")
_VERSION: Final = re.compile(r"[0-9]{4}\.[0-9]{1,3}")
_MOST_PROBLEMS: Final = 20


@dataclass(frozen=True, slots=True)
class Code:
    """One category or matter. ``gives_way``: any other that reaches the threshold is preferred (法律咨询)."""

    kind: Kind
    code: str
    name: str
    parent: str = ""
    gives_way: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase that speaks for a code with a weight; weight 0 only hides shorter cues inside it (调解书)."""

    kind: Kind
    code: str
    phrase: str
    weight: float


@dataclass(frozen=True)
class CodeTable:
    """One version of the codes with its cues; build it with ``parse_code_table``."""

    version: str
    codes: tuple[Code, ...]
    cues: Mapping[Kind, tuple[Cue, ...]]
    index: Mapping[Kind, PhraseIndex] = field(repr=False, compare=False)

    def of(self, kind: Kind) -> tuple[Code, ...]:
        """The codes of a kind, in the file's order: for pick lists."""
        return tuple(code for code in self.codes if code.kind == kind)

    def find(self, kind: Kind, code: str) -> Code:
        """One code; NotFound when this version has none such."""
        for entry in self.codes:
            if entry.kind == kind and entry.code == code:
                return entry
        raise NotFound(f"代码表 {self.version} 里没有 {kind} {code!r}")


@dataclass(frozen=True)
class CodeTables:
    """Every loaded version; new orders use ``current``."""

    versions: Mapping[str, CodeTable]
    current: CodeTable

    @classmethod
    def of(cls, tables: Iterable[CodeTable], current: str = "") -> CodeTables:
        """Versions side by side; without ``current`` the highest. BadSetting for none, two alike or an unknown one."""
        versions: dict[str, CodeTable] = {}
        for table in tables:
            if table.version in versions:
                raise BadSetting(f"代码表 {table.version} 载入了两次")
            versions[table.version] = table
        if not versions:
            raise BadSetting("没有任何代码表，至少需要一个版本")
        newest = max(versions, key=lambda v: tuple(int(part) for part in v.split(".")))
        if (current or newest) not in versions:
            raise BadSetting(f"没有代码表 {current}，现有：{'、'.join(sorted(versions))}")
        return cls(versions, versions[current or newest])

    def name(self, version: str, kind: Kind, code: str) -> str:
        """The name an order's code had in its own version; '' stays '' (left blank); NotFound otherwise."""
        if not code:
            return ""
        if version not in self.versions:
            raise NotFound(f"没有代码表 {version!r}")
        return self.versions[version].find(kind, code).name


def parse_code_table(version: str, codes: str, cues: str) -> CodeTable:
    """Build a version from the texts of ``codes-<version>.csv`` and ``cues-<version>.csv``.

    Raises BadSetting that lists the bad rows of both files by line (the first 20), so one look mends all.
    """
    problems: list[str] = []
    if not _VERSION.fullmatch(version):
        problems.append(f"版本号 {version!r} 应形如 2026.1")
    entries: dict[tuple[str, str], Code] = {}
    for line, row in _rows("codes", codes, CODE_COLUMNS, problems):
        code = _code(row, entries, problems, f"codes 第 {line} 行")
        if code:
            entries[code.kind, code.code] = code
    by_kind: dict[Kind, list[Cue]] = {kind: [] for kind in KINDS}
    seen: dict[tuple[str, str], int] = {}
    for line, row in _rows("cues", cues, CUE_COLUMNS, problems):
        where = f"cues 第 {line} 行"
        cue = _cue(row, entries, problems, where)
        if cue is None:
            continue
        first = seen.setdefault((cue.kind, cue.phrase), line)
        if first != line:
            problems.append(f"{where}：线索“{cue.phrase}”与第 {first} 行重复，一个线索只能指向一个{cue.kind}")
            continue
        by_kind[cue.kind].append(cue)
    problems += [f"codes：没有任何 {kind}" for kind in KINDS if not any(key[0] == kind for key in entries)]
    if problems:
        more = f"\n……共 {len(problems)} 处" if len(problems) > _MOST_PROBLEMS else ""
        raise BadSetting(f"代码表 {version} 不能使用：\n" + "\n".join(problems[:_MOST_PROBLEMS]) + more)
    cue_rows: dict[Kind, tuple[Cue, ...]] = {kind: tuple(by_kind[kind]) for kind in KINDS}
    index: dict[Kind, PhraseIndex] = {kind: PhraseIndex([cue.phrase for cue in cue_rows[kind]]) for kind in KINDS}
    return CodeTable(version, tuple(entries.values()), cue_rows, index)


def _rows(file: str, text: str, columns: tuple[str, ...], problems: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Data rows with their line number; empty lines and lines that begin with # are skipped."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header: tuple[str, ...] = ()
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if not header:
                header = tuple(cells)
                if header != columns:
                    problems.append(f"{file} 第 {reader.line_num} 行：表头应为 {','.join(columns)}")
                    return
            elif len(cells) != len(columns):
                problems.append(f"{file} 第 {reader.line_num} 行：应有 {len(columns)} 列，实有 {len(cells)} 列")
            else:
                yield reader.line_num, dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        problems.append(f"{file} 第 {reader.line_num} 行：不是合格的 CSV（{error}）")
    if not header:
        problems.append(f"{file}：文件是空的")


def _kind(row: dict[str, str], problems: list[str], where: str) -> Kind | None:
    for kind in KINDS:
        if row["kind"] == kind:
            return kind
    problems.append(f"{where}：kind 应为 category 或 matter，不是 {row['kind']!r}")
    return None


def _code(row: dict[str, str], known: Mapping[tuple[str, str], Code], problems: list[str], where: str) -> Code | None:
    kind = _kind(row, problems, where)
    if kind is None:
        return None
    wrong = ""
    if not _CODE.fullmatch(row["code"]):
        wrong = f"code {row['code']!r} 应为小写字母、数字、点和下划线，字母开头"
    elif (kind, row["code"]) in known:
        wrong = f"code {row['code']} 重复"
    elif not 1 <= len(row["name"]) <= 20:
        wrong = "name 应为 1–20 字"
    elif row["gives_way"] not in ("", "yes"):
        wrong = f"gives_way 应为空或 yes，不是 {row['gives_way']!r}"
    elif row["parent"] and (kind, row["parent"]) not in known:
        wrong = f"上级 {row['parent']!r} 不在本行之前"
    elif row["parent"] and known[kind, row["parent"]].parent:
        wrong = f"上级 {row['parent']!r} 自己已有上级，只支持两级"
    if wrong:
        problems.append(f"{where}：{wrong}")
        return None
    return Code(kind, row["code"], row["name"], row["parent"], row["gives_way"] == "yes")


def _cue(row: dict[str, str], codes: Mapping[tuple[str, str], Code], problems: list[str], where: str) -> Cue | None:
    kind = _kind(row, problems, where)
    if kind is None:
        return None
    wrong = ""
    parts = row["cue"].split(GAP)
    if (kind, row["code"]) not in codes:
        wrong = f"{kind} {row['code']!r} 不在 codes 表里"
    elif not all(parts) or len(row["cue"]) > 30 or re.search(r"\s", row["cue"]):
        wrong = f"线索 {row['cue']!r} 应为 1–30 字，不含空格，省略号 {GAP} 只能在中间"
    elif len("".join(parts)) < 2:
        wrong = f"线索“{row['cue']}”太短，一个字会到处误中"
    elif not re.fullmatch(r"[0-9](?:\.[0-9])?", row["weight"]):
        wrong = f"weight {row['weight']!r} 应为 0–9"
    if wrong:
        problems.append(f"{where}：{wrong}")
        return None
    return Cue(kind, row["code"], row["cue"], float(row["weight"]))
