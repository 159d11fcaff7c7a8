"""AMI frames to typed events. Missing headers become empty values; a frame that makes no sense becomes nothing."""

from __future__ import annotations

from collections import Counter

from ivr.domain.events import (
    BridgeEntered,
    CallerJoined,
    CallerLeft,
    ChannelEnded,
    ChannelStarted,
    ContactLost,
    ExchangeSnapshot,
    HangupRequested,
    HoldChanged,
    LiveEvent,
    MemberChanged,
    MemberRemoved,
    OriginateFinished,
    QueueCaller,
    QueueMember,
    QueueSnapshot,
    RangOut,
    RecordingStarted,
    TalkBegan,
    TalkEnded,
)
from ivr.telephony.ami_framing import Frame

WANTED = frozenset({
    "QueueCallerJoin", "QueueCallerLeave", "QueueMemberStatus", "QueueMemberPause", "QueueMemberAdded",
    "QueueMemberRemoved", "Hold", "Unhold", "Newchannel", "MixMonitorStart", "BridgeEnter", "HangupRequest", "Hangup",
    "OriginateResponse", "Reload", "AgentConnect", "AgentComplete", "AgentRingNoAnswer", "ContactStatus",
})
"""The only events read; all others are cut off by their name before anything is decoded."""


def _whole(text: str, default: int = 0) -> int:
    try:
        return int(text)
    except ValueError:
        return default


def _known(text: str) -> str:
    return "" if text == "<unknown>" else text


def _member(frame: Frame, interface: str) -> QueueMember:
    return QueueMember(
        interface=interface, name=frame.get("membername") or frame.get("name", ""), device=_whole(frame.get("status", "")),
        paused=frame.get("paused") == "1", paused_reason=frame.get("pausedreason", ""),
    )


def read_event(frame: Frame, now: float) -> LiveEvent | None:
    """The typed event of one frame, or None when it concerns nobody. ``now`` is Unix time in seconds."""
    name = frame.get("event", "")
    queue = frame.get("queue", "")
    match name:
        case "QueueCallerJoin":
            return CallerJoined(queue, QueueCaller(
                frame.get("uniqueid", ""), frame.get("linkedid", ""), frame.get("calleridnum", ""),
                _whole(frame.get("position", "")), now,
            ))
        case "QueueCallerLeave":
            return CallerLeft(queue, frame.get("uniqueid", ""))
        case "QueueMemberStatus" | "QueueMemberPause" | "QueueMemberAdded":
            return MemberChanged(queue, _member(frame, frame.get("interface", "")))
        case "QueueMemberRemoved":
            return MemberRemoved(queue, frame.get("interface", ""))
        case "AgentConnect":
            return TalkBegan(queue, frame.get("interface", ""), frame.get("linkedid", ""))
        case "AgentComplete":
            return TalkEnded(queue, frame.get("interface", ""), frame.get("linkedid", ""))
        case "AgentRingNoAnswer":
            return RangOut(queue, frame.get("interface", ""), frame.get("linkedid", ""))
        case "Hold" | "Unhold":
            return HoldChanged(frame.get("channel", ""), frame.get("uniqueid", ""), frame.get("linkedid", ""), name == "Hold")
        case "Newchannel":
            return ChannelStarted(
                frame.get("channel", ""), frame.get("uniqueid", ""), frame.get("linkedid", ""), frame.get("context", ""),
                frame.get("exten", ""), _known(frame.get("calleridnum", "")), _known(frame.get("calleridname", "")), now,
            )
        case "MixMonitorStart":
            return RecordingStarted(frame.get("uniqueid", ""), now)
        case "BridgeEnter":
            return BridgeEntered(
                frame.get("channel", ""), frame.get("uniqueid", ""), frame.get("linkedid", ""),
                frame.get("bridgeuniqueid", ""), _whole(frame.get("bridgenumchannels", "")), now,
            )
        case "HangupRequest":
            return HangupRequested(frame.get("channel", ""), frame.get("uniqueid", ""), frame.get("linkedid", ""))
        case "Hangup":
            return ChannelEnded(frame.get("uniqueid", ""), frame.get("linkedid", ""), frame.get("cause", ""), now)
        case "ContactStatus" if frame.get("contactstatus") in ("Removed", "Unreachable"):
            return ContactLost(frame.get("endpointname", ""))
        case "OriginateResponse":
            return OriginateFinished(
                frame.get("actionid", ""), frame.get("channel", ""), frame.get("uniqueid", ""),
                frame.get("response") == "Success", frame.get("reason", ""),
            )
    return None


def read_snapshot(queues: list[Frame], channels: list[Frame], devices: list[Frame], now: float) -> ExchangeSnapshot:
    """One state of everything from the answers to QueueStatus, CoreShowChannels and DeviceStateList."""
    names: dict[str, tuple[list[QueueMember], list[QueueCaller]]] = {}
    linked = {f.get("uniqueid", ""): f.get("linkedid", "") for f in channels if f.get("event") == "CoreShowChannel"}
    states = {f.get("device", ""): f.get("state", "") for f in devices if f.get("event") == "DeviceStateChange"}
    for frame in queues:
        event, queue = frame.get("event"), frame.get("queue", "")
        if event == "QueueParams":
            names.setdefault(queue, ([], []))
        elif event == "QueueMember":
            interface = frame.get("location", "")
            member = _member(frame, interface)
            # app_queue learns of a phone's state by message; the device list, read later, is the fresher of the two.
            if states.get(frame.get("stateinterface", interface)) in ("UNAVAILABLE", "INVALID"):
                member = QueueMember(interface, member.name, 5, member.paused, member.paused_reason)
            names.setdefault(queue, ([], []))[0].append(member)
        elif event == "QueueEntry":
            unique_id = frame.get("uniqueid", "")
            names.setdefault(queue, ([], []))[1].append(QueueCaller(
                unique_id, linked.get(unique_id, unique_id), frame.get("calleridnum", ""),
                _whole(frame.get("position", "")), now - _whole(frame.get("wait", "")),
            ))
    bridged = [f for f in channels if f.get("event") == "CoreShowChannel" and f.get("bridgeid")]
    members = Counter(f["bridgeid"] for f in bridged)
    return ExchangeSnapshot(
        tuple(QueueSnapshot(name, tuple(m), tuple(c)) for name, (m, c) in names.items() if name != "default" or m or c),
        frozenset(linked.values()), now,
        tuple(
            BridgeEntered(
                f.get("channel", ""), f.get("uniqueid", ""), f.get("linkedid", ""), f["bridgeid"], members[f["bridgeid"]], now
            )
            for f in bridged
        ),
    )
