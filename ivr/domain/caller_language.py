"""Languages and dialects some seats speak, and which of them a caller is known to want.

``key`` is the key of the first menu that chooses it, '' when none does; ``title`` is what people call it (宁夏方言).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ivr.domain.errors import CallerFault
from ivr.domain.exchange_table import exchange_key

ChosenBy = Literal["key", "record", ""]
_LONGEST_TEXT = 200
_NUMERALS = {"1": "一", "2": "二", "3": "三", "4": "四", "5": "五", "6": "六", "7": "七", "8": "八", "#": "井号"}


@dataclass(frozen=True, slots=True)
class Language:
    """One language that can be asked for; ``queue`` is where those wait who speak it."""

    name: str
    title: str
    queue: str
    key: str = ""

    @property
    def prompt(self) -> str:
        """The prompt that offers its key, heard after the menu's own."""
        return f"choose-{self.name}"

    @property
    def offer(self) -> str:
        """What that prompt says when nobody recorded it in the language itself."""
        return f"说{self.title or self.name}请按{_NUMERALS.get(self.key, '')}。"


@dataclass(frozen=True, slots=True)
class CallerLanguage:
    """A number's language; '' when it was taken back. ``set_by`` is a person, or ``caller`` by a key of a call."""

    number: str
    language: str
    set_by: str
    set_at: datetime


def checked_choice(number: str, language: str, by: str, known: Collection[str]) -> None:
    """CallerFault unless this can be kept: digits as orders show them, a language of the settings, and who says so."""
    if not re.fullmatch(r"[0-9]{3,20}", number, re.ASCII):
        raise CallerFault(f"{number!r} is no telephone number; give 3 to 20 digits as the order shows them")
    if language not in known:
        there = ", ".join(sorted(known)) or "none; add [[languages]] to the settings"
        raise CallerFault(f"there is no language {language!r}; there is {there}")
    checked_name(by)


def checked_name(by: str) -> None:
    """CallerFault unless somebody is named who answers for the change."""
    if not by.strip() or len(by) > _LONGEST_TEXT or not by.isprintable():
        raise CallerFault(f"say who decided it: 1 to {_LONGEST_TEXT} printable characters")


def told_language(extra: str) -> tuple[str, ChosenBy]:
    """Name and origin from the ledger's LANGUAGE event, ``<name>:key`` or ``<name>:record``; ('', '') for anything else."""
    name, _, by = extra.partition(":")
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name, re.ASCII):
        return "", ""
    return (name, "key") if by == "key" else (name, "record") if by == "record" else ("", "")


def exchange_table(records: Iterable[CallerLanguage]) -> dict[str, str]:
    """{key: language} as the exchange keeps it; of two numbers with one key the later word counts."""
    latest = {exchange_key(r.number): r.language for r in sorted(records, key=lambda r: r.set_at)}
    return {key: language for key, language in latest.items() if language}
