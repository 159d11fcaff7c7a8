"""The rows of the audit trail that belong to one case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.ports.cases import AuditRow
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_MOST = 10_000


class PostgresCases:
    """ivr.ports.cases.CaseRecords."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def audit_rows(self, objects: Sequence[str]) -> Sequence[AuditRow]:
        """See the port; of a long trail the newest ten thousand."""
        plays = [f"{name}/{track}" for name in objects for track in ("caller", "operator", "both")]
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT id, at, actor, action, object AS object_name, detail::text AS detail, encode(digest, 'hex') AS digest"
                " FROM audit_event WHERE object = ANY($1) ORDER BY id DESC LIMIT $2", [*objects, *plays], _MOST,
            )
        return [AuditRow(**row) for row in reversed(rows)]
