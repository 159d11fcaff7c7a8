"""Holds of calls in PostgreSQL: one open row for each seat of a call, closed as its end is seen, or with the call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.call_holds import HoldSpan
from ivr.ports.holds import HoldAt
from ivr.storage.database import lock_call, transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool


class PostgresHolds:
    """ivr.ports.holds.HoldStore."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def note(self, turns: Sequence[HoldAt]) -> None:
        """See the port; two controllers of one Asterisk write the same. Under the call's lock: none misses its end."""
        async with transaction(self._pool) as connection:
            for linked_id in sorted({one.turned.linked_id for one in turns}):
                await lock_call(connection, linked_id)
            for one in turns:
                await _write(connection, one)


async def holds_of(connection: Connection, linked_id: str) -> list[HoldSpan]:
    """The holds of a call that is over, the first first."""
    rows = await connection.fetch(
        "SELECT interface, extract(epoch FROM began_at)::float8 AS began_at,"
        " extract(epoch FROM ended_at)::float8 AS ended_at FROM call_hold WHERE linked_id = $1 AND ended_at > began_at"
        " ORDER BY began_at, id", linked_id,
    )
    return [HoldSpan(**row) for row in rows]


async def _write(connection: Connection, one: HoldAt) -> None:
    turned = one.turned
    if not turned.held:
        # What another controller told of meanwhile began later, and lasts.
        await connection.execute(
            "UPDATE call_hold SET ended_at = $3 WHERE linked_id = $1 AND ended_at IS NULL AND began_at <= $3"
            " AND $2 IN ('', interface)", turned.linked_id, turned.interface, one.at,
        )
        return
    await connection.execute(
        "INSERT INTO call_hold (linked_id, interface, began_at, ended_at)"
        " SELECT $1, $2, $3, (SELECT greatest($3, c.ended_at) FROM call c WHERE c.linked_id = $1 AND c.state = 'ended')"
        " WHERE NOT EXISTS (SELECT FROM call_hold WHERE linked_id = $1 AND interface = $2 AND greatest(began_at, ended_at) >= $3)"
        " ON CONFLICT (linked_id, interface) WHERE ended_at IS NULL DO NOTHING", turned.linked_id, turned.interface, one.at,
    )
