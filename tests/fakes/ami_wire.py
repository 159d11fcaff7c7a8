"""What an Asterisk 22 answers over AMI, as packets: copied in shape from a real one, filled from plain data."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Header = tuple[str, str]


def packet(*headers: Header) -> bytes:
    """Headers as they go over the wire; a value is sent as it is, so a test can send what no Asterisk would."""
    return "".join(f"{key}: {value}\r\n" for key, value in headers).encode() + b"\r\n"


def event(name: str, *, privilege: str = "call,all", **headers: str) -> bytes:
    """One event as Asterisk sends it, with the privilege and system name it puts first."""
    return packet(("Event", name), ("Privilege", privilege), ("SystemName", "fake-1"), *headers.items())


@dataclass(slots=True)
class Seat:
    """One member of one queue; ``status`` is app_queue's device number, ``device`` what DeviceStateList says."""

    interface: str
    name: str
    status: int = 1
    paused: bool = False
    reason: str = ""
    device: str = "NOT_INUSE"


@dataclass(slots=True)
class Waiting:
    """One caller in a queue, ``wait`` seconds long."""

    unique_id: str
    number: str
    wait: int = 0


@dataclass(slots=True)
class World:
    """The state behind the lists: queues with members and callers, and channels by unique id → linked id."""

    seats: dict[str, list[Seat]] = field(default_factory=lambda: {"hotline": [Seat("PJSIP/seat-one", "王律师")]})
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)

    def queue_status(self) -> Iterable[tuple[str, Sequence[Header]]]:
        for queue, seats in self.seats.items():
            yield "QueueParams", [("Queue", queue), ("Max", "0"), ("Strategy", "rrmemory"), ("Calls", "0")]
            for s in seats:
                yield "QueueMember", [
                    ("Queue", queue), ("Name", s.name), ("Location", s.interface), ("StateInterface", s.interface),
                    ("Membership", "static"), ("Penalty", "0"), ("Status", str(s.status)),
                    ("Paused", str(int(s.paused))), ("PausedReason", s.reason),
                ]
            for n, c in enumerate(self.waiting.get(queue, ()), 1):
                yield "QueueEntry", [
                    ("Queue", queue), ("Position", str(n)), ("Channel", f"PJSIP/trunk-carrier-{n:08x}"),
                    ("Uniqueid", c.unique_id), ("CallerIDNum", c.number), ("CallerIDName", "unknown"),
                    ("Wait", str(c.wait)), ("Priority", "0"),
                ]

    def core_show_channels(self) -> Iterable[tuple[str, Sequence[Header]]]:
        for unique_id, linked_id in self.channels.items():
            yield "CoreShowChannel", [("Channel", "PJSIP/x-1"), ("Uniqueid", unique_id), ("Linkedid", linked_id)]

    def device_states(self) -> Iterable[tuple[str, Sequence[Header]]]:
        for seat in {s.interface: s for seats in self.seats.values() for s in seats}.values():
            yield "DeviceStateChange", [("Device", seat.interface), ("State", seat.device)]


def success(action_id: str, *headers: Header) -> bytes:
    """A plain answer."""
    return packet(("Response", "Success"), *_id(action_id), *headers)


def refusal(action_id: str, message: str) -> bytes:
    """An Error answer with Asterisk's reason."""
    return packet(("Response", "Error"), *_id(action_id), ("Message", message))


def listing(action_id: str, told: str, complete: str, items: Iterable[tuple[str, Sequence[Header]]]) -> list[bytes]:
    """A list answer as its packets: the start, one event for each item, the end."""
    rows = [packet(("Event", name), *_id(action_id), *headers) for name, headers in items]
    end = packet(("Event", complete), *_id(action_id), ("EventList", "Complete"), ("ListItems", str(len(rows))))
    return [packet(("Response", "Success"), *_id(action_id), ("EventList", "start"), ("Message", told)), *rows, end]


def _pause(action: Mapping[str, str], action_id: str, world: World) -> list[bytes]:
    told = []
    for queue, seats in world.seats.items():
        for seat in seats:
            if seat.interface == action.get("interface") and action.get("queue", queue) == queue:
                seat.paused, seat.reason = action.get("paused") in ("true", "1"), action.get("reason", "")
                told.append(member_event("QueueMemberPause", queue, seat))
    if not told:
        return [refusal(action_id, "Interface not found")]
    word = "paused" if action.get("paused") in ("true", "1") else "unpaused"
    return [success(action_id, ("Message", f"Interface {word} successfully")), *told]


def member_event(name: str, queue: str, seat: Seat) -> bytes:
    """QueueMemberStatus, QueueMemberPause, QueueMemberAdded or QueueMemberRemoved for a seat as it is now."""
    return event(
        name, privilege="agent,all", Queue=queue, MemberName=seat.name, Interface=seat.interface,
        StateInterface=seat.interface, Membership="static", Penalty="0", CallsTaken="0", LastCall="0", InCall="0",
        Status=str(seat.status), Paused=str(int(seat.paused)), PausedReason=seat.reason, Ringinuse="0", Wrapuptime="0",
    )


def _id(action_id: str) -> list[Header]:
    return [("ActionID", action_id)] if action_id else []


def answer(action: Mapping[str, str], world: World) -> list[bytes]:
    """The packets that answer an action of a logged-in user, headers by lower-case name."""
    name, action_id = action.get("action", "").lower(), action.get("actionid", "")
    match name:
        case "ping":
            return [success(action_id, ("Ping", "Pong"), ("Timestamp", f"{time.time():.6f}"))]
        case "queuestatus":
            return listing(action_id, "Queue status will follow", "QueueStatusComplete", world.queue_status())
        case "coreshowchannels":
            return listing(action_id, "Channels will follow", "CoreShowChannelsComplete", world.core_show_channels())
        case "devicestatelist":
            return listing(action_id, "Device State Changes will follow", "DeviceStateListComplete", world.device_states())
        case "corestatus":
            return [success(action_id, ("CoreCurrentCalls", str(len(world.channels))), ("CoreProcessedCalls", "0"))]
        case "coresettings":
            return [success(action_id, ("AMIversion", "11.0.0"), ("AsteriskVersion", "22.10.1"), ("SystemName", "fake-1"))]
        case "command":
            return [refusal(action_id, "Permission denied")]
        case "mixmonitormute":
            known = action.get("channel", "") in world.channels
            return [success(action_id, ("Message", "Mute operation complete")) if known else refusal(action_id, "No such channel")]
        case "queuepause":
            return _pause(action, action_id, world)
        case "originate":
            done = event(
                "OriginateResponse", ActionID=action_id, Response="Failure", Channel=action.get("channel", ""),
                Reason="0", Uniqueid="<unknown>",
            )
            return [success(action_id, ("Message", "Originate successfully queued")), done]
        case "logoff":
            return [packet(("Response", "Goodbye"), *_id(action_id), ("Message", "Thanks for all the fish."))]
    told = action.get("action", "")
    return [refusal(action_id, f"Invalid/unknown command: {told}. Use Action: ListCommands to show available commands.")]
