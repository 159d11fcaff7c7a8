"""When a seat is left alone without having asked: after a conversation (wrap-up), and after a call it did not answer.

Asterisk's own pause is the state; nothing here is remembered that Asterisk does not tell again in a snapshot, but for the
end of a wrap-up. So two controllers that see the same events do no harm: they pause what is paused and resume what is free.
A wrap-up belongs to the seat, not to the queue: the longer one wins, and a pause somebody chose is never replaced. Who was joined
with a citizen without a queue (by a transfer, or because a lost operator is there again) has the longest wrap-up of the seat's
queues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from ivr.domain.call import interface_of
from ivr.domain.events import (
    BridgeEntered,
    ChannelEnded,
    ExchangeSnapshot,
    LiveEvent,
    MemberChanged,
    QueueMember,
    RangOut,
    TalkBegan,
    TalkEnded,
)
from ivr.domain.video_room import is_invitation

ChosenPause = Literal["break", "meal", "training", "meeting"]
CHOSEN_PAUSES: tuple[ChosenPause, ...] = get_args(ChosenPause)
"""Reasons an operator may give; the others are the product's own."""

WRAP_UP = "wrap-up"
RING_OUT = "ring-out"
SIGNED_IN = "signed-in"
SIGNED_OUT = "signed-out"
LOST = "lost"
_BUSY = (2, 3, 8)
_MOST_BRIDGES = 10_000


@dataclass(frozen=True, slots=True)
class PauseSeat:
    """Pause a seat (``PJSIP/seat-…``) in all its queues."""

    interface: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResumeSeat:
    """Let a seat be rung again in all its queues."""

    interface: str


SeatAct = PauseSeat | ResumeSeat


@dataclass(slots=True)
class _WrapUp:
    until: float
    seen: bool = False  # Asterisk has told that the seat is paused for it


class SeatRules:
    """``interfaces`` are the seats with a page, ``wrap_up_s`` the seconds by queue. ``now`` is any clock that only goes on."""

    def __init__(self, interfaces: frozenset[str], wrap_up_s: Mapping[str, float]) -> None:
        self._interfaces = interfaces
        self._wrap_up_s = wrap_up_s
        self._reasons: dict[tuple[str, str], str] = {}
        self._talking: dict[str, str] = {}
        self._wrap_ups: dict[str, _WrapUp] = {}
        self._citizens_bridges: dict[str, None] = {}
        self._joined: dict[str, tuple[str, str]] = {}  # unique id → bridge, interface
        self._unqueued: dict[str, str] = {}  # unique id → interface: joined with a citizen, and by no queue

    def apply(self, event: LiveEvent, now: float) -> list[SeatAct]:
        """Take an event; what must be done at the exchange because of it."""
        match event:
            case ExchangeSnapshot():
                return self._replace(event, now)
            case MemberChanged(queue, member) if member.interface in self._interfaces:
                self._note(queue, member, now)
            case TalkBegan(queue, interface) if interface in self._interfaces:
                self._talking[interface] = queue
            case TalkEnded(queue, interface) if interface in self._interfaces:
                self._talking.pop(interface, None)
                return self._begin(queue, interface, now)
            case BridgeEntered():
                self._note_joined(event)
            case ChannelEnded(unique_id) if unique_id in self._joined:
                return self._end_unqueued(unique_id, now)
            case RangOut(_, interface) if interface in self._interfaces and not self._reason(interface):
                return [PauseSeat(interface, RING_OUT)]
        return []

    def due(self, now: float) -> list[SeatAct]:
        """Seats whose wrap-up is over by now."""
        over = [interface for interface, wrap_up in self._wrap_ups.items() if wrap_up.until <= now]
        for interface in over:
            del self._wrap_ups[interface]
        return [ResumeSeat(interface) for interface in over if self._reason(interface) in ("", WRAP_UP)]

    def _begin(self, queue: str, interface: str, now: float) -> list[SeatAct]:
        seconds = self._wrap_up_s.get(queue, 0)
        if not seconds or self._reason(interface) not in ("", WRAP_UP):
            return []
        known = self._wrap_ups.get(interface)
        self._wrap_ups[interface] = _WrapUp(max(now + seconds, known.until if known else 0.0))
        return [PauseSeat(interface, WRAP_UP)]

    def _note_joined(self, event: BridgeEntered) -> None:
        """Whichever of the two comes first; a supervisor's telephone on a call (``…-watch-…``) is nobody's conversation."""
        if event.unique_id == event.linked_id and not is_invitation(event.unique_id):  # the citizen's own channel began the call
            self._citizens_bridges[event.bridge] = None
            while len(self._citizens_bridges) > _MOST_BRIDGES:
                del self._citizens_bridges[next(iter(self._citizens_bridges))]
        elif (interface := interface_of(event.channel)) in self._interfaces and "-watch-" not in event.unique_id:
            self._joined[event.unique_id] = event.bridge, interface
        for unique_id, (bridge, seat) in self._joined.items():
            if bridge == event.bridge and bridge in self._citizens_bridges and seat not in self._talking:
                self._unqueued[unique_id] = seat

    def _end_unqueued(self, unique_id: str, now: float) -> list[SeatAct]:
        self._joined.pop(unique_id, None)
        interface = self._unqueued.pop(unique_id, "")
        queues = [queue for queue, seat in self._reasons if seat == interface]
        longest = max(queues, key=lambda queue: self._wrap_up_s.get(queue, 0), default="")
        return self._begin(longest, interface, now)

    def _note(self, queue: str, member: QueueMember, now: float) -> None:
        """Keep why the seat is paused; a wrap-up that somebody ended, or exchanged for a pause, is forgotten."""
        interface = member.interface
        reason = (member.paused_reason or "paused") if member.paused else ""
        self._reasons[queue, interface] = reason
        wrap_up = self._wrap_ups.get(interface)
        if reason == WRAP_UP:
            if wrap_up is None:  # begun by another controller, or before this one
                self._wrap_ups[interface] = _WrapUp(now + max(self._wrap_up_s.values(), default=0.0), seen=True)
            else:
                wrap_up.seen = True
        elif wrap_up is not None and (wrap_up.seen or reason):
            del self._wrap_ups[interface]

    def _replace(self, snapshot: ExchangeSnapshot, now: float) -> list[SeatAct]:
        """A conversation that ended while nobody looked is followed by its wrap-up all the same."""
        members = [(q.queue, m) for q in snapshot.queues for m in q.members if m.interface in self._interfaces]
        self._reasons.clear()
        for queue, member in members:
            self._note(queue, member, now)
        busy = {member.interface for _, member in members if member.device in _BUSY}
        acts: list[SeatAct] = []
        for interface, queue in list(self._talking.items()):
            if interface not in busy:
                del self._talking[interface]
                acts += self._begin(queue, interface, now)
        for unique_id, (_, interface) in list(self._joined.items()):
            if interface not in busy:
                acts += self._end_unqueued(unique_id, now)
        return acts

    def _reason(self, interface: str) -> str:
        return next((reason for (_, seat), reason in self._reasons.items() if seat == interface and reason), "")
