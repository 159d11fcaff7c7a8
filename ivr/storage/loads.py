"""The load of past days, counted by half-hours of Shanghai's clock."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from ivr.domain.forecast import SLOTS, Load
from ivr.storage.views import connected

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_SPAN = (
    "channel <> 'callback' AND arrived_at >= ($1::date::timestamp AT TIME ZONE 'Asia/Shanghai')"
    " AND arrived_at < ($2::date::timestamp AT TIME ZONE 'Asia/Shanghai')"
)


class PostgresLoads:
    """ivr.ports.analysis.LoadRecord."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load(self, first: date, last: date) -> Load:
        """See the port. A conversation of more than four hours is a telephone left off the hook, and is not counted."""
        end = last + timedelta(days=1)
        async with connected(self._pool) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            since = await connection.fetchval(
                "SELECT (min(arrived_at) AT TIME ZONE 'Asia/Shanghai')::date FROM call WHERE channel <> 'callback'"
            )
            rows = await connection.fetch(
                "SELECT local::date AS day, extract(hour FROM local)::int * 2 + extract(minute FROM local)::int / 30 AS slot,"
                f" count(*)::int AS calls FROM (SELECT arrived_at AT TIME ZONE 'Asia/Shanghai' AS local FROM call WHERE {_SPAN}"
                " AND queued_at IS NOT NULL) c GROUP BY 1, 2", first, end,
            )
            means = await connection.fetchrow(
                "SELECT avg(extract(epoch FROM coalesce(talk_ended_at, ended_at) - answered_at)) FILTER (WHERE state = 'ended'"
                " AND answered_at IS NOT NULL AND coalesce(talk_ended_at, ended_at) - answered_at BETWEEN interval '0'"
                " AND interval '4 hours')::float8 AS talk_s, avg(greatest(0, extract(epoch FROM queued_at - arrived_at)))"
                f" FILTER (WHERE queued_at - arrived_at < interval '5 minutes')::float8 AS greeting_s FROM call WHERE {_SPAN}",
                first, end,
            )
        calls: dict[date, list[int]] = {}
        for r in rows:
            calls.setdefault(r["day"], [0] * SLOTS)[r["slot"]] = r["calls"]
        return Load(since, calls, means["talk_s"] if means else None, (means["greeting_s"] if means else None) or 0.0)
