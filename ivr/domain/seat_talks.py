"""Which seat talked with the citizen and when, as the ledger tells it: in seconds of the recording, so that each has its own.

Being joined counts, and so does a three-way call for both: on one track two operators cannot be told apart. A consultation is
nobody's, for the citizen hears music meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ivr.domain.call import SEAT_ENDPOINT, in_order, interface_of
from ivr.domain.call_holds import HoldSpan
from ivr.domain.events import Fact, Source
from ivr.domain.parties import Parties
from ivr.domain.recording_gaps import GapClock

Span = tuple[float, float]
_ANNOUNCER: Final = "CBAnn/"  # a video room's own, which says nothing
_TOGETHER_S: Final = 1.0
"""Who leaves within this of the end was there when the talk ended."""


@dataclass(frozen=True, slots=True)
class SeatTalk:
    """One seat's part of a call: from ``since`` (Unix) on, ``talked_s`` in all without its holds.

    ``spans`` are seconds of the recording: one that opened the call is there from 0 on, one that closed it to the end (infinity).
    None: nothing was recorded, or nobody told that it was. ``holds`` are the seat's own.
    """

    interface: str
    since: float
    talked_s: float
    spans: tuple[Span, ...] | None
    opened: bool
    closed: bool
    holds: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class CallTalks:
    """Everybody who talked with the citizen, the first first; ``holds`` is every hold of the call in seconds of the recording."""

    talks: tuple[SeatTalk, ...] = ()
    holds: tuple[Span, ...] = ()

    def judged(self, first: str, known: str = "") -> SeatTalk | None:
        """Whose call it is: the seat that talked longest, ``first`` (who answered) among them.

        ``known`` is the one it was decided to be before, and stays; None when nobody is told of.
        """
        seats = [t for t in self.talks if t.interface == first or t.interface.startswith(SEAT_ENDPOINT)]
        decided = next((t for t in seats if t.interface == known), None)
        return decided or max(seats, key=lambda t: t.talked_s, default=None)


def read_talks(facts: Iterable[Fact], holds: Sequence[HoldSpan] = ()) -> CallTalks:
    """From the facts of one call and its holds. What the ledger does not tell, what was seen live does."""
    ordered = in_order(facts)
    source: Source = "cel" if any(f.source == "cel" and f.kind == "BRIDGE_ENTER" for f in ordered) else "controller"
    citizen = ordered[0].linked_id if ordered else ""
    parties, clock = Parties(citizen), GapClock()
    there: dict[str, float] = {}
    stretches: dict[str, list[Span]] = {}
    at = -math.inf
    for fact in ordered:
        if fact.source != source:
            continue
        at = max(at, fact.at)
        clock.see(fact.kind, at, citizens=fact.unique_id == citizen)
        if fact.kind == "BRIDGE_ENTER":
            parties.enter(fact)
        elif fact.kind in ("BRIDGE_EXIT", "HANGUP"):
            parties.leave(fact)
        elif fact.kind != "LINKEDID_END":
            continue
        others = () if fact.kind == "LINKEDID_END" else tuple(parties.others(source).values())
        now = [interface_of(channel) for channel in others if not channel.startswith(_ANNOUNCER)]
        for left in [one for one in there if one not in now]:
            stretches[left].append((there.pop(left), at))
        for came in now:
            there.setdefault(came, at)
            stretches.setdefault(came, [])
    for left, began_at in there.items():  # Asterisk was killed
        stretches[left].append((began_at, at))
    known = {interface: spans for interface, spans in stretches.items() if spans}
    talks = [_talk(interface, spans, known, clock, holds) for interface, spans in known.items()]
    told = _recorded([(h.began_at, h.ended_at) for h in holds], clock)
    return CallTalks(tuple(sorted(talks, key=lambda t: t.since)), told or ())


def without(spans: Sequence[Span], left_out: Sequence[Span]) -> list[Span]:
    """What of these spans lies in none of the others, in the order of time."""
    kept = sorted(spans)
    for a, b in left_out:
        kept = [piece for start, end in kept for piece in ((start, min(end, a)), (max(start, b), end)) if piece[0] < piece[1]]
    return kept


def within(spans: Sequence[Span], bounds: Sequence[Span]) -> list[Span]:
    """What of these spans lies in the bounds, in the order of time."""
    return sorted((max(a, c), min(b, d)) for a, b in spans for c, d in bounds if max(a, c) < min(b, d))


def _talk(
    interface: str, spans: Sequence[Span], everybody: dict[str, list[Span]], clock: GapClock, holds: Sequence[HoldSpan]
) -> SeatTalk:
    mine = [(h.began_at, h.ended_at) for h in holds if h.interface == interface]
    since, until = spans[0][0], spans[-1][1]
    opened = interface == min(everybody, key=lambda one: everybody[one][0][0])
    closed = until >= max(one[-1][1] for one in everybody.values()) - _TOGETHER_S
    told = _recorded(spans, clock)
    if told and opened:
        told = ((0.0, told[0][1]), *told[1:])
    if told and closed:
        told = (*told[:-1], (told[-1][0], math.inf))
    talked_s = math.fsum(b - a for a, b in without(spans, mine))
    return SeatTalk(interface, since, talked_s, told, opened, closed, _recorded(within(mine, spans), clock) or ())


def _recorded(spans: Sequence[Span], clock: GapClock) -> tuple[Span, ...] | None:
    """Where these moments lie in the recording, those in which something is; None when there is no recording."""
    if not clock.begun:
        return None
    found = [(clock.recorded(a), clock.recorded(b)) for a, b in spans]
    return tuple((a, b) for a, b in found if a < b)
