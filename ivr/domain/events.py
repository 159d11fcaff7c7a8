"""Facts, in the past tense: what Asterisk wrote down (the ledger) and what it told live (AMI)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Source = Literal["cel", "queue_log", "controller"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a ledger file.

    ``kind`` is the CEL event (``CHAN_START``), ``user:<NAME>`` for an event the dialplan raised, or the queue_log
    event. ``at`` is Unix time in seconds. (source, file_id, position) identifies the line for ever.
    """

    source: Source
    file_id: str
    position: int
    linked_id: str
    kind: str
    at: float
    data: Mapping[str, Any]

    @property
    def unique_id(self) -> str:
        """The channel the fact is about; for queue_log lines that is the caller's."""
        return str(self.data.get("uniqueid", self.linked_id))


@dataclass(frozen=True, slots=True)
class LedgerBatch:
    """Facts read from one file between two positions in bytes; ``position`` is committed with them."""

    source: Source
    file_id: str
    start: int
    position: int
    facts: tuple[Fact, ...]


MemberState = Literal["available", "ringing", "talking", "paused", "offline"]


@dataclass(frozen=True, slots=True)
class QueueMember:
    """One seat of one queue as Asterisk sees it. ``device`` is app_queue's status number 0…8."""

    interface: str
    name: str
    device: int
    paused: bool
    paused_reason: str = ""

    @property
    def state(self) -> MemberState:
        """The state shown to people; a phone that is away counts as offline even when it is paused."""
        if self.device in (0, 4, 5):  # unknown, invalid, unavailable
            return "offline"
        if self.device in (6, 7):
            return "ringing"
        if self.device in (2, 3, 8):  # in use, busy, on hold
            return "talking"
        return "paused" if self.paused else "available"


@dataclass(frozen=True, slots=True)
class QueueCaller:
    """One caller in a queue; ``joined_at`` is Unix time in seconds."""

    unique_id: str
    linked_id: str
    number: str
    position: int
    joined_at: float


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """One queue whole, as listed by AMI QueueStatus."""

    queue: str
    members: tuple[QueueMember, ...]
    callers: tuple[QueueCaller, ...]


@dataclass(frozen=True, slots=True)
class ExchangeSnapshot:
    """Everything live, taken after each login; replaces whatever was believed before.

    ``at`` is when it was begun (Unix seconds): what began later may be missing, and follows as events.
    ``present`` are the channels that are in bridges, as their entering would have been told.
    """

    queues: tuple[QueueSnapshot, ...]
    linked_ids: frozenset[str]
    at: float
    present: tuple[BridgeEntered, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The AMI link is gone; nothing live is known until the next snapshot."""

    reason: str
    at: float


@dataclass(frozen=True, slots=True)
class CallerJoined:
    """AMI QueueCallerJoin."""

    queue: str
    caller: QueueCaller


@dataclass(frozen=True, slots=True)
class CallerLeft:
    """AMI QueueCallerLeave: answered, gave up or timed out; the ledger says which."""

    queue: str
    unique_id: str


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """AMI QueueMemberStatus, QueueMemberPause, QueueMemberAdded."""

    queue: str
    member: QueueMember


@dataclass(frozen=True, slots=True)
class MemberRemoved:
    """AMI QueueMemberRemoved."""

    queue: str
    interface: str


@dataclass(frozen=True, slots=True)
class HoldChanged:
    """AMI Hold or Unhold on one channel of a call."""

    channel: str
    unique_id: str
    linked_id: str
    held: bool


@dataclass(frozen=True, slots=True)
class ChannelStarted:
    """AMI Newchannel; number and name are as the line sent them, '' when it sent none. ``at`` is Unix time in seconds."""

    channel: str
    unique_id: str
    linked_id: str
    context: str
    exten: str
    number: str
    name: str
    at: float


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    """AMI MixMonitorStart: what is said from now on is recorded. Asterisk does not say under which name."""

    unique_id: str
    at: float


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    """AMI BridgeEnter: a channel is in a bridge, ``members`` in all with it. ``at`` is Unix time in seconds."""

    channel: str
    unique_id: str
    linked_id: str
    bridge: str
    members: int
    at: float


@dataclass(frozen=True, slots=True)
class HangupRequested:
    """AMI HangupRequest: the telephone behind this channel hung up."""

    channel: str
    unique_id: str
    linked_id: str


@dataclass(frozen=True, slots=True)
class ChannelEnded:
    """AMI Hangup: a hint that the ledger has news. ``cause`` is Q.850's number as text; ``at`` Unix time in seconds."""

    unique_id: str
    linked_id: str
    cause: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class OriginateFinished:
    """AMI OriginateResponse: what became of a call this product started; ``action_id`` is the request's."""

    action_id: str
    channel: str
    unique_id: str
    answered: bool
    reason: str


@dataclass(frozen=True, slots=True)
class TalkBegan:
    """AMI AgentConnect: a seat answered a caller of this queue."""

    queue: str
    interface: str
    linked_id: str


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """AMI AgentComplete: the seat's conversation with a caller of this queue is over."""

    queue: str
    interface: str
    linked_id: str


@dataclass(frozen=True, slots=True)
class RangOut:
    """AMI AgentRingNoAnswer: a seat was rung for a caller and did not answer, or refused."""

    queue: str
    interface: str
    linked_id: str


@dataclass(frozen=True, slots=True)
class ContactLost:
    """AMI ContactStatus: a telephone's registration is gone, or it answers no OPTIONS any more; a call of its may go on."""

    endpoint: str


LiveEvent = (
    ExchangeSnapshot | LinkLost | CallerJoined | CallerLeft | MemberChanged | MemberRemoved | HoldChanged | ChannelStarted
    | RecordingStarted | BridgeEntered | HangupRequested | ChannelEnded | OriginateFinished | TalkBegan | TalkEnded | RangOut
    | ContactLost
)
