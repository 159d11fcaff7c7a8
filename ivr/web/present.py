"""From what is stored to what goes over the wire: pure functions, shared by the REST answers and the live stream."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from ivr.domain.nuisance import Listing
from ivr.domain.roster import Duty
from ivr.domain.work_order import OrderRules, card
from ivr.ports.views import (
    AlarmRecord,
    CallbackRecord,
    CallDetail,
    CallRecord,
    OrderField,
    QueueLive,
    RecordingTrack,
    WorkOrderRecord,
)
from ivr.ports.web import CodeTables
from ivr.web import models

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def readable_name(raw: str) -> str:
    """The caller's name fit for one line of a page: control and text-direction characters become U+FFFD, 80 at most.

    Nothing is escaped here: markup stays literal text and the page shows it as text.
    """
    shown = "".join(_REPLACEMENT if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in raw)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def queue_status(live: QueueLive, stale_after_s: float) -> models.QueueStatus:
    """The queue as it is at ``read_at``; when its picture is old or the link is down, as it was at ``as_of``.

    A stale board keeps its last waits instead of letting them grow: state is never a guess.
    """
    age_s = (live.read_at - live.as_of).total_seconds()
    stale = not live.link_up or abs(age_s) > stale_after_s  # from the future: the clock was set back, nobody wrote since
    moment = (live.as_of if stale else live.read_at).timestamp()
    callers = [
        models.Waiting(
            linked_id=c.linked_id,
            caller_number=c.caller_number,
            position=c.position,
            waited_s=max(0.0, moment - c.joined_at),
        )
        for c in sorted(live.callers, key=lambda c: (c.position, c.joined_at))
    ]
    counts = dict.fromkeys(models.Members.model_fields, 0)
    for member in live.members:
        counts[member.state] += 1
    return models.QueueStatus(
        queue=live.queue,
        title=live.title or live.queue,
        waiting=len(callers),
        longest_wait_s=max((c.waited_s for c in callers), default=0.0),
        members=models.Members(**counts),
        member_list=[
            models.Member(name=m.name, interface=m.interface, state=m.state, paused_reason=m.paused_reason, held=m.held)
            for m in live.members
        ],
        callers=callers,
        stale=stale,
        stale_since=live.as_of if stale else None,
        as_of=live.as_of,
    )


def _between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from start to end, never negative; None while either is missing."""
    return None if start is None or end is None else max(0.0, (end - start) / timedelta(seconds=1))


def _row_members(call: CallRecord, *, whole: bool = False) -> dict[str, object]:
    hidden = call.confidential and not whole
    heard_or_gone = call.answered_at or call.ended_at
    return {
        "linked_id": call.linked_id,
        "state": call.state,
        "outcome": call.outcome,
        "channel": call.channel,
        "caller_number": "" if hidden else call.caller_number,
        "caller_name": "" if hidden else readable_name(call.caller_name_raw),
        "called_number": call.called_number,
        "queue": call.queue,
        "operator": call.member_interface,
        "arrived_at": call.arrived_at,
        "queued_at": call.queued_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "wait_s": _between(call.arrived_at, heard_or_gone),
        "talk_s": _between(call.answered_at, call.talk_ended_at or call.ended_at),
        "order": call.order_number or None,
    }


def call_row(call: CallRecord) -> models.CallRow:
    """One call as lists and the live stream carry it; who called stays out when its order is confidential."""
    return models.CallRow.model_validate(_row_members(call))


def transcript_state(tracks: Iterable[RecordingTrack]) -> str:
    """none, pending (a track still waits or is being worked on), partial (a track was given up), complete."""
    states = {t.state for t in tracks}
    if not states:
        return "none"
    if states & {"pending", "leased"}:
        return "pending"
    return "partial" if "quarantined" in states else "complete"


def call_answer(detail: CallDetail) -> models.CallAnswer:
    """One call with its recordings and transcript; segments in the order of speaking."""
    call = detail.call
    tracks = detail.recordings
    return models.CallAnswer.model_validate(
        {
            **_row_members(call, whole=True),
            "notice_version": call.notice_version,
            "menu_choice": call.menu_choice,
            "rating": call.rating,
            "transferred_to": call.transferred_to,
            "nuisance": call.nuisance,
            "language": call.language,
            "language_by": call.language_by,
            "village": call.village,
            "device": call.device,
            "ladder": call.ladder,
            "helper_present": call.helper_present,
            "recording_refused": call.recording_refused,
            "hangup_by": call.hangup_by,
            "hangup_cause": call.hangup_cause,
            "caller_name_raw": call.caller_name_raw,
            "caller_number_raw": call.caller_number_raw,
            "recordings": [
                {"track": t.track, "seconds": t.seconds, "state": t.state, "problem": t.problem} for t in tracks
            ],
            "transcript": {
                "state": transcript_state(tracks),
                "segments": [
                    {
                        "speaker": s.speaker,
                        "start_s": s.start_s,
                        "end_s": s.end_s,
                        "text": s.text,
                        "confidence": s.confidence,
                        "words": [
                            {"text": w.text, "start_s": w.start_s, "end_s": w.end_s, "confidence": w.confidence}
                            for w in s.words
                        ],
                    }
                    for s in detail.segments
                ],
            },
            "heard": [
                {"speaker": s.speaker, "start_s": s.start_s, "end_s": s.end_s, "text": s.text, "confidence": s.confidence}
                for s in detail.heard
            ],
        }
    )


def callback(stored: CallbackRecord) -> models.Callback:
    """One call-back."""
    return models.Callback.model_validate({
        "id": stored.id, "kind": stored.kind, "state": stored.state, "queue": stored.queue, "number": stored.number,
        "order": stored.order_number, "arrived_at": stored.arrived_at, "promised_at": stored.promised_at,
        "not_before": stored.not_before, "closed_at": stored.closed_at, "attempts": stored.attempts, "reason": stored.reason,
        "calls": list(stored.calls),
    })


def alarm(stored: AlarmRecord) -> models.Alarm:
    """One alarm; its time is when it was raised, or cleared."""
    return models.Alarm(
        name=stored.name,
        text=stored.text,
        at=stored.cleared_at or stored.raised_at,
        active=stored.cleared_at is None,
    )


def _order_field(stored: OrderField) -> models.OrderFieldRow:
    evidence = models.Evidence(
        speaker=stored.speaker,
        text=stored.text,
        start_s=stored.start_s,
        end_s=stored.end_s,
        confidence=stored.confidence,
    )
    return models.OrderFieldRow.model_validate(
        {
            "field": stored.field,
            "ordinal": stored.ordinal,
            "value": stored.value,
            "display": stored.display,
            "source": stored.source,
            "rule": stored.rule,
            "linked_id": stored.linked_id,
            "approximate": stored.approximate,
            "evidence": evidence if stored.text else None,
            "machine_value": stored.machine_value,
            "machine_display": stored.machine_display,
            "set_by": stored.set_by,
            "set_at": stored.set_at,
        }
    )


def duty(found: Duty, codes: CodeTables) -> models.Duty:
    """One duty; specialities are matters of the code table in force."""
    name = codes.name("", "matter", found.speciality)
    return models.Duty(
        work_number=found.work_number, name=found.name, starts_at=found.starts_at, ends_at=found.ends_at,
        speciality=models.Code(code=found.speciality, name=found.speciality if name is None else name),
    )


def nuisance_listing(found: Listing) -> models.NuisanceListing:
    """One number under the nuisance rule."""
    return models.NuisanceListing(
        number=found.number, reason=found.reason, owner=found.owner, listed_at=found.listed_at, ends_at=found.ends_at
    )


def work_order(
    order: WorkOrderRecord, codes: CodeTables, rules: OrderRules, now: datetime, *, whole: bool = False
) -> models.WorkOrder:
    """One order; a code whose table does not know it keeps its code as name rather than showing nothing.

    A confidential order has no content here unless ``whole``: lists and the live stream go to everybody.
    """
    return models.WorkOrder.model_validate(order_members(order, codes, rules, now, whole=whole))


def order_members(
    order: WorkOrderRecord, codes: CodeTables, rules: OrderRules, now: datetime, *, whole: bool
) -> dict[str, object]:
    """What every form of an order carries."""
    hidden = order.confidential and not whole

    def named(kind: Literal["category", "matter"], code: str) -> models.Code:
        code = "" if hidden else code
        name = codes.name(order.table_version, kind, code) if code else ""
        return models.Code(code=code, name=code if name is None else name)

    return {
        "number": order.number,
        "state": order.state,
        "channel": order.channel,
        "outcome": order.outcome,
        "category": named("category", order.category),
        "matter": named("matter", order.matter),
        "caller_number": "" if hidden else order.caller_number,
        "opened_at": order.opened_at,
        "due_at": order.due_at,
        "asked_about": order.asked_about,
        "filled_at": order.filled_at,
        "note": "" if hidden else order.note,
        "version": order.version,
        "calls": list(order.calls),
        "fields": [] if hidden else [_order_field(f) for f in order.fields],
        "blanks": [] if hidden else [models.BlankField(field=b.field, code=b.code, message=b.message) for b in order.blanks],
        "table_version": order.table_version,
        "owner": order.owner,
        "urgent": order.urgent,
        "helper_present": order.helper_present and not hidden,
        "assigned_to": order.assigned_to,
        "assigned_unit": order.assigned_unit,
        "card": card(order.life, now, rules.worktime),
        "urged": order.urged,
        "returns": order.returns,
        "extended": order.extended,
        "confidential": order.confidential,
        "merged_into": order.merged_into,
    }
