"""Whether the parts of what came in add up to what came in: per number and per queue, for every interval.

Per number: answered + abandoned + callback + message + self-service + overflow + failed = arrived. Per queue the same
without self-service = entered. Calls under way have no part yet and are told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ivr.domain.counted_call import PARTS, UNDER_WAY, CountedCall

BalanceKind = Literal["number", "queue"]


@dataclass(frozen=True, slots=True)
class PartCount:
    """So many calls of one part to one number; ``queue`` is None for calls that entered none."""

    number: str
    queue: str | None
    part: str
    calls: int


@dataclass(frozen=True, slots=True)
class Balance:
    """One number or queue: what arrived (or entered), its parts, and what is in none of them.

    ``difference`` is 0 when all is well. Anything else is shown as a warning: the record of those calls contradicts itself.
    """

    kind: BalanceKind
    name: str
    arrived: int
    parts: Mapping[str, int]
    under_way: int

    @property
    def difference(self) -> int:
        """Calls that are in no part."""
        return self.arrived - sum(self.parts.values()) - self.under_way


def balances(counts: Iterable[PartCount]) -> tuple[Balance, ...]:
    """Numbers first, then queues, each by name. A call that entered a queue counts for its number and for that queue."""
    found: dict[tuple[BalanceKind, str], dict[str, int]] = {}
    for one in counts:
        places: list[tuple[BalanceKind, str]] = [("number", one.number)]
        if one.queue is not None:
            places.append(("queue", one.queue))
        for place in places:
            parts = found.setdefault(place, {})
            parts[one.part] = parts.get(one.part, 0) + one.calls
    return tuple(
        Balance(kind, name, sum(parts.values()), {p: parts.get(p, 0) for p in _parts_of(kind)}, parts.get(UNDER_WAY, 0))
        for (kind, name), parts in sorted(found.items())
    )


def part_counts(calls: Iterable[CountedCall]) -> list[PartCount]:
    """Each call as a count of one; those of channel ``callback`` are left out."""
    return [
        PartCount(c.called_number, c.queue if c.queued_at is not None else None, c.part, 1)
        for c in calls if c.channel != "callback"
    ]


def _parts_of(kind: BalanceKind) -> tuple[str, ...]:
    return PARTS if kind == "number" else tuple(p for p in PARTS if p != "self_service")
