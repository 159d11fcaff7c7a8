"""Call-backs owed to citizens: made with the call that asked for them, kept by one controller at a time, listed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ivr.domain.call import Call
from ivr.domain.callback import (
    DIALLED,
    KEEPS_PLACE,
    AttemptResult,
    CallbackJob,
    CallbackKind,
    CallbackRules,
    dialable,
    note_on_failure,
    parse_promise,
    result_of,
    state_after,
)
from ivr.domain.errors import NotFound
from ivr.domain.task import task_of_job
from ivr.ports.callbacks import OpenAttempt
from ivr.storage.database import held_connection, transaction, transaction_on
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_DISSATISFIED = (4, 5)
_LEADER = 12348_0007
_MOST = 200


class CallbackJobs:
    """What ended calls make of jobs. Every method runs inside the caller's transaction, under the call's lock.

    Methods return the numbers of the orders they changed, for the caller to announce last.
    """

    def __init__(self, rules: CallbackRules | None = None) -> None:
        self._rules = rules or CallbackRules()

    async def settle(self, connection: Connection, call: Call) -> list[str]:
        """Take an ended call that has its order: what it promised, how it was rated, or what an attempt came to."""
        changed: list[str] = []
        kind = ""
        if call.channel == "callback":
            result = result_of(call.outcome or "", call.answered_at is not None, bool(call.notice_version))
            changed += await end_attempt(connection, call.linked_id, result, self._rules)
            kind = await connection.fetchval(
                "SELECT j.kind FROM callback_attempt a JOIN callback_job j ON j.id = a.job_id WHERE a.linked_id = $1",
                call.linked_id,
            ) or ""
        ended = datetime.fromtimestamp(call.ended_at or call.arrived_at, UTC)
        if call.ringback:
            queue, number = parse_promise(call.ringback)
            changed += await self._owe(connection, replace(call, queue=queue), "line_lost", number, ended, 0.0)
        elif call.outcome == "callback" and call.channel != "callback":
            changed += await self._owe(connection, call, "kept_place", call.callback_number, ended, 0.0)
        # Who is not satisfied with the call that was to make up for it is not called for ever.
        unhappy = call.answered_at is not None and call.rating in _DISSATISFIED and kind != "dissatisfied"
        if unhappy and self._rules.dissatisfied:
            number = call.caller_number if dialable(call.caller_number) else ""
            changed += await self._owe(connection, call, "dissatisfied", number, ended, self._rules.dissatisfied_delay_s)
        return changed

    async def _owe(
        self, connection: Connection, call: Call, kind: CallbackKind, number: str, promised: datetime, delay_s: float
    ) -> list[str]:
        """One open job for each kind, queue and number; a call asks once, however often it is told."""
        if await connection.fetchval("SELECT true FROM callback_promise WHERE linked_id = $1 AND kind = $2", call.linked_id, kind):
            return []
        order = await connection.fetchrow(
            "SELECT o.id, o.number FROM work_order_call c JOIN work_order o ON o.id = c.order_id WHERE c.linked_id = $1",
            call.linked_id,
        )
        if order is None:
            return []
        expires = promised + timedelta(seconds=self._rules.kept_s) if kind in KEEPS_PLACE else None
        job = await connection.fetchrow(
            "INSERT INTO callback_job (kind, queue, number, caller_number, trunk, order_id, state, arrived_at, promised_at,"
            " not_before, expires_at, closed_at, reason) VALUES ($1, $2, $3, $4, $5, $6,"
            " CASE WHEN $3 = '' THEN 'failed' ELSE 'waiting' END, $7, $8, $9, $10,"
            " CASE WHEN $3 = '' THEN now() END, CASE WHEN $3 = '' THEN 'no number' ELSE '' END)"
            " ON CONFLICT (kind, queue, number) WHERE state IN ('waiting', 'calling')"
            " DO UPDATE SET arrived_at = least(callback_job.arrived_at, excluded.arrived_at) RETURNING id, order_id",
            kind, call.queue, number, call.caller_number, call.trunk, order["id"],
            datetime.fromtimestamp(call.arrived_at, UTC), promised, promised + timedelta(seconds=delay_s), expires,
        )
        assert job is not None
        await connection.execute(
            "INSERT INTO callback_promise (linked_id, kind, job_id) VALUES ($1, $2, $3)", call.linked_id, kind, job["id"]
        )
        note = ""
        if not number:
            note = note_on_failure(kind, number, 0, "")
        elif job["order_id"] != order["id"]:
            first = await connection.fetchval("SELECT number FROM work_order WHERE id = $1", job["order_id"])
            note = f"该号码已有回电任务，见工单 {first}。"
        if note:
            await add_note(connection, order["id"], note)
        return [order["number"]] if note else []


async def end_attempt(connection: Connection, linked_id: str, result: AttemptResult, rules: CallbackRules) -> list[str]:
    """Close an attempt and decide what becomes of its job; told twice, or told the same again, it changes nothing."""
    job_id = await connection.fetchval(
        "UPDATE callback_attempt SET ended_at = coalesce(ended_at, now()), result = $2"
        " WHERE linked_id = $1 AND (ended_at IS NULL OR result <> $2) RETURNING job_id", linked_id, result,
    )
    if job_id is None:
        return []
    job = await connection.fetchrow("SELECT * FROM callback_job WHERE id = $1 FOR UPDATE", job_id)
    assert job is not None
    if job["state"] not in ("waiting", "calling") and result != "answered":
        return []
    state, attempts = state_after(job["kind"], result, job["attempts"], rules)
    await connection.execute(
        "UPDATE callback_job SET state = $2, attempts = $3, not_before = now() + $4, reason = $5,"
        " closed_at = CASE WHEN $2 = 'waiting' THEN NULL ELSE now() END,"
        " asked_until = NULL, asked_queue = CASE WHEN $2 = 'waiting' THEN '' ELSE asked_queue END WHERE id = $1",
        job_id, state, attempts, timedelta(seconds=rules.spacing_s), result,
    )
    if state == "done":
        await connection.execute(
            "UPDATE task SET result = 'talked', done_by = coalesce(nullif(holder, ''), 'system'), done_at = now()"
            " WHERE id = $1 AND done_at IS NULL", task_of_job(job["kind"], job_id),
        )
    if state != "failed":
        return []
    await add_note(connection, job["order_id"], note_on_failure(job["kind"], job["number"], attempts, result))
    return [await connection.fetchval("SELECT number FROM work_order WHERE id = $1", job["order_id"])]


async def add_note(connection: Connection, order_id: int, note: str) -> None:
    """Say something in an order's note, once."""
    await connection.execute(
        "UPDATE work_order SET note = note || $2, version = version + 1 WHERE id = $1 AND position($2 IN note) = 0", order_id, note
    )


class PostgresCallbacks:
    """ivr.ports.callbacks.CallbackStore; also what people do to jobs by hand."""

    def __init__(self, pool: Pool, rules: CallbackRules | None = None) -> None:
        self._pool = pool
        self._rules = rules or CallbackRules()

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[LeadersDesk | None]:
        """See the port. The desk's statements and the lock share one connection, so neither outlives the other."""
        async with held_connection(self._pool) as connection:
            async with transaction_on(connection):
                leads = await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LEADER)
            # Given back with the connection, whose reset unlocks.
            yield LeadersDesk(connection, self._rules) if leads else None

    async def withdraw(self, job_id: int, reason: str) -> str:
        """Close an open job by hand; the number of its order. NotFound when there is no open job of this id."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE callback_job SET state = 'withdrawn', closed_at = now(), reason = $2"
                " WHERE id = $1 AND state IN ('waiting', 'calling') RETURNING order_id", job_id, reason,
            )
            if row is None:
                raise NotFound(f"there is no open call-back {job_id}; `ivr callbacks list` shows the open ones")
            await add_note(connection, row["order_id"], f"回电已取消：{reason}。")
            number = str(await connection.fetchval("SELECT number FROM work_order WHERE id = $1", row["order_id"]))
            await append(connection, "order", number)
            return number


class LeadersDesk:
    """ivr.ports.callbacks.CallbackDesk on the connection that holds the lock."""

    def __init__(self, connection: Connection, rules: CallbackRules) -> None:
        self._connection = connection
        self._rules = rules

    async def now(self) -> float:
        """The database's clock, Unix seconds."""
        async with transaction_on(self._connection) as connection:
            return float(await connection.fetchval("SELECT extract(epoch FROM now())::float8"))

    async def tidy(self) -> None:
        """See the port; decided by committed calls, so that nothing seen or missed live matters."""
        async with transaction_on(self._connection) as connection:
            await connection.execute(
                "UPDATE callback_job j SET state = 'withdrawn', closed_at = now(), reason = 'called again and was answered'"
                " WHERE j.state = 'waiting' AND j.kind = 'kept_place' AND EXISTS (SELECT FROM call c"
                " WHERE c.caller_number IN (j.number, nullif(j.caller_number, '')) AND c.queue = j.queue"
                " AND c.channel <> 'callback' AND c.arrived_at > j.promised_at AND c.answered_at IS NOT NULL)"
            )
            await connection.execute(
                "UPDATE callback_job j SET state = 'withdrawn', closed_at = now(), reason = 'called again and was answered'"
                " WHERE j.state = 'waiting' AND j.kind = 'line_lost' AND EXISTS (SELECT FROM callback_promise p"
                " JOIN call lost ON lost.linked_id = p.linked_id JOIN call c ON c.device = lost.device"
                " WHERE p.job_id = j.id AND c.device <> '' AND c.arrived_at > lost.arrived_at AND c.answered_at IS NOT NULL)"
            )
            await connection.execute(
                "UPDATE callback_job SET asked_until = NULL, asked_queue = '' WHERE state = 'waiting' AND asked_until < now()"
            )
            # What its person did not get dialled is as it was before: given up, where it had been.
            overdue = await connection.fetch(
                "UPDATE callback_job SET state = 'failed', closed_at = now(), reason = 'expired'"
                " WHERE state = 'waiting' AND asked_until IS NULL AND (expires_at < now() OR attempts >= $1)"
                " RETURNING kind, number, attempts, order_id", self._rules.attempts,
            )
            numbers = []
            for job in overdue:
                note = note_on_failure(job["kind"], job["number"], job["attempts"], "unreached")
                await add_note(connection, job["order_id"], note)
                numbers.append(await connection.fetchval("SELECT number FROM work_order WHERE id = $1", job["order_id"]))
            for number in sorted(numbers):
                await append(connection, "order", number)

    async def waiting(self) -> Sequence[CallbackJob]:
        """See the port."""
        async with transaction_on(self._connection) as connection:
            rows = await connection.fetch(
                "SELECT id, kind, coalesce(nullif(asked_queue, ''), queue) AS queue, number, trunk, attempts, tries,"
                " not_before <= now() AS due, asked_until IS NOT NULL AS asked, device,"
                " coalesce((SELECT d.telephone FROM device d WHERE d.id = j.device), '') AS telephone,"
                " extract(epoch FROM arrived_at)::float8 AS arrived_at, extract(epoch FROM promised_at)::float8 AS promised_at"
                " FROM callback_job j WHERE state = 'waiting'"
                " AND NOT EXISTS (SELECT FROM call c WHERE c.state <> 'ended' AND c.caller_number = j.number)"
                " AND NOT EXISTS (SELECT FROM callback_job o WHERE o.state = 'calling' AND o.number = j.number)"
                # Whoever took it calls when they are ready: until then nobody else's seat does.
                " AND (asked_until IS NOT NULL OR NOT EXISTS (SELECT FROM task t WHERE t.done_at IS NULL AND t.ends_at > now()"
                " AND t.id = CASE WHEN j.kind IN ('kept_place', 'line_lost') THEN 'callback' ELSE j.kind END || '-' || j.id))"
                " ORDER BY asked_until IS NULL, not_before > now(), arrived_at LIMIT $1", _MOST,
            )
        return [CallbackJob(**dict(r)) for r in rows]

    async def open_attempts(self) -> Sequence[OpenAttempt]:
        """See the port."""
        async with transaction_on(self._connection) as connection:
            rows = await connection.fetch(
                "SELECT a.linked_id, coalesce(nullif(j.asked_queue, ''), j.queue) AS queue,"
                " extract(epoch FROM now() - a.started_at)::float8 AS age_s,"
                " coalesce(c.state, 'arrived') = 'arrived' AS ringing, c.linked_id IS NOT NULL AS told"
                " FROM callback_attempt a JOIN callback_job j ON j.id = a.job_id LEFT JOIN call c ON c.linked_id = a.linked_id"
                " WHERE a.ended_at IS NULL ORDER BY a.started_at"
            )
        return [OpenAttempt(**dict(r)) for r in rows]

    async def arrivals(self, linked_ids: Collection[str]) -> dict[str, float]:
        """See the port."""
        async with transaction_on(self._connection) as connection:
            rows = await connection.fetch(
                "SELECT c.linked_id, extract(epoch FROM coalesce(j.arrived_at, c.arrived_at))::float8 AS at FROM call c"
                " LEFT JOIN callback_attempt a ON a.linked_id = c.linked_id LEFT JOIN callback_job j ON j.id = a.job_id"
                " WHERE c.linked_id = ANY($1)", list(linked_ids),
            )
        return {r["linked_id"]: r["at"] for r in rows}

    async def begin(self, job: CallbackJob, linked_id: str, number: str) -> bool:
        """See the port: job, attempt and the fact that tells whom the call is for, together."""
        async with transaction_on(self._connection) as connection:
            if not await connection.fetchval(
                "UPDATE callback_job SET state = 'calling', tries = tries + 1 WHERE id = $1 AND state = 'waiting' RETURNING true",
                job.id,
            ):
                return False
            await connection.execute("INSERT INTO callback_attempt (linked_id, job_id) VALUES ($1, $2)", linked_id, job.id)
            await connection.execute(
                "INSERT INTO call_fact (source, file_id, position, linked_id, kind, at, data)"
                " VALUES ('controller', $1, 1, $1, $2, now(), $3)", linked_id, DIALLED,
                {"number": number, "queue": job.queue, "kind": job.kind} | ({"device": job.device} if job.device else {}),
            )
            return True

    async def not_placed(self, linked_id: str) -> None:
        """See the port."""
        async with transaction_on(self._connection) as connection:
            for number in await end_attempt(connection, linked_id, "not_placed", self._rules):
                await append(connection, "order", number)
