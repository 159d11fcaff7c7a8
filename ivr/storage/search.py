"""Search over the pairs of characters kept by triggers; the way through them is SQL's ``search_find`` (migration 0013).

A word that everybody says is found in the newest week, a word nobody ever said in no week at all: both cost a few
milliseconds, however many texts there are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import asyncpg

from ivr.domain.search_text import found_in, pairs_of, week_of
from ivr.ports.search import SearchFilter, SearchHit
from ivr.storage.views import connected

_FIND = """
    SELECT h.id, h.at, h.linked_id, h.track_id, h.part, h.text, o.number, coalesce(o.confidential, false) AS confidential,
           s.speaker, s.start_s, s.end_s, s.words::text AS words
      FROM search_find($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS h
      LEFT JOIN work_order o ON o.id = h.order_id
      LEFT JOIN transcript_segment s ON s.track_id = h.track_id AND s.ordinal = h.ordinal
     ORDER BY h.at DESC, h.id DESC"""


class PostgresSearch:
    """ivr.ports.search.Search."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, wanted: SearchFilter) -> Sequence[SearchHit]:
        """See the port."""
        after = wanted.after
        ends = [moment for moment in (wanted.end, after.at if after else None) if moment is not None]
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                _FIND, pairs_of(wanted.words), [word for word in wanted.words if len(word) > 2],
                week_of(wanted.start.timestamp()) if wanted.start else None,
                week_of(min(ends).timestamp()) if ends else None,
                wanted.start, wanted.end, after.at if after else None, int(after.key) if after else None,
                wanted.category, wanted.town, wanted.confidential, wanted.limit,
            )
        return [_hit(row, wanted.words) for row in rows]


def _hit(row: asyncpg.Record, words: Sequence[str]) -> SearchHit:
    if row["track_id"] is None:
        return SearchHit(
            row["id"], row["at"], row["part"], row["text"], row["number"] or "", confidential=row["confidential"]
        )
    spans = found_in(row["text"], words)
    return SearchHit(
        row["id"], row["at"], "segment", row["text"], row["number"] or "", row["linked_id"], row["speaker"], row["start_s"],
        row["end_s"], _second_of(spans[0].start, row) if spans else None, row["confidential"],
    )


def _second_of(place: int, row: asyncpg.Record) -> float:
    """Where in the recording the character at ``place`` of the segment is said: at its word's beginning."""
    at = 0
    for word in json.loads(row["words"]):
        at += len(word["text"])
        if place < at:
            return float(word["start_s"])
    return float(row["start_s"])
