"""Calls as statistics see them: each is in exactly one part of the balance, and in every set a figure is made of.

The sets have names, and a figure is a quotient of two of them (ivr.domain.figures), so that the list behind a number is
the set itself. Calls we make to citizens (channel ``callback``) reached no number of ours and are never counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

Part = Literal["answered", "abandoned", "callback", "message", "self_service", "overflow", "failed"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
UNDER_WAY: Final = "under_way"
UNACCOUNTED: Final = "unaccounted"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits figures are told with, in seconds; settings, never constants."""

    answered_within_s: int = 15
    also_within_s: int = 20
    short_s: int = 5


@dataclass(frozen=True, slots=True)
class CountedCall:
    """What counting needs of a call; times are aware. ``called_back``: a dissatisfied caller was reached again.

    ``checked``: the machine could judge it, ``scored``: a person did (质检).
    ``wrap_up_s``: of the seat that answered, after this talk; None where its record does not tell (a seat nobody saw).
    ``town`` is the code of the town the order names, '' when it names none.
    """

    linked_id: str
    arrived_at: datetime
    state: str = "ended"
    outcome: str | None = None
    channel: str = "hotline"
    called_number: str = ""
    queue: str = ""
    town: str = ""
    queued_at: datetime | None = None
    answered_at: datetime | None = None
    talk_ended_at: datetime | None = None
    ended_at: datetime | None = None
    rating: int | None = None
    called_back: bool = False
    checked: bool = False
    scored: bool = False
    wrap_up_s: float | None = None

    @property
    def part(self) -> str:
        """Its part of the balance; ``under_way`` while nobody answered yet, ``unaccounted`` when its record contradicts itself.

        A call that an outage ended counts as answered when a human was heard before, else as failed.
        """
        heard = self.answered_at is not None
        if self.state != "ended":
            return "answered" if heard else UNDER_WAY
        if self.outcome == "interrupted":
            return "answered" if heard else "failed"
        if self.outcome not in PARTS or (self.outcome == "answered") != heard:
            return UNACCOUNTED
        return self.outcome

    @property
    def wait_s(self) -> float | None:
        """Seconds from arrival, greeting included, to a human or the end; None while it runs."""
        return _between(self.arrived_at, self.answered_at or self.ended_at)

    @property
    def handled_s(self) -> float | None:
        """Seconds of talk, hold and wrap-up; None where one of them is not known."""
        return None if self.talk_s is None or self.wrap_up_s is None else self.talk_s + self.wrap_up_s

    @property
    def talk_s(self) -> float | None:
        """Seconds of talk, hold included; None before it is over and when there was none."""
        if self.state != "ended" or self.answered_at is None:
            return None
        return _between(self.answered_at, self.talk_ended_at or self.ended_at)


def _between(start: datetime, end: datetime | None) -> float | None:
    return None if end is None else max(0.0, (end - start) / timedelta(seconds=1))


def _answered(call: CountedCall) -> bool:
    return call.part == "answered"


def _abandoned(call: CountedCall) -> bool:
    return call.part == "abandoned"


def _waited_at_most(call: CountedCall, seconds: float) -> bool:
    return call.wait_s is not None and call.wait_s <= seconds


def _rated(call: CountedCall) -> bool:
    return _answered(call) and call.rating is not None


SETS: Final[Mapping[str, Callable[[CountedCall, Limits], bool]]] = {
    "arrived": lambda c, t: True,
    "settled": lambda c, t: c.part != UNDER_WAY,
    "under_way": lambda c, t: c.part == UNDER_WAY,
    "unaccounted": lambda c, t: c.part == UNACCOUNTED,
    "answered": lambda c, t: _answered(c),
    "not_answered": lambda c, t: c.part not in ("answered", UNDER_WAY),
    "abandoned": lambda c, t: _abandoned(c),
    "callback": lambda c, t: c.part == "callback",
    "message": lambda c, t: c.part == "message",
    "self_service": lambda c, t: c.part == "self_service",
    "overflow": lambda c, t: c.part == "overflow",
    "failed": lambda c, t: c.part == "failed",
    "entered": lambda c, t: c.queued_at is not None,
    "answered_within": lambda c, t: _answered(c) and _waited_at_most(c, t.answered_within_s),
    "answered_also_within": lambda c, t: _answered(c) and _waited_at_most(c, t.also_within_s),
    "abandoned_long": lambda c, t: _abandoned(c) and not (c.wait_s is not None and c.wait_s < t.short_s),
    "abandoned_short": lambda c, t: _abandoned(c) and c.wait_s is not None and c.wait_s < t.short_s,
    "abandoned_in_greeting": lambda c, t: _abandoned(c) and c.queued_at is None,
    "answered_or_abandoned": lambda c, t: _answered(c) or _abandoned(c),
    "answered_or_waited_in_vain": lambda c, t: _answered(c) or (_abandoned(c) and not _waited_at_most(c, t.answered_within_s)),
    "served_or_gone_within": lambda c, t: (_answered(c) or _abandoned(c)) and _waited_at_most(c, t.answered_within_s),
    "talked": lambda c, t: _answered(c) and c.talk_s is not None,
    "handled": lambda c, t: _answered(c) and c.handled_s is not None,
    "rated": lambda c, t: _rated(c),
    "satisfied": lambda c, t: _rated(c) and (c.rating or 0) <= 3,
    "dissatisfied": lambda c, t: _rated(c) and (c.rating or 0) >= 4,
    "dissatisfied_called_back": lambda c, t: _rated(c) and (c.rating or 0) >= 4 and c.called_back,
    "machine_checked": lambda c, t: _answered(c) and c.checked,
    "human_scored": lambda c, t: _answered(c) and c.scored,
}
"""Every set of calls a figure is made of; storage says the same in SQL, and a test holds both against each other."""

SUMS: Final[Mapping[str, tuple[str, Callable[[CountedCall], float | None]]]] = {
    "answered_wait_s": ("answered", lambda c: c.wait_s),
    "abandoned_wait_s": ("abandoned", lambda c: c.wait_s),
    "talk_s": ("talked", lambda c: c.talk_s),
    "handled_s": ("handled", lambda c: c.handled_s),
}
"""Sums of seconds over one of the sets."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls counted: how many are in each set, the sums of seconds, and two percentiles of the answer time (None for no call)."""

    counts: Mapping[str, int]
    sums: Mapping[str, float]
    answer_p50_s: float | None = None
    answer_p90_s: float | None = None


def tally(calls: Iterable[CountedCall], limits: Limits) -> Tally:
    """Count these calls; those of channel ``callback`` are left out."""
    counted = [c for c in calls if c.channel != "callback"]
    waits = sorted(c.wait_s for c in counted if _answered(c) and c.wait_s is not None)
    return Tally(
        {name: sum(1 for c in counted if within(c, limits)) for name, within in SETS.items()},
        {name: sum(seconds(c) or 0.0 for c in counted if SETS[of](c, limits)) for name, (of, seconds) in SUMS.items()},
        percentile(waits, 0.5), percentile(waits, 0.9),
    )


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """The value below which this share lies, between neighbours in proportion (as SQL's percentile_cont); None for no value."""
    if not ascending:
        return None
    place = share * (len(ascending) - 1)
    low = int(place)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (ascending[high] - ascending[low]) * (place - low)
