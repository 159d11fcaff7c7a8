"""The machine's queue of quality review: what waits, what was found, and which calls people should hear.

A wish is a row a trigger added in the transaction that stored words, so none is lost with a crash; whoever deletes the wishes of
a call writes its result, in the same transaction, so each is carried out once. Nothing here holds a row that a recogniser, an
order or a correction needs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ivr.domain.quality_check import Checked, Finding, Result, Talk
from ivr.domain.quality_sample import Reason, SampleRules, by_itself, by_share, joined, left_over
from ivr.domain.recording import OPEN_STATES
from ivr.domain.scorecard import Scorecard
from ivr.domain.seat_talks import read_talks, within
from ivr.domain.transcript import Segment, Word
from ivr.domain.worktime import SHANGHAI
from ivr.ports.quality import DueCall
from ivr.storage.call_holds import holds_of
from ivr.storage.database import transaction
from ivr.storage.feed import append
from ivr.storage.ledger import facts_of_call
from ivr.storage.scorecards import card_in_force, card_of, seed_card

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_NUMBERS_LOCK: Final = 0x1234_8A28  # advisory lock: calls of a month are numbered one after the other
_LOST_AFTER: Final = timedelta(days=7)
# Who sat at the seat when it began to talk with the caller: of a browser's seat the audit trail knows, of another the register.
_OPERATOR: Final = """
    SELECT coalesce(
        (SELECT CASE WHEN e.action = 'desk.seat_taken' THEN e.actor END FROM audit_event e
          WHERE e.object = $1 AND e.at <= $2 AND e.action IN
                ('desk.seat_taken', 'desk.seat_given_back', 'desk.seat_lost', 'supervision.signed_out')
          ORDER BY e.id DESC LIMIT 1),
        (SELECT p.account FROM person p WHERE p.work_number = $3 AND $3 <> '' AND p.enabled), '')"""


class PostgresQualityQueue:
    """ivr.ports.quality.QualityQueue; ``seats`` are {member interface: work number}."""

    def __init__(self, pool: Pool, rules: SampleRules, seats: Mapping[str, str]) -> None:
        self._pool = pool
        self._rules = rules
        self._seats = seats

    async def seed(self, text: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await seed_card(connection, text)

    async def due(self, limit: int) -> Sequence[DueCall]:
        """See the port."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "DELETE FROM quality_due d USING call c WHERE c.linked_id = d.linked_id AND c.state = 'ended'"
                " AND c.answered_at IS NULL"
            )
            await connection.execute("DELETE FROM quality_due WHERE at < clock_timestamp() - $1::interval", _LOST_AFTER)
            rows = await connection.fetch(
                "SELECT c.linked_id, max(d.id) AS upto, c.notice_version, c.hangup_by, c.member_interface FROM quality_due d"
                " JOIN call c ON c.linked_id = d.linked_id AND c.state = 'ended' AND c.answered_at IS NOT NULL"
                " WHERE NOT EXISTS (SELECT FROM recording_track t WHERE t.linked_id = c.linked_id AND t.state = ANY ($2))"
                # A recording is found some seconds after its call; one that never is leaves nothing to hear.
                " AND (EXISTS (SELECT FROM recording_track t WHERE t.linked_id = c.linked_id) OR c.recording_name = ''"
                " OR c.recording_refused OR c.ended_at < clock_timestamp() - interval '10 minutes')"
                " GROUP BY c.linked_id ORDER BY min(d.id) LIMIT $1", limit, sorted(OPEN_STATES),
            )
            found = []
            for row in rows:
                had = await connection.fetchrow(
                    "SELECT card_version, seat FROM quality_check WHERE linked_id = $1 ORDER BY checked_at DESC LIMIT 1",
                    row["linked_id"],
                )
                published = await (card_of(connection, had["card_version"]) if had else card_in_force(connection))
                if published is not None:
                    found.append(await _due(connection, row, published.card, had["seat"] if had else ""))
        return found

    async def keep(self, due: DueCall, checked: Checked) -> bool:
        """See the port."""
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _NUMBERS_LOCK)
            mine = await connection.fetch(
                "DELETE FROM quality_due WHERE linked_id = $1 AND id <= $2 RETURNING id", due.linked_id, due.upto
            )
            call = await connection.fetchrow(
                "SELECT arrived_at, answered_at, member_interface, rating, channel FROM call WHERE linked_id = $1", due.linked_id
            )
            if not mine or call is None:
                return False
            longest = next((b - a for a, b in checked.measures.silences[:1]), 0.0) if _heard(due.talk) else None
            written = await self._write(connection, due, checked, call, longest)
            reasons = by_itself(self._rules, call["rating"], longest)
            if call["channel"] != "callback" and due.talk.seconds:
                key = written["operator"] or written["seat"]
                drawn = by_share(self._rules, key, written["month"], written["number"])
                reasons += [drawn] if drawn else []
            if reasons:
                await pick_call(connection, due.linked_id, reasons)
            await append(connection, "call", due.linked_id)
        return True

    async def give_up(self, due: DueCall) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await connection.execute("DELETE FROM quality_due WHERE linked_id = $1 AND id <= $2", due.linked_id, due.upto)

    async def close_month(self, today: date) -> int:
        """See the port; the last two months that are over, so that a controller away over the turn misses none."""
        first = today.replace(day=1)
        drawn = 0
        for _ in range(2):
            first = (first - timedelta(days=1)).replace(day=1)
            async with transaction(self._pool) as connection:
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _NUMBERS_LOCK)
                groups = await connection.fetch(
                    "SELECT operator, seat, max(number) AS count FROM ("
                    "SELECT operator, CASE WHEN operator = '' THEN seat ELSE '' END AS seat, number FROM quality_check"
                    " WHERE month = $1) n GROUP BY 1, 2", first,
                )
                for group in groups:
                    reason = left_over(self._rules, group["operator"] or group["seat"], first, group["count"])
                    if reason is None:
                        continue
                    linked_id = await connection.fetchval(
                        "SELECT linked_id FROM quality_check WHERE month = $1 AND operator = $2 AND ($2 <> '' OR seat = $3)"
                        " AND number = $4 LIMIT 1", first, group["operator"], group["seat"], reason.number,
                    )
                    drawn += linked_id is not None and await pick_call(connection, linked_id, [reason])
        return drawn

    async def _write(
        self, connection: Connection, due: DueCall, checked: Checked, call: Any, longest: float | None
    ) -> Any:
        results = results_text(checked.results)
        measures = json.dumps(_told(checked), ensure_ascii=False)
        marks, judged = checked.marks, due.judged
        seat, since = call["member_interface"], call["answered_at"]
        if judged is not None:
            seat, since = judged.interface, _moment(judged.since)
        others = [
            {"seat": t.interface, "operator": await self._sat_at(connection, t.interface, _moment(t.since)), "talked_s": t.talked_s}
            for t in due.seats if judged is not None and t.interface != judged.interface
        ]
        whole = judged is None or judged.spans is None or (len(due.seats) < 2 and len(judged.spans) < 2)
        about = (
            json.dumps(judged.holds if judged else []),
            json.dumps([] if whole or judged is None else within(judged.spans or (), [(0.0, checked.measures.seconds)])),
            json.dumps(others, ensure_ascii=False),
        )
        again = await connection.fetchrow(
            "UPDATE quality_check SET score = $3, fatal = $4, longest_silence_s = $5, results = ($6::text)::jsonb,"
            " measures = ($7::text)::jsonb, holds = ($8::text)::jsonb, stretches = ($9::text)::jsonb, others = ($10::text)::jsonb,"
            " checked_at = clock_timestamp(), runs = runs + 1"
            " WHERE linked_id = $1 AND card_version = $2 RETURNING operator, seat, month, number",
            due.linked_id, due.card.version, marks.score, marks.fatal, longest, results, measures, *about,
        )
        if again is not None:
            return again
        operator = await self._sat_at(connection, seat, since)
        month = _month(call["arrived_at"])
        return await connection.fetchrow(
            "INSERT INTO quality_check (linked_id, card_version, arrived_at, operator, seat, month, number, score, fatal,"
            " longest_silence_s, results, measures, holds, stretches, others)"
            " SELECT $1, $2, $3, $4, $5, $6, 1 + coalesce((SELECT max(number) FROM quality_check WHERE month = $6 AND operator = $4"
            " AND ($4 <> '' OR seat = $5)), 0), $7, $8, $9,"
            " ($10::text)::jsonb, ($11::text)::jsonb, ($12::text)::jsonb, ($13::text)::jsonb, ($14::text)::jsonb"
            " RETURNING operator, seat, month, number",
            due.linked_id, due.card.version, call["arrived_at"], operator, seat, month, marks.score, marks.fatal, longest, results,
            measures, *about,
        )

    async def _sat_at(self, connection: Connection, seat: str, moment: datetime) -> str:
        """The account of who had the seat at that moment, '' when nobody knows."""
        found = await connection.fetchval(_OPERATOR, seat.removeprefix("PJSIP/seat-"), moment, self._seats.get(seat, ""))
        return str(found)


async def pick_call(connection: Connection, linked_id: str, reasons: Sequence[Reason]) -> bool:
    """Put a checked call on people's list, or add to why it is there; whether it is new there."""
    known = await connection.fetchval("SELECT reasons::text FROM quality_pick WHERE linked_id = $1 FOR UPDATE", linked_id)
    told = joined(reasons_of(known or "[]"), reasons)
    await connection.execute(
        "INSERT INTO quality_pick (linked_id, arrived_at, operator, seat, reasons)"
        " SELECT linked_id, arrived_at, operator, seat, ($2::text)::jsonb FROM quality_check WHERE linked_id = $1"
        " ORDER BY checked_at DESC LIMIT 1 ON CONFLICT (linked_id) DO UPDATE SET reasons = excluded.reasons",
        linked_id, json.dumps([dataclasses.asdict(r) for r in told], ensure_ascii=False),
    )
    return known is None


def reasons_of(text: str) -> list[Reason]:
    """Reasons as they are stored."""
    return [Reason(**one) for one in json.loads(text)]


def results_text(results: Sequence[Result]) -> str:
    """Results as they are to be stored."""
    return json.dumps([dataclasses.asdict(r) for r in results], ensure_ascii=False)


def results_of(text: str) -> list[Result]:
    """Results as they are stored."""
    return [
        Result(**{**one, "findings": tuple(Finding(**f) for f in one["findings"])}) for one in json.loads(text)
    ]


async def _due(connection: Connection, row: Any, card: Scorecard, known: str) -> DueCall:
    """The call with the stretch of whose it is; ``known`` is the seat it was checked for before."""
    linked_id = row["linked_id"]
    told = read_talks(await facts_of_call(connection, linked_id), await holds_of(connection, linked_id))
    judged = told.judged(row["member_interface"], known)
    talk = replace(await _talk(connection, row), holds=told.holds)
    if judged is not None:
        talk = replace(talk, own=judged.spans, opened=judged.opened, closed=judged.closed)
    return DueCall(linked_id, row["upto"], card, talk, judged, told.talks)


async def _talk(connection: Connection, row: Any) -> Talk:
    """The words and tracks of the call's recording."""
    tracks = await connection.fetch(
        "SELECT track, max(seconds) AS seconds FROM recording_track WHERE linked_id = $1"
        " AND state IN ('transcribed', 'no_speech') GROUP BY track", row["linked_id"],
    )
    segments = await connection.fetch(
        "SELECT speaker, start_s, end_s, words::text AS words FROM transcript_segment WHERE linked_id = $1", row["linked_id"]
    )
    return Talk(
        [
            Segment(s["speaker"], s["start_s"], s["end_s"], tuple(Word(**w) for w in json.loads(s["words"]))) for s in segments
        ],
        {t["track"]: t["seconds"] for t in tracks}, row["notice_version"], row["hangup_by"],
    )


def _heard(talk: Talk) -> bool:
    return len(talk.seconds) == 2


def _told(checked: Checked) -> dict[str, float | None]:
    """What pages show of the measures."""
    m = checked.measures
    return {
        "seconds": m.seconds, "silence_share": m.silence_share, "talk_over_share": m.talk_over_share,
        "interruptions": float(len(m.interruptions)), "rate": m.rate, "operator_s": m.operator_s, "caller_s": m.caller_s,
        "operator_confidence": m.operator_confidence, "caller_confidence": m.caller_confidence,
    }


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _month(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date().replace(day=1)
