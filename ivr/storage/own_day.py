"""An operator's own day: where they sat, by the audit trail; what was answered and what rang in vain there meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ivr.domain.roster import Duty
from ivr.domain.seat_time import SeatTime
from ivr.ports.desk import OwnDay, Sat
from ivr.storage.views import connected

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_ENDS = "('desk.seat_taken', 'desk.seat_given_back', 'desk.seat_lost', 'supervision.signed_out')"
_SPANS = "unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS s(seat, since, until)"


@dataclass(frozen=True, slots=True)
class DeskSeat:
    """A seat as queue_log names it, and the work number of who has its desk phone; '' where the telephone is a page."""

    member: str
    work_number: str


class PostgresOwnDays:
    """ivr.ports.desk.OwnDays; ``seats`` are all seats by their names in the settings."""

    def __init__(self, pool: Pool, seats: Mapping[str, DeskSeat]) -> None:
        self._pool = pool
        self._seats = seats

    async def day(self, account: str, start: datetime, end: datetime) -> OwnDay:
        """See the port."""
        async with connected(self._pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            number = await connection.fetchval("SELECT work_number FROM person WHERE account = $1 AND enabled", account) or ""
            shifts = await connection.fetch(
                "SELECT starts_at, work_number, speciality, ends_at, name FROM duty"
                " WHERE work_number = $1 AND ends_at > $2 AND starts_at < $3 ORDER BY starts_at, speciality LIMIT 200",
                number, start, end,
            )
            sat = await _sat(connection, account, start, end)
            sat += [Sat(name, start, end) for name, seat in self._seats.items() if number and seat.work_number == number]
            spans = [one.seat for one in sat], [one.since for one in sat], [one.until for one in sat]
            calls = await connection.fetchrow(
                "SELECT count(*) FILTER (WHERE c.channel <> 'callback')::int AS answered,"
                " count(*) FILTER (WHERE c.channel = 'callback')::int AS called_back, count(c.talked_s)::int AS talked,"
                " coalesce(sum(c.talked_s), 0)::float8 AS talk_s FROM (SELECT DISTINCT c.linked_id, c.channel,"
                "  CASE WHEN c.state = 'ended' THEN"
                "   greatest(0, extract(epoch FROM coalesce(c.talk_ended_at, c.ended_at) - c.answered_at))"
                f"  END AS talked_s FROM {_SPANS} JOIN call c ON c.member_interface = 'PJSIP/seat-' || s.seat"
                "  AND c.answered_at >= s.since AND c.answered_at < s.until) c", *spans,
            )
            rung = await connection.fetchval(
                f"SELECT count(DISTINCT (f.file_id, f.position)) FROM {_SPANS}"
                " JOIN unnest($4::text[], $5::text[]) AS m(seat, member) ON m.seat = s.seat"
                " JOIN call_fact f ON f.kind = 'RINGNOANSWER' AND f.at >= s.since AND f.at < s.until"
                " AND f.data->>'member' = m.member AND f.data->'data'->>0 ~ '^[0-9]{4,9}$'",
                *spans, list(self._seats), [seat.member for seat in self._seats.values()],
            )
            time = await _time(connection, spans)
        assert calls is not None  # an aggregate has a row
        return OwnDay(
            number, [Duty(**dict(r)) for r in shifts], sat, calls["answered"], calls["called_back"], calls["talked"],
            calls["talk_s"], rung, time,
        )


async def _sat(connection: Connection, account: str, start: datetime, end: datetime) -> list[Sat]:
    """When the account sat at which page's seat; who sat down more than a day before is not looked for."""
    rows = await connection.fetch(
        "SELECT e.object AS seat, greatest(e.at, $2) AS since, least($3, clock_timestamp(), (SELECT n.at FROM audit_event n"
        f" WHERE n.object = e.object AND n.id > e.id AND n.action IN {_ENDS} ORDER BY n.id LIMIT 1)) AS until FROM audit_event e"
        " WHERE e.action = 'desk.seat_taken' AND e.actor = $1 AND e.at >= $2::timestamptz - interval '1 day' AND e.at < $3"
        " ORDER BY e.id", account, start, end,
    )
    return [Sat(**row) for row in rows if row["until"] > row["since"]]


async def _time(connection: Connection, spans: Sequence[Sequence[object]]) -> SeatTime:
    rows = await connection.fetch(
        "SELECT t.activity,"
        " sum(extract(epoch FROM least(coalesce(t.ended_at, t.seen_at), s.until) - greatest(t.began_at, s.since)))"
        f"::float8 AS seconds FROM {_SPANS} JOIN seat_time t ON t.interface = 'PJSIP/seat-' || s.seat"
        " AND t.began_at < s.until AND coalesce(t.ended_at, t.seen_at) > s.since"
        " AND t.began_at > s.since - interval '1 day' GROUP BY 1", *spans,
    )
    return SeatTime(**{f"{row['activity']}_s": row["seconds"] for row in rows})
