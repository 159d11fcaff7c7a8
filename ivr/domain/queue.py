"""Who waits and who is there, live: a snapshot replaced whole, then events applied in order.

Applying an event twice changes nothing, so events held back while a snapshot was taken can simply follow it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ivr.domain.events import (
    CallerJoined,
    CallerLeft,
    ChannelEnded,
    ExchangeSnapshot,
    HoldChanged,
    LinkLost,
    LiveEvent,
    MemberChanged,
    MemberRemoved,
    QueueCaller,
    QueueMember,
)

_MOST_LEFT = 1000


@dataclass(slots=True)
class QueueView:
    """One queue now: callers in Asterisk's own order, which goes by priority before time of joining; members by interface."""

    queue: str
    callers: dict[str, QueueCaller] = field(default_factory=dict)
    members: dict[str, QueueMember] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)  # seats that put their caller on hold; the device's own state does not tell

    def join(self, caller: QueueCaller) -> None:
        """Take a caller in at the position Asterisk gave; whoever was there or behind moves back by one."""
        order = list(self.callers.items())
        order.insert(max(caller.position, 1) - 1, (caller.unique_id, caller))
        self.callers = dict(order)

    def board(self) -> dict[str, Any]:
        """Plain data for storage and pages; waits are computed by the reader from ``joined_at`` (Unix seconds)."""
        return {
            "callers": [
                {"linked_id": c.linked_id, "caller_number": c.number, "position": n, "joined_at": c.joined_at}
                for n, c in enumerate(self.callers.values(), 1)
            ],
            "members": [
                {
                    "interface": m.interface, "name": m.name, "state": m.state, "paused_reason": m.paused_reason,
                    "held": m.state == "talking" and m.interface in self.held,
                }
                for m in sorted(self.members.values(), key=lambda m: (m.name, m.interface))
            ],
        }


@dataclass(slots=True)
class QueueBoard:
    """All queues of one Asterisk. ``link_up`` is False from a lost link until the next snapshot."""

    queues: dict[str, QueueView] = field(default_factory=dict)
    link_up: bool = False
    _joined_at: dict[str, float] = field(default_factory=dict)

    @property
    def anybody_waits(self) -> bool:
        """Whether a caller is in any queue."""
        return any(view.callers for view in self.queues.values())

    def apply(self, event: LiveEvent) -> set[str]:
        """Take an event; the names of the queues it changed. An event before the first snapshot changes nothing."""
        match event:
            case ExchangeSnapshot():
                gone, held = set(self.queues), {name: view.held for name, view in self.queues.items()}
                self.queues = {
                    q.queue: QueueView(
                        q.queue, {c.unique_id: c for c in sorted(q.callers, key=lambda c: (c.position, c.joined_at))},
                        {m.interface: m for m in q.members},
                        held.get(q.queue, set()) & {m.interface for m in q.members if m.state == "talking"},
                    )
                    for q in event.queues
                }
                self.link_up = True
                return gone | set(self.queues)
            case LinkLost():
                self.link_up = False
                return set(self.queues)
            case CallerJoined(queue, caller):
                view = self.queues.get(queue)
                if view is not None and caller.unique_id not in view.callers:
                    since = self._joined_at.pop(caller.unique_id, caller.joined_at)
                    view.join(replace(caller, joined_at=since))
                    return {queue}
            case CallerLeft(queue, unique_id):
                view = self.queues.get(queue)
                if view is not None and unique_id in view.callers:
                    # Who leaves by a key and comes back has waited since the first time.
                    self._joined_at[unique_id] = view.callers.pop(unique_id).joined_at
                    if len(self._joined_at) > _MOST_LEFT:
                        del self._joined_at[next(iter(self._joined_at))]
                    return {queue}
            case ChannelEnded(unique_id):
                self._joined_at.pop(unique_id, None)
            case MemberChanged(queue, member):
                view = self.queues.get(queue)
                if view is not None and view.members.get(member.interface) != member:
                    view.members[member.interface] = member
                    if member.state != "talking":
                        view.held.discard(member.interface)
                    return {queue}
            case HoldChanged(channel, _, _, now_held):
                seat = channel.rpartition("-")[0]
                changed = {n for n, v in self.queues.items() if seat in v.members and (seat in v.held) is not now_held}
                for name in changed:
                    (self.queues[name].held.add if now_held else self.queues[name].held.discard)(seat)
                return changed
            case MemberRemoved(queue, interface):
                view = self.queues.get(queue)
                if view is not None and interface in view.members:
                    del view.members[interface]
                    return {queue}
        return set()
