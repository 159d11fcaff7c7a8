"""The read side: rows as pages and API need them, and where they come from.

Every time here is timezone-aware; every duration is seconds as float. Implementations raise
``ivr.domain.errors.Unavailable`` when the database is away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.nuisance import Listing
from ivr.domain.roster import Duty
from ivr.domain.transcript import Speaker, Word
from ivr.domain.work_order import Life

MemberState = Literal["available", "ringing", "talking", "paused", "offline"]


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    linked_id: str
    caller_number: str
    position: int
    joined_at: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class QueueMember:
    name: str
    interface: str
    state: MemberState
    paused_reason: str
    held: bool = False


@dataclass(frozen=True, slots=True)
class QueueLive:
    """One queue as the controller last knew it; ``read_at`` is the database's clock at the time of reading."""

    queue: str
    callers: Sequence[WaitingCaller]
    members: Sequence[QueueMember]
    link_up: bool
    as_of: datetime
    read_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call as stored; ``order_number`` is '' until its work order exists."""

    linked_id: str
    state: str
    outcome: str | None
    channel: str
    caller_number: str
    caller_number_raw: str
    caller_name_raw: str
    called_number: str
    queue: str
    member_interface: str
    notice_version: str
    menu_choice: str
    recording_refused: bool
    recording_name: str
    arrived_at: datetime
    queued_at: datetime | None
    answered_at: datetime | None
    talk_ended_at: datetime | None
    ended_at: datetime | None
    rating: int | None
    hangup_cause: int | None
    hangup_by: str
    order_number: str
    transferred_to: str = ""
    nuisance: str = ""
    language: str = ""
    language_by: str = ""
    village: str = ""
    device: str = ""
    ladder: str = ""
    helper_present: bool = False
    recording_gaps: str = ""
    confidential_asked: bool = False
    confidential: bool = False
    """Whether the call's order is confidential: then so is what was said, and who called."""


@dataclass(frozen=True, slots=True)
class RecordingTrack:
    """One track of a call's recording; ``path`` is relative to the recordings folder and comes from us only."""

    id: int
    base_name: str
    track: Speaker
    path: str
    seconds: float
    state: str
    problem: str


@dataclass(frozen=True, slots=True)
class StoredSegment:
    speaker: Speaker
    start_s: float
    end_s: float
    text: str
    confidence: float
    words: Sequence[Word]


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """A stretch of speech heard while the call goes on; not the transcript yet."""

    speaker: Speaker
    start_s: float
    end_s: float
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One call; recordings and segments are of one recording, caller's track first, segments as spoken.

    ``heard`` is what was heard so far of tracks that have no transcript yet.
    """

    call: CallRecord
    recordings: Sequence[RecordingTrack]
    segments: Sequence[StoredSegment]
    heard: Sequence[HeardSegment] = ()


@dataclass(frozen=True, slots=True)
class OrderField:
    """One filled field and, when a machine filled it, the words and seconds it came from (``text`` not '')."""

    field: str
    ordinal: int
    value: str
    display: str
    source: str
    rule: str
    linked_id: str
    speaker: str
    text: str
    start_s: float | None
    end_s: float | None
    confidence: float | None
    approximate: bool = False
    machine_value: str | None = None
    machine_display: str | None = None
    set_by: str = ""
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Blank:
    """A field the machine left to a person: ``code`` for machines, ``message`` for people."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class WorkOrderRecord:
    number: str
    state: str
    channel: str
    outcome: str
    table_version: str
    category: str
    matter: str
    caller_number: str
    opened_at: datetime
    filled_at: datetime | None
    note: str
    version: int
    calls: Sequence[str]
    fields: Sequence[OrderField]
    blanks: Sequence[Blank] = ()
    due_at: datetime | None = None
    asked_about: str = ""
    owner: str = ""
    assigned_to: str = ""
    assigned_unit: str = ""
    assigned_at: datetime | None = None
    returns: int = 0
    extended: bool = False
    urged: int = 0
    confidential: bool = False
    merged_into: str = ""
    conflicts: Sequence[str] = ()
    urgent: bool = False
    helper_present: bool = False

    @property
    def life(self) -> Life:
        """Where the order stands, as the rules of moves know it."""
        return Life(
            self.state, self.category, self.owner, self.assigned_to, self.assigned_unit, self.assigned_at, self.due_at,
            self.returns, self.extended, self.urged, self.confidential, self.merged_into, frozenset(self.conflicts),
        )


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """A condition people must see; standing until ``cleared_at``."""

    name: str
    text: str
    raised_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class PageMark:
    """Where a keyset page ended: the next one holds rows strictly older than (``at``, ``key``)."""

    at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls: ``start`` inclusive, ``end`` exclusive, on arrival; ``text`` is a substring, taken literally.

    ``covered``: the asker is not shown numbers and names, and finds them by the whole of them only, never by guessing parts.
    """

    state: str | None = None
    outcome: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    text: str = ""
    limit: int = 50
    after: PageMark | None = None
    covered: bool = False


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which work orders: ``start`` inclusive, ``end`` exclusive, on opening; ``text`` is taken literally.

    ``owner`` is a work number; ``due_from`` and ``due_before`` are about clocks that run. ``concerns`` (work number, unit)
    leaves only what is owned by that person or assigned to them or their unit. A confidential order is found by its
    number, state, owner and clock, and by nothing it tells. ``covered``: see CallFilter.
    """

    state: str | None = None
    category: str | None = None
    channel: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    text: str = ""
    limit: int = 50
    after: PageMark | None = None
    owner: str | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None
    concerns: tuple[str, str] | None = None
    covered: bool = False


@dataclass(frozen=True, slots=True)
class CallbackRecord:
    """One call-back owed to a citizen. ``number`` is '' when none could be dialled; ``order_number`` names the order it serves."""

    id: int
    kind: str
    state: str
    queue: str
    number: str
    order_number: str
    arrived_at: datetime
    promised_at: datetime
    not_before: datetime
    closed_at: datetime | None
    attempts: int
    reason: str
    calls: Sequence[str]


@dataclass(frozen=True, slots=True)
class CallbackFilter:
    """Which call-backs: the open ones, or all of them; ``before`` is the id where a page ended."""

    open_only: bool = True
    limit: int = 50
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    database: bool
    queue_live_stale: bool


class Views(Protocol):
    """The read side. Lists are newest first and hold at most ``limit`` rows."""

    async def queues(self) -> Sequence[QueueLive]: ...

    async def calls(self, wanted: CallFilter) -> Sequence[CallRecord]: ...

    async def live_calls(self, recent: int) -> Sequence[CallRecord]:
        """Every open call (bounded at 500) and the last ``recent`` ones, newest first."""
        ...

    async def calls_named(self, linked_ids: Collection[str]) -> Sequence[CallRecord]: ...

    async def call(self, linked_id: str) -> CallDetail | None: ...

    async def tracks(self, linked_id: str) -> Sequence[RecordingTrack] | None:
        """The tracks of the call's one recording, caller first, without transcript; None when there is no call."""
        ...

    async def work_orders(self, wanted: OrderFilter) -> Sequence[WorkOrderRecord]: ...

    async def work_orders_named(self, numbers: Collection[str]) -> Sequence[WorkOrderRecord]: ...

    async def callbacks(self, wanted: CallbackFilter) -> Sequence[CallbackRecord]: ...

    async def roster(self, start: datetime, end: datetime) -> Sequence[Duty]:
        """Duties that touch the time from ``start`` to before ``end``, the earliest first (bounded at 5000)."""
        ...

    async def nuisance_listings(self) -> Sequence[Listing]:
        """Numbers that are not put through now, the next to end first (bounded at 5000)."""
        ...

    async def standing_alarms(self) -> Sequence[AlarmRecord]: ...

    async def alarms_named(self, names: Collection[str]) -> Sequence[AlarmRecord]: ...

    async def health(self, stale_after_s: float) -> Health:
        """Whether the database answers and whether any queue's picture is old; never raises."""
        ...
