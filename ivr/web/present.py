"""From what is stored to what goes over the wire: pure functions, shared by the REST answers and the live stream."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from ivr.domain.disclosure import Veil
from ivr.domain.nuisance import Listing
from ivr.domain.recording_gaps import read_gaps
from ivr.domain.redaction import KINDS, Kind, Spoken
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
_COVERED = Veil()
TRANSCRIBED = frozenset({"transcribed", "no_speech"})
"""States of tracks of which it is known what they hold."""

_PLAIN = frozenset({"category", "matter", "place", "amount", "date"})


def readable_name(raw: str) -> str:
    """The caller's name fit for one line of a page: control and text-direction characters become U+FFFD, 80 at most.

    Nothing is escaped here: markup stays literal text and the page shows it as text.
    """
    shown = "".join(_REPLACEMENT if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in raw)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def names_of(order: WorkOrderRecord) -> tuple[str, ...]:
    """The citizen's names as the order knows them, the machine's too."""
    fields = [f for f in order.fields if f.field == "caller_name"]
    return tuple(dict.fromkeys(n for f in fields for n in (f.value, f.display, f.machine_value or "") if n))


def spoken(detail: CallDetail) -> list[Spoken]:
    """What was said in a call, segments first, then what is only heard so far."""
    said = [Spoken(s.speaker, s.start_s, s.end_s, s.text, s.words) for s in detail.segments]
    return said + [Spoken(h.speaker, h.start_s, h.end_s, h.text) for h in detail.heard]


def queue_status(live: QueueLive, stale_after_s: float, veil: Veil = _COVERED) -> models.QueueStatus:
    """The queue as it is at ``read_at``; when its picture is old or the link is down, as it was at ``as_of``.

    A stale board keeps its last waits instead of letting them grow: state is never a guess.
    """
    age_s = (live.read_at - live.as_of).total_seconds()
    stale = not live.link_up or abs(age_s) > stale_after_s  # from the future: the clock was set back, nobody wrote since
    moment = (live.as_of if stale else live.read_at).timestamp()
    callers = [
        models.Waiting(
            linked_id=c.linked_id,
            caller_number=veil.number(c.caller_number),
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


def _row_members(call: CallRecord, veil: Veil, *, whole: bool = False) -> dict[str, object]:
    hidden = call.confidential and not whole
    heard_or_gone = call.answered_at or call.ended_at
    return {
        "linked_id": call.linked_id,
        "state": call.state,
        "outcome": call.outcome,
        "channel": call.channel,
        "caller_number": "" if hidden else veil.number(call.caller_number),
        "caller_name": "" if hidden else veil.display_name(readable_name(call.caller_name_raw)),
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


def call_row(call: CallRecord, veil: Veil = _COVERED) -> models.CallRow:
    """One call as lists and the live stream carry it; who called stays out when its order is confidential."""
    return models.CallRow.model_validate(_row_members(call, veil))


def transcript_state(tracks: Iterable[RecordingTrack]) -> str:
    """none, pending (a track still waits or is being worked on), partial (a track was given up), complete."""
    states = {t.state for t in tracks}
    if not states:
        return "none"
    if states & {"pending", "leased"}:
        return "pending"
    return "partial" if "quarantined" in states else "complete"


def call_answer(detail: CallDetail, veil: Veil = _COVERED) -> models.CallAnswer:
    """One call with its recordings and transcript; segments in the order of speaking, with what the veil covers masked."""
    call = detail.call
    tracks = detail.recordings
    said = spoken(detail)
    shown = veil.speech(said) if veil.hidden else [(s.text, tuple(w.text for w in s.words)) for s in said]
    heard = shown[len(detail.segments):]
    numbers = call.caller_number, call.caller_number_raw, call.caller_name_raw
    covered = veil.number(numbers[0]), veil.number(numbers[1]), veil.display_name(numbers[2])
    return models.CallAnswer.model_validate(
        {
            **_row_members(call, veil, whole=True),
            "masked": covered != numbers or any(text != s.text for (text, _), s in zip(shown, said, strict=True)),
            "sound": _sound(tracks, veil, said),
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
            "recording_gaps": [{"at_s": gap.at_s, "seconds": gap.seconds} for gap in read_gaps(call.recording_gaps)],
            "confidential_asked": call.confidential_asked,
            "recording_refused": call.recording_refused,
            "hangup_by": call.hangup_by,
            "hangup_cause": call.hangup_cause,
            "caller_name_raw": covered[2],
            "caller_number_raw": covered[1],
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
                        "text": text,
                        "confidence": s.confidence,
                        "words": [
                            {"text": word, "start_s": w.start_s, "end_s": w.end_s, "confidence": w.confidence}
                            for word, w in zip(words, s.words, strict=True)
                        ],
                    }
                    for s, (text, words) in zip(detail.segments, shown, strict=False)
                ],
            },
            "heard": [
                {"speaker": s.speaker, "start_s": s.start_s, "end_s": s.end_s, "text": text, "confidence": s.confidence}
                for s, (text, _) in zip(detail.heard, heard, strict=True)
            ],
        }
    )


def _sound(tracks: Iterable[RecordingTrack], veil: Veil, said: list[Spoken]) -> str:
    """whole; tones: over what is covered; locked: it is not known yet what would have to be covered."""
    if not veil.hidden:
        return "whole"
    if any(t.state not in TRANSCRIBED for t in tracks):
        return "locked"
    return "tones" if any(veil.seconds(said).values()) else "whole"


def callback(stored: CallbackRecord, veil: Veil = _COVERED) -> models.Callback:
    """One call-back."""
    return models.Callback.model_validate({
        "id": stored.id, "kind": stored.kind, "state": stored.state, "queue": stored.queue, "number": veil.number(stored.number),
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


def _covered_value(field: str, value: str, veil: Veil) -> str:
    if field == "caller_name":
        return veil.name(value)
    if field == "callback_number":
        return veil.number(value)
    return value if field in _PLAIN else veil.text(value)


def shown_field(stored: OrderField, veil: Veil) -> OrderField:
    """The field as the asker is shown it; codes, amounts and days are never covered, the words they came from may be."""
    cover = partial(_covered_value, stored.field, veil=veil)
    return replace(
        stored, value=cover(stored.value), display=cover(stored.display), text=veil.text(stored.text),
        machine_value=None if stored.machine_value is None else cover(stored.machine_value),
        machine_display=None if stored.machine_display is None else cover(stored.machine_display),
    )


def order_field(stored: OrderField) -> models.OrderFieldRow:
    """One field over the wire."""
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
    order: WorkOrderRecord, codes: CodeTables, rules: OrderRules, now: datetime, *, hidden: frozenset[Kind] = KINDS
) -> models.WorkOrder:
    """One order; a code whose table does not know it keeps its code as name rather than showing nothing.

    A confidential order has no content here: lists and the live stream go to everybody. ``hidden`` is what they mask.
    """
    return models.WorkOrder.model_validate(order_members(order, codes, rules, now, Veil(hidden, names_of(order)), whole=False))


def order_members(
    order: WorkOrderRecord, codes: CodeTables, rules: OrderRules, now: datetime, veil: Veil, *, whole: bool
) -> dict[str, object]:
    """What every form of an order carries, with what the veil covers masked."""
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
        "caller_number": "" if hidden else veil.number(order.caller_number),
        "opened_at": order.opened_at,
        "due_at": order.due_at,
        "asked_about": order.asked_about,
        "filled_at": order.filled_at,
        "note": "" if hidden else veil.text(order.note),
        "version": order.version,
        "calls": list(order.calls),
        "fields": [] if hidden else [order_field(shown_field(f, veil)) for f in order.fields],
        "blanks": [] if hidden else [
            models.BlankField(field=b.field, code=b.code, message=veil.text(b.message)) for b in order.blanks
        ],
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
