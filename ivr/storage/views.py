"""The read side of the HTTP edge: one function per list or detail, its SQL beside it, nothing written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from ivr.domain.errors import Unavailable
from ivr.domain.nuisance import Listing
from ivr.domain.roster import Duty
from ivr.domain.transcript import Word
from ivr.domain.work_order import CLOCKED
from ivr.ports.views import (
    AlarmRecord,
    Blank,
    CallbackFilter,
    CallbackRecord,
    CallDetail,
    CallFilter,
    CallRecord,
    Health,
    HeardSegment,
    OrderField,
    OrderFilter,
    QueueLive,
    QueueMember,
    RecordingTrack,
    StoredSegment,
    WaitingCaller,
    WorkOrderRecord,
)
from ivr.storage.nuisance import PostgresListings
from ivr.storage.roster import PostgresRoster

OPEN_CALLS_LIMIT = 500
_ACQUIRE_TIMEOUT_S = 5.0

_CALL_COLUMNS = """
    SELECT c.linked_id, c.state, c.outcome, c.channel, c.caller_number, c.caller_number_raw, c.caller_name_raw,
           c.called_number, c.queue, c.member_interface, c.notice_version, c.menu_choice, c.recording_refused, c.recording_name,
           c.arrived_at, c.queued_at, c.answered_at, c.talk_ended_at, c.ended_at, c.rating, c.hangup_cause, c.hangup_by,
           c.transferred_to, c.nuisance, c.language, c.language_by, c.village, c.device, c.ladder,
           c.helper_present, c.recording_gaps, c.confidential_asked,
           coalesce(o.number, '') AS order_number, coalesce(o.confidential, false) AS confidential
      FROM call c
      LEFT JOIN work_order_call oc ON oc.linked_id = c.linked_id
      LEFT JOIN work_order o ON o.id = oc.order_id"""
_ORDER_COLUMNS = """
    SELECT o.id, o.number, o.state, o.channel, o.outcome, o.category_table_version AS table_version, o.category,
           o.matter, o.caller_number, o.opened_at, o.due_at, o.filled_at, o.asked_about, o.note, o.version, o.blanks::text,
           o.owner_work_number AS owner, o.assigned_to, o.assigned_unit, o.assigned_at, o.returns, o.extended, o.urged,
           o.confidential, o.merged_into, ARRAY(SELECT x.work_number FROM order_conflict x WHERE x.order_id = o.id) AS conflicts,
           EXISTS (SELECT FROM risk_alert a JOIN work_order_call ac ON ac.linked_id = a.linked_id
                    WHERE ac.order_id = o.id AND a.decision IS DISTINCT FROM 'false') AS urgent,
           EXISTS (SELECT FROM call h JOIN work_order_call hc ON hc.linked_id = h.linked_id
                    WHERE hc.order_id = o.id AND h.helper_present) AS helper_present
      FROM work_order o"""


@asynccontextmanager
async def connected(
    pool: asyncpg.Pool[asyncpg.Record],
) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[asyncpg.Record]]:
    """A connection from the pool; every way a database can be away becomes Unavailable."""
    try:
        async with pool.acquire(timeout=_ACQUIRE_TIMEOUT_S) as connection:
            yield connection
    except (
        OSError,
        TimeoutError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # a connection whose server ended between two reads
        asyncpg.PostgresConnectionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.OperatorInterventionError,
    ) as error:
        raise Unavailable("The database does not answer. Calls go on; try again in a moment.") from error


def like_literal(text: str) -> str:
    """A LIKE pattern that finds the text anywhere and takes none of its characters as a wildcard."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def current_tracks(recording_name: str, tracks: Sequence[RecordingTrack]) -> list[RecordingTrack]:
    """One recording's tracks, caller first: the one the call names, else the first found.

    More than one recording under a linked id is possible (a file found before its call); tracks of different
    recordings are never mixed.
    """
    if not tracks:
        return []
    names = {t.base_name for t in tracks}
    chosen = recording_name if recording_name in names else min(tracks, key=lambda t: t.id).base_name
    return sorted((t for t in tracks if t.base_name == chosen), key=lambda t: t.track)


class _Where:
    """Conditions and their parameters, numbered as they come: values never enter the SQL text."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        """``condition`` holds one {} per value."""
        first = len(self.values) + 1
        self.conditions.append(condition.format(*(f"${first + i}" for i in range(len(values)))))
        self.values.extend(values)

    def sql(self) -> str:
        return (" WHERE " + " AND ".join(self.conditions)) if self.conditions else ""


class PostgresViews:
    """ivr.ports.views.Views over a pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def queues(self) -> Sequence[QueueLive]:
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT queue, board::text AS board, link_up, as_of, clock_timestamp() AS read_at"
                "  FROM queue_live ORDER BY queue"
            )
        return [_queue_live(row) for row in rows]

    async def calls(self, wanted: CallFilter) -> Sequence[CallRecord]:
        where = _Where()
        if wanted.state is not None:
            where.add("c.state = {}", wanted.state)
        if wanted.outcome is not None:
            where.add("c.outcome = {}", wanted.outcome)
        if wanted.start is not None:
            where.add("c.arrived_at >= {}", wanted.start)
        if wanted.end is not None:
            where.add("c.arrived_at < {}", wanted.end)
        if wanted.text and wanted.covered:
            where.add(
                "(concat_ws(E'\\n', c.linked_id, c.queue, c.called_number, c.member_interface, o.number) ILIKE {} OR"
                " o.confidential IS NOT TRUE AND {} IN (c.caller_number, c.caller_name_raw))",
                like_literal(wanted.text), wanted.text,
            )
        elif wanted.text:
            where.add(
                "concat_ws(E'\\n', c.linked_id, CASE WHEN o.confidential THEN '' ELSE c.caller_number END, CASE WHEN o.confidential"
                " THEN '' ELSE c.caller_name_raw END, c.queue, c.called_number, c.member_interface, o.number) ILIKE {}",
                like_literal(wanted.text),
            )
        if wanted.after is not None:
            where.add("(c.arrived_at, c.linked_id) < ({}::timestamptz, {}::text)", wanted.after.at, wanted.after.key)
        where.values.append(wanted.limit)
        sql = f"{_CALL_COLUMNS}{where.sql()} ORDER BY c.arrived_at DESC, c.linked_id DESC LIMIT ${len(where.values)}"
        async with connected(self._pool) as connection:
            rows = await connection.fetch(sql, *where.values)
        return [CallRecord(**row) for row in rows]

    async def live_calls(self, recent: int) -> Sequence[CallRecord]:
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                f"""{_CALL_COLUMNS}
                WHERE c.linked_id IN (SELECT linked_id FROM call WHERE state <> 'ended'
                                       ORDER BY arrived_at DESC LIMIT $1)
                   OR c.linked_id IN (SELECT linked_id FROM call ORDER BY arrived_at DESC LIMIT $2)
                ORDER BY c.arrived_at DESC, c.linked_id DESC""",
                OPEN_CALLS_LIMIT,
                recent,
            )
        return [CallRecord(**row) for row in rows]

    async def calls_named(self, linked_ids: Collection[str]) -> Sequence[CallRecord]:
        async with connected(self._pool) as connection:
            rows = await connection.fetch(f"{_CALL_COLUMNS} WHERE c.linked_id = ANY($1::text[])", list(linked_ids))
        return [CallRecord(**row) for row in rows]

    async def call(self, linked_id: str) -> CallDetail | None:
        async with (
            connected(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow(f"{_CALL_COLUMNS} WHERE c.linked_id = $1", linked_id)
            if row is None:
                return None
            tracks = await _tracks(connection, linked_id, row["recording_name"])
            segments = await connection.fetch(
                "SELECT speaker, start_s, end_s, text, confidence, words::text AS words FROM transcript_segment"
                " WHERE track_id = ANY($1::bigint[]) ORDER BY start_s, speaker, ordinal",
                [t.id for t in tracks],
            )
            heard = await connection.fetch(
                "SELECT speaker, start_s, end_s, text, confidence FROM heard_segment"
                " WHERE linked_id = $1 AND NOT speaker = ANY($2::text[]) ORDER BY start_s, speaker, ordinal LIMIT 2000",
                linked_id, [t.track for t in tracks if t.state not in ("pending", "leased")],
            )
        live = [HeardSegment(**h) for h in heard]
        return CallDetail(CallRecord(**row), tracks, [_segment(s) for s in segments], live)

    async def tracks(self, linked_id: str) -> Sequence[RecordingTrack] | None:
        async with connected(self._pool) as connection:
            row = await connection.fetchrow("SELECT recording_name FROM call WHERE linked_id = $1", linked_id)
            return None if row is None else await _tracks(connection, linked_id, row["recording_name"])

    async def work_orders(self, wanted: OrderFilter) -> Sequence[WorkOrderRecord]:
        where = _Where()
        for condition, value in (
            ("o.state = {}", wanted.state), ("o.category = {} AND NOT o.confidential", wanted.category),
            ("o.channel = {}", wanted.channel), ("o.owner_work_number = {}", wanted.owner),
            ("o.due_at >= {}", wanted.due_from), ("o.due_at < {}", wanted.due_before),
        ):
            if value is not None:
                where.add(condition, value)
        if wanted.due_from is not None or wanted.due_before is not None:
            where.add("o.state = ANY({}::text[])", list(CLOCKED))
        if wanted.concerns is not None:
            where.add(
                "{}::text <> '' AND (o.owner_work_number = {} OR o.assigned_to = {}"
                " OR (o.assigned_to = '' AND o.assigned_unit <> '' AND o.assigned_unit = {}))",
                *[wanted.concerns[0]] * 3, wanted.concerns[1],
            )
        if wanted.start is not None:
            where.add("o.opened_at >= {}", wanted.start)
        if wanted.end is not None:
            where.add("o.opened_at < {}", wanted.end)
        if wanted.text and wanted.covered:
            words, pattern = not any(character.isdigit() for character in wanted.text), like_literal(wanted.text)
            where.add(
                "(o.number LIKE {} OR NOT o.confidential AND (o.caller_number = {} OR {} AND o.note ILIKE {} OR EXISTS (SELECT 1"
                " FROM work_order_field f WHERE f.order_id = o.id AND ({} IN (f.value, f.display) OR"
                " {} AND f.field <> 'caller_name' AND concat_ws(E'\\n', f.value, f.display) ILIKE {}))))",
                pattern, wanted.text, words, pattern, wanted.text, words, pattern,
            )
        elif wanted.text:
            pattern = like_literal(wanted.text)
            where.add(
                "(o.number LIKE {} OR NOT o.confidential AND (o.caller_number LIKE {} OR o.note ILIKE {} OR EXISTS (SELECT 1"
                " FROM work_order_field f WHERE f.order_id = o.id AND concat_ws(E'\\n', f.value, f.display) ILIKE {})))",
                pattern,
                pattern,
                pattern,
                pattern,
            )
        if wanted.after is not None:
            where.add("(o.opened_at, o.number) < ({}::timestamptz, {}::text)", wanted.after.at, wanted.after.key)
        where.values.append(wanted.limit)
        sql = f"{_ORDER_COLUMNS}{where.sql()} ORDER BY o.opened_at DESC, o.number DESC LIMIT ${len(where.values)}"
        return await self._orders(sql, where.values)

    async def work_orders_named(self, numbers: Collection[str]) -> Sequence[WorkOrderRecord]:
        return await self._orders(f"{_ORDER_COLUMNS} WHERE o.number = ANY($1::text[])", [list(numbers)])

    async def _orders(self, sql: str, values: Sequence[Any]) -> list[WorkOrderRecord]:
        """Orders with their calls and fields, read as of one moment so that version and fields belong together."""
        async with (
            connected(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await connection.fetch(sql, *values)
            ids = [row["id"] for row in rows]
            calls = await connection.fetch(
                "SELECT oc.order_id, oc.linked_id FROM work_order_call oc LEFT JOIN call c USING (linked_id)"
                " WHERE oc.order_id = ANY($1::bigint[]) ORDER BY c.arrived_at NULLS LAST, oc.linked_id",
                ids,
            )
            fields = await connection.fetch(
                "SELECT order_id, field, ordinal, value, display, source, rule, linked_id, speaker, text, start_s,"
                " end_s, confidence, approximate, machine_value, machine_display, set_by, set_at FROM work_order_field"
                " WHERE order_id = ANY($1::bigint[]) ORDER BY field, ordinal",
                ids,
            )
        calls_of: dict[int, list[str]] = {i: [] for i in ids}
        fields_of: dict[int, list[OrderField]] = {i: [] for i in ids}
        for row in calls:
            calls_of[row["order_id"]].append(row["linked_id"])
        for row in fields:
            members = dict(row)
            fields_of[members.pop("order_id")].append(OrderField(**members))
        orders = []
        for row in rows:
            members = dict(row)
            order_id = members.pop("id")
            members["blanks"] = [Blank(**b) for b in json.loads(members["blanks"])]
            orders.append(WorkOrderRecord(**members, calls=calls_of[order_id], fields=fields_of[order_id]))
        return orders

    async def roster(self, start: datetime, end: datetime) -> Sequence[Duty]:
        """See the port."""
        return await PostgresRoster(self._pool).between(start, end)

    async def nuisance_listings(self) -> Sequence[Listing]:
        """See the port."""
        return await PostgresListings(self._pool).in_force(limit=5000)

    async def callbacks(self, wanted: CallbackFilter) -> Sequence[CallbackRecord]:
        where = _Where()
        if wanted.open_only:
            where.add("j.state IN ('waiting', 'calling')")
        if wanted.before is not None:
            where.add("j.id < {}", wanted.before)
        where.values.append(wanted.limit)
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT j.id, j.kind, j.state, j.queue, CASE WHEN o.confidential THEN '' ELSE j.number END AS number,"
                " o.number AS order_number, j.arrived_at, j.promised_at,"
                " j.not_before, j.closed_at, j.attempts, j.reason, ARRAY(SELECT a.linked_id FROM callback_attempt a"
                " WHERE a.job_id = j.id ORDER BY a.started_at, a.linked_id) AS calls"
                f" FROM callback_job j JOIN work_order o ON o.id = j.order_id{where.sql()}"
                f" ORDER BY j.id DESC LIMIT ${len(where.values)}", *where.values,
            )
        return [CallbackRecord(**row) for row in rows]

    async def standing_alarms(self) -> Sequence[AlarmRecord]:
        return await self._alarms("cleared_at IS NULL")

    async def alarms_named(self, names: Collection[str]) -> Sequence[AlarmRecord]:
        return await self._alarms("name = ANY($1::text[])", list(names))

    async def _alarms(self, condition: str, *values: object) -> list[AlarmRecord]:
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT name, text, raised_at, cleared_at FROM alarm WHERE {condition} ORDER BY raised_at DESC LIMIT 100",
                *values,
            )
        return [AlarmRecord(**row) for row in rows]

    async def health(self, stale_after_s: float) -> Health:
        try:
            async with asyncio.timeout(2.0), connected(self._pool) as connection:
                stale = await connection.fetchval(
                    "SELECT coalesce(bool_or(NOT link_up OR abs(extract(epoch FROM clock_timestamp() - as_of)) > $1), false)"
                    "  FROM queue_live",
                    stale_after_s,
                )
        except (Unavailable, TimeoutError, asyncpg.PostgresError):
            return Health(database=False, queue_live_stale=True)
        return Health(database=True, queue_live_stale=stale)


async def _tracks(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], linked_id: str, recording_name: str
) -> list[RecordingTrack]:
    rows = await connection.fetch(
        "SELECT id, base_name, track, path, CASE WHEN deleted_at IS NULL THEN seconds ELSE 0 END AS seconds, state,"
        " CASE WHEN deleted_at IS NULL THEN problem ELSE '保存期限已过，录音于 ' ||"
        "  to_char(deleted_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD') || ' 删除' END AS problem"
        " FROM recording_track WHERE linked_id = $1",
        linked_id,
    )
    return current_tracks(recording_name, [RecordingTrack(**row) for row in rows])


def _queue_live(row: asyncpg.Record) -> QueueLive:
    board = json.loads(row["board"])
    as_of: datetime = row["as_of"]
    return QueueLive(
        queue=row["queue"],
        callers=[
            WaitingCaller(c["linked_id"], c["caller_number"], int(c["position"]), float(c["joined_at"]))
            for c in board.get("callers", ())
        ],
        members=[
            QueueMember(m["name"], m["interface"], m["state"], m.get("paused_reason") or "", bool(m.get("held")))
            for m in board.get("members", ())
        ],
        link_up=row["link_up"],
        as_of=as_of,
        read_at=row["read_at"],
        title=board.get("title") or row["queue"],
    )


def _segment(row: asyncpg.Record) -> StoredSegment:
    words = [Word(w["text"], w["start_s"], w["end_s"], w["confidence"]) for w in json.loads(row["words"])]
    return StoredSegment(row["speaker"], row["start_s"], row["end_s"], row["text"], row["confidence"], words)
