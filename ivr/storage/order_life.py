"""Moves of orders: one transaction each, the row locked and its version checked, with history, audit row and feed entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from ivr.domain.assignment import Candidate
from ivr.domain.emergency import alarm_of
from ivr.domain.errors import NotFound, Unavailable
from ivr.domain.order_edits import EditedField
from ivr.domain.work_order import Actor, Event, Life, MoveIncomplete, OrderRules, Wish, move
from ivr.ports.orders import OrderEventRecord, StaleVersion
from ivr.ports.voice_notices import SpokenNotice
from ivr.storage import order_reads
from ivr.storage.alarms import clear_alarm
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.feed import append
from ivr.storage.order_edits import write_edits
from ivr.storage.outbox import record_move
from ivr.storage.voice_notices import spoken_notices

if TYPE_CHECKING:
    from ivr.ports.web import CodeTables
    from ivr.storage.database import Connection, Pool

_MERGE_TARGETS = frozenset({"draft", "pending_review", "assigned", "accepted", "in_progress", "returned"})


@dataclass(frozen=True, slots=True)
class LockedOrder:
    """An order whose row is locked until the transaction ends; ``now`` is the database's clock."""

    id: int
    number: str
    version: int
    table_version: str
    life: Life
    now: datetime


async def locked_order(connection: Connection, number: str, version: int) -> LockedOrder:
    """Lock one order and check its version; NotFound, or StaleVersion when somebody was faster."""
    row = await connection.fetchrow(
        "SELECT id, number, version, category_table_version, state, category, owner_work_number, assigned_to, assigned_unit,"
        " assigned_at, due_at, returns, extended, urged, confidential, merged_into FROM work_order WHERE number = $1 FOR UPDATE",
        number,
    )
    if row is None:
        raise NotFound(f"There is no work order {number[:80]}.")
    if row["version"] != version:
        raise StaleVersion(row["version"])
    conflicts = await connection.fetch("SELECT work_number FROM order_conflict WHERE order_id = $1", row["id"])
    life = Life(
        row["state"], row["category"], row["owner_work_number"], row["assigned_to"], row["assigned_unit"], row["assigned_at"],
        row["due_at"], row["returns"], row["extended"], row["urged"], row["confidential"], row["merged_into"],
        frozenset(r["work_number"] for r in conflicts),
    )
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return LockedOrder(row["id"], row["number"], row["version"], row["category_table_version"], life, now)


async def keep_event(connection: Connection, order: LockedOrder, event: Event, actor: Actor, names: str = "") -> int:
    """Write history and audit row of what was done to a locked order; returns the version it has from now on.

    ``names`` says in the audit trail what was touched, never what was written: that may be confidential.
    """
    version = order.version + 1
    await connection.execute(
        "INSERT INTO order_event (order_id, at, actor, role, work_number, move, from_state, to_state, reason, detail, version)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ($10::text)::jsonb, $11)",
        order.id, order.now, actor.name, event.role, actor.work_number, event.move, event.from_state, event.to_state,
        event.reason, json.dumps(dict(event.detail), ensure_ascii=False), version,
    )
    detail: dict[str, str | int | bool] = {"from": event.from_state, "to": event.to_state, "version": version}
    await append_row(connection, actor.name, f"order.{event.move}", order.number, detail | ({"names": names} if names else {}))
    return version


class PostgresOrderDesk:
    """ivr.ports.orders.OrderDesk."""

    def __init__(self, pool: Pool, rules: OrderRules, codes: CodeTables) -> None:
        self._pool = pool
        self._rules = rules
        self._codes = codes

    @property
    def rules(self) -> OrderRules:
        """See the port."""
        return self._rules

    async def actor(self, name: str, roles: frozenset[str], account: str) -> Actor:
        """See the port."""
        if not account:
            return Actor(name, roles)
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow("SELECT work_number, unit FROM person WHERE account = $1 AND enabled", account)
        return Actor(name, roles, row["work_number"] if row else "", row["unit"] if row else "")

    async def unit_of(self, work_number: str) -> str:
        """The unit of an enabled person; NotFound for anybody else."""
        async with transaction(self._pool) as connection:
            unit = await connection.fetchval("SELECT unit FROM person WHERE work_number = $1 AND enabled", work_number)
        if unit is None:
            raise NotFound(f"There is nobody with the work number {work_number[:20]}; see ivr people list.")
        return str(unit)

    async def note_reading(self, number: str, actor: str) -> None:
        """Write the audit row of reading a confidential order."""
        async with transaction(self._pool) as connection:
            await append_row(connection, actor, "order.read_confidential", number, {})

    async def move(self, number: str, wish: Wish, actor: Actor, version: int) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            if wish.into:
                await _lock_both(connection, number, wish.into)
            order = await locked_order(connection, number, version)
            life, event = move(order.life, wish, actor, order.now, self._rules)
            await _check_people(connection, wish)
            await connection.execute(
                "UPDATE work_order SET state = $2, owner_work_number = $3, assigned_to = $4, assigned_unit = $5, assigned_at = $6,"
                " due_at = $7, returns = $8, extended = $9, urged = $10, confidential = $11, merged_into = $12,"
                " version = version + 1 WHERE id = $1",
                order.id, life.state, life.owner, life.assigned_to, life.assigned_unit, life.assigned_at, life.due_at,
                life.returns, life.extended, life.urged, life.confidential, life.merged_into,
            )
            await connection.executemany(
                "INSERT INTO order_conflict (order_id, work_number) VALUES ($1, $2)",
                [(order.id, person) for person in life.conflicts - order.life.conflicts],
            )
            kept = await keep_event(connection, order, event, actor)
            if wish.into:
                await _absorb(connection, order, wish, event, actor)
            await record_move(connection, wish.move, number)
            await clear_alarm(connection, alarm_of(number))
            await append(connection, "order", number)
        return kept

    async def edit(self, number: str, fields: Mapping[EditedField, Sequence[str]], actor: Actor, version: int) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            order = await locked_order(connection, number, version)
            event = await write_edits(connection, order, fields, actor, self._codes)
            kept = await keep_event(connection, order, event, actor, ",".join(fields))
            await append(connection, "order", number)
        return kept

    async def history(self, number: str) -> Sequence[OrderEventRecord]:
        """See the port."""
        return await order_reads.history(self._pool, number)

    async def spoken_notices(self, number: str) -> Sequence[SpokenNotice]:
        """See the port."""
        async with transaction(self._pool) as connection:
            return await spoken_notices(connection, number)

    async def merged(self, number: str) -> Sequence[str]:
        """See the port."""
        return await order_reads.merged(self._pool, number)

    async def duplicates(self, number: str, days: int) -> Sequence[str]:
        """See the port."""
        return await order_reads.duplicates(self._pool, number, days)

    async def places(self) -> Sequence[tuple[str, str]]:
        """See the port."""
        return await order_reads.places(self._pool)

    async def candidates(self, number: str) -> Sequence[Candidate]:
        """See the port."""
        return await order_reads.candidates(self._pool, number)


async def _lock_both(connection: Connection, one: str, other: str) -> None:
    """Lock two orders: in the order of their numbers, and the second without waiting, so that nobody is waited for in a ring.

    Unavailable while a call or a person is at the second.
    """
    first, second = sorted((one, other))
    await connection.execute("SELECT FROM work_order WHERE number = $1 FOR UPDATE", first)
    try:
        await connection.execute("SELECT FROM work_order WHERE number = $1 FOR UPDATE NOWAIT", second)
    except asyncpg.LockNotAvailableError as held:
        raise Unavailable("One of the two orders is being changed just now; try again in a moment.") from held


async def _check_people(connection: Connection, wish: Wish) -> None:
    """MoveIncomplete unless the person and the unit named are registered, enabled, and belong together."""
    if wish.to:
        person = await connection.fetchrow("SELECT unit, enabled FROM person WHERE work_number = $1", wish.to)
        if person is None or not person["enabled"]:
            raise MoveIncomplete(f"没有在岗的人员 {wish.to} (to)；先用 ivr people import 登记")
        if wish.unit and person["unit"] != wish.unit:
            raise MoveIncomplete(f"{wish.to} 属于 {person['unit']}，不属于 {wish.unit} (unit)")
    elif wish.unit and not await connection.fetchval("SELECT true FROM unit WHERE name = $1 AND enabled", wish.unit):
        raise MoveIncomplete(f"没有单位 {wish.unit} (unit)；先用 ivr people import 登记")


async def _absorb(connection: Connection, merged: LockedOrder, wish: Wish, event: Event, actor: Actor) -> None:
    """Tell the order that goes on; MoveIncomplete when it cannot: itself, unknown, or at its end."""
    row = await connection.fetchrow("SELECT version, state FROM work_order WHERE number = $1", wish.into)
    if row is None or wish.into == merged.number or row["state"] not in _MERGE_TARGETS:
        raise MoveIncomplete(f"不能并入 {wish.into}：没有这张工单，或者它就是自己，或者已经办完 (into)")
    into = await locked_order(connection, wish.into, row["version"])
    await connection.execute("UPDATE work_order SET version = version + 1 WHERE id = $1", into.id)
    told = Event("absorb", event.role, into.life.state, into.life.state, wish.reason, {"merged": merged.number})
    await keep_event(connection, into, told, actor)
    await append(connection, "order", wish.into)
