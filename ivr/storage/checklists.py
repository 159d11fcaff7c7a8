"""What of a one-time notice was told in a call: noted in the transaction that stores what was heard, decided by people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ivr.domain.errors import NotFound
from ivr.domain.knowledge import NoticeItem, heard_items, item_of
from ivr.domain.transcript import Segment, Word
from ivr.ports.knowledge import CallChecklist, ToldItem
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.knowledge import read_article

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_MOST = 20
_TAKEN = """
    SELECT c.linked_id, c.slug, c.version, a.title, c.taken_by, c.taken_at, a.checklist::text AS checklist
      FROM call_checklist c JOIN knowledge_article a ON a.slug = c.slug AND a.version = c.version"""


async def note_told(connection: Connection, linked_id: str, segments: Sequence[Segment]) -> None:
    """Keep which items of the call's notices these segments tell; the first time counts. Most calls have no notice."""
    if not any(segment.speaker == "operator" for segment in segments):
        return
    for row in await connection.fetch(f"{_TAKEN} WHERE c.linked_id = $1", linked_id):
        await _note(connection, linked_id, row["slug"], _items(row["checklist"]), segments)


async def _note(
    connection: Connection, linked_id: str, slug: str, items: Sequence[NoticeItem], segments: Sequence[Segment]
) -> None:
    await connection.executemany(
        "INSERT INTO call_checklist_item (linked_id, slug, item, heard_at_s) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (linked_id, slug, item) DO UPDATE"
        " SET heard_at_s = least(call_checklist_item.heard_at_s, excluded.heard_at_s)",
        [(linked_id, slug, heard.code, heard.at_s) for heard in heard_items(items, segments)],
    )


class PostgresChecklists:
    """ivr.ports.knowledge.Checklists."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_call(self, linked_id: str) -> Sequence[CallChecklist]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(f"{_TAKEN} WHERE c.linked_id = $1 ORDER BY c.taken_at", linked_id)
            return await _told(connection, rows)

    async def of_order(self, number: str) -> Sequence[CallChecklist]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"{_TAKEN} JOIN work_order_call oc ON oc.linked_id = c.linked_id JOIN work_order o ON o.id = oc.order_id"
                " WHERE o.number = $1 ORDER BY c.taken_at", number,
            )
            return await _told(connection, rows)

    async def decide(self, linked_id: str, slug: str, items: Mapping[str, bool | None], by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await lock_call(connection, linked_id)
            checklist = await self._taken(connection, linked_id, slug, by)
            known = {item.code for item in checklist}
            if unknown := next((code for code in items if code not in known), None):
                raise NotFound(f"The notice of {slug} has no item {unknown[:40]}.")
            await connection.executemany(
                "INSERT INTO call_checklist_item (linked_id, slug, item, told, decided_by, decided_at)"
                " VALUES ($1, $2, $3, $4, $5, clock_timestamp()) ON CONFLICT (linked_id, slug, item) DO UPDATE"
                " SET told = excluded.told, decided_by = excluded.decided_by, decided_at = excluded.decided_at",
                [(linked_id, slug, code, told, by) for code, told in items.items()],
            )
            await append(connection, "call", linked_id)

    async def _taken(self, connection: Connection, linked_id: str, slug: str, by: str) -> Sequence[NoticeItem]:
        """The items of the version this call has; taken now, it is that in force, and what was said so far is listened to."""
        row = await connection.fetchrow(f"{_TAKEN} WHERE c.linked_id = $1 AND c.slug = $2", linked_id, slug)
        if row is not None:
            return _items(row["checklist"])
        if await connection.fetchval("SELECT true FROM call WHERE linked_id = $1", linked_id) is None:
            raise NotFound("There is no such call.")
        written = await read_article(connection, slug)
        taken = await connection.fetchval("SELECT count(*) FROM call_checklist WHERE linked_id = $1", linked_id)
        if written is None or written.article.retired or not written.article.checklist or taken >= _MOST:
            raise NotFound("There is no such article with a notice, or this call has too many.")
        await connection.execute(
            "INSERT INTO call_checklist (linked_id, slug, version, taken_by) VALUES ($1, $2, $3, $4)",
            linked_id, slug, written.written.version, by,
        )
        said = await connection.fetch(
            "SELECT start_s, text FROM transcript_segment WHERE linked_id = $1 AND speaker = 'operator'"
            " UNION ALL SELECT start_s, text FROM heard_segment WHERE linked_id = $1 AND speaker = 'operator'", linked_id,
        )
        segments = [
            Segment("operator", r["start_s"], r["start_s"], (Word(r["text"], r["start_s"], r["start_s"], 1.0),)) for r in said
        ]
        await _note(connection, linked_id, slug, written.article.checklist, segments)
        return written.article.checklist


def _items(told: str) -> tuple[NoticeItem, ...]:
    return tuple(item_of(row) for row in json.loads(told))


async def _told(connection: Connection, rows: Sequence[Any]) -> list[CallChecklist]:
    kept = await connection.fetch(
        "SELECT * FROM call_checklist_item WHERE linked_id = ANY($1::text[])", list({row["linked_id"] for row in rows})
    )
    by_item = {(k["linked_id"], k["slug"], k["item"]): k for k in kept}
    return [
        CallChecklist(
            row["linked_id"], row["slug"], row["version"], row["title"], row["taken_by"], row["taken_at"],
            [_told_item(item, by_item.get((row["linked_id"], row["slug"], item.code))) for item in _items(row["checklist"])],
        ) for row in rows
    ]


def _told_item(item: NoticeItem, kept: Any) -> ToldItem:
    """A person's word first, the machine's else."""
    at_s = kept["heard_at_s"] if kept else None
    if kept is not None and kept["told"] is not None:
        return ToldItem(item.code, item.kind, item.text, kept["told"], "human", at_s, kept["decided_by"], kept["decided_at"])
    heard = at_s is not None
    return ToldItem(item.code, item.kind, item.text, heard, "machine" if heard else None, at_s, "", None)
