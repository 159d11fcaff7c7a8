"""One call, folded from its facts. The same facts give the same call, in whatever order and however often they came.

States: arrived → queued → talking → ended; a state is only ever left forwards. Facts come from Asterisk's ledger,
grouped by linked id; a call is over at LINKEDID_END, or when the controller found it gone with its Asterisk
(INTERRUPTED). What the ledger could not write the controller may have seen live (ivr.domain.witness): such facts add what
is missing and never change what the ledger tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ivr.domain.callback import DIALLED, is_attempt, parse_promise
from ivr.domain.caller_language import ChosenBy, told_language
from ivr.domain.caller_number import normalise
from ivr.domain.device import village_of
from ivr.domain.events import Fact, Source
from ivr.domain.order_number import Channel
from ivr.domain.parties import Parties
from ivr.domain.recording_gaps import GapClock
from ivr.domain.video_room import is_invitation
from ivr.domain.voice_notice import furthest

CallState = Literal["arrived", "queued", "talking", "ended"]
CallOutcome = Literal[
    "answered", "abandoned", "message", "callback", "self_service", "overflow", "failed", "interrupted"
]
HangupBy = Literal["caller", "operator", "system", ""]

TRUNK_CONTEXT = "from-trunk-"
VILLAGE_CONTEXT = "from-village"
DEVICE_ENDPOINT = "PJSIP/v-"
SEAT_ENDPOINT = "PJSIP/seat-"
LINE_ENDPOINT = "PJSIP/trunk-"  # an outside agency the call was transferred to
TRANSFER_TARGET = "转接"  # the name the dialplan gives whom an operator reached; the number is what was keyed
_RATINGS = frozenset("12345")
_LONGEST_LADDER = 400


@dataclass(frozen=True, slots=True)
class Call:
    """A citizen's call, or our call back to one (channel ``callback``, where ``caller_number`` is the citizen's too).

    Times are Unix seconds; numbers are digits or ''; ``*_raw`` is what the line sent, untouched. ``callback_number`` is the
    number a call-back was promised to. A call-back whose citizen picked up has a ``notice_version``.

    ``menu_choice`` is the last key that meant something, as ``<menu>:<key>``. ``talk_ended_at`` is when the caller was
    alone again, None as long as people talk or when nobody told; ``rating`` is 1 (very satisfied) to 5 (not at all).
    ``asked_about`` is the number of the order whose progress the caller heard last, ``appointment`` what the call did about
    one (ivr.domain.appointment.read_told).
    ``transferred_to`` is the work number, extension or device of whom the caller was joined with last by a transfer, a three-way
    call or in a video room; ``member_interface`` stays the first who answered. ``nuisance`` is ``listed``, ``warning-1``,
    ``warning-2``, ``ended``.
    A call of a village's video phone (channel ``village_video``, also when a message was left) has the phone's name as ``device``
    and the ``village`` that this name tells; its number is nobody's. ``ladder`` is how the ladder went: ``step:why`` in order;
    ``ringback`` is ``<queue>:<number>`` when its line failed and the village's telephone is owed a call;
    ``helper_present`` that a key told of somebody beside who calls. ``recording_gaps`` are pauses (ivr.domain.recording_gaps),
    ``recorded_s`` the seconds there were to record (None: not told), which leave out what the exchange itself spoke.
    ``notice_told``: how far a spoken notice came (ivr.domain.voice_notice.Told), '' in every other call.
    ``confidential_asked``: the operator's key said that the citizen asks for confidence.
    ``language`` is the one the caller asked for last, by a key of this call or by what was known of the number (``language_by``).
    """

    linked_id: str
    channel: Channel
    state: CallState
    outcome: CallOutcome | None
    called_number: str
    caller_number: str
    caller_number_raw: str
    caller_name_raw: str
    trunk: str
    arrived_at: float
    queue: str = ""
    member_interface: str = ""
    notice_version: str = ""
    recording_refused: bool = False
    recording_name: str = ""
    queued_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    talk_ended_at: float | None = None
    menu_choice: str = ""
    rating: int | None = None
    callback_number: str = ""
    asked_about: str = ""
    appointment: str = ""
    transferred_to: str = ""
    nuisance: str = ""
    language: str = ""
    language_by: ChosenBy = ""
    village: str = ""
    device: str = ""
    ladder: str = ""
    helper_present: bool = False
    recording_gaps: str = ""
    recorded_s: float | None = None
    confidential_asked: bool = False
    notice_told: str = ""
    ringback: str = ""
    hangup_cause: int | None = None
    hangup_by: HangupBy = ""

    @property
    def recording_expected(self) -> bool:
        """True when two people were heard or a message was left, and nobody refused: then a missing file is a fault."""
        spoke = self.answered_at is not None or self.outcome == "message"
        return spoke and not self.recording_refused and bool(self.recording_name)


def interface_of(channel_name: str) -> str:
    """``PJSIP/seat-a-0000001f`` → ``PJSIP/seat-a``: the device behind a channel."""
    return channel_name.rpartition("-")[0] if re.search(r"-[0-9a-f]{8}$", channel_name) else channel_name


def fold(facts: Iterable[Fact], prefixes: Mapping[str, Mapping[str, str]]) -> Call | None:
    """The call these facts tell, or None when they are no citizen's call (an operator's echo test).

    ``facts`` share one linked id. ``prefixes`` holds, by trunk, the caller-id rules of ``normalise``.
    """
    ordered = in_order(facts)
    entry = next((f for f in ordered if _is_entry(f)), None)
    if entry is None:
        return None
    trunk = str(entry.data.get("context", ""))[len(TRUNK_CONTEXT) :]
    raw = str(entry.data.get("num", ""))
    call = Call(
        linked_id=entry.linked_id, channel="hotline", state="arrived", outcome=None,
        called_number=str(entry.data.get("exten", "")), caller_number=normalise(raw, prefixes.get(trunk, {})),
        caller_number_raw=raw, caller_name_raw=str(entry.data.get("name", "")), trunk=trunk, arrived_at=entry.at,
    )
    entry_channel = str(entry.data.get("channame", ""))
    if is_attempt(entry.linked_id):
        call = _called_back(call, ordered)
    elif entry.data.get("context") == VILLAGE_CONTEXT:
        device = interface_of(entry_channel).removeprefix("PJSIP/")
        call = replace(
            call, channel="village_video", trunk="", caller_number="", village=village_of(device), device=device,
        )
    parties, gaps = Parties(entry.linked_id), GapClock()
    reached: dict[str, str] = {}
    outcome: CallOutcome | None = None
    end: str | None = None
    clocks: dict[Source, float] = {}
    entered_at = entry.at
    hung_up = in_room = False
    left_first: HangupBy = ""
    for fact in ordered:
        # A clock that was set back must not make a negative wait. What was seen live has times of its own.
        at = clocks[fact.source] = max(clocks.get(fact.source, entry.at), fact.at)
        seen_live = fact.source == "controller"
        extra = str(fact.data.get("extra", ""))
        if not (seen_live and (call.recording_name or call.recording_refused)):
            gaps.see(fact.kind, at, citizens=fact.unique_id == entry.linked_id)
        match fact.kind:
            case "user:NOTICE":
                call = replace(call, notice_version=extra)
            case "user:RECORDING_REFUSED":
                call = replace(call, recording_refused=True)
            case "user:RECORDING" if not (seen_live and (call.recording_name or call.recording_refused)):
                call = replace(call, recording_name=extra)
            case "user:QUEUE_ENTERED" if call.queued_at is None or _moves_on(call, extra, at, entered_at, seen_live):
                # Who moves on to another queue is counted there; the wait began in the first. Who asked how a matter
                # stands and then wants a human was not served by the machine.
                since = at if call.queued_at is None else call.queued_at
                call = replace(call, queue=extra, queued_at=since, state=_forward(call.state, "queued"))
                entered_at = at
                outcome = None if outcome in ("self_service", "failed") else outcome
            case "user:QUEUE_LEFT" if extra not in ("", "CONTINUE") and call.answered_at is None and not (seen_live and end):
                outcome = "failed"
            case "user:OVERFLOW" if not (seen_live and end):
                outcome = "overflow"
            case "user:LADDER" if len(call.ladder) + len(extra) < _LONGEST_LADDER:
                call = replace(call, ladder=f"{call.ladder} {extra}".strip())
            case "user:NOTICE_TOLD" if is_attempt(entry.linked_id):
                call = replace(call, notice_told=furthest(call.notice_told, extra))
                outcome = "self_service" if extra == "heard" else outcome
            case "user:CONFIDENTIAL":
                call = replace(call, confidential_asked=True)
            case "user:HELPER":
                call = replace(call, helper_present=True)
            case "user:MESSAGE":
                outcome = "message"
            case "user:CALLBACK":
                queue, number = parse_promise(extra)
                call = replace(call, callback_number=number, queue=call.queue or queue)
                outcome = "callback" if number else outcome
            case "user:RINGBACK" if parse_promise(extra)[1]:
                call = replace(call, ringback=extra)
            case "user:ENQUIRY":
                call = replace(call, asked_about=extra)
                outcome = "self_service"
            case "user:APPOINTMENT":
                call = replace(call, appointment=extra)
                outcome = "self_service"
            case "user:RATING" if extra in _RATINGS:
                call = replace(call, rating=int(extra))
            case "user:MENU" if not extra.endswith(":none"):
                call = replace(call, menu_choice=extra)
            case "user:LANGUAGE" if told_language(extra)[0]:
                language, language_by = told_language(extra)
                call = replace(call, language=language, language_by=language_by)
            case "user:NUISANCE":
                call = replace(call, nuisance=extra)
                left_first = "operator" if extra == "ended" else left_first
                outcome = "self_service" if extra == "listed" else outcome
            case "user:ROOM":
                # The third's own leg is linked to no call: that it is there, the citizen's side tells. Others than the citizen
                # ended a room that is over; one that the citizen leaves says nothing more.
                in_room = extra != "over"
                call = replace(call, transferred_to=extra) if in_room else call
                left_first = "" if in_room else "operator"
            case "BRIDGE_ENTER":
                parties.enter(fact)
                if fact.data.get("name") == TRANSFER_TARGET:
                    reached[fact.unique_id] = str(fact.data.get("num", ""))
                others = parties.others(fact.source)
                if not seen_live and (others or fact.unique_id == entry.linked_id):
                    call, left_first = replace(call, talk_ended_at=None), ""
                if others and call.answered_at is None:
                    call = replace(
                        call, answered_at=at, member_interface=interface_of(next(iter(others.values()))),
                        state=_forward(call.state, "talking"),
                    )
                if to := next((reached[unique_id] for unique_id in others if unique_id in reached), ""):
                    call = replace(call, transferred_to=to)
            case "BRIDGE_EXIT":
                parties.leave(fact)
                if fact.unique_id == entry.linked_id and call.answered_at is not None and not seen_live:
                    call = replace(call, talk_ended_at=at)
            case "HANGUP" if fact.unique_id == entry.linked_id and not (seen_live and hung_up):
                hung_up = True
                call = replace(
                    call, hangup_cause=_whole(fact.data.get("hangupcause")),
                    hangup_by=left_first or _hangup_by(str(fact.data.get("hangupsource", "")), entry_channel),
                )
            case "HANGUP" if call.answered_at is not None and not hung_up and not seen_live:
                # The caller may stay for the rating: who ended the talk is told by the other side's end. Who leaves the
                # caller with somebody else has not ended it.
                parties.leave(fact)
                ended_it = _hangup_by(str(fact.data.get("hangupsource", "")), entry_channel) == "operator"
                if ended_it and not in_room and not parties.others(fact.source):
                    left_first = "operator"
            case "LINKEDID_END" | "INTERRUPTED" if end is None:
                end = fact.kind
                call = replace(call, ended_at=max(clocks.values()))
    recorded_s = round(gaps.recorded(max(clocks.values(), default=entry.at)), 3) if gaps.joined_once else None
    return _settled(replace(call, recording_gaps=gaps.told(), recorded_s=recorded_s), end, outcome)


def _moves_on(call: Call, queue: str, at: float, entered_at: float, seen_live: bool) -> bool:
    """Whether the caller entered another queue. The ledger tells it in order; what was seen live must fit its times."""
    if seen_live:
        return queue != call.queue and entered_at < at <= (call.answered_at or call.ended_at or at)
    return call.answered_at is None


def _settled(call: Call, end: str | None, outcome: CallOutcome | None) -> Call:
    """The call with its outcome when it is over, and its times in order, from whichever witness each of them is."""
    ended_at, answered_at, queued_at = call.ended_at, call.answered_at, call.queued_at
    if ended_at is not None and answered_at is not None:
        answered_at = min(answered_at, ended_at)
    following = answered_at if answered_at is not None else ended_at
    if queued_at is not None and following is not None:
        queued_at = min(queued_at, following)
    call = replace(call, answered_at=answered_at, queued_at=queued_at)
    if end is None:
        return call
    settled: CallOutcome = outcome or "abandoned"
    if call.ringback and settled in ("abandoned", "failed"):  # its place is kept
        settled = "callback"
    if answered_at is not None:
        settled = "answered"
    elif call.channel == "callback" and not call.notice_version and settled != "self_service":
        settled = "failed"
    if end == "INTERRUPTED" and settled != "callback":  # what was promised is kept, however the call ended
        settled = "interrupted"
    if call.channel == "callback":
        return replace(call, state="ended", outcome=settled)
    if settled == "self_service":  # who left the queue for a machine's answer is not among those who entered it
        call = replace(call, queue="", queued_at=None)
    left_word = settled == "message" and call.channel == "hotline"
    return replace(call, state="ended", outcome=settled, channel="voicemail" if left_word else call.channel)


def _called_back(call: Call, facts: Iterable[Fact]) -> Call:
    """The call as one of ours to a citizen: whom it was for, only the fact written before dialling tells."""
    told = next((f.data for f in facts if f.kind == DIALLED), {})
    return replace(
        call, channel="callback", called_number="", caller_number=str(told.get("number", "")), caller_number_raw="",
        caller_name_raw="", queue=str(told.get("queue", "")), device=str(told.get("device", "")),
        village=village_of(str(told.get("device", ""))),
    )


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """Each fact once, as Asterisk wrote them: by file and place in it, because its clock may be set back meanwhile.

    What the controller saw live comes after the ledger, and what it concluded, INTERRUPTED, comes last.
    """
    unique = {(f.source, f.file_id, f.position): f for f in facts}
    began: dict[tuple[str, str], float] = {}
    for f in unique.values():
        began[f.source, f.file_id] = min(f.at, began.get((f.source, f.file_id), f.at))
    return sorted(
        unique.values(), key=lambda f: (
            f.source == "controller", f.kind == "INTERRUPTED", began[f.source, f.file_id], f.file_id, f.position,
        )
    )


def _is_entry(fact: Fact) -> bool:
    return (
        fact.kind == "CHAN_START" and fact.unique_id == fact.linked_id and not is_invitation(fact.unique_id)
        and is_entry_context(str(fact.data.get("context", "")))
    )


def is_entry_context(context: str) -> bool:
    """Whether a citizen's call begins in this context of the dialplan: a line's, or the village phones'."""
    return context.startswith(TRUNK_CONTEXT) or context == VILLAGE_CONTEXT


_ORDER: tuple[CallState, ...] = ("arrived", "queued", "talking", "ended")


def _forward(now: CallState, then: CallState) -> CallState:
    return max(now, then, key=_ORDER.index)


def _whole(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def _hangup_by(source: str, entry_channel: str) -> HangupBy:
    if source and source == entry_channel:
        return "caller"
    return "operator" if source.startswith((SEAT_ENDPOINT, LINE_ENDPOINT, DEVICE_ENDPOINT)) else "system"
