"""What goes over the wire, as pydantic models; the OpenAPI document is generated from these and nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SecretStr, WithJsonSchema

from ivr.ports.sessions import FactorState
from ivr.ports.views import MemberState

SHANGHAI = ZoneInfo("Asia/Shanghai")


def iso(moment: datetime) -> str:
    """ISO 8601 with milliseconds and the offset of Asia/Shanghai, the one time zone of this product."""
    return moment.astimezone(SHANGHAI).isoformat(timespec="milliseconds")


Moment = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Seconds = Annotated[float, PlainSerializer(lambda value: round(value, 3), return_type=float)]


class Wire(BaseModel):
    """Base of every answer: immutable, nothing beyond the documented members."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HealthAnswer(Wire):
    status: Literal["ok", "degraded"]
    database: bool
    queue_live_stale: bool


class PasswordLogin(Wire):
    """Login with name and password; ``code`` once the answer to that was 401 ``code_needed``."""

    name: str = Field(min_length=1, max_length=100)
    password: SecretStr = Field(min_length=1, max_length=1000)
    code: SecretStr | None = Field(default=None, min_length=1, max_length=40)


class TicketLogin(Wire):
    """Login with a one-time ticket, as printed by the command line; a ticket that needs a ``code`` too stays good meanwhile."""

    ticket: SecretStr = Field(min_length=1, max_length=200)
    code: SecretStr | None = Field(default=None, min_length=1, max_length=40)


class User(Wire):
    name: str
    display_name: str
    roles: list[str]


class SessionAnswer(Wire):
    """``second_factor`` "missing": set one up, nothing else is served before."""

    user: User
    second_factor: FactorState


class Members(Wire):
    """Members of a queue by state."""

    available: int
    ringing: int
    talking: int
    paused: int
    offline: int


class Member(Wire):
    name: str
    interface: str
    state: MemberState
    paused_reason: str
    held: bool = Field(False, description="talking, and the caller is on hold")


class Waiting(Wire):
    linked_id: str
    caller_number: str
    position: int
    waited_s: Seconds


class QueueStatus(Wire):
    """One queue. While ``stale`` the figures are those of ``stale_since`` and waits do not grow."""

    queue: str
    title: str = Field(description="name shown to people")
    waiting: int
    longest_wait_s: Seconds
    members: Members
    member_list: list[Member]
    callers: list[Waiting]
    stale: bool
    stale_since: Moment | None
    as_of: Moment


class QueueList(Wire):
    queues: list[QueueStatus]


class CallRow(Wire):
    """One call. ``wait_s`` runs from arrival, greeting included, to a human or the end; null while it still runs."""

    linked_id: str
    state: Literal["arrived", "queued", "talking", "ended"]
    outcome: str | None
    channel: str
    caller_number: str
    caller_name: str
    called_number: str
    queue: str
    operator: str
    arrived_at: Moment
    queued_at: Moment | None
    answered_at: Moment | None
    ended_at: Moment | None
    wait_s: Seconds | None
    talk_s: Seconds | None
    order: str | None


class CallList(Wire):
    calls: list[CallRow]
    next: str | None = Field(description="cursor of the next page, null on the last one")


class Recording(Wire):
    track: Literal["caller", "operator"]
    seconds: Seconds
    state: str
    problem: str


class TranscriptWord(Wire):
    text: str
    start_s: Seconds
    end_s: Seconds
    confidence: Seconds


class TranscriptSegment(Wire):
    speaker: Literal["caller", "operator"]
    start_s: Seconds
    end_s: Seconds
    text: str
    confidence: Seconds
    words: list[TranscriptWord]


class HeardSegment(Wire):
    """What was heard while the call goes on; the transcript takes its place."""

    speaker: Literal["caller", "operator"]
    start_s: Seconds
    end_s: Seconds
    text: str
    confidence: Seconds


class TranscriptAnswer(Wire):
    """``partial``: at least one track could not be transcribed; ``none``: there is no recording."""

    state: Literal["none", "pending", "complete", "partial"]
    segments: list[TranscriptSegment]


class RecordingGap(Wire):
    """Where in the recording something is left out, because an operator paused it; seconds null: it is paused now."""

    at_s: Seconds
    seconds: Seconds | None


class CallAnswer(CallRow):
    """One call with everything known about it; ``*_raw`` is as sent by the caller's side: never trust, show as text.

    ``menu_choice`` is the last key that meant something, as ``menu:key``; '' when none was pressed. ``rating`` is 1 (very
    satisfied) to 5 (not at all), null when none was given. ``transferred_to`` is the work number, extension or device of whom
    a transfer, three-way call or video room brought last; ``nuisance`` is '', ``listed``, ``warning-1``, ``warning-2`` or
    ``ended``.
    ``language`` is the one the caller asked for, '' when none; ``language_by`` says how: ``key`` or ``record``.
    ``village`` (a place's code), ``device`` and ``ladder`` (``step:why`` in order) are of village video phones, '' otherwise.
    """

    notice_version: str
    menu_choice: str
    rating: int | None
    transferred_to: str
    nuisance: str
    language: str
    language_by: str
    village: str
    device: str
    ladder: str
    helper_present: bool = Field(description="a village's phone told by its key that somebody helps who calls")
    recording_gaps: list[RecordingGap]
    confidential_asked: bool = Field(description="the operator's key said that the citizen asks for confidence")
    recording_refused: bool
    hangup_by: str
    hangup_cause: int | None
    caller_name_raw: str
    caller_number_raw: str
    masked: bool = Field(description="something in it is covered for the asker: numbers, or the citizen's name")
    sound: Literal["whole", "tones", "locked"] = Field(
        description="tones: over what is covered; locked: not transcribed yet, so that nothing could be covered"
    )
    recordings: list[Recording]
    transcript: TranscriptAnswer
    heard: list[HeardSegment] = Field(description="heard so far of tracks that have no transcript yet, as spoken")


class Peaks(Wire):
    """Peak amplitudes 0…1 over equal stretches; a track that does not exist is empty."""

    points: int
    caller: list[float]
    operator: list[float]


class Code(Wire):
    """A code and its name; both '' when unclear and left for a person."""

    code: str
    name: str


class Evidence(Wire):
    """The words and seconds of audio a field was filled from."""

    speaker: str
    text: str
    start_s: Seconds | None
    end_s: Seconds | None
    confidence: Seconds | None


class OrderFieldRow(Wire):
    field: str
    ordinal: int
    value: str
    display: str
    source: Literal["machine", "human"]
    rule: str
    linked_id: str
    approximate: bool = Field(description="a range, or a figure the caller only estimated")
    evidence: Evidence | None
    machine_value: str | None = Field(description="what the machine had found where a person wrote; null: nothing")
    machine_display: str | None
    set_by: str = Field(description="who wrote it; '' for the machine")
    set_at: Moment | None


class BlankField(Wire):
    """A field left to a person, and why."""

    field: str
    code: str
    message: str


class WorkOrder(Wire):
    """One order. A confidential one is sent as if it had no content, here and on the live stream; its detail is audited.

    ``owner`` and ``assigned_to`` are work numbers, '' for nobody; ``card`` is that of the moment the answer was made.
    """

    number: str
    state: str
    channel: str
    outcome: str
    category: Code
    matter: Code
    caller_number: str
    opened_at: Moment
    due_at: Moment | None = Field(description="when it has to be finished, in working time; null while no term runs")
    filled_at: Moment | None
    asked_about: str = Field(description="number of the order whose progress the caller heard; '' for none")
    note: str
    version: int
    calls: list[str]
    fields: list[OrderFieldRow]
    blanks: list[BlankField]
    table_version: str = Field(description="of the code table the order was made with")
    owner: str
    assigned_to: str
    assigned_unit: str
    card: Literal["", "yellow", "red"]
    urged: int = Field(description="how often it was urged (督办)")
    returns: int = Field(description="how often it was returned")
    extended: bool
    confidential: bool
    urgent: bool = Field(description="a word of risk was heard, and nobody called it a false alarm")
    helper_present: bool = Field(description="in one of its calls a key told that somebody helps who calls")
    merged_into: str = Field(description="number of the order that goes on with this matter; '' for none")


class WorkOrderList(Wire):
    orders: list[WorkOrder]
    next: str | None = Field(description="cursor of the next page, null on the last one")


class Callback(Wire):
    """One call-back owed to a citizen; ``calls`` are the linked ids of its attempts, ``number`` '' when there is none to dial.

    ``kept_place``: the caller kept the place in the queue; ``dissatisfied``: the caller rated a call 4 or 5; ``asked``: somebody
    asked for it from an order or a voice message; ``line_lost``: a village phone's line failed, and its telephone is called.
    """

    id: int
    kind: Literal["kept_place", "dissatisfied", "asked", "line_lost"]
    state: Literal["waiting", "calling", "done", "failed", "withdrawn"]
    queue: str
    number: str
    order: str
    arrived_at: Moment = Field(description="when the place was taken that is kept")
    promised_at: Moment
    not_before: Moment = Field(description="earliest time of the next attempt")
    closed_at: Moment | None
    attempts: int = Field(description="in which the citizen's telephone was tried")
    reason: str = Field(description="what the last attempt came to, or why it was closed")
    calls: list[str]


class CallbackList(Wire):
    callbacks: list[Callback]
    next: int | None = Field(description="'before' of the next page, null on the last one")


class Duty(Wire):
    """One person on duty with one speciality; callers may choose by work number or speciality."""

    work_number: str
    name: str
    speciality: Code
    starts_at: Moment
    ends_at: Moment


class Roster(Wire):
    duties: list[Duty]


class NuisanceListing(Wire):
    """A number that is not put through until ``ends_at``; ``owner`` answers for it. Emergencies are put through."""

    number: str
    reason: str
    owner: str
    listed_at: Moment
    ends_at: Moment


class NuisanceList(Wire):
    listings: list[NuisanceListing]


class Alarm(Wire):
    """A condition people must see; ``active`` false takes it away again."""

    name: str
    text: str
    at: Moment
    active: bool


class LiveSnapshot(Wire):
    """First event of a live stream: every queue, open and last 50 calls, last 50 orders, standing alarms."""

    queues: list[QueueStatus]
    calls: list[CallRow]
    orders: list[WorkOrder]
    alarms: list[Alarm]


class LiveClock(Wire):
    """Proof of life: ``fresh`` is false while the feed cannot be read, ``as_of`` is when it last was."""

    now: Moment
    fresh: bool
    as_of: Moment | None
