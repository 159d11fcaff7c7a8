"""What a seat does, second by second, from what Asterisk says of it in its queues: what occupancy is reckoned from.

Talking wins over everything: who is paused and telephones works. Hold is part of talking. Pauses that stand for nobody being
there (signed out, a page that is gone) count as away, and so does a telephone that is not registered. Of a lost link nothing
is known, and nothing is invented: time not seen is in no sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ivr.domain.events import ExchangeSnapshot, LinkLost, LiveEvent, MemberChanged, MemberRemoved, QueueMember
from ivr.domain.seat_state import LOST, SIGNED_OUT, WRAP_UP

Activity = Literal["ready", "talking", "wrap_up", "paused"]
_AWAY = (0, 4, 5)
_TALKING = (2, 3, 8)


@dataclass(frozen=True, slots=True)
class ActivityChanged:
    """A seat does something else now; None: it is away, or nothing is known of it."""

    interface: str
    activity: Activity | None


@dataclass(frozen=True, slots=True)
class SeatTime:
    """Seconds of one seat, or of all, in a span of time."""

    ready_s: float = 0.0
    talking_s: float = 0.0
    wrap_up_s: float = 0.0
    paused_s: float = 0.0

    @property
    def working_s(self) -> float:
        """Conversation, hold and wrap-up."""
        return self.talking_s + self.wrap_up_s

    @property
    def available_s(self) -> float:
        """Logged in and not paused."""
        return self.ready_s + self.working_s


def activity_of(members: Iterable[QueueMember]) -> Activity | None:
    """What a seat does, by its places in all its queues; None when it is away. It is ready when one queue may ring it."""
    found = list(members)
    if not found or all(m.device in _AWAY for m in found):
        return None
    if any(m.device in _TALKING for m in found):
        return "talking"
    if not all(m.paused for m in found):
        return "ready"
    reasons = {m.paused_reason for m in found}
    if WRAP_UP in reasons:
        return "wrap_up"
    return None if reasons & {SIGNED_OUT, LOST} else "paused"


class SeatActivities:
    """Takes live events in order and tells what changed. Before the first snapshot nothing is known."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, QueueMember]] = {}
        self._told: dict[str, Activity] = {}

    @property
    def now(self) -> Mapping[str, Activity]:
        """Seats of which something is known, with what they do."""
        return self._told

    def apply(self, event: LiveEvent) -> list[ActivityChanged]:
        """What is different because of this event."""
        match event:
            case ExchangeSnapshot(queues):
                before = set(self._places)
                self._places = {}
                for queue in queues:
                    for member in queue.members:
                        self._places.setdefault(member.interface, {})[queue.queue] = member
                return [changed for seat in sorted(before | set(self._places)) for changed in self._judge(seat)]
            case LinkLost():
                self._places = {}
                return [changed for seat in sorted(self._told) for changed in self._judge(seat)]
            case MemberChanged(queue, member):
                self._places.setdefault(member.interface, {})[queue] = member
                return self._judge(member.interface)
            case MemberRemoved(queue, interface):
                self._places.get(interface, {}).pop(queue, None)
                return self._judge(interface)
        return []

    def _judge(self, seat: str) -> list[ActivityChanged]:
        now = activity_of(self._places.get(seat, {}).values())
        if now == self._told.get(seat):
            return []
        if now is None:
            del self._told[seat]
        else:
            self._told[seat] = now
        return [ActivityChanged(seat, now)]
