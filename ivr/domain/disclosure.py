"""Who is shown which personal numbers and names: the one table. Everything not in it is masked.

Operators take calls and carry out call-backs for each other: they see telephone numbers and names. A handler sees them in the
orders that are theirs, and so does whoever else owns an order or has it assigned. Numbers of identity cards and of bank cards
nobody is shown, until a person says why one matter's are needed: that opens this one matter, for this one person, for a while.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ivr.domain.redaction import KINDS, MASK, Kind, Spoken, cover, mask, seconds
from ivr.domain.transcript import Speaker

CALLING: Final[frozenset[Kind]] = frozenset({"phone", "name"})
_NONE: Final[frozenset[Kind]] = frozenset()
_SHORTEST: Final = 5
"""Digits of a number that is covered: shorter ones are services', not people's."""


@dataclass(frozen=True, slots=True)
class Sees:
    """Kinds a role is shown of every matter it may open, and of those that are its own (owned by or assigned to the person)."""

    always: frozenset[Kind] = _NONE
    own: frozenset[Kind] = _NONE


TABLE: Final[Mapping[str, Sees]] = {
    "operator": Sees(always=CALLING, own=CALLING),
    "handler": Sees(own=CALLING),
    "supervisor": Sees(own=CALLING),
    "dispatcher": Sees(own=CALLING),
    "administrator": Sees(),
    "adviser": Sees(),
    "auditor": Sees(),
}


def seen_by(roles: Collection[str], *, own: bool = False) -> frozenset[Kind]:
    """The kinds shown to somebody with these roles; a role that is not in the table is shown none."""
    seen: frozenset[Kind] = _NONE
    for role in roles:
        row = TABLE.get(role, Sees())
        seen |= row.always | (row.own if own else _NONE)
    return seen


@dataclass(frozen=True, slots=True)
class Veil:
    """What one asker is not shown of one matter. ``names`` are the citizen's, as the matter's order knows them."""

    hidden: frozenset[Kind] = KINDS
    names: Sequence[str] = field(default=())

    def text(self, text: str) -> str:
        """The text as it is shown; as long as before."""
        return mask(text, self.hidden, self.names) if self.hidden else text

    def number(self, number: str) -> str:
        """A caller's number, whatever form it has: short and foreign ones are covered too."""
        if "phone" not in self.hidden or not number:
            return number
        shown = mask(number, frozenset({"phone", "bank_card"}))
        digits = [n for n, char in enumerate(number) if char.isdigit()]
        if shown != number or len(digits) < _SHORTEST:
            return shown
        covered = frozenset(digits[2:-2])
        return "".join(MASK if n in covered else char for n, char in enumerate(number))

    def name(self, name: str) -> str:
        """The citizen's name."""
        return mask(name, frozenset({"name"}), (name,)) if "name" in self.hidden else name

    def display_name(self, name: str) -> str:
        """What the caller's side sent as a name: covered like one when it is Chinese and as short as names are."""
        return self.name(name) if re.fullmatch(r"[\u4e00-\u9fff·]{2,6}", name) else self.text(name)

    def speech(self, speech: Sequence[Spoken]) -> list[tuple[str, tuple[str, ...]]]:
        """Text and words of each stretch, in the order given."""
        return [(one.text, one.words) for one in cover(speech, self.hidden, self.names)]

    def seconds(self, speech: Sequence[Spoken]) -> dict[Speaker, list[tuple[float, float]]]:
        """When what is hidden is heard, by speaker."""
        return seconds(speech, self.hidden, self.names)


def veil_of(roles: Collection[str], *, own: bool = False, unmasked: bool = False, names: Sequence[str] = ()) -> Veil:
    """The veil between somebody with these roles and a matter; ``unmasked``: they gave a reason, and it still holds."""
    return Veil(_NONE if unmasked else KINDS - seen_by(roles, own=own), names)


OPEN: Final = Veil(_NONE)
"""Nothing is hidden."""
