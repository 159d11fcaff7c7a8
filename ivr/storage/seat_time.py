"""Seat times in PostgreSQL: one open row a seat, closed when the seat does something else or nobody sees it any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ivr.domain.seat_time import SeatTime
from ivr.ports.seat_time import ActivityAt
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool


_LONGEST = "interval '6 hours'"


class PostgresSeatTimes:
    """ivr.ports.seat_time.SeatTimes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(
        self, changes: Sequence[ActivityAt], seen: Collection[str], at: datetime, held: Collection[str] = ()
    ) -> None:
        """See the port; two controllers of one Asterisk write the same."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "UPDATE seat_time SET ended_at = greatest(began_at, seen_at) WHERE ended_at IS NULL AND seen_at < $1::timestamptz"
                " - interval '30 seconds' AND NOT interface = ANY($2::text[])", min([at, *(c.at for c in changes)]), list(held),
            )
            for change in changes:
                if await connection.fetchval(
                    "SELECT true FROM seat_time WHERE interface = $1 AND greatest(began_at, ended_at) > $2 LIMIT 1",
                    change.interface, change.at,
                ):
                    continue  # another controller told of it, and of what came after
                await connection.execute(
                    "UPDATE seat_time SET ended_at = greatest(began_at, $3), seen_at = greatest(seen_at, $3)"
                    " WHERE interface = $1 AND ended_at IS NULL AND activity IS DISTINCT FROM $2",
                    change.interface, change.activity, change.at,
                )
                if change.activity is not None:
                    await connection.execute(
                        "INSERT INTO seat_time (interface, activity, began_at, seen_at) VALUES ($1, $2, $3, $3)"
                        " ON CONFLICT (interface) WHERE ended_at IS NULL DO NOTHING", change.interface, change.activity, change.at,
                    )
            await connection.execute(
                "UPDATE seat_time SET seen_at = greatest(seen_at, $2) WHERE ended_at IS NULL AND interface = ANY($1::text[])",
                list(seen), at,
            )
            # No row grows longer than this, so that a day is found by the index of beginnings.
            await connection.execute(
                f"WITH long AS (UPDATE seat_time SET ended_at = seen_at WHERE ended_at IS NULL AND seen_at - began_at > {_LONGEST}"
                " RETURNING interface, activity, seen_at) INSERT INTO seat_time (interface, activity, began_at, seen_at)"
                " SELECT interface, activity, seen_at, seen_at FROM long"
            )


async def seat_times(connection: Connection, start: datetime, end: datetime) -> Mapping[str, SeatTime]:
    """Seconds of each seat between two moments, cut at both; what is open counts until it was seen last."""
    rows = await connection.fetch(
        "SELECT interface, activity,"
        " sum(extract(epoch FROM least(coalesce(ended_at, seen_at), $2) - greatest(began_at, $1)))::float8 AS seconds"
        " FROM seat_time WHERE began_at < $2 AND coalesce(ended_at, seen_at) > $1"
        f" AND began_at > $1::timestamptz - {_LONGEST} - interval '1 day' GROUP BY 1, 2 ORDER BY 1, 2", start, end,
    )
    found: dict[str, dict[str, float]] = {}
    for r in rows:
        found.setdefault(r["interface"], {})[f"{r['activity']}_s"] = r["seconds"]
    return {interface: SeatTime(**seconds) for interface, seconds in found.items()}
