"""Tasks as call-backs and orders make them, and who took which. One task's row is locked before it is decided about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from ivr.domain.callback import CallbackRules, dialable
from ivr.domain.errors import NotFound
from ivr.domain.task import (
    TASK_KINDS,
    TaskRefused,
    TaskResult,
    TaskTaken,
    note_of_result,
    why_not_called,
    why_not_done,
)
from ivr.ports.tasks import Task, TaskFilter
from ivr.storage.audit import append_row
from ivr.storage.callbacks import add_note
from ivr.storage.database import transaction
from ivr.storage.feed import append
from ivr.storage.views import connected

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

# $1: a return of this number needs a decision. A message's own calls are the call-backs asked for from its order.
_OPEN: Final = """
    SELECT CASE WHEN j.kind IN ('kept_place', 'line_lost') THEN 'callback' ELSE j.kind END || '-' || j.id AS id,
           CASE WHEN j.kind IN ('kept_place', 'line_lost') THEN 'callback' ELSE j.kind END AS kind,
           CASE j.state WHEN 'failed' THEN 'open' WHEN 'calling' THEN 'calling' ELSE 'planned' END AS state,
           j.id AS job_id, j.order_id, j.promised_at AS since, j.expires_at AS due_at, j.not_before, j.number, j.queue, j.attempts,
           j.reason, j.asked_until
      FROM callback_job j WHERE j.kind <> 'asked' AND j.state IN ('waiting', 'calling', 'failed')
    UNION ALL
    SELECT 'message-' || o.number, 'message',
           CASE a.state WHEN 'calling' THEN 'calling' WHEN 'waiting' THEN 'planned' ELSE 'open' END,
           a.id, o.id, o.opened_at, o.due_at, a.not_before, '', coalesce(a.queue, ''), coalesce(a.attempts, 0),
           coalesce(a.reason, ''), a.asked_until
      FROM work_order o LEFT JOIN LATERAL
           (SELECT * FROM callback_job j WHERE j.order_id = o.id AND j.kind = 'asked' ORDER BY j.id DESC LIMIT 1) a ON true
     WHERE o.outcome = 'message' AND o.state IN ('draft', 'pending_review')
    UNION ALL
    SELECT 'decision-' || o.number, 'decision', 'open', NULL, o.id,
           coalesce((SELECT max(e.at) FROM order_event e WHERE e.order_id = o.id AND e.move = 'return'), o.opened_at), o.due_at,
           NULL, '', '', 0, '', NULL
      FROM work_order o WHERE o.state = 'returned' AND o.returns >= $1"""
_TASKS: Final = f"""
    SELECT t.*, o.number AS order_number, o.confidential,
           coalesce(nullif(t.number, ''), (SELECT f.value FROM work_order_field f
               WHERE f.order_id = o.id AND f.field = 'callback_number' AND f.value <> '' ORDER BY f.ordinal LIMIT 1),
               o.caller_number) AS called,
           (SELECT oc.linked_id FROM work_order_call oc LEFT JOIN call c USING (linked_id) WHERE oc.order_id = o.id
             ORDER BY c.arrived_at NULLS LAST, oc.linked_id LIMIT 1) AS call,
           CASE WHEN h.ends_at > clock_timestamp() THEN h.holder ELSE '' END AS holder, h.taken_at, h.ends_at
      FROM ({_OPEN}) t JOIN work_order o ON o.id = t.order_id LEFT JOIN task h ON h.id = t.id
     WHERE h.done_at IS NULL"""


class PostgresTasks:
    """ivr.ports.tasks.TaskDesk. ``lines`` are the seats' own queues by work number, ``queue`` is where else citizens are put."""

    def __init__(
        self, pool: Pool, rules: CallbackRules, lines: Mapping[str, str], queue: str, most_returns: int
    ) -> None:
        self._pool = pool
        self._rules = rules
        self._lines = lines
        self._queue = queue
        self._most_returns = most_returns

    async def tasks(self, wanted: TaskFilter) -> Sequence[Task]:
        """See the port."""
        values: list[Any] = [self._most_returns]
        where = ""
        for condition, value in (
            ("kind = {}", wanted.kind), ("holder = {}", wanted.asker if wanted.whose == "mine" else None),
        ):
            if value is not None:
                values.append(value)
                where += f" AND {condition.format(f'${len(values)}')}"
        if wanted.whose == "free":
            where += " AND holder = ''"
        if wanted.after is not None:
            values += [wanted.after.at, wanted.after.key]
            where += f" AND (since, t.id) > (${len(values) - 1}::timestamptz, ${len(values)}::text)"
        values.append(wanted.limit)
        sql = f"SELECT t.*, {_NAME} FROM ({_TASKS}) t WHERE true{where} ORDER BY since, t.id LIMIT ${len(values)}"
        async with connected(self._pool) as connection:
            return [_task(row) for row in await connection.fetch(sql, *values)]

    async def task(self, task_id: str) -> Task:
        """See the port."""
        async with transaction(self._pool) as connection:
            return _task(await self._row(connection, task_id))

    async def counts(self, asker: str) -> Mapping[str, int]:
        """See the port."""
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT kind, count(*)::int AS n, count(*) FILTER (WHERE holder = '')::int AS free,"
                f" count(*) FILTER (WHERE holder = $2 AND $2 <> '')::int AS mine FROM ({_TASKS}) t GROUP BY kind",
                self._most_returns, asker,
            )
        found = dict.fromkeys(TASK_KINDS, 0) | {r["kind"]: r["n"] for r in rows}
        return found | {"free": sum(r["free"] for r in rows), "mine": sum(r["mine"] for r in rows)}

    async def take(self, task_id: str, person: str) -> None:
        """See the port. Of two who take it at once the second waits for the first's row, and finds it taken."""
        async with transaction(self._pool) as connection:
            await connection.execute("INSERT INTO task (id) VALUES ($1) ON CONFLICT DO NOTHING", task_id)
            had = await _holder(connection, task_id)
            await self._row(connection, task_id)
            if had and had != person:
                raise TaskTaken("这个任务刚被别人领走了。")
            await connection.execute(
                "UPDATE task SET holder = $2, ends_at = clock_timestamp() + $3,"
                " taken_at = CASE WHEN $4 THEN taken_at ELSE clock_timestamp() END WHERE id = $1",
                task_id, person, timedelta(seconds=self._rules.task_hold_s), bool(had),
            )
            if not had:
                await append_row(connection, person, "task.taken", task_id, {})
            await append(connection, "task", task_id)

    async def give_back(self, task_id: str, person: str, *, anybodys: bool = False) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            holder = await _holder(connection, task_id)
            if not holder:
                raise NotFound("Nobody has this task.")
            if holder != person and not anybodys:
                raise TaskTaken("这个任务在别人手里。")
            await connection.execute("UPDATE task SET holder = '', taken_at = NULL, ends_at = NULL WHERE id = $1", task_id)
            await append_row(connection, person, "task.given_back", task_id, {"holder": holder} if holder != person else {})
            await append(connection, "task", task_id)

    async def finish(self, task_id: str, result: TaskResult, note: str, person: str, shown_name: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await self._held_row(connection, task_id, person)
            if why := why_not_done(row["kind"], row["state"]):
                raise TaskRefused(why)
            if row["state"] == "planned":
                closed = await connection.fetchval(
                    "UPDATE callback_job SET state = 'withdrawn', closed_at = now(), reason = $2, asked_until = NULL"
                    " WHERE id = $1 AND state = 'waiting' RETURNING true", row["job_id"], f"task done: {result}",
                )
                if not closed:
                    raise TaskRefused(why_not_done(row["kind"], "calling"))
            await connection.execute(
                "UPDATE task SET result = $2, note = $3, done_by = $4, done_at = clock_timestamp() WHERE id = $1",
                task_id, result, note, person,
            )
            await add_note(connection, row["order_id"], note_of_result(row["kind"], result, note, shown_name))
            await append_row(connection, person, "task.done", task_id, {"result": result, "order": row["order_number"]})
            await append(connection, "order", row["order_number"])
            await append(connection, "task", task_id)

    async def call(self, task_id: str, person: str, work_number: str) -> None:
        """See the port. A call-back that was given up is taken up again; a message's call is a call-back of its own."""
        async with transaction(self._pool) as connection:
            row = await self._held_row(connection, task_id, person)
            if why := why_not_called(row["kind"], row["state"], dialable(row["called"])):
                raise TaskRefused(why)
            if row["kind"] == "message":
                await self._ask(connection, row["order_id"], row["called"], person, work_number)
            else:
                await self._ask_again(connection, row["job_id"], row["called"], person, work_number)
            await connection.execute(
                "UPDATE task SET ends_at = greatest(ends_at, clock_timestamp() + $2) WHERE id = $1",
                task_id, timedelta(seconds=self._rules.task_hold_s),
            )
            await append_row(connection, person, "task.called", task_id, {"order": row["order_number"]})
            await append(connection, "task", task_id)

    async def call_order(self, number: str, person: str, work_number: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            order = await connection.fetchrow(
                "SELECT id, coalesce((SELECT f.value FROM work_order_field f WHERE f.order_id = o.id"
                " AND f.field = 'callback_number' AND f.value <> '' ORDER BY f.ordinal LIMIT 1), o.caller_number) AS called"
                " FROM work_order o WHERE number = $1 FOR UPDATE", number,
            )
            if order is None:
                raise NotFound(f"There is no work order {number[:80]}.")
            if why := why_not_called("message", "open", dialable(order["called"])):
                raise TaskRefused(why)
            await self._ask(connection, order["id"], order["called"], person, work_number)
            await append_row(connection, person, "order.called", number, {})
            await append(connection, "task", f"message-{number}")

    async def call_village(self, number: str, device: str, person: str, work_number: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            order = await connection.fetchval("SELECT id FROM work_order WHERE number = $1 FOR UPDATE", number)
            if order is None:
                raise NotFound(f"There is no work order {number[:80]}.")
            found = await connection.fetchrow(
                "WITH own AS (SELECT c.device, c.village, c.arrived_at FROM work_order_call oc JOIN call c USING (linked_id)"
                " WHERE oc.order_id = $1 AND c.device <> '')"
                " SELECT d.id, d.state FROM device d WHERE d.village IN (SELECT village FROM own) AND d.id ="
                " coalesce(nullif($2, ''), (SELECT device FROM own ORDER BY arrived_at DESC LIMIT 1))", order, device,
            )
            if found is None:
                raise TaskRefused("这张工单不是这台村居终端所在的村打来的。")
            if found["state"] != "active":
                raise TaskRefused(f"终端 {found['id']} 已停用。")
            await self._ask(connection, order, found["id"], person, work_number, device=found["id"])
            await append_row(connection, person, "order.village_called", number, {"device": found["id"]})
            await append(connection, "task", f"message-{number}")

    async def _row(self, connection: Connection, task_id: str) -> asyncpg.Record:
        row = await connection.fetchrow(f"SELECT t.*, {_NAME} FROM ({_TASKS}) t WHERE t.id = $2", self._most_returns, task_id)
        if row is None:
            raise NotFound("There is no such task, or nothing is left to do.")
        return row

    async def _held_row(self, connection: Connection, task_id: str, person: str) -> asyncpg.Record:
        """The task of somebody who has it, its row locked."""
        if await _holder(connection, task_id) != person:
            await self._row(connection, task_id)  # NotFound when there is none
            raise TaskTaken("请先领取这个任务。")
        return await self._row(connection, task_id)

    async def _ask(
        self, connection: Connection, order_id: int, number: str, person: str, work_number: str, *, device: str = ""
    ) -> None:
        """A call-back of this order's own, tried once; one open job for each order and number, or village's phone."""
        line = self._lines.get(work_number, "")
        first = await connection.fetchrow(
            "SELECT c.queue, c.trunk, c.caller_number FROM work_order_call oc JOIN call c USING (linked_id) WHERE oc.order_id = $1"
            " ORDER BY c.arrived_at LIMIT 1", order_id,
        )
        busy = await connection.fetchval(
            "SELECT true FROM callback_job WHERE number = $1 AND kind = 'asked' AND state IN ('waiting', 'calling') LIMIT 1", number
        )
        until = timedelta(seconds=self._rules.asked_s)
        made = None if busy else await connection.fetchval(
            "INSERT INTO callback_job (kind, queue, number, caller_number, trunk, order_id, arrived_at, promised_at, not_before,"
            " expires_at, asked_by, asked_until, asked_queue, device)"
            " VALUES ('asked', $1, $2, $3, $4, $5, now(), now(), now(), now() + $6,"
            " $7, now() + $6, $8, $9) ON CONFLICT (kind, queue, number) WHERE state IN ('waiting', 'calling') DO NOTHING"
            " RETURNING id",
            self._queue, number, first["caller_number"] if first else "", first["trunk"] if first else "", order_id, until,
            person, line, device,
        )
        if made is None:
            raise TaskRefused("这个号码已经在等待拨打，或正在通话。")

    async def _ask_again(self, connection: Connection, job: int, number: str, person: str, work_number: str) -> None:
        try:
            async with connection.transaction():
                asked = await connection.fetchval(
                    "UPDATE callback_job SET state = 'waiting', closed_at = NULL, number = $2, not_before = now(), asked_by = $3,"
                    " asked_until = now() + $4, asked_queue = $5 WHERE id = $1 AND state IN ('waiting', 'failed') RETURNING true",
                    job, number, person, timedelta(seconds=self._rules.asked_s), self._lines.get(work_number, ""),
                )
        except asyncpg.UniqueViolationError:
            asked = None
        if not asked:
            raise TaskRefused("这个号码已经在等待拨打，或正在通话。")


_NAME: Final = "coalesce((SELECT nullif(u.display_name, '') FROM app_user u WHERE u.name = t.holder), t.holder) AS holder_name"
_COLUMNS: Final[Collection[str]] = (
    "id", "kind", "state", "since", "due_at", "not_before", "order_number", "confidential", "queue", "attempts", "holder",
    "holder_name",
)


async def _holder(connection: Connection, task_id: str) -> str:
    """Who has the task now, '' for nobody; its row is locked where it has one."""
    return await connection.fetchval(
        "SELECT CASE WHEN ends_at > clock_timestamp() AND done_at IS NULL THEN holder ELSE '' END FROM task WHERE id = $1"
        " FOR UPDATE", task_id,
    ) or ""


def _task(row: asyncpg.Record) -> Task:
    held = bool(row["holder"])
    return Task(
        **{name: row[name] for name in _COLUMNS}, number="" if row["confidential"] else row["called"],
        dialable=dialable(row["called"]), last_result=row["reason"], asked=row["asked_until"] is not None, call=row["call"] or "",
        taken_at=row["taken_at"] if held else None, ends_at=row["ends_at"] if held else None,
    )
