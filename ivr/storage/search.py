"""Search over the pairs of characters kept by triggers (migration 0013): the newest week first, then four times as many, …

A word that everybody says is found in the newest week, a word nobody ever said in no week at all: both cost a few
milliseconds, however many texts there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import asyncpg

from ivr.domain.search_text import found_in, pairs_of, week_of
from ivr.ports.search import SearchFilter, SearchHit
from ivr.storage.views import connected

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

_MOST_WEEKS = 64

_FIND = """
    SELECT h.*, o.number, coalesce(o.confidential, false) AS confidential, s.speaker, s.start_s, s.end_s, s.words::text AS words
      FROM (SELECT f.* FROM unnest($1::int[]) AS week
             CROSS JOIN LATERAL (SELECT array_agg((week::bigint << 42) | pair) AS keys FROM unnest($2::bigint[]) AS pair) AS wanted
             CROSS JOIN LATERAL (
                SELECT t.id, t.at, t.linked_id, t.track_id, t.ordinal, t.part, t.text, coalesce(t.order_id, oc.order_id) AS order_id
                  FROM (SELECT * FROM search_text t WHERE search_keys(t.week, t.text) @> wanted.keys{text}
                         ORDER BY t.at DESC, t.id DESC) AS t
                  LEFT JOIN work_order_call oc ON oc.linked_id = t.linked_id
                 WHERE true{order}
                 ORDER BY t.at DESC, t.id DESC LIMIT {limit}) AS f
             ORDER BY f.at DESC, f.id DESC LIMIT {limit}) AS h
      LEFT JOIN work_order o ON o.id = h.order_id
      LEFT JOIN transcript_segment s ON s.track_id = h.track_id AND s.ordinal = h.ordinal
     ORDER BY h.at DESC, h.id DESC"""


class PostgresSearch:
    """ivr.ports.search.Search."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def find(self, wanted: SearchFilter) -> Sequence[SearchHit]:
        """See the port."""
        sql, values = _statement(wanted)
        async with (
            connected(self._pool) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            # The keys are not known when the plan is made. Whatever is guessed of them, the index is the way, and the orders of
            # what it finds are looked at one by one, the newest first, until the page is full.
            await connection.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
                " SET LOCAL jit = off"
            )
            hits: list[SearchHit] = []
            for weeks in _portions(await _weeks(connection, wanted)):
                rows = await connection.fetch(sql, list(weeks), pairs_of(wanted.words), *values, wanted.limit - len(hits))
                hits += [_hit(row, wanted.words) for row in rows]
                if len(hits) >= wanted.limit:
                    break
        return hits


async def _weeks(connection: PoolConnectionProxy[asyncpg.Record], wanted: SearchFilter) -> range:
    """The weeks to look through, the newest first: those that hold texts and lie between the wanted times."""
    row = await connection.fetchrow("SELECT min(week) AS first, max(week) AS last FROM search_text")
    if row is None or row["first"] is None:
        return range(0)
    first, last = row["first"], row["last"]
    if wanted.start is not None:
        first = max(first, week_of(wanted.start.timestamp()))
    for limit in (wanted.end, wanted.after.at if wanted.after else None):
        if limit is not None:
            last = min(last, week_of(limit.timestamp()))
    return range(last, first - 1, -1)


def _portions(weeks: range) -> Iterator[range]:
    """1, 4, 16, then 64 weeks at a time."""
    size, at = 1, 0
    while at < len(weeks):
        yield weeks[at : at + size]
        at, size = at + size, min(size * 4, _MOST_WEEKS)


def _statement(wanted: SearchFilter) -> tuple[str, list[Any]]:
    """The query and its values from $3 on; the last one, the limit, is the caller's."""
    values: list[Any] = []

    def said(condition: str, *given: Any) -> str:
        values.extend(given)
        return " AND " + condition.format(*(f"${len(values) - len(given) + n + 3}" for n in range(len(given))))

    text = ""
    for word in wanted.words:
        if len(word) > 2:  # of two characters the index says all there is to say
            text += said("(position({0}::text IN t.text) > 0 OR position({0}::text IN search_fold(t.text)) > 0)", word)
    if wanted.start is not None:
        text += said("t.at >= {}", wanted.start)
    if wanted.end is not None:
        text += said("t.at < {}", wanted.end)
    if wanted.after is not None:
        text += said("(t.at, t.id) < ({}::timestamptz, {}::bigint)", wanted.after.at, int(wanted.after.key))
    order, which = "", "SELECT FROM work_order o WHERE o.id = coalesce(t.order_id, oc.order_id)"
    if not wanted.confidential:
        order += f" AND NOT EXISTS ({which} AND o.confidential)"
    if wanted.category is not None:
        order += said(f"EXISTS ({which} AND o.category = {{}})", wanted.category)
    if wanted.town is not None:
        order += said(
            "EXISTS (SELECT FROM work_order_field p WHERE p.order_id = coalesce(t.order_id, oc.order_id) AND p.field = 'place'"
            " AND (p.value = {0} OR p.value IN (SELECT code FROM place WHERE town_code = {0})))", wanted.town,
        )
    return _FIND.format(text=text, order=order, limit=f"${len(values) + 3}"), values


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
