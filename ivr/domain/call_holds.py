"""When a citizen is put on hold and taken back, as Asterisk tells it live: its ledger has no such event.

A hold belongs to the seat that set it. Not every hold ends with an Unhold: a transfer, a three-way call or the way back from a
consultation joins the citizen with somebody instead, and a telephone or the call may end.
"""

from __future__ import annotations

from dataclasses import dataclass

from ivr.domain.call import interface_of
from ivr.domain.events import BridgeEntered, ChannelEnded, ExchangeSnapshot, HoldChanged, LiveEvent


@dataclass(frozen=True, slots=True)
class HoldTurned:
    """A seat put the citizen on hold, or took them back; ``interface`` '' ends every hold of the call, whoever set it."""

    linked_id: str
    interface: str
    held: bool


@dataclass(frozen=True, slots=True)
class HoldSpan:
    """One hold of a call, in Unix seconds."""

    interface: str
    began_at: float
    ended_at: float


class CallHolds:
    """Takes live events in order. A hold of before a restart may last: its end is told though its beginning was not seen."""

    def __init__(self) -> None:
        self._bridges: dict[str, str] = {}
        self._holding: dict[str, dict[str, str]] = {}  # linked id → unique id of who holds → interface; nobody: maybe somebody does

    def apply(self, event: LiveEvent) -> HoldTurned | None:
        """What is different because of this event; None when nothing is."""
        match event:
            case HoldChanged(channel, unique_id, linked_id, held) if unique_id != linked_id:
                holding = self._holding.setdefault(linked_id, {})
                known = unique_id in holding
                if held:
                    holding[unique_id] = interface_of(channel)
                else:
                    holding.pop(unique_id, None)
                return None if held and known else HoldTurned(linked_id, interface_of(channel), held)
            case BridgeEntered():
                if event.unique_id == event.linked_id:
                    self._bridges[event.linked_id] = event.bridge
                if self._bridges.get(event.linked_id, event.bridge) == event.bridge:
                    return self._over(event.linked_id)
            case ChannelEnded(unique_id, linked_id) if unique_id == linked_id:
                self._bridges.pop(linked_id, None)
                return self._over(linked_id)
            case ChannelEnded(unique_id, linked_id) if unique_id in self._holding.get(linked_id, {}):
                return HoldTurned(linked_id, self._holding[linked_id].pop(unique_id), False)
            case ExchangeSnapshot():
                self._bridges = {k: v for k, v in self._bridges.items() if k in event.linked_ids}
                self._bridges |= {one.linked_id: one.bridge for one in event.present if one.unique_id == one.linked_id}
                # Who holds cannot be asked; to end a hold that is over is harmless.
                self._holding = {linked_id: self._holding.get(linked_id, {}) for linked_id in event.linked_ids}
        return None

    def _over(self, linked_id: str) -> HoldTurned | None:
        return HoldTurned(linked_id, "", False) if self._holding.pop(linked_id, None) is not None else None
