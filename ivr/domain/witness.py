"""Calls as the live view saw them: would-be facts for calls the ledger could not write down.

When the ledger's volume is full or read-only, Asterisk's records are lost for ever, while calls go on. What AMI told of
each open call is therefore kept, in bounded memory, in the ledger's own terms, so that the same fold makes the call.
Notice version, refusal and the recording's name are told by the ledger alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ivr.domain.call import is_entry_context
from ivr.domain.events import (
    BridgeEntered,
    CallerJoined,
    CallerLeft,
    ChannelEnded,
    ChannelStarted,
    ExchangeSnapshot,
    Fact,
    HangupRequested,
    LiveEvent,
    RecordingStarted,
)
from ivr.domain.video_room import is_invitation

_REFUSED_BY_CAP = "34"  # Q.850: no circuit available; only the dialplan's cap on a line gives it to a caller
_MOST_CALLS = 5_000
_MOST_FACTS = 200


@dataclass(slots=True)
class WitnessedCall:
    """One citizen's call: ``ended`` when its channel's end was seen, ``gone`` when a later snapshot no longer had it.

    ``gave_back``: the queue let the caller go who had not hung up; ``alone``: who entered a bridge first;
    ``left_first``: the operator's channel, when the operator ended the talk.
    """

    linked_id: str
    channel: str
    facts: list[Fact] = field(default_factory=list)
    ended: bool = False
    gone: bool = False
    queued: bool = False
    gave_back: bool = False
    alone: BridgeEntered | None = None
    talked: bool = False
    left_first: str = ""
    hung_up_by: str = ""
    caller_hung_up: bool = False

    def add(self, kind: str, at: float, *, last: bool = False, **data: Any) -> None:
        """One would-be fact; positions count from 0, so that storing them twice is once."""
        if len(self.facts) < _MOST_FACTS or last:
            self.facts.append(Fact(
                "controller", f"witness:{self.linked_id}", len(self.facts), self.linked_id, kind, at,
                {"uniqueid": self.linked_id, "channame": self.channel} | data,
            ))

    def enter(self, event: BridgeEntered) -> None:
        """Two people are joined when the second of them enters the bridge of the first, who is still in it."""
        first, self.alone = self.alone, event
        if event.members > 1 and first is not None and first.bridge == event.bridge:
            for one in (first, event):
                self.add("BRIDGE_ENTER", one.at, uniqueid=one.unique_id, channame=one.channel)
            self.talked, self.left_first = True, ""

    def told(self, now: float) -> tuple[Fact, ...]:
        """All that was seen; a call whose end nobody saw ends with INTERRUPTED at ``now`` (Unix seconds)."""
        if self.ended:
            return tuple(self.facts)
        return (*self.facts, Fact("controller", self.linked_id, 0, self.linked_id, "INTERRUPTED", now, {}))


class LiveWitness:
    """Open calls by linked id. Calls whose beginning was not seen are left to the ledger."""

    def __init__(self, most_calls: int = _MOST_CALLS) -> None:
        self._most_calls = most_calls
        self.calls: dict[str, WitnessedCall] = {}
        self.forgotten = 0

    def forget(self, linked_id: str) -> None:
        """The call needs no witness any more."""
        self.calls.pop(linked_id, None)

    def apply(self, event: LiveEvent) -> list[WitnessedCall]:
        """Take an event; the calls that it ended."""
        match event:
            case ChannelStarted(linked_id=linked_id) if (
                event.unique_id == linked_id and linked_id not in self.calls and is_entry_context(event.context)
                and not is_invitation(linked_id)
            ):
                self._begin(event)
            case CallerJoined(queue, caller) if call := self.calls.get(caller.unique_id):
                call.queued = True
                call.add("user:QUEUE_ENTERED", caller.joined_at, extra=queue)
            case CallerLeft(_, unique_id) if call := self.calls.get(unique_id):
                call.gave_back = not call.caller_hung_up
            case RecordingStarted(unique_id, at) if call := self.calls.get(unique_id):
                call.add("user:RECORDING", at, extra=unique_id)
            case BridgeEntered() if call := self.calls.get(event.linked_id):
                call.enter(event)
            case HangupRequested() if call := self.calls.get(event.linked_id):
                call.caller_hung_up = call.caller_hung_up or event.unique_id == call.linked_id
                if event.unique_id != call.linked_id and call.talked and not call.caller_hung_up:
                    call.left_first = event.channel  # the caller may stay for the rating
                call.hung_up_by = call.left_first or (call.channel if call.caller_hung_up else event.channel)
            case ChannelEnded() if (call := self.calls.get(event.unique_id)) and not call.ended:
                if event.cause == _REFUSED_BY_CAP and not call.queued:
                    call.add("user:OVERFLOW", event.at, last=True, extra="trunk-cap")
                if call.gave_back and call.alone is None:  # nobody answered until the queue's limit
                    call.add("user:QUEUE_LEFT", event.at, last=True, extra="TIMEOUT")
                call.add("HANGUP", event.at, last=True, hangupcause=event.cause, hangupsource=call.hung_up_by)
                call.add("LINKEDID_END", event.at, last=True)
                call.ended = True
                return [call]
            case ExchangeSnapshot():
                return self._gone(event)
        return []

    def _begin(self, event: ChannelStarted) -> None:
        if len(self.calls) >= self._most_calls:
            self.forget(next(iter(self.calls)))
            self.forgotten += 1
        call = self.calls[event.linked_id] = WitnessedCall(event.linked_id, event.channel)
        call.add(
            "CHAN_START", event.at, context=event.context, exten=event.exten, num=event.number, name=event.name
        )

    def _gone(self, snapshot: ExchangeSnapshot) -> list[WitnessedCall]:
        """Calls it no longer has. All known now began before it was taken: what came meanwhile follows it."""
        found = [
            c for c in self.calls.values() if not (c.ended or c.gone) and c.linked_id not in snapshot.linked_ids
        ]
        for call in found:
            call.gone = True
        return found
