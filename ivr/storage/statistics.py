"""Figures counted in PostgreSQL: the sets of ivr.domain.counted_call said in SQL, read as of one moment.

The conditions below and the predicates of the domain say the same thing twice on purpose; a test counts random records
both ways and compares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ivr.domain.balance import PartCount, balances
from ivr.domain.counted_call import SETS, SUMS, Limits, Tally
from ivr.domain.errors import CallerFault
from ivr.domain.intervals import SHANGHAI, Step, check_span, intervals
from ivr.domain.order_number import CHANNEL_NAMES
from ivr.domain.work_order import CLOCKED
from ivr.domain.worktime import WorkTime
from ivr.ports.statistics import (
    UNKNOWN_TOWN,
    By,
    CallsWanted,
    CodeCount,
    Counted,
    CountedGroup,
    HeatCell,
    HeatKind,
    OrderCount,
    OrdersOnTime,
    OrderTotals,
    PlaceCount,
    RollingRate,
    WallCounts,
)
from ivr.ports.views import PageMark
from ivr.storage.database import transaction_on
from ivr.storage.seat_time import seat_times
from ivr.storage.views import connected

if TYPE_CHECKING:
    import asyncpg

    from ivr.storage.database import Connection, Pool

HEAT_DAYS: Final = 30
_MOST_GROUPS: Final = 1000
_MOST_PART_ROWS: Final = 20_000
_TIME_LIMIT_MS: Final = 15_000

_TOWN = """
      LEFT JOIN work_order_call oc ON oc.linked_id = c.linked_id
      LEFT JOIN work_order o ON o.id = oc.order_id AND NOT o.confidential
      LEFT JOIN work_order_field f ON f.order_id = o.id AND f.field = 'place' AND f.ordinal = 0
      LEFT JOIN place p ON p.code = f.value"""
_COUNTED = """
    SELECT c.linked_id, c.arrived_at, c.channel, c.called_number, c.queue, c.rating, {town} AS town,
           c.queued_at IS NOT NULL AS entered,
           CASE WHEN c.state <> 'ended' THEN CASE WHEN c.answered_at IS NULL THEN 'under_way' ELSE 'answered' END
                WHEN c.outcome = 'interrupted' THEN CASE WHEN c.answered_at IS NULL THEN 'failed' ELSE 'answered' END
                WHEN c.outcome IS NULL OR (c.outcome = 'answered') <> (c.answered_at IS NOT NULL) THEN 'unaccounted'
                ELSE c.outcome END AS part,
           CASE WHEN coalesce(c.answered_at, c.ended_at) IS NOT NULL THEN
                greatest(0, extract(epoch FROM coalesce(c.answered_at, c.ended_at) - c.arrived_at))::float8 END AS wait_s,
           CASE WHEN c.state = 'ended' AND c.answered_at IS NOT NULL AND coalesce(c.talk_ended_at, c.ended_at) IS NOT NULL THEN
                greatest(0, extract(epoch FROM coalesce(c.talk_ended_at, c.ended_at) - c.answered_at))::float8 END AS talk_s,
           coalesce(c.rating >= 4 AND EXISTS (
               SELECT 1 FROM callback_promise cp JOIN callback_job j ON j.id = cp.job_id
                WHERE cp.linked_id = c.linked_id AND cp.kind = 'dissatisfied' AND j.state = 'done'), false) AS called_back,
           {wrap_up} AS wrap_up_s,
           c.answered_at IS NOT NULL AND EXISTS (
               SELECT 1 FROM quality_check qc WHERE qc.linked_id = c.linked_id AND qc.score IS NOT NULL) AS checked,
           c.answered_at IS NOT NULL AND EXISTS (SELECT 1 FROM quality_mark qm WHERE qm.linked_id = c.linked_id) AS scored
      FROM call c{joins}
     WHERE c.channel <> 'callback' AND c.arrived_at >= {start}::timestamptz AND c.arrived_at < {end}::timestamptz{further}"""

_WRAP_UP = """CASE WHEN c.state = 'ended' AND c.answered_at IS NOT NULL AND EXISTS (
                SELECT FROM seat_time s WHERE s.interface = c.member_interface AND s.activity = 'talking'
                   AND s.began_at <= coalesce(c.talk_ended_at, c.ended_at) AND coalesce(s.ended_at, s.seen_at) >= c.answered_at
                   AND s.began_at > c.answered_at - interval '8 hours')
           THEN coalesce((SELECT extract(epoch FROM coalesce(w.ended_at, w.seen_at) - w.began_at)::float8 FROM seat_time w
                           WHERE w.interface = c.member_interface AND w.activity = 'wrap_up' AND w.began_at >= c.answered_at
                             AND w.began_at <= coalesce(c.talk_ended_at, c.ended_at) + interval '10 seconds'
                           ORDER BY w.began_at DESC LIMIT 1), 0) END"""
"""Seconds of wrap-up after a call, of the seat that answered it; null where nothing is known of that seat. A row of a seat is
at most some hours long (ivr.storage.seat_time)."""

CONDITIONS: Final[Mapping[str, str]] = {
    "arrived": "true",
    "settled": "part <> 'under_way'",
    "under_way": "part = 'under_way'",
    "unaccounted": "part = 'unaccounted'",
    "answered": "part = 'answered'",
    "not_answered": "part NOT IN ('answered', 'under_way')",
    "abandoned": "part = 'abandoned'",
    "callback": "part = 'callback'",
    "message": "part = 'message'",
    "self_service": "part = 'self_service'",
    "overflow": "part = 'overflow'",
    "failed": "part = 'failed'",
    "entered": "entered",
    "answered_within": "part = 'answered' AND wait_s <= {within}",
    "answered_also_within": "part = 'answered' AND wait_s <= {also}",
    "abandoned_long": "part = 'abandoned' AND coalesce(wait_s >= {short}, true)",
    "abandoned_short": "part = 'abandoned' AND wait_s < {short}",
    "abandoned_in_greeting": "part = 'abandoned' AND NOT entered",
    "answered_or_abandoned": "part IN ('answered', 'abandoned')",
    "answered_or_waited_in_vain": "part = 'answered' OR (part = 'abandoned' AND coalesce(wait_s > {within}, true))",
    "served_or_gone_within": "part IN ('answered', 'abandoned') AND wait_s <= {within}",
    "talked": "part = 'answered' AND talk_s IS NOT NULL",
    "handled": "part = 'answered' AND talk_s + wrap_up_s IS NOT NULL",
    "rated": "part = 'answered' AND rating IS NOT NULL",
    "satisfied": "part = 'answered' AND rating <= 3",
    "dissatisfied": "part = 'answered' AND rating >= 4",
    "dissatisfied_called_back": "part = 'answered' AND rating >= 4 AND called_back",
    "machine_checked": "part = 'answered' AND checked",
    "human_scored": "part = 'answered' AND scored",
}
"""The sets over the columns of ``_COUNTED``. Limits are whole seconds from the settings, written in as such."""
_SECONDS: Final[Mapping[str, str]] = {
    "answered_wait_s": "wait_s", "abandoned_wait_s": "wait_s", "talk_s": "talk_s",
    "handled_s": "talk_s + wrap_up_s",
}
_KEYS: Final[Mapping[By, str]] = {"queue": "queue", "town": "town", "channel": "channel", "number": "called_number"}


class PostgresStatistics:
    """ivr.ports.statistics.Statistics over a pool; ``work_time`` says which orders carry a card."""

    def __init__(self, pool: Pool, limits: Limits, work_time: WorkTime) -> None:
        self._pool = pool
        self._work_time = work_time
        told = {"within": int(limits.answered_within_s), "also": int(limits.also_within_s), "short": int(limits.short_s)}
        self._conditions = {name: f"({condition.format(**told)})" for name, condition in CONDITIONS.items()}

    async def counted(self, wanted: CallsWanted, by: By, step: Step) -> Counted:
        """See the port."""
        check_span(wanted.start, wanted.end)
        cut = intervals(wanted.start, wanted.end, step) if by == "interval" else ()
        async with self._reading() as connection:
            total = (await self._groups(connection, wanted, None, ()))[0]
            groups = await self._groups(connection, wanted, by, cut)
            on_time = await _on_time(connection, wanted.start, wanted.end)
            narrowed = any(value is not None for value in (wanted.queue, wanted.channel, wanted.town, wanted.number))
            seats = {} if narrowed else await seat_times(connection, wanted.start, wanted.end)
        return Counted(total, groups, on_time, seats)

    async def calls_in(self, wanted: CallsWanted, set_name: str, limit: int, after: PageMark | None) -> Sequence[PageMark]:
        """See the port."""
        check_span(wanted.start, wanted.end)
        given = _Given()
        sql = f"SELECT arrived_at, linked_id FROM ({_counted(given, wanted)}) counted WHERE {self._conditions[set_name]}"
        if after is not None:
            sql += f" AND (arrived_at, linked_id) < ({given(after.at)}::timestamptz, {given(after.key)}::text)"
        sql += f" ORDER BY arrived_at DESC, linked_id DESC LIMIT {given(limit)}"
        async with self._reading() as connection:
            rows = await connection.fetch(sql, *given.values)
        return [PageMark(r["arrived_at"], r["linked_id"]) for r in rows]

    async def wall(self, heat: HeatKind) -> WallCounts:
        """See the port."""
        async with self._reading() as connection:
            now: datetime = await connection.fetchval("SELECT now()")
            midnight = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
            # A call of this very moment is of today too.
            today = (await self._groups(connection, CallsWanted(midnight, now + timedelta(seconds=1)), None, ()))[0]
            rolling = (await _rolling(connection, [now], CallsWanted(midnight, now)))[0]
            # Orders are due at closing time: those of today that are not due yet are not asked for yet.
            on_time = await _on_time(connection, midnight - timedelta(days=HEAT_DAYS), now)
            orders = await self._orders(connection, now)
            cells = await _heat(connection, heat, now - timedelta(days=HEAT_DAYS))
        return WallCounts(now, today, rolling, on_time, orders, cells, HEAT_DAYS)

    async def order_totals(self, start: datetime, end: datetime) -> OrderTotals:
        """See the port."""
        check_span(start, end)
        span = "opened_at >= $1 AND opened_at < $2 AND state NOT IN ('merged', 'voided')"
        async with self._reading() as connection:
            whole = await connection.fetch(
                f"SELECT count(*)::int AS opened, count(*) FILTER (WHERE confidential)::int AS hidden FROM work_order WHERE {span}",
                start, end,
            )
            found: dict[str, list[CodeCount]] = {}
            for kind in ("category", "matter"):
                rows = await connection.fetch(
                    f"SELECT {kind} AS code, max(category_table_version) AS table_version, count(*)::int AS orders FROM work_order"
                    f" WHERE {span} AND {kind} <> '' AND NOT confidential GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 100", start, end,
                )
                found[kind] = [CodeCount(**r) for r in rows]
            places = await connection.fetch(
                "SELECT f.value AS place, coalesce(p.name, '') AS name, count(*)::int AS orders FROM work_order o"
                " JOIN work_order_field f ON f.order_id = o.id AND f.field = 'place' AND f.ordinal = 0"
                f" LEFT JOIN place p ON p.code = f.value WHERE {span} AND NOT o.confidential"
                " GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 20", start, end,
            )
        return OrderTotals(
            whole[0]["opened"], whole[0]["hidden"], found["category"], found["matter"], [PlaceCount(**r) for r in places]
        )

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        async with connected(self._pool) as connection, transaction_on(connection):
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            await connection.execute(f"SET LOCAL statement_timeout = {_TIME_LIMIT_MS}")
            yield connection

    async def _groups(
        self, connection: Connection, wanted: CallsWanted, by: By | None, cut: Sequence[tuple[datetime, datetime]]
    ) -> list[CountedGroup]:
        """One group with key '' for ``by`` None; a group for each interval of ``cut``, else for each key that has calls."""
        given = _Given()
        source = _counted(given, wanted, town=by == "town")
        key = "''"
        if cut:
            key = f"width_bucket(arrived_at, {given([start for start, _ in cut])}::timestamptz[])::text"
        elif by is not None:
            key = _KEYS[by]
        entered = " WHERE entered" if by == "queue" else ""
        sets = ", ".join(f'count(*) FILTER (WHERE {self._conditions[name]})::int AS "{name}"' for name in SETS)
        sums = ", ".join(
            f'coalesce(sum({_SECONDS[name]}) FILTER (WHERE {self._conditions[of]}), 0)::float8 AS "{name}"'
            for name, (of, _) in SUMS.items()
        )
        places = ", ".join(
            f"percentile_cont({share}) WITHIN GROUP (ORDER BY wait_s) FILTER (WHERE {self._conditions['answered']}) AS {name}"
            for name, share in (("p50", 0.5), ("p90", 0.9))
        )
        grouping = " GROUP BY 1" if by is not None else ""
        rows = await connection.fetch(
            f"SELECT {key} AS key, {sets}, {sums}, {places} FROM ({source}) counted{entered}{grouping}"
            f" ORDER BY 1 LIMIT {_MOST_GROUPS}", *given.values,
        )
        parts = await connection.fetch(
            f"SELECT {key} AS key, called_number, CASE WHEN entered THEN queue END AS queue, part, count(*)::int AS calls"
            f" FROM ({source}) counted{entered} GROUP BY 1, 2, 3, 4 LIMIT {_MOST_PART_ROWS + 1}", *given.values,
        )
        if len(parts) > _MOST_PART_ROWS:
            raise CallerFault("Too many numbers and queues for one balance. Ask for longer intervals or a shorter time.")
        counted = {r["key"]: _tally(r) for r in rows}
        counts: dict[str, list[PartCount]] = {}
        for r in parts:
            counts.setdefault(r["key"], []).append(PartCount(r["called_number"], r["queue"], r["part"], r["calls"]))
        if cut:
            rolled = await _rolling(connection, [end for _, end in cut], wanted)
            return [
                CountedGroup("", "", counted.get(str(n), _NOTHING), balances(counts.get(str(n), ())), start, end, rolled[n - 1])
                for n, (start, end) in enumerate(cut, 1)
            ]
        titles = await _titles(connection, by)
        rolling = (await _rolling(connection, [wanted.end], wanted))[0] if by is None else None
        span = wanted.start, wanted.end
        return [
            CountedGroup(found, titles.get(found, found), tallied, balances(counts.get(found, ())), *span, rolling)
            for found, tallied in counted.items()
        ]

    async def _orders(self, connection: Connection, now: datetime) -> list[OrderCount]:
        """Orders in hand by state, with their cards, and those closed lately. Due times are few: closing times of working days."""
        rows = await connection.fetch(
            "SELECT state, CASE WHEN state = ANY($1::text[]) THEN due_at END AS due_at, count(*)::int AS orders FROM work_order"
            " WHERE state NOT IN ('closed', 'archived', 'merged', 'voided') GROUP BY 1, 2"
            " UNION ALL SELECT state, NULL, count(*)::int FROM work_order"
            " WHERE state = 'closed' AND opened_at > $2 GROUP BY 1", sorted(CLOCKED), now - timedelta(days=HEAT_DAYS),
        )
        found: dict[str, OrderCount] = {}
        for r in rows:
            card = self._work_time.card(now, r["due_at"]) if r["due_at"] is not None else ""
            had = found.get(r["state"], OrderCount(r["state"], 0, 0, 0))
            found[r["state"]] = OrderCount(
                had.state, had.orders + r["orders"], had.yellow + (r["orders"] if card == "yellow" else 0),
                had.red + (r["orders"] if card == "red" else 0),
            )
        return [found[state] for state in sorted(found)]


class _Given:
    """Parameters, numbered as they come: values never enter the SQL text."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _counted(given: _Given, wanted: CallsWanted, *, town: bool = False) -> str:
    """The subquery of these calls; places are joined only when they are asked for."""
    town = town or wanted.town is not None
    start, end = given(wanted.start), given(wanted.end)
    further = ""
    if wanted.queue is not None:
        further += f" AND c.queued_at IS NOT NULL AND c.queue = {given(wanted.queue)}"
    for column, value in (("channel", wanted.channel), ("called_number", wanted.number)):
        if value is not None:
            further += f" AND c.{column} = {given(value)}"
    if wanted.town is not None:
        further += f" AND coalesce(nullif(p.town_code, ''), '{UNKNOWN_TOWN}') = {given(wanted.town)}"
    return _COUNTED.format(
        town=f"coalesce(nullif(p.town_code, ''), '{UNKNOWN_TOWN}')" if town else "''", joins=_TOWN if town else "",
        start=start, end=end, further=further, wrap_up=_WRAP_UP,
    )


def _tally(row: asyncpg.Record) -> Tally:
    return Tally({name: row[name] for name in SETS}, {name: row[name] for name in SUMS}, row["p50"], row["p90"])


_NOTHING: Final = Tally(dict.fromkeys(SETS, 0), dict.fromkeys(SUMS, 0.0))


async def _titles(connection: Connection, by: By | None) -> Mapping[str, str]:
    if by == "channel":
        return {str(code): name for code, name in CHANNEL_NAMES.items()}
    if by == "town":
        rows: Iterable[asyncpg.Record] = await connection.fetch("SELECT code, name FROM place WHERE kind = 'town'")
        return {r["code"]: r["name"] for r in rows} | {UNKNOWN_TOWN: "未说明"}
    if by == "queue":
        rows = await connection.fetch("SELECT queue, coalesce(nullif(board->>'title', ''), queue) AS title FROM queue_live")
        return {r["queue"]: r["title"] for r in rows}
    return {}


async def _rolling(connection: Connection, ends: Sequence[datetime], wanted: CallsWanted) -> list[RollingRate]:
    """For each end the calls of the 24 hours before it, under the same filters but the span's."""
    given = _Given()
    at = given(list(ends))
    source = _counted(given, CallsWanted(
        min(ends) - timedelta(hours=24), max(ends), wanted.queue, wanted.channel, wanted.town, wanted.number
    ))
    rows = await connection.fetch(
        f"WITH counted AS MATERIALIZED ({source}) SELECT count(c.part) FILTER (WHERE c.part = 'answered')::int AS answered,"
        " count(c.part) FILTER (WHERE c.part <> 'under_way')::int AS settled"
        f" FROM unnest({at}::timestamptz[]) WITH ORDINALITY AS e(ends, n)"
        " LEFT JOIN counted c ON c.arrived_at >= e.ends - interval '24 hours' AND c.arrived_at < e.ends GROUP BY e.n ORDER BY e.n",
        *given.values,
    )
    return [RollingRate(r["answered"], r["settled"]) for r in rows]


async def _on_time(connection: Connection, start: datetime, end: datetime) -> OrdersOnTime:
    """Orders whose due time lies in the span and is over. Finished is the last move that finished the order."""
    row = await connection.fetchrow(
        "SELECT count(*)::int AS due, count(*) FILTER (WHERE d.finished <= o.due_at)::int AS in_time FROM work_order o"
        " LEFT JOIN LATERAL (SELECT max(e.at) AS finished FROM order_event e"
        "   WHERE e.order_id = o.id AND e.move IN ('resolve', 'answer')) d ON true"
        " WHERE o.due_at >= $1 AND o.due_at < $2 AND o.due_at <= now() AND o.state NOT IN ('merged', 'voided')", start, end,
    )
    return OrdersOnTime(row["in_time"], row["due"]) if row is not None else OrdersOnTime(0, 0)


async def _heat(connection: Connection, kind: HeatKind, since: datetime) -> list[HeatCell]:
    """Places by what their orders are about; an order without either, or a confidential one, is not on the map."""
    rows = await connection.fetch(
        f"SELECT f.value AS place, coalesce(p.name, '') AS name, o.{kind} AS code, max(o.category_table_version) AS version,"
        " count(*)::int AS orders FROM work_order o JOIN work_order_field f ON f.order_id = o.id AND f.field = 'place'"
        f" AND f.ordinal = 0 LEFT JOIN place p ON p.code = f.value WHERE o.opened_at >= $1 AND o.{kind} <> ''"
        " AND NOT o.confidential AND o.state NOT IN ('merged', 'voided') GROUP BY 1, 2, 3 ORDER BY 5 DESC, 1, 3 LIMIT 2000", since,
    )
    return [HeatCell(r["place"], r["name"], r["code"], r["version"], r["orders"]) for r in rows]
