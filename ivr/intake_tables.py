"""The versioned tables and the gazetteer, read from the package and the database for the pure intake rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Literal

from ivr.domain.code_tables import CodeTables, parse_code_table
from ivr.domain.errors import BadSetting, NotFound
from ivr.domain.evidence import Thresholds
from ivr.domain.intake import Draft, draft
from ivr.domain.places import Gazetteer, Place, parse_places
from ivr.domain.risk import RiskTable, newest, parse_risk_table
from ivr.domain.transcript import Transcript
from ivr.storage.places import load_places, seed_places

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_TABLES = resources.files("ivr.domain") / "tables"


@dataclass(frozen=True)
class Intake:
    """Rules and data of one moment; a new import takes effect at the next start of the processes that use it."""

    tables: CodeTables
    gazetteer: Gazetteer
    thresholds: Thresholds

    @property
    def version(self) -> str:
        """The code tables' version new orders are made with."""
        return self.tables.current.version

    def compose(self, transcript: Transcript, caller_number: str, called_on: date) -> Draft:
        """The draft of one call."""
        return draft(transcript, self.tables, self.gazetteer, caller_number, called_on, self.thresholds)


class CodeNames:
    """ivr.ports.web.CodeTables over the shipped versions."""

    def __init__(self, tables: CodeTables) -> None:
        self._tables = tables

    def name(self, version: str, kind: Literal["category", "matter"], code: str) -> str | None:
        """The name an order's code had in its own version, '' the one in force; None when that version is not here."""
        try:
            return self._tables.name(version or self._tables.current.version, kind, code)
        except NotFound:
            return None

    def codes(self, version: str, kind: Literal["category", "matter"]) -> Sequence[tuple[str, str]]:
        """Every code with its name, as its office lists them."""
        table = self._tables.versions.get(version) if version else self._tables.current
        return [(code.code, code.name) for code in table.of(kind)] if table else []


def shipped_tables() -> CodeTables:
    """Every code table in the package."""
    versions = sorted(
        found[1] for f in _TABLES.iterdir() if (found := re.fullmatch(r"codes-(.+)\.csv", f.name))
    )
    return CodeTables.of(
        parse_code_table(v, (_TABLES / f"codes-{v}.csv").read_text("utf-8"), (_TABLES / f"cues-{v}.csv").read_text("utf-8"))
        for v in versions
    )


def shipped_risks() -> RiskTable:
    """The words of risk in force: the highest version in the package."""
    found = [(m[1], f) for f in _TABLES.iterdir() if (m := re.fullmatch(r"risk-(.+)\.csv", f.name))]
    return newest(parse_risk_table(version, file.read_text("utf-8")) for version, file in found)


def shipped_articles() -> str:
    """The file of the knowledge base's first articles: sample texts, marked as such."""
    return (_TABLES / "knowledge-2026.1.toml").read_text("utf-8")


def shipped_places() -> tuple[Place, ...]:
    """The places this product ships: confirmed ones, and placeholders marked as such."""
    parsed = parse_places((_TABLES / "places-640105.csv").read_text("utf-8"))
    if parsed.bad:
        raise BadSetting(f"the shipped gazetteer is broken at line {parsed.bad[0].line}: {parsed.bad[0].reason}")
    return parsed.places


async def load_intake(pool: Pool, thresholds: Thresholds) -> Intake:
    """Tables from the package, places from the database (seeded at first)."""
    await seed_places(pool, shipped_places())
    return Intake(shipped_tables(), Gazetteer.of(await load_places(pool)), thresholds)
