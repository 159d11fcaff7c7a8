"""Hours of village advisers: calls counted from the record, visits and lectures entered and voided, never deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.adviser_hours import Work, checked_work
from ivr.domain.device import checked_reason
from ivr.domain.errors import CallerFault, NotFound
from ivr.domain.worktime import SHANGHAI
from ivr.ports.advisers import Absence, VillageHours, WorkEntry
from ivr.storage.audit import append_row
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_MOST_ENTRIES = 500
# A village's advisers are those of its devices. A call counts for the seat that answered; for a seat that is gone from the
# settings, for the lawyer's own queue.
_HOURS = """
WITH adviser AS (
    SELECT village, array_agg(DISTINCT adviser ORDER BY adviser) AS numbers FROM device WHERE adviser <> '' GROUP BY village
), spoken AS (
    SELECT c.village,
        count(*) FILTER (WHERE own.is AND c.answered_at IS NOT NULL) AS calls,
        sum(extract(epoch FROM c.talk_ended_at - c.answered_at)) FILTER (WHERE own.is AND c.talk_ended_at > c.answered_at) / 60
            AS minutes,
        count(*) FILTER (WHERE c.ladder ~ 'adviser:(absent|paused|busy|late)') AS missed
    FROM call c LEFT JOIN adviser a ON a.village = c.village
    CROSS JOIN LATERAL (SELECT coalesce(coalesce(
        (SELECT s.number FROM unnest($3::text[], $4::text[]) AS s (interface, number) WHERE s.interface = c.member_interface),
        nullif(substring(c.queue FROM '^lawyer-(.*)$'), '')) = ANY (a.numbers), false) AS is) own
    WHERE c.village <> '' AND c.arrived_at >= $1 AND c.arrived_at < $2 GROUP BY c.village
), done AS (
    SELECT village, sum(minutes) FILTER (WHERE kind = 'visit') AS visit, sum(minutes) FILTER (WHERE kind = 'lecture') AS lecture
    FROM adviser_work WHERE voided_at IS NULL AND day >= $5 AND day < $6 GROUP BY village
)
SELECT p.code AS village, p.name, coalesce(t.name, '') AS town_name, coalesce(a.numbers, '{}') AS advisers,
    coalesce(s.minutes, 0)::double precision AS call_minutes, coalesce(d.visit, 0)::int AS visit_minutes,
    coalesce(d.lecture, 0)::int AS lecture_minutes, coalesce(s.calls, 0)::int AS calls, coalesce(s.missed, 0)::int AS missed
FROM place p LEFT JOIN place t ON t.code = p.town_code AND t.kind = 'town' LEFT JOIN adviser a ON a.village = p.code
LEFT JOIN spoken s ON s.village = p.code LEFT JOIN done d ON d.village = p.code
WHERE p.kind = 'village' AND p.status = 'confirmed' ORDER BY p.code
"""

# Who is on duty for several specialities at once has one duty. Paused is not there: a phone left registered overnight is.
_ABSENCES = """
WITH seat AS (SELECT * FROM unnest($3::text[], $4::text[]) AS s (interface, number))
SELECT d.work_number AS adviser, max(d.name) AS name, d.starts_at, d.ends_at, coalesce(e.reason, '') AS reason,
    coalesce(e.excused_by, '') AS excused_by
FROM duty d LEFT JOIN absence_excuse e ON e.work_number = d.work_number AND e.starts_at = d.starts_at
WHERE d.starts_at >= $1 AND d.starts_at < $2 AND d.ends_at <= clock_timestamp()
    AND EXISTS (SELECT FROM device v WHERE v.adviser = d.work_number)
    AND NOT EXISTS (SELECT FROM seat_time t JOIN seat ON seat.interface = t.interface WHERE seat.number = d.work_number
        AND t.activity <> 'paused' AND t.began_at < d.ends_at AND coalesce(t.ended_at, t.seen_at) > d.starts_at)
    AND NOT EXISTS (SELECT FROM call c LEFT JOIN seat ON seat.interface = c.member_interface
        WHERE c.answered_at >= d.starts_at AND c.answered_at < d.ends_at
        AND (seat.number = d.work_number OR c.queue = 'lawyer-' || d.work_number))
    AND NOT EXISTS (SELECT FROM adviser_work w WHERE w.adviser = d.work_number AND w.voided_at IS NULL
        AND w.day BETWEEN (d.starts_at AT TIME ZONE 'Asia/Shanghai')::date AND (d.ends_at AT TIME ZONE 'Asia/Shanghai')::date)
GROUP BY d.work_number, d.starts_at, d.ends_at, e.reason, e.excused_by ORDER BY 1, 3, 4 LIMIT 2000
"""


class PostgresAdvisers:
    """ivr.ports.advisers.AdviserDesk; ``seats`` are {member interface: work number}."""

    def __init__(self, pool: Pool, seats: Mapping[str, str]) -> None:
        self._pool = pool
        self._seats = seats

    async def today(self) -> date:
        """See the port."""
        async with transaction(self._pool) as connection:
            return await _today(connection)

    async def hours(self, year: int) -> Sequence[VillageHours]:
        """See the port."""
        return await self.between(date(year, 1, 1), date(year + 1, 1, 1))

    async def between(self, start: date, end: date) -> Sequence[VillageHours]:
        """The same for the Shanghai days from ``start`` to before ``end``."""
        first, last = (datetime(d.year, d.month, d.day, tzinfo=SHANGHAI) for d in (start, end))
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(_HOURS, first, last, list(self._seats), list(self._seats.values()), start, end)
        return [VillageHours(**dict(r)) for r in rows]

    async def entries(self, village: str, year: int) -> Sequence[WorkEntry]:
        """See the port; at most 500."""
        async with transaction(self._pool) as connection:
            await _village(connection, village)
            rows = await connection.fetch(
                "SELECT * FROM adviser_work WHERE village = $1 AND day >= $2 AND day < $3 ORDER BY day DESC, id DESC LIMIT $4",
                village, date(year, 1, 1), date(year + 1, 1, 1), _MOST_ENTRIES,
            )
        return [
            WorkEntry(
                r["id"], Work(r["village"], r["adviser"], r["kind"], r["day"], r["minutes"], r["evidence"]), r["entered_by"],
                r["entered_at"], r["voided_by"], r["voided_why"],
            ) for r in rows
        ]

    async def enter(self, work: Work, actor: str) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            await _village(connection, work.village)
            checked = checked_work(work, await _today(connection))
            advisers = await connection.fetch(
                "SELECT DISTINCT adviser FROM device WHERE village = $1 AND adviser <> ''", work.village
            )
            if work.adviser not in {r["adviser"] for r in advisers}:
                known = ", ".join(sorted(r["adviser"] for r in advisers)) or "none"
                raise CallerFault(f"{work.adviser[:20]} is no adviser of this village; those in the register of devices: {known}")
            number = await connection.fetchval(
                "INSERT INTO adviser_work (village, adviser, kind, day, minutes, evidence, entered_by)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
                checked.village, checked.adviser, checked.kind, checked.day, checked.minutes, checked.evidence, actor,
            )
            if number is None:
                row = await connection.fetchrow(
                    "SELECT id, minutes FROM adviser_work WHERE village = $1 AND adviser = $2 AND kind = $3 AND day = $4"
                    " AND evidence = $5 AND voided_at IS NULL",
                    checked.village, checked.adviser, checked.kind, checked.day, checked.evidence,
                )
                if row is None or row["minutes"] != checked.minutes:
                    raise CallerFault("this evidence of that day is entered with other minutes; void that entry first")
                return int(row["id"])
            told: dict[str, str | int] = {
                "adviser": checked.adviser, "kind": checked.kind, "day": checked.day.isoformat(), "minutes": checked.minutes,
            }
            await append_row(connection, actor, "adviser_work.entered", f"{checked.village}/{number}", told)
        return int(number)

    async def void(self, number: int, actor: str, reason: str) -> None:
        """See the port."""
        why = checked_reason(reason)
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow("SELECT village, voided_at FROM adviser_work WHERE id = $1 FOR UPDATE", number)
            if row is None:
                raise NotFound(f"there is no entry {number}")
            if row["voided_at"] is not None:
                raise CallerFault(f"entry {number} is void already")
            await connection.execute(
                "UPDATE adviser_work SET voided_at = now(), voided_by = $2, voided_why = $3 WHERE id = $1", number, actor, why
            )
            await append_row(connection, actor, "adviser_work.voided", f"{row['village']}/{number}", {"reason": why})

    async def absences(self, start: date, end: date) -> Sequence[Absence]:
        """See the port; at most 2000."""
        first, last = (datetime(d.year, d.month, d.day, tzinfo=SHANGHAI) for d in (start, end))
        async with transaction(self._pool) as connection:
            return await self._absences(connection, first, last)

    async def excuse(self, adviser: str, starts_at: datetime, reason: str, actor: str) -> None:
        """See the port."""
        why = checked_reason(reason)
        async with transaction(self._pool) as connection:
            found = await self._absences(connection, starts_at, starts_at + timedelta(microseconds=1))
            if adviser not in {a.adviser for a in found}:
                raise NotFound(f"{adviser[:20]} has no absence from a duty that began then")
            written = await connection.fetchval(
                "INSERT INTO absence_excuse (work_number, starts_at, reason, excused_by) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT DO NOTHING RETURNING true", adviser, starts_at, why, actor,
            )
            if not written:
                raise CallerFault("this absence is excused already")
            told: dict[str, str | int] = {"starts_at": starts_at.astimezone(SHANGHAI).isoformat(), "reason": why}
            await append_row(connection, actor, "adviser_absence.excused", adviser, told)

    async def _absences(self, connection: Connection, first: datetime, last: datetime) -> list[Absence]:
        rows = await connection.fetch(_ABSENCES, first, last, list(self._seats), list(self._seats.values()))
        return [Absence(**dict(r)) for r in rows]


async def _village(connection: Connection, village: str) -> None:
    known = "SELECT true FROM place WHERE code = $1 AND kind = 'village' AND status = 'confirmed'"
    if not await connection.fetchval(known, village):
        raise NotFound(f"there is no village {village[:40]}")


async def _today(connection: Connection) -> date:
    today: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")
    return today
