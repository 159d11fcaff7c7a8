"""The outbox: events written in the transaction of their fact, spread over partners, leased, settled, held, replayed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ivr.domain.delivery import EventName, event_of
from ivr.domain.errors import NotFound
from ivr.domain.voice_notice import VOICE
from ivr.domain.work_order import CLOCKED
from ivr.ports.partners import Delivery, DeliveryRecord, DeliveryState, Partner, Receipt
from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_SPREAD_AT_ONCE = 500
_OVERDUE_FOR = timedelta(days=30)
_PROBLEM_LENGTH = 200

_ORDER_THEN = """jsonb_build_object('number', o.number, 'channel', o.channel, 'state', o.state, 'confidential', o.confidential,
    'category', CASE WHEN o.confidential THEN '' ELSE o.category END, 'matter', CASE WHEN o.confidential THEN '' ELSE o.matter END,
    'opened_at', o.opened_at, 'due_at', o.due_at, 'partner', t.partner, 'reference', t.reference)"""


async def record(
    connection: Connection, event: EventName, order_number: str, *, once: str = "",
    detail: Mapping[str, str | int | bool] | None = None,
) -> None:
    """Write one event inside the transaction of its fact; it costs one row, whoever the partners are and however they do.

    ``once`` names a fact that may be found again (the same mark is written once for each order and event). Personal data
    stays out: partners get number, state, channel, codes and times, of a confidential order no codes.
    """
    await connection.execute(
        "INSERT INTO outbox (event, order_number, once, order_then, detail)"
        f" SELECT $1, o.number, $3, {_ORDER_THEN}, ($4::text)::jsonb FROM work_order o"
        " LEFT JOIN inbound_task t ON t.order_id = o.id WHERE o.number = $2"
        " ON CONFLICT (order_number, event, once) WHERE once <> '' DO NOTHING",
        event, order_number, once, json.dumps(dict(detail or {}), ensure_ascii=False),
    )


async def record_move(connection: Connection, move: str, order_number: str) -> None:
    """The event of an order's move, when partners are told of such a move."""
    event = event_of(move)
    if event is not None:
        await record(connection, event, order_number)


async def record_rating(connection: Connection, linked_id: str, rating: int) -> None:
    """The event of a call's rating, 1 (very satisfied) to 5, on the order the call belongs to; told again, written once."""
    number = await connection.fetchval(
        "SELECT o.number FROM work_order_call c JOIN work_order o ON o.id = c.order_id WHERE c.linked_id = $1", linked_id
    )
    if number is not None:
        await record(connection, "order.rated", number, once=f"{linked_id}:{rating}", detail={"rating": rating})


_TELEPHONE = """SELECT n.number FROM work_order o
    CROSS JOIN LATERAL (SELECT coalesce(nullif((SELECT f.value FROM work_order_field f
    WHERE f.order_id = o.id AND f.field = 'callback_number' AND f.ordinal = 0), ''), o.caller_number) AS number) n
    WHERE o.number = outbox.order_number AND NOT o.confidential AND n.number ~ {fit}"""


class PostgresOutbox:
    """ivr.ports.partners.Outbox, Recipients and Deliveries; also what people do by hand."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def spread(self, partners: Sequence[Partner]) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT id FROM outbox WHERE NOT spread ORDER BY id FOR UPDATE SKIP LOCKED LIMIT $1", _SPREAD_AT_ONCE
            )
            ids = [row["id"] for row in rows]
            if not ids:
                return 0
            for partner in partners:
                own = " AND order_then ->> 'partner' = $2" if partner.own_only else ""
                if partner.citizens:
                    own += f" AND EXISTS (SELECT FROM ({_TELEPHONE.format(fit='$4::text')}) AS t WHERE t.number <> '')"
                await connection.execute(
                    "INSERT INTO outbox_delivery (event_id, partner) SELECT id, $2::text FROM outbox"
                    f" WHERE id = ANY($1::bigint[]) AND event = ANY($3::text[]){own} ORDER BY id ON CONFLICT DO NOTHING",
                    ids, partner.name, sorted(partner.events), *([partner.citizens] if partner.citizens else []),
                )
            await connection.execute("UPDATE outbox SET spread = true WHERE id = ANY($1::bigint[])", ids)
        return len(ids)

    async def take(self, partner: str, most: int, lease_s: float) -> Sequence[Delivery]:
        """See the port. A lease that lies in the future beyond its length was given before the clock was set back."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "UPDATE outbox_delivery d SET state = 'sending', attempts = d.attempts + 1, changed_at = clock_timestamp(),"
                " lease_until = clock_timestamp() + $3 FROM outbox e WHERE e.id = d.event_id AND d.id IN"
                " (SELECT id FROM outbox_delivery WHERE partner = $1 AND state IN ('waiting', 'sending')"
                "  AND CASE state WHEN 'waiting' THEN not_before <= clock_timestamp()"
                "  ELSE lease_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + $3 END"
                "  ORDER BY event_id LIMIT $2 FOR UPDATE SKIP LOCKED)"
                " RETURNING d.id, d.event_id, e.event, d.attempts, e.at, e.order_then::text AS order_then, e.detail::text",
                partner, most, timedelta(seconds=lease_s),
            )
        return [
            Delivery(r["id"], r["event_id"], partner, r["event"], r["attempts"], {
                "id": r["event_id"], "event": r["event"], "at": r["at"].isoformat(), "order": json.loads(r["order_then"]),
                "detail": json.loads(r["detail"]),
            }) for r in sorted(rows, key=lambda r: r["event_id"])
        ]

    async def settle(self, delivery: Delivery, receipt: Receipt, retry_s: float | None) -> None:
        """See the port; an attempt whose lease ran out and that somebody else took over changes nothing."""
        if receipt.withdrawn:
            async with transaction(self._pool) as connection:
                await connection.execute("DELETE FROM outbox_delivery WHERE id = $1 AND state = 'sending'", delivery.id)
            return
        state: DeliveryState = "delivered" if not receipt.problem else "held" if retry_s is None else "waiting"
        if receipt.postponed:
            state = "waiting"
        async with transaction(self._pool) as connection:
            await connection.execute(
                "UPDATE outbox_delivery SET state = $3, status = $4, problem = $5, lease_until = NULL,"
                " not_before = clock_timestamp() + $6, changed_at = clock_timestamp(), attempts = attempts - $7"
                " WHERE id = $1 AND attempts = $2 AND state = 'sending'",
                delivery.id, delivery.attempt, state, receipt.status, receipt.problem[:_PROBLEM_LENGTH],
                timedelta(seconds=retry_s or 0), int(receipt.postponed),
            )
            if delivery.partner == VOICE:
                await append(connection, "order", delivery.content["order"]["number"])

    async def telephone(self, order_number: str, fit: str) -> str:
        """See ivr.ports.partners.Recipients."""
        async with transaction(self._pool) as connection:
            named = _TELEPHONE.format(fit="$2").replace("outbox.order_number", "$1")
            return str(await connection.fetchval(named, order_number, fit) or "")

    async def held(self, partner: str) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            return int(await connection.fetchval(
                "SELECT count(*) FROM outbox_delivery WHERE partner = $1 AND state = 'held'", partner
            ))

    async def note_overdue(self) -> int:
        """See the port; orders overdue for more than 30 days were told of long ago, or nobody was there to tell."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT o.number, o.due_at FROM work_order o WHERE o.due_at BETWEEN now() - $1::interval AND now()"
                " AND o.state = ANY($2::text[]) AND NOT EXISTS (SELECT FROM outbox e WHERE e.order_number = o.number"
                "  AND e.event = 'order.overdue' AND e.once = to_char(o.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS'))"
                " ORDER BY o.due_at LIMIT 500", _OVERDUE_FOR, sorted(CLOCKED),
            )
            for row in rows:
                await record(connection, "order.overdue", row["number"], once=f"{row['due_at']:%Y-%m-%dT%H:%M:%S}")
        return len(rows)

    async def prune(self, days: int) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            done = await connection.execute(
                "DELETE FROM outbox e WHERE e.id IN (SELECT id FROM outbox o WHERE o.at < now() - make_interval(days => $1)"
                " AND o.spread AND NOT EXISTS (SELECT FROM outbox_delivery d WHERE d.event_id = o.id AND d.state <> 'delivered'"
                "  AND NOT (d.state = 'held' AND d.partner = $2)) LIMIT 5000)", days, VOICE,
            )
        return int(done.split()[-1])

    async def deliveries(
        self, state: DeliveryState | None, partner: str | None, limit: int, before: int | None
    ) -> Sequence[DeliveryRecord]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT d.id, d.event_id, e.event, e.order_number, d.partner, d.state, d.attempts, e.at, d.not_before,"
                " d.changed_at, d.status, d.problem FROM outbox_delivery d JOIN outbox e ON e.id = d.event_id"
                " WHERE ($1::text IS NULL OR d.state = $1) AND ($2::text IS NULL OR d.partner = $2)"
                " AND ($4::bigint IS NULL OR d.id < $4) ORDER BY d.id DESC LIMIT $3", state, partner, limit, before,
            )
        return [DeliveryRecord(**row) for row in rows]

    async def replay(self, delivery_id: int) -> DeliveryRecord:
        """Send one delivery again, from the first try; NotFound when there is none. One under way is left alone."""
        async with transaction(self._pool) as connection:
            known = await connection.fetchval(
                "UPDATE outbox_delivery SET state = 'waiting', attempts = 0, not_before = clock_timestamp(), problem = '',"
                " status = NULL, changed_at = clock_timestamp() WHERE id = $1 AND state <> 'sending' RETURNING true", delivery_id,
            )
        if known is None:
            raise NotFound(f"there is no delivery {delivery_id}, or it is being sent now; `ivr outbox list` shows them")
        return (await self.deliveries(None, None, 1, delivery_id + 1))[0]

    async def replay_held(self, partner: str) -> int:
        """Send everything again that was given up for one partner; how many."""
        async with transaction(self._pool) as connection:
            done = await connection.execute(
                "UPDATE outbox_delivery SET state = 'waiting', attempts = 0, not_before = clock_timestamp(),"
                " changed_at = clock_timestamp() WHERE partner = $1 AND state = 'held'", partner,
            )
        return int(done.split()[-1])
