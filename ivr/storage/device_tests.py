"""Self-tests of village phones: due once for each device and night, or asked for; taken up once; kept with what was found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.device import checked_reason
from ivr.domain.device_test import REASONS, DeviceTest, Finding, TestNights
from ivr.domain.errors import CallerFault, NotFound
from ivr.ports.device_tests import WantedTest
from ivr.storage.audit import append_row
from ivr.storage.database import transaction

if TYPE_CHECKING:
    import asyncpg

    from ivr.storage.database import Connection, Pool

_LONGEST_TEST = timedelta(minutes=3)
_LONGEST_WAIT = timedelta(hours=8)
JUDGED_TESTS = 20
_TEST = "night, asked_by, ended_at, outcome, reason, delay_ms, level_db, likeness"


class PostgresDeviceTests:
    """ivr.ports.device_tests.TestStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def now(self) -> datetime:
        """See the port."""
        async with transaction(self._pool) as connection:
            at: datetime = await connection.fetchval("SELECT now()")
        return at

    async def plan(self, nights: TestNights, now: datetime) -> int:
        """See the port; a device whose test by hand is still open is planned at a later look."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch("SELECT id FROM device WHERE self_test AND state = 'active' ORDER BY id")
            due = nights.due([r["id"] for r in rows], now)
            if not due:
                return 0
            written = await connection.fetch(
                "INSERT INTO device_test (device, night) SELECT d, $2 FROM unnest($1::text[]) AS d WHERE NOT EXISTS"
                " (SELECT FROM device_test t WHERE t.device = d AND (t.state <> 'done' OR (t.night = $2 AND t.asked_by = '')))"
                " ON CONFLICT DO NOTHING RETURNING id",
                list(due), nights.night(now),
            )
        return len(written)

    async def take(self, most: int, *, by_hand_only: bool) -> Sequence[WantedTest]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "UPDATE device_test SET state = 'running', started_at = now() WHERE id IN (SELECT t.id FROM device_test t"
                " JOIN device d ON d.id = t.device WHERE t.state = 'waiting' AND d.state = 'active'"
                " AND (t.asked_by <> '' OR NOT $2)"
                " AND NOT EXISTS (SELECT FROM call c WHERE c.device = t.device AND c.state <> 'ended')"
                " ORDER BY t.asked_by = '', t.id LIMIT $1 FOR UPDATE OF t SKIP LOCKED) RETURNING id, device, asked_by",
                most, by_hand_only,
            )
        return [WantedTest(**dict(r)) for r in rows]

    async def finish(self, test: int, finding: Finding) -> None:
        """See the port; a test that was given up meanwhile stays so."""
        heard = finding.echo if finding.echo is not None and finding.echo.heard else None
        async with transaction(self._pool) as connection:
            await connection.execute(
                "UPDATE device_test SET state = 'done', ended_at = now(), outcome = $2, reason = $3, delay_ms = $4, level_db = $5,"
                " likeness = $6 WHERE id = $1 AND state = 'running'", test, finding.outcome, finding.reason,
                heard and heard.delay_ms, heard and heard.level_db, finding.echo and finding.echo.likeness,
            )

    async def give_up(self) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "UPDATE device_test SET state = 'done', ended_at = now(), outcome = 'unfinished', reason = $3"
                " WHERE (state = 'running' AND started_at < now() - $1::interval)"
                " OR (state = 'waiting' AND asked_at < now() - $2::interval) RETURNING id",
                _LONGEST_TEST, _LONGEST_WAIT, REASONS["unfinished"],
            )
        return len(rows)


async def ask_test(connection: Connection, device: str, actor: str, reason: str) -> int:
    """See ivr.ports.devices.DeviceDesk.test; audited in the caller's transaction."""
    why = checked_reason(reason)
    row = await connection.fetchrow("SELECT state, self_test FROM device WHERE id = $1 FOR UPDATE", device)
    if row is None:
        raise NotFound(f"there is no device {device[:40]}; `ivr devices list` shows those there are")
    if row["state"] != "active":
        raise CallerFault(f"{device} is blocked, and cannot be called")
    if not row["self_test"]:
        raise CallerFault(
            f"{device} is not set to answer a self-test by itself; import it with self_test = 是 once its configuration allows that"
        )
    number = await connection.fetchval("SELECT id FROM device_test WHERE device = $1 AND state <> 'done'", device)
    if number is None:
        number = await connection.fetchval(
            "INSERT INTO device_test (device, night, asked_by) VALUES ($1, (now() AT TIME ZONE 'Asia/Shanghai')::date, $2)"
            " RETURNING id", device, actor,
        )
    await append_row(connection, actor, "device.test", device, {"reason": why, "test": int(number)})
    return int(number)


async def last_tests(connection: Connection, device: str | None = None) -> dict[str, list[DeviceTest]]:
    """{device: its last finished tests, the oldest first}, of one device or of all that have some."""
    rows = await connection.fetch(
        f"SELECT d.id, t.* FROM device d CROSS JOIN LATERAL (SELECT {_TEST}, id AS n FROM device_test"
        f" WHERE device = d.id AND state = 'done' ORDER BY id DESC LIMIT {JUDGED_TESTS}) t"
        " WHERE $1::text IS NULL OR d.id = $1 ORDER BY d.id, t.n", device,
    )
    found: dict[str, list[DeviceTest]] = {}
    for r in rows:
        found.setdefault(r["id"], []).append(_test(r))
    return found


async def ended_test(connection: Connection, number: int) -> DeviceTest | None:
    """One test when it is over."""
    row = await connection.fetchrow(f"SELECT {_TEST} FROM device_test WHERE id = $1 AND state = 'done'", number)
    return None if row is None else _test(row)


async def count_tests(connection: Connection, start: date, end: date) -> dict[str, tuple[int, int]]:
    """{village: (passed, told something)} of its devices' tests of the nights from ``start`` to before ``end``."""
    rows = await connection.fetch(
        "SELECT d.village, count(*) FILTER (WHERE t.outcome = 'passed') AS passed, count(*) AS made"
        " FROM device_test t JOIN device d ON d.id = t.device WHERE t.state = 'done' AND t.night >= $1 AND t.night < $2"
        " AND t.outcome NOT IN ('in_use', 'stopped', 'unfinished') GROUP BY d.village", start, end,
    )
    return {r["village"]: (r["passed"], r["made"]) for r in rows}


def _test(row: asyncpg.Record) -> DeviceTest:
    return DeviceTest(**{name: row[name] for name in _TEST.split(", ")})
