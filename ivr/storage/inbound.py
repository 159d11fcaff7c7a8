"""Tasks partners file, as orders: once for each key, with event and alarm in the same transaction; and their escalation."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ivr.ports.partners import AlreadyFiled, FiledTask, KeyReused, NewTask, UnknownPlace
from ivr.storage.alarms import clear_alarm, raise_alarm
from ivr.storage.database import transaction
from ivr.storage.feed import append
from ivr.storage.outbox import record
from ivr.storage.work_orders import next_number

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_UNACCEPTED = ("draft", "pending_review", "assigned", "returned")


class PostgresInbox:
    """ivr.ports.partners.Inbox. ``table_version`` is the version of the code tables the tasks' codes are of."""

    def __init__(self, pool: Pool, table_version: str) -> None:
        self._pool = pool
        self._table_version = table_version

    async def file(self, partner: str, key: str, body_digest: bytes, task: NewTask) -> FiledTask:
        """See the port. One partner's tasks are filed one after another, so that the same one twice at once is filed once."""
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('inbound:' || $1, 12348))", partner)
            known = await _known(connection, partner, key, body_digest, task)
            return known if known is not None else await self._file(connection, partner, key, body_digest, task)

    async def _file(self, connection: Connection, partner: str, key: str, body_digest: bytes, task: NewTask) -> FiledTask:
        place = await _place_name(connection, task.place)
        now: datetime = await connection.fetchval("SELECT date_trunc('milliseconds', clock_timestamp())")
        number = await next_number(connection, "import", now.astimezone(_SHANGHAI).date())
        note = f"{partner} 转来，对方编号 {task.reference}：{task.title}"
        order_id = await connection.fetchval(
            "INSERT INTO work_order (number, channel, caller_number, note, category_table_version, category, matter, opened_at,"
            " filled_at) VALUES ($1, 'import', $2, $3, $4, $5, $6, $7, $7) RETURNING id",
            number, task.caller_number, f"{note}\n{task.description}".rstrip(), self._table_version, task.category,
            task.matter, now,
        )
        fields = (
            ("category", task.category, task.category_name), ("matter", task.matter, task.matter_name),
            ("place", task.place, place), ("caller_name", task.caller_name, task.caller_name),
            ("callback_number", task.caller_number, task.caller_number),
        )
        await connection.executemany(
            "INSERT INTO work_order_field (order_id, field, value, display, source, rule, set_by, set_at)"
            " VALUES ($1, $2, $3, $4, 'human', 'partner', $5, $6)",
            [(order_id, field, value, display, f"partner:{partner}", now) for field, value, display in fields if value],
        )
        await connection.execute(
            "INSERT INTO inbound_task (partner, idempotency_key, body_digest, order_id, reference, title, urgent, received_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            partner, key, body_digest, order_id, task.reference, task.title, task.urgent, now,
        )
        await record(connection, "order.created", number)
        await append(connection, "order", number)
        if task.urgent:
            await raise_alarm(connection, _alarm(number), f"紧急任务 {number}（{partner}）：{task.title}，请尽快接单")
        return FiledTask(number, now)

    async def watch(self, accept_within_s: float) -> None:
        """See the port; a voided or merged order needs nobody any more and is settled too."""
        async with transaction(self._pool) as connection:
            settled = await connection.fetch(
                "UPDATE inbound_task t SET settled_at = clock_timestamp() FROM work_order o WHERE o.id = t.order_id AND t.urgent"
                " AND t.settled_at IS NULL AND o.state <> ALL($1::text[]) RETURNING o.number", list(_UNACCEPTED),
            )
            late = await connection.fetch(
                "UPDATE inbound_task t SET escalated_at = clock_timestamp() FROM work_order o WHERE o.id = t.order_id AND t.urgent"
                " AND t.settled_at IS NULL AND t.escalated_at IS NULL"
                " AND t.received_at < clock_timestamp() - make_interval(secs => $1) RETURNING o.number, t.partner, t.title",
                accept_within_s,
            )
            for row in settled:
                await clear_alarm(connection, _alarm(row["number"]))
            for row in late:
                await raise_alarm(
                    connection, _alarm(row["number"]),
                    f"紧急任务 {row['number']}（{row['partner']}）：{row['title']}，"
                    f"{accept_within_s / 60:g} 分钟无人接单，请督导处理",
                )


def _alarm(number: str) -> str:
    return f"urgent-{number}"


async def _known(connection: Connection, partner: str, key: str, body_digest: bytes, task: NewTask) -> FiledTask | None:
    """What this key, or this reference, was answered before; None for a task that is new."""
    row = await connection.fetchrow(
        "SELECT t.idempotency_key, t.body_digest, o.number, t.received_at FROM inbound_task t"
        " JOIN work_order o ON o.id = t.order_id WHERE t.partner = $1"
        " AND (t.idempotency_key = $2 OR t.reference = $3) ORDER BY t.idempotency_key = $2 DESC LIMIT 1",
        partner, key, task.reference,
    )
    if row is None:
        return None
    if row["idempotency_key"] != key:
        raise AlreadyFiled(task.reference, row["number"])
    if not hmac.compare_digest(bytes(row["body_digest"]), body_digest):
        raise KeyReused("This Idempotency-Key came before with another body. Send what is new under a new key.")
    return FiledTask(row["number"], row["received_at"])


async def _place_name(connection: Connection, code: str) -> str:
    """The place as people read it, a village with its town; '' for no place."""
    if not code:
        return ""
    name = await connection.fetchval(
        "SELECT CASE WHEN p.kind = 'village' THEN coalesce(t.name, '') ELSE '' END || p.name FROM place p"
        " LEFT JOIN place t ON t.code = p.town_code AND t.code <> p.code WHERE p.code = $1", code,
    )
    if name is None:
        raise UnknownPlace(f"place: there is no town or village {code}; leave it out, or send one of the agreed codes")
    return str(name)
