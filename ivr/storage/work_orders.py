"""Work orders: opened once per call by constraint, numbered once, filled when every track of the call is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ivr.domain.call import Call
from ivr.domain.confidential_wish import REASON_KEY, reason_of, spoken_wish
from ivr.domain.emergency import alarm_of, cry_for_help, note_of
from ivr.domain.intake import Draft
from ivr.domain.order_notes import (
    NOTE_RECORDING_MISSING,
    note_after_transcription,
    note_at_opening,
    note_on_length,
    state_at_opening,
)
from ivr.domain.order_number import CHANNEL_DIGITS, Channel, compose
from ivr.domain.recording import OPEN_STATES
from ivr.domain.transcript import Segment, Transcript, Word
from ivr.storage import outbox
from ivr.storage.alarms import raise_alarm
from ivr.storage.confidence import conceal_for
from ivr.storage.order_fields import (
    device_fields,
    fill_joined,
    give_up_joined,
    human_fields,
    join_order,
    mark_joined,
    unfilled_joined,
    write_device_place,
    write_fields,
)

if TYPE_CHECKING:
    import asyncpg

    from ivr.storage.database import Connection

SHANGHAI = ZoneInfo("Asia/Shanghai")

Compose = Callable[[Transcript, str, date], Draft]
"""Transcript, caller's number, day of the call in Shanghai → the draft's fields; pure."""


Due = Callable[[Call], datetime | None]
"""When the order of a call has to be finished, as far as its opening alone decides; pure."""


Owner = Callable[[Call], str]
"""The work number of the seat that answered the call first, '' for none: whose its order is until another accepts; pure."""


class WorkOrders:
    """Orders as calls make them. Every method runs inside the caller's transaction, under the call's lock.

    Methods return the numbers of the orders they changed; the caller announces them last, because the feed's counter
    stays locked until its transaction ends. Locks are taken in one order everywhere: calls, serials, feed.
    """

    def __init__(
        self, compose: Compose, table_version: str, due: Due = lambda _: None, owner: Owner = lambda _: ""
    ) -> None:
        self._compose = compose
        self._table_version = table_version
        self._due = due
        self._owner = owner

    async def open_for_call(self, connection: Connection, call: Call) -> list[str]:
        """Open the call's one order, or do nothing when it has one; fill it at once when nothing more will come."""
        changed = await self._open(connection, call)
        if call.confidential_asked:
            await conceal_for(connection, call.linked_id, REASON_KEY)
        return changed

    async def _open(self, connection: Connection, call: Call) -> list[str]:
        number = ""
        known = await connection.fetchrow(
            "SELECT o.id, o.number, o.outcome, o.filled_at, o.opened_by_call FROM work_order_call c"
            " JOIN work_order o ON o.id = c.order_id WHERE c.linked_id = $1", call.linked_id,
        )
        if known is None and (joined := await join_order(connection, call)):
            return await self.fill_when_ready(connection, call.linked_id) or [joined]
        if known is None:
            ended = datetime.fromtimestamp(call.ended_at or call.arrived_at, SHANGHAI)
            number = await next_number(connection, call.channel, ended.date())
            order_id = await connection.fetchval(
                "INSERT INTO work_order (number, opened_by_call, channel, outcome, caller_number, note,"
                " category_table_version, due_at, state, asked_about, owner_work_number)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
                " ON CONFLICT (opened_by_call) DO NOTHING RETURNING id",
                number, call.linked_id, call.channel, call.outcome or "", call.caller_number,
                note_at_opening(call), self._table_version, self._due(call), state_at_opening(call), call.asked_about,
                self._owner(call),
            )
            if order_id is None:
                return []
            await connection.execute(
                "INSERT INTO work_order_call (linked_id, order_id) VALUES ($1, $2)", call.linked_id, order_id
            )
            if call.confidential_asked:  # before partners are told of it
                await conceal_for(connection, call.linked_id, REASON_KEY)
            await write_device_place(connection, order_id, call)
            await outbox.record(connection, "order.created", number)
        elif known["opened_by_call"] == call.linked_id and await _was_mistaken(connection, known, call):
            number = await _correct(connection, known, call, self._due(call), self._owner(call))
        elif known["filled_at"] is not None:
            return []
        filled = await self.fill_when_ready(connection, call.linked_id)
        return filled or ([number] if number else [])

    async def fill_when_ready(self, connection: Connection, linked_id: str) -> list[str]:
        """Fill the order's machine fields when every expected track is done; its number when it was filled now.

        Under the call's lock, so of two workers that finish the last two tracks exactly one sees all done. What a
        person has written is never overwritten.
        """
        order = await connection.fetchrow(
            "SELECT o.id, o.number, o.note, c.caller_number, c.arrived_at, c.outcome,"
            "       o.opened_by_call IS DISTINCT FROM oc.linked_id AS joined,"
            "       CASE WHEN o.opened_by_call = oc.linked_id THEN o.filled_at ELSE oc.filled_at END AS filled_at,"
            "       CASE WHEN c.answered_at IS NOT NULL THEN least(c.recorded_s,"
            "        extract(epoch FROM coalesce(c.talk_ended_at, c.ended_at) - c.answered_at)::float8) END AS talk_s,"
            "       (c.answered_at IS NOT NULL OR c.outcome = 'message') AND NOT c.recording_refused"
            "       AND c.recording_name <> '' AS expected"
            " FROM work_order_call oc JOIN work_order o ON o.id = oc.order_id JOIN call c ON c.linked_id = oc.linked_id"
            " WHERE oc.linked_id = $1 AND c.state = 'ended'"
            # A person who edits it now waits here, before either has touched a field: neither can hold what the other needs.
            " FOR NO KEY UPDATE OF o", linked_id,
        )
        if order is None or order["filled_at"] is not None:
            return []
        tracks = await connection.fetch("SELECT state, seconds FROM recording_track WHERE linked_id = $1", linked_id)
        states = [r["state"] for r in tracks]
        if any(s in OPEN_STATES for s in states) or (order["expected"] and not states):
            return []
        if order["joined"] and not states:
            await mark_joined(connection, linked_id)
            return []
        transcript = await _transcript(connection, linked_id)
        draft = self._compose(transcript, order["caller_number"], order["arrived_at"].astimezone(SHANGHAI).date())
        if (wish := spoken_wish(transcript)) is not None:
            await conceal_for(connection, linked_id, reason_of(wish))
        if order["joined"]:
            await fill_joined(connection, order["id"], linked_id, draft)
            return [order["number"]]
        await write_fields(connection, order["id"], linked_id, draft)
        note = note_after_transcription(
            order["note"], states.count("quarantined"), states.count("no_speech"), len(states)
        )
        if order["outcome"] == "answered" and order["talk_s"] is not None:
            note += note_on_length([r["seconds"] for r in tracks if r["state"] != "quarantined"], order["talk_s"])
        cry = cry_for_help(transcript) if order["outcome"] == "message" else None
        if cry is not None:
            note += note_of(cry)
        known = await human_fields(connection, order["id"]) | await device_fields(connection, order["id"])
        await connection.execute(
            "UPDATE work_order SET filled_at = now(), note = $2, blanks = $3, version = version + 1,"
            " category = coalesce((SELECT value FROM work_order_field WHERE order_id = $1 AND field = 'category'), ''),"
            " matter = coalesce((SELECT value FROM work_order_field WHERE order_id = $1 AND field = 'matter'), '')"
            " WHERE id = $1", order["id"], note,
            [{"field": r.field, "code": r.code, "message": r.message} for r in draft.reasons if r.field not in known],
        )
        if cry is not None:
            await raise_alarm(connection, alarm_of(order["number"]), f"工单 {order['number']} 的{note_of(cry)}")
        return [order["number"]]

    async def fill_without_recording(self, connection: Connection, linked_id: str) -> list[str]:
        """Fill the order of a call whose recording is missing for good: nothing can be drafted, and the note says so."""
        await give_up_joined(connection, linked_id)
        number = await connection.fetchval(
            "UPDATE work_order SET filled_at = now(), note = $2, version = version + 1"
            " WHERE opened_by_call = $1 AND filled_at IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM recording_track WHERE linked_id = $1) RETURNING number",
            linked_id, NOTE_RECORDING_MISSING,
        )
        return [number] if number else []

    async def unfilled(self, connection: Connection, limit: int = 500) -> list[str]:
        """Calls whose order waits for its transcript: the sweep tries them again after a crash."""
        rows = await connection.fetch(
            "SELECT opened_by_call FROM work_order WHERE filled_at IS NULL AND opened_by_call IS NOT NULL"
            " ORDER BY opened_at LIMIT $1", limit,
        )
        return [r["opened_by_call"] for r in rows] + await unfilled_joined(connection, limit)


async def _was_mistaken(connection: Connection, order: asyncpg.Record, call: Call) -> bool:
    """Whether the order says another outcome, or was filled with nothing before anybody knew of a recording."""
    if order["outcome"] != call.outcome:
        return True
    return call.recording_expected and bool(await connection.fetchval(
        "SELECT true FROM work_order WHERE id = $1 AND filled_at IS NOT NULL AND note <> $3 AND NOT EXISTS"
        " (SELECT 1 FROM recording_track t WHERE t.linked_id = $2 AND t.finished_at <= work_order.filled_at)",
        order["id"], call.linked_id, NOTE_RECORDING_MISSING,
    ))


async def _correct(connection: Connection, order: asyncpg.Record, call: Call, due: datetime | None, owner: str) -> str:
    """The order's outcome and note after its call turned out otherwise: a record read late. What people wrote stays."""
    believed: Any = order["outcome"] or None
    await connection.execute(
        "UPDATE work_order SET outcome = $2, note = CASE WHEN note = $3 THEN $4 ELSE note END, version = version + 1,"
        " filled_at = CASE WHEN $5 THEN NULL ELSE filled_at END, due_at = coalesce(due_at, $6),"
        " state = CASE WHEN state = $7 THEN $8 ELSE state END, asked_about = $9,"
        " owner_work_number = CASE WHEN owner_work_number = '' THEN $10 ELSE owner_work_number END WHERE id = $1",
        order["id"], call.outcome or "", note_at_opening(replace(call, outcome=believed)), note_at_opening(call),
        call.recording_expected, due, state_at_opening(replace(call, outcome=believed)), state_at_opening(call), call.asked_about,
        owner,
    )
    return str(order["number"])


async def next_number(connection: Connection, channel: Channel, day: date) -> str:
    """The next order number of a channel on a day in Shanghai, issued once; its serial stays locked until the transaction ends."""
    serial = await connection.fetchval(
        "INSERT INTO order_serial (channel_digit, day, last) VALUES ($1, $2, 1)"
        " ON CONFLICT (channel_digit, day) DO UPDATE SET last = order_serial.last + 1 RETURNING last", CHANNEL_DIGITS[channel], day,
    )
    return str(compose(channel, day, serial))


async def _transcript(connection: Connection, linked_id: str) -> Transcript:
    rows = await connection.fetch(
        "SELECT speaker, start_s, end_s, words FROM transcript_segment WHERE linked_id = $1", linked_id
    )
    return Transcript.of(linked_id, [
        Segment(r["speaker"], r["start_s"], r["end_s"], tuple(Word(**w) for w in r["words"])) for r in rows
    ])


