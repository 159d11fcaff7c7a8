"""What citizens are told of their orders by message: which texts, to which telephones, and when not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from string import Formatter
from typing import Final

from ivr.domain.delivery import EventName
from ivr.domain.order_number import parse

PLACEHOLDERS: Final = frozenset({"number", "short"})
MOBILE: Final = r"^1[3-9][0-9]{9}$"
"""Telephones that take messages: the mobile ones of this country, as a pattern of PostgreSQL."""

LONGEST_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """``texts`` by event; an event without a text is told to nobody. Nobody is told from ``quiet_from`` to ``quiet_until``."""

    texts: Mapping[EventName, str]
    quiet_from: time
    quiet_until: time

    def text(self, event: EventName, number: str) -> str:
        """The message about an order; it names nothing but the order's number, because telephones are read by others too."""
        return self.texts[event].format(number=number, short=parse(number).short)

    def quiet_at(self, moment: time) -> bool:
        """Whether nobody is told at this time of day in Shanghai; the same time twice is never."""
        if self.quiet_from <= self.quiet_until:
            return self.quiet_from <= moment < self.quiet_until
        return moment >= self.quiet_from or moment < self.quiet_until


def checked_text(text: str) -> str:
    """The text when it can be sent; ValueError says what is wrong with it."""
    if not 1 <= len(text) <= LONGEST_TEXT or not text.isprintable():
        raise ValueError(f"a notice is one line of 1 to {LONGEST_TEXT} characters")
    try:
        named = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(text) if name is not None]
    except ValueError as wrong:
        raise ValueError(f"a brace in a notice begins a placeholder ({wrong}); write {{{{ for a brace") from None
    for name, spec, conversion in named:
        if name not in PLACEHOLDERS or spec or conversion:
            raise ValueError(f"a notice may hold {{number}} and {{short}} only, not {{{name}}}")
    return text
