"""The database's side of retention: what is due, what is held, and the proof of what went."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ivr.domain.errors import NotFound
from ivr.domain.quality_check import without_words
from ivr.domain.retention import ORDER_OVER, Due, Kind, Proof
from ivr.ports.retention import FileDigest, Hold
from ivr.storage.audit import append_row
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.quality_checks import results_of, results_text

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_OVER = ", ".join(f"'{state}'" for state in ORDER_OVER)
_FREE = f"""
    (o.state IN ({_OVER}) OR o.state = 'merged' AND EXISTS (
        SELECT FROM work_order t WHERE t.number = o.merged_into AND t.state IN ({_OVER})))
    AND NOT EXISTS (SELECT FROM legal_hold h WHERE h.lifted_at IS NULL AND h.until > clock_timestamp() AND (
        h.object IN ('order:' || o.number, 'order:' || o.merged_into)
        OR h.object IN (SELECT 'call:' || x.linked_id FROM work_order_call x WHERE x.order_id = o.id)))"""
"""Of an order ``o``: it is over, and neither it nor any of its calls is held."""

_OF_CALL = "FROM call c JOIN work_order_call oc ON oc.linked_id = c.linked_id JOIN work_order o ON o.id = oc.order_id"
_SOUND = f"""
    SELECT t.base_name AS name, c.linked_id, o.number, c.ended_at AS born_at, array_agg(t.path ORDER BY t.path) AS paths
      {_OF_CALL} JOIN recording_track t ON t.linked_id = c.linked_id
     WHERE c.state = 'ended' AND c.ended_at < $1 AND t.deleted_at IS NULL AND t.base_name > $2
       AND (c.channel = 'village_video') = {{video}}
       AND NOT EXISTS (SELECT FROM recording_track w WHERE w.base_name = t.base_name AND w.state IN ('pending', 'leased'))
       AND {_FREE} GROUP BY t.base_name, c.linked_id, o.number, c.ended_at"""
_DUE: dict[Kind, str] = {
    "recording": _SOUND.format(video="false"),
    "video": _SOUND.format(video="true"),
    "film": f"""
    SELECT f.path AS name, c.linked_id, o.number, f.began_at AS born_at, ARRAY[f.path] AS paths
      {_OF_CALL} JOIN room_film f ON f.linked_id = c.linked_id
     WHERE c.state = 'ended' AND f.began_at < $1 AND f.deleted_at IS NULL AND f.path > $2 AND {_FREE}""",
    "picture": f"""
    SELECT p.path AS name, c.linked_id, o.number, p.taken_at AS born_at, ARRAY[p.path] AS paths
      {_OF_CALL} JOIN picture p ON p.linked_id = c.linked_id
     WHERE c.state = 'ended' AND p.taken_at < $1 AND p.deleted_at IS NULL AND p.path > $2 AND {_FREE}""",
    "transcript": f"""
    SELECT c.linked_id AS name, c.linked_id, o.number, c.ended_at AS born_at, '{{}}'::text[] AS paths {_OF_CALL}
     WHERE c.state = 'ended' AND c.ended_at < $1 AND c.linked_id > $2
       AND EXISTS (SELECT FROM transcript_segment s WHERE s.linked_id = c.linked_id) AND {_FREE}""",
    "log": f"""
    SELECT c.linked_id AS name, c.linked_id, o.number, c.ended_at AS born_at, '{{}}'::text[] AS paths {_OF_CALL}
     WHERE c.state = 'ended' AND c.ended_at < $1 AND c.linked_id > $2
       AND EXISTS (SELECT FROM call_fact f WHERE f.linked_id = c.linked_id) AND {_FREE}""",
    "order": f"""
    SELECT o.number AS name, '' AS linked_id, o.number, o.opened_at AS born_at, '{{}}'::text[] AS paths FROM work_order o
     WHERE o.cleared_at IS NULL AND o.number > $2 AND {_FREE}
       AND greatest(o.opened_at, (SELECT max(e.at) FROM order_event e WHERE e.order_id = o.id)) < $1
       AND NOT EXISTS (SELECT FROM work_order_call x JOIN transcript_segment s ON s.linked_id = x.linked_id WHERE x.order_id = o.id)
       AND NOT EXISTS (SELECT FROM work_order_call x JOIN recording_track t ON t.linked_id = x.linked_id
                        WHERE x.order_id = o.id AND t.deleted_at IS NULL)
       AND NOT EXISTS (SELECT FROM work_order_call x JOIN picture p ON p.linked_id = x.linked_id
                        WHERE x.order_id = o.id AND p.deleted_at IS NULL)
       AND NOT EXISTS (SELECT FROM work_order_call x JOIN room_film f ON f.linked_id = x.linked_id
                        WHERE x.order_id = o.id AND f.path <> '' AND f.deleted_at IS NULL)""",
}


class PostgresRetention:
    """ivr.ports.retention.RetentionStore; ``actor`` is whom the audit trail names."""

    def __init__(self, pool: Pool, actor: str = "retention") -> None:
        self._pool = pool
        self._actor = actor

    async def due(self, kind: Kind, before: datetime, limit: int, after: str = "") -> Sequence[Due]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(f"{_DUE[kind]} ORDER BY name LIMIT $3", before, after, limit)
        return [Due(kind, r["name"], r["linked_id"], r["number"], r["born_at"], tuple(r["paths"])) for r in rows]

    async def count(self, kind: Kind, before: datetime) -> int:
        """See the port."""
        async with transaction(self._pool) as connection:
            return int(await connection.fetchval(f"SELECT count(*) FROM ({_DUE[kind]}) AS d", before, ""))

    async def delete(self, due: Due, files: Mapping[str, FileDigest]) -> bool:
        """See the port. The order's row is locked: a hold or a move that comes meanwhile waits, and is seen or sees."""
        async with transaction(self._pool) as connection:
            if due.linked_id:
                await lock_call(connection, due.linked_id)
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('hold', 12348))")
            free = await connection.fetchval(
                f"SELECT true FROM work_order o WHERE o.number = $1 AND {_FREE} FOR UPDATE", due.order_number
            )
            if not free:
                return False
            if due.kind in ("recording", "video"):
                gone = await _mark_files(connection, due, files)
            elif due.kind in ("picture", "film"):
                gone = await _mark_files(connection, due, files, "picture" if due.kind == "picture" else "room_film")
            elif due.kind == "transcript":
                gone = await _delete_transcript(connection, due)
            elif due.kind == "log":
                gone = await _delete_facts(connection, due)
            else:
                gone = await _clear_order(connection, due)
            for name, digest in gone.items():
                await connection.execute(
                    "INSERT INTO retention_deletion (kind, object, linked_id, sha256, bytes, born_at)"
                    " VALUES ($1, $2, $3, $4, $5, $6)",
                    due.kind, name, due.linked_id, digest.sha256, digest.size_bytes, due.born_at,
                )
                await append_row(
                    connection, self._actor, "retention.deleted", name,
                    {"kind": due.kind, "sha256": digest.sha256.hex(), "bytes": digest.size_bytes},
                )
            if gone:
                await append(connection, "order", due.order_number)
            return bool(gone)

    async def marked_files(self, since: datetime) -> Sequence[str]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT path FROM recording_track WHERE deleted_at >= $1 UNION ALL"
                " SELECT path FROM room_film WHERE deleted_at >= $1 UNION ALL"
                # The same picture may have been kept again since: then its file is another one's.
                " SELECT p.path FROM picture p WHERE p.deleted_at >= $1"
                " AND NOT EXISTS (SELECT FROM picture k WHERE k.path = p.path AND k.deleted_at IS NULL) ORDER BY path", since,
            )
        return [r["path"] for r in rows]

    async def proofs(self, limit: int, before: int | None = None) -> Sequence[Proof]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT kind, object, linked_id, sha256, bytes, born_at, at FROM retention_deletion"
                " WHERE $2::bigint IS NULL OR id < $2 ORDER BY id DESC LIMIT $1", limit, before,
            )
        return [Proof(*row) for row in rows]


class PostgresHolds:
    """ivr.ports.retention.Holds."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def hold(self, object_name: str, reason: str, until: datetime, by: str) -> int:
        """See the port."""
        kind, _, name = object_name.partition(":")
        table = {"call": "call WHERE linked_id", "order": "work_order WHERE number"}.get(kind)
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('hold', 12348))")
            if table is None or not await connection.fetchval(f"SELECT true FROM {table} = $1", name):
                raise NotFound(f"There is no {kind if table else 'call or order'} {name[:80]}.")
            number: int = await connection.fetchval(
                "INSERT INTO legal_hold (object, reason, set_by, until) VALUES ($1, $2, $3, $4) RETURNING id",
                object_name, reason, by, until,
            )
            await append_row(connection, by, "retention.held", name, {"reason": reason, "until": until.isoformat(), "hold": number})
        return number

    async def lift(self, hold: int, reason: str, by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            object_name = await connection.fetchval(
                "UPDATE legal_hold SET lifted_at = clock_timestamp(), lifted_by = $2, lifted_why = $3"
                " WHERE id = $1 AND lifted_at IS NULL AND until > clock_timestamp() RETURNING object", hold, by, reason,
            )
            if object_name is None:
                raise NotFound("There is no such hold in force.")
            await append_row(
                connection, by, "retention.hold_lifted", object_name.partition(":")[2], {"reason": reason, "hold": hold}
            )

    async def in_force(self) -> Sequence[Hold]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT id, object AS object_name, reason, set_by, set_at, until, lifted_by, lifted_at, lifted_why FROM legal_hold"
                " WHERE lifted_at IS NULL AND until > clock_timestamp() ORDER BY until, id LIMIT 1000"
            )
        return [Hold(**row) for row in rows]


def _digest(rows: Sequence[Any]) -> FileDigest:
    """Of rows as canonical JSON: sorted keys, no spaces, times in ISO 8601."""
    text = json.dumps([dict(r) for r in rows], ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str).encode()
    return FileDigest(hashlib.sha256(text).digest(), len(text))


async def _mark_files(
    connection: Connection, due: Due, files: Mapping[str, FileDigest], table: str = "recording_track"
) -> Mapping[str, FileDigest]:
    """Only files that were there: one that was lost before stays lost, and the books say so."""
    marked = await connection.fetch(
        f"UPDATE {table} SET deleted_at = clock_timestamp() WHERE path = ANY($1) AND deleted_at IS NULL RETURNING path",
        sorted(files),
    )
    await append(connection, "call", due.linked_id)
    return {r["path"]: files[r["path"]] for r in marked}


async def _delete_transcript(connection: Connection, due: Due) -> Mapping[str, FileDigest]:
    rows = await connection.fetch(
        "DELETE FROM transcript_segment WHERE linked_id = $1"
        " RETURNING track_id, ordinal, speaker, start_s, end_s, text, words::text AS words", due.linked_id,
    )
    await connection.execute("DELETE FROM transcript_correction WHERE linked_id = $1", due.linked_id)
    await connection.execute("DELETE FROM heard_segment WHERE linked_id = $1", due.linked_id)
    await _forget_words(connection, due.linked_id)
    await connection.execute(
        "UPDATE recording_track SET transcript_deleted_at = clock_timestamp() WHERE linked_id = $1", due.linked_id
    )
    await append(connection, "call", due.linked_id)
    ordered = sorted(rows, key=lambda r: (r["track_id"], r["ordinal"]))
    return {due.linked_id: _digest(ordered)} if rows else {}


async def _forget_words(connection: Connection, linked_id: str) -> None:
    """Of what was found in the words: verdicts, seconds and the table's own phrases stay, what people said goes."""
    await connection.execute("UPDATE risk_alert SET said = '' WHERE linked_id = $1", linked_id)
    checks = await connection.fetch(
        "SELECT card_version, results::text AS results FROM quality_check WHERE linked_id = $1 FOR UPDATE", linked_id
    )
    for check in checks:
        results = [without_words(result) for result in results_of(check["results"])]
        await connection.execute(
            "UPDATE quality_check SET results = ($3::text)::jsonb WHERE linked_id = $1 AND card_version = $2",
            linked_id, check["card_version"], results_text(results),
        )


async def _delete_facts(connection: Connection, due: Due) -> Mapping[str, FileDigest]:
    rows = await connection.fetch(
        "DELETE FROM call_fact WHERE linked_id = $1 RETURNING source, file_id, position, kind, at, data::text AS data",
        due.linked_id,
    )
    ordered = sorted(rows, key=lambda r: (r["source"], r["file_id"], r["position"]))
    return {due.linked_id: _digest(ordered)} if rows else {}


async def _clear_order(connection: Connection, due: Due) -> Mapping[str, FileDigest]:
    """What citizens said and who they are goes; number, states, category and times stay, for the figures."""
    order = await connection.fetchrow(
        "SELECT id, caller_number, note, blanks::text AS blanks FROM work_order WHERE number = $1 AND cleared_at IS NULL",
        due.order_number,
    )
    if order is None:
        return {}
    gone = [order, *await connection.fetch(
        "DELETE FROM work_order_field WHERE order_id = $1 AND field NOT IN ('category', 'matter', 'place')"
        " RETURNING field, ordinal, value, display, text, machine_value, set_by", order["id"],
    )]
    gone += await connection.fetch(
        "SELECT c.linked_id, c.caller_number, c.caller_number_raw, c.caller_name_raw FROM call c"
        " JOIN work_order_call oc USING (linked_id) WHERE oc.order_id = $1 ORDER BY 1", order["id"],
    )
    gone += await connection.fetch(
        "SELECT version, reason, detail::text AS detail FROM order_event WHERE order_id = $1 ORDER BY version", order["id"]
    )
    await connection.execute("UPDATE work_order_field SET text = '' WHERE order_id = $1", order["id"])
    await connection.execute(
        "UPDATE call SET caller_number = '', caller_number_raw = '', caller_name_raw = '' WHERE linked_id IN"
        " (SELECT linked_id FROM work_order_call WHERE order_id = $1)", order["id"],
    )
    await connection.execute("UPDATE order_event SET reason = '', detail = '{}' WHERE order_id = $1", order["id"])
    await connection.execute(
        "UPDATE work_order SET caller_number = '', note = '', blanks = '[]', cleared_at = clock_timestamp(), version = version + 1"
        " WHERE id = $1", order["id"],
    )
    return {due.order_number: _digest(gone)}
