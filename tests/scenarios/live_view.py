"""The live view of a call from the ledger's own lines: what AMI would have told while they were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ivr.domain.events import (
    BridgeEntered,
    CallerJoined,
    CallerLeft,
    ChannelEnded,
    ChannelStarted,
    Fact,
    HangupRequested,
    LiveEvent,
    QueueCaller,
    RecordingStarted,
)


def live_view(facts: Iterable[Fact]) -> list[LiveEvent]:
    """Events in Asterisk's order: a telephone that hangs up asks first; a caller leaves the queue before a bridge."""
    return list(_events(facts))


def _events(facts: Iterable[Fact]) -> Iterator[LiveEvent]:
    waiting = ""
    asked: set[str] = set()
    bridged: set[str] = set()
    for fact in facts:
        data, linked_id, unique_id = fact.data, fact.linked_id, fact.unique_id
        channel = str(data.get("channame", ""))
        match fact.kind:
            case "CHAN_START":
                yield ChannelStarted(
                    channel, unique_id, linked_id, str(data.get("context", "")), str(data.get("exten", "")),
                    str(data.get("num", "")), str(data.get("name", "")), fact.at,
                )
            case "user:RECORDING":
                yield RecordingStarted(unique_id, fact.at)
            case "user:QUEUE_ENTERED":
                waiting = str(data["extra"])
                yield CallerJoined(waiting, QueueCaller(unique_id, linked_id, str(data.get("num", "")), 1, fact.at))
            case "user:QUEUE_LEFT" if waiting:
                yield CallerLeft(waiting, unique_id)
                waiting = ""
            case "BRIDGE_EXIT":
                bridged.discard(unique_id)
            case "BRIDGE_ENTER":
                bridged.add(unique_id)
                if waiting:
                    yield CallerLeft(waiting, linked_id)
                    waiting = ""
                yield BridgeEntered(channel, unique_id, linked_id, "bridge", len(bridged), fact.at)
            case "HANGUP":
                source = str(data.get("hangupsource", ""))
                if source.startswith("PJSIP/") and source not in asked:
                    asked.add(source)
                    yield HangupRequested(source, linked_id if "trunk" in source else f"{linked_id}-seat", linked_id)
                if waiting and unique_id == linked_id:
                    yield CallerLeft(waiting, linked_id)
                    waiting = ""
                yield ChannelEnded(unique_id, linked_id, str(data.get("hangupcause", "")), fact.at)
