"""Holds in PostgreSQL: once whoever tells, and over with the call."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.call_holds import HoldTurned
from ivr.ports.holds import HoldAt
from ivr.storage.call_holds import PostgresHolds, holds_of

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
T0 = datetime(2026, 11, 23, 1, tzinfo=UTC)
CALL, ONE, TWO = "t-1.1", "PJSIP/seat-one", "PJSIP/seat-two"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def turn(seconds: float, held: bool, interface: str = ONE) -> HoldAt:
    return HoldAt(HoldTurned(CALL, interface, held), at(seconds))


async def told(pool: Pool) -> list[tuple[str, float, float]]:
    async with pool.acquire() as connection:
        start = T0.timestamp()
        return [(h.interface, round(h.began_at - start, 3), round(h.ended_at - start, 3)) for h in await holds_of(connection, CALL)]


async def is_over(pool: Pool, seconds: float) -> None:
    """The call ends, as its ledger tells."""
    await pool.execute(
        "INSERT INTO call (linked_id, state, outcome, channel, arrived_at, answered_at, ended_at) VALUES ($1, 'talking', NULL, 'hotline',"
        " $2, $2, NULL) ON CONFLICT DO NOTHING", CALL, at(0),
    )
    await pool.execute("UPDATE call SET state = 'ended', outcome = 'answered', ended_at = $2 WHERE linked_id = $1", CALL, at(seconds))


async def test_two_controllers_write_each_hold_once(pool: Pool) -> None:
    one, other = PostgresHolds(pool), PostgresHolds(pool)
    seen = [turn(10, True), turn(15, False), turn(20, True), turn(21, True, TWO), turn(26, False)]
    later = [HoldAt(one.turned, one.at + timedelta(milliseconds=80)) for one in seen]
    for step in range(len(seen)):
        await asyncio.gather(one.note(seen[step:step + 1]), other.note(later[step:step + 1]))
    await one.note([turn(30, False, "")])
    found = [(TWO, 21.0, 30.0) if interface == TWO else (interface, round(a), round(b)) for interface, a, b in await told(pool)]
    assert found == [(ONE, 10, 15), (ONE, 20, 26), (TWO, 21.0, 30.0)]
    await other.note(later)  # and one that was slow finds all of it written
    await one.note(seen)
    assert len(await told(pool)) == 3 and await pool.fetchval("SELECT count(*) FROM call_hold WHERE ended_at IS NULL") == 0


async def test_a_slow_controller_does_not_end_what_began_since(pool: Pool) -> None:
    one, other = PostgresHolds(pool), PostgresHolds(pool)
    await one.note([turn(10, True), turn(15, False), turn(20, True)])
    await other.note([turn(10.1, True), turn(15.1, False)])
    assert await pool.fetchval("SELECT began_at FROM call_hold WHERE ended_at IS NULL") == at(20)
    await one.note([turn(25, False)])
    assert await told(pool) == [(ONE, 10, 15), (ONE, 20, 25)]


async def test_a_hold_whose_end_nobody_saw_ends_with_the_call(pool: Pool) -> None:
    store = PostgresHolds(pool)
    await store.note([turn(10, True), turn(12, True, TWO)])
    assert await told(pool) == []
    await is_over(pool, 40)
    assert await told(pool) == [(ONE, 10, 40), (TWO, 12, 40)]
    await store.note([turn(41, False)])
    assert await told(pool) == [(ONE, 10, 40), (TWO, 12, 40)]


async def test_what_is_written_after_the_call_ends_with_it_and_is_checked_again(pool: Pool) -> None:
    store = PostgresHolds(pool)
    await is_over(pool, 40)
    await store.note([turn(10, True)])
    assert await told(pool) == [(ONE, 10, 40)] and await pool.fetchval("SELECT count(*) FROM quality_due") == 0
    await pool.execute("INSERT INTO scorecard (version, text, published_by) VALUES ('t', '', 'shipped')")
    await pool.execute(
        "INSERT INTO quality_check (linked_id, card_version, arrived_at, operator, seat, month, number, fatal, results, measures)"
        " VALUES ($1, 't', $2, '', $3, date '2026-11-01', 1, false, '[]', '{}')", CALL, at(0), ONE,
    )
    await store.note([turn(20, True, TWO)])
    assert await pool.fetchval("SELECT count(*) FROM quality_due WHERE linked_id = $1", CALL) == 1
