"""An order made confidential because its citizen asked for it: by what was said, or by the operator's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ivr.storage.audit import append_row

if TYPE_CHECKING:
    from ivr.storage.database import Connection

MACHINE = "machine"


async def conceal_for(connection: Connection, linked_id: str, reason: str) -> None:
    """Conceal the order of this call, once: what a person lifted since is not concealed again by the same call."""
    row = await connection.fetchrow(
        "UPDATE work_order SET confidential = true, version = version + 1"
        " WHERE id = (SELECT order_id FROM work_order_call WHERE linked_id = $1) AND NOT confidential AND NOT EXISTS"
        " (SELECT FROM order_event e WHERE e.order_id = work_order.id AND e.move = 'conceal' AND e.actor = $2)"
        " RETURNING id, number, state, version", linked_id, MACHINE,
    )
    if row is None:
        return
    await connection.execute(
        "INSERT INTO order_event (order_id, at, actor, role, move, from_state, to_state, reason, version)"
        " VALUES ($1, clock_timestamp(), $2, $2, 'conceal', $3, $3, $4, $5)",
        row["id"], MACHINE, row["state"], reason, row["version"],
    )
    await append_row(connection, MACHINE, "order.conceal", row["number"], {"version": row["version"], "call": linked_id})
