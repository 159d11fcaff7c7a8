"""What is heard of calls while they go on: kept for some hours, told through the feed as a change of the call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from ivr.domain.transcript import Segment
from ivr.storage.checklists import note_told
from ivr.storage.database import transaction
from ivr.storage.feed import append
from ivr.storage.risk import note_risks

if TYPE_CHECKING:
    from ivr.domain.risk import RiskTable
    from ivr.storage.database import Pool

_KEPT = timedelta(hours=6)


class PostgresLiveWords:
    """ivr.ports.pipeline.LiveWords; with a table, words of risk are noted with what holds them."""

    def __init__(self, pool: Pool, risks: RiskTable | None = None) -> None:
        self._pool = pool
        self._risks = risks

    async def hear(self, linked_id: str, first: int, segments: Sequence[Segment]) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await connection.execute("DELETE FROM heard_segment WHERE heard_at < clock_timestamp() - $1::interval", _KEPT)
            await connection.executemany(
                "INSERT INTO heard_segment (linked_id, speaker, ordinal, start_s, end_s, text, confidence)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (linked_id, speaker, ordinal) DO UPDATE"
                " SET start_s = excluded.start_s, end_s = excluded.end_s, text = excluded.text, confidence = excluded.confidence",
                [
                    (linked_id, s.speaker, number, s.start_s, s.end_s, s.text, s.confidence)
                    for number, s in enumerate(segments, first)
                ],
            )
            await note_told(connection, linked_id, segments)
            await append(connection, "call", linked_id)
            if self._risks is not None:
                await note_risks(connection, linked_id, segments, self._risks, "live")
