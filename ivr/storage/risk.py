"""Words of risk: noted in the transaction that stores what was heard, decided once, counted by phrase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.errors import NotFound
from ivr.domain.risk import Decision, RiskTable, risks_in
from ivr.domain.transcript import Segment
from ivr.ports.risk import AlreadyDecided, RiskAlert, RiskWord
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from typing import Any, Literal

    from ivr.storage.database import Connection, Pool

_ALERT = """
    SELECT a.id, a.linked_id, coalesce(o.number, '') AS order_number, coalesce(c.caller_number, '') AS caller_number,
           coalesce(c.member_interface, '') AS member_interface, a.kind, a.phrase, a.words, a.said, a.at_s, a.source, a.raised_at,
           a.decision, coalesce(a.decided_by, '') AS decided_by, a.decided_at, a.reason
      FROM risk_alert a LEFT JOIN call c ON c.linked_id = a.linked_id
      LEFT JOIN work_order_call oc ON oc.linked_id = a.linked_id LEFT JOIN work_order o ON o.id = oc.order_id"""


async def note_risks(
    connection: Connection, linked_id: str, segments: Sequence[Segment], table: RiskTable, source: Literal["live", "transcript"]
) -> None:
    """Keep what is new in these segments, and tell pages; call it last, because it numbers changes of the feed.

    A phrase that was heard live is not told again when the transcript has it too.
    """
    for heard in risks_in(segments, table):
        alert = await connection.fetchval(
            "INSERT INTO risk_alert (linked_id, kind, phrase, words, said, at_s, source, table_version)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (linked_id, phrase) DO NOTHING RETURNING id",
            linked_id, heard.kind, heard.phrase, heard.words, heard.said[:1000], heard.at_s, source, table.version,
        )
        if alert is not None:
            await _tell(connection, alert, linked_id)


async def _tell(connection: Connection, alert: int, linked_id: str) -> None:
    for number in await connection.fetch(
        "SELECT o.number FROM work_order_call oc JOIN work_order o ON o.id = oc.order_id WHERE oc.linked_id = $1", linked_id
    ):
        await append(connection, "order", number["number"])
    await append(connection, "risk", str(alert))


class PostgresRisks:
    """ivr.ports.risk.RiskDesk."""

    def __init__(self, pool: Pool, table: RiskTable) -> None:
        self._pool = pool
        self._table = table

    async def alerts(self, *, open_only: bool, limit: int) -> Sequence[RiskAlert]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"{_ALERT}{' WHERE a.decision IS NULL' if open_only else ''}"
                " ORDER BY a.decision IS NOT NULL, a.id DESC LIMIT $1", limit,
            )
        return [RiskAlert(**row) for row in rows]

    async def decide(self, alert: int, decision: Decision, reason: str, decided_by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow("SELECT linked_id, phrase, decision FROM risk_alert WHERE id = $1 FOR UPDATE", alert)
            if row is None:
                raise NotFound("There is no such alert.")
            if row["decision"] is not None:
                raise AlreadyDecided("Somebody has decided this already.")
            await connection.execute(
                "UPDATE risk_alert SET decision = $2, reason = $3, decided_by = $4, decided_at = clock_timestamp() WHERE id = $1",
                alert, decision, reason, decided_by,
            )
            await append_row(
                connection, decided_by, "risk.decided", row["linked_id"],
                {"alert": alert, "phrase": row["phrase"], "decision": decision, "reason": reason},
            )
            await _tell(connection, alert, row["linked_id"])

    async def words(self) -> Sequence[RiskWord]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT phrase, min(kind) AS kind, count(*) FILTER (WHERE decision = 'real') AS real,"
                " count(*) FILTER (WHERE decision = 'false') AS false, count(*) FILTER (WHERE decision IS NULL) AS open"
                " FROM risk_alert GROUP BY phrase"
            )
        counted = {row["phrase"]: row for row in rows}
        words = [
            RiskWord(p.kind, p.phrase, *_counts(counted.pop(p.phrase, None)), in_force=True) for p in self._table.phrases
        ]
        words += [RiskWord(row["kind"], phrase, *_counts(row), in_force=False) for phrase, row in counted.items()]
        return sorted(words, key=lambda w: (-w.false, -(w.real + w.open), w.phrase))


def _counts(row: Any) -> tuple[int, int, int]:
    return (row["real"], row["false"], row["open"]) if row is not None else (0, 0, 0)
