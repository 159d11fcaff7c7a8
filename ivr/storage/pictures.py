"""Pictures taken in calls of villages: the rows, and with each its file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ivr.domain.errors import NotFound
from ivr.domain.picture import ASKED, MOST_A_CALL, Picture, PictureRefused, path_of
from ivr.domain.worktime import SHANGHAI
from ivr.storage.audit import append_row
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append
from ivr.storage.picture_files import PictureFiles, decode

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_COLUMNS = (
    "p.id, p.linked_id, p.path, p.media_type, p.width, p.height, p.bytes, p.sha256, p.asked_at, p.taken_at, p.taken_by,"
    " p.deleted_at"
)


class PostgresPictures:
    """ivr.ports.pictures.PictureDesk."""

    def __init__(self, pool: Pool, files: PictureFiles) -> None:
        self._pool = pool
        self._files = files

    async def keep(self, linked_id: str, data: bytes, by: str) -> Picture:
        """See the port. The file is written under the row's transaction: a row without a file is never committed."""
        found = await asyncio.to_thread(decode, data)
        digest = hashlib.sha256(data).digest()
        async with transaction(self._pool) as connection:
            await lock_call(connection, linked_id)
            if not await connection.fetchval("SELECT true FROM call WHERE linked_id = $1", linked_id):
                raise NotFound(f"There is no call {linked_id[:80]}.")
            known = await connection.fetchrow(
                f"SELECT {_COLUMNS} FROM picture p WHERE linked_id = $1 AND sha256 = $2 AND deleted_at IS NULL", linked_id, digest
            )
            if known is not None:
                return Picture(*known)
            asked_at = await connection.fetchval(
                "SELECT max(at) FROM call_fact WHERE linked_id = $1 AND kind = $2", linked_id, ASKED
            )
            if asked_at is None:
                raise PictureRefused("还没有问过村民是否同意拍照，不能保存。")
            if await connection.fetchval("SELECT count(*) FROM picture WHERE linked_id = $1", linked_id) >= MOST_A_CALL:
                raise PictureRefused(f"一通电话最多保存 {MOST_A_CALL} 张图片。")
            now = await connection.fetchval("SELECT clock_timestamp()")
            path = path_of(linked_id, now.astimezone(SHANGHAI).strftime("%Y%m%d"), digest, found.media_type)
            row: Any = await connection.fetchrow(
                "INSERT INTO picture AS p (linked_id, path, media_type, width, height, bytes, sha256, asked_at, taken_at, taken_by)"
                f" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING {_COLUMNS}",
                linked_id, path, found.media_type, found.width, found.height, len(data), digest, asked_at, now, by,
            )
            picture = Picture(*row)
            await asyncio.to_thread(self._files.write, path, data)
            await append_row(
                connection, by, "picture.taken", linked_id,
                {"picture": picture.id, "sha256": digest.hex(), "bytes": len(data), "asked_at": asked_at.isoformat()},
            )
            order = await connection.fetchval(
                "SELECT o.number FROM work_order_call x JOIN work_order o ON o.id = x.order_id WHERE x.linked_id = $1", linked_id
            )
            await append(connection, "call", linked_id)
            if order:
                await append(connection, "order", order)
        return picture

    async def of_order(self, number: str) -> Sequence[Picture]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM picture p JOIN work_order_call x ON x.linked_id = p.linked_id"
                " JOIN work_order o ON o.id = x.order_id WHERE o.number = $1 ORDER BY p.id LIMIT 1000", number,
            )
        return [Picture(*row) for row in rows]

    async def read(self, picture: Picture) -> bytes:
        """See the port."""
        if picture.deleted_at is not None:
            raise NotFound("This picture's time was over; it was deleted.")
        return await asyncio.to_thread(self._files.read, picture.path, picture.sha256)
