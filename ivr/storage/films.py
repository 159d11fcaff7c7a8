"""Recorded pictures of rooms: the rows, and who by the ledger was told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.domain.errors import NotFound
from ivr.domain.room_film import TOLD, VILLAGER, Film, FilmProblem, Spooled
from ivr.ports.films import KeptFile, OpenFilm, Told
from ivr.storage.audit import append_row
from ivr.storage.database import lock_call, transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_COLUMNS = (
    "f.id, f.linked_id, f.name, f.path, f.media_type, f.width, f.height, f.frames, f.seconds, f.bytes, f.sha256, f.began_at,"
    " f.told_at, f.third_told, f.third_told_at, f.problem, f.deleted_at"
)
_CLOCKS_APART_S = 2.0  # the begin is of the disk's times, the notice's end of the ledger's


class PostgresFilmBook:
    """ivr.ports.films.FilmBook."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def call_over(self, linked_id: str) -> bool | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            over: bool | None = await connection.fetchval("SELECT state = 'ended' FROM call WHERE linked_id = $1", linked_id)
            return over

    async def known(self, name: str) -> bool:
        """See the port."""
        async with transaction(self._pool) as connection:
            return bool(await connection.fetchval("SELECT true FROM room_film WHERE name = $1", name))

    async def told(self, linked_id: str, began_at: float) -> Told | None:
        """See the port. The third's fact is of its own leg, which an invitation of this call names."""
        before = datetime.fromtimestamp(began_at + _CLOCKS_APART_S, UTC)
        async with transaction(self._pool) as connection:
            villager_at = await connection.fetchval(
                "SELECT max(at) FROM call_fact WHERE linked_id = $1 AND kind = $2 AND data->>'extra' = $3 AND at <= $4",
                linked_id, TOLD, VILLAGER, before,
            )
            third = await connection.fetchrow(
                "SELECT data->>'extra' AS who, at FROM call_fact WHERE kind = $2 AND at <= $3"
                " AND linked_id IN (SELECT channel_id FROM room_invitation WHERE linked_id = $1 AND channel_id <> '')"
                " ORDER BY at DESC LIMIT 1", linked_id, TOLD, before,
            )
        if villager_at is None:
            return None
        return Told(villager_at, third["who"] if third else "", third["at"] if third else None)

    async def add(self, spooled: Spooled, told: Told | None, kept: KeptFile | None, problem: FilmProblem) -> None:
        """See the port."""
        file = kept or KeptFile("", "", 0, 0, 0, 0.0, 0, b"")
        async with transaction(self._pool) as connection:
            await lock_call(connection, spooled.linked_id)
            number = await connection.fetchval(
                "INSERT INTO room_film (linked_id, name, path, media_type, width, height, frames, seconds, bytes, sha256, began_at,"
                " told_at, third_told, third_told_at, problem)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
                " ON CONFLICT (name) DO NOTHING RETURNING id",
                spooled.linked_id, spooled.name, file.path, file.media_type, file.width, file.height, file.frames, file.seconds,
                file.size_bytes, file.sha256, datetime.fromtimestamp(spooled.began_at, UTC), told.villager_at if told else None,
                told.third if told else "", told.third_at if told else None, problem,
            )
            if number is None:
                return
            what: dict[str, str | int] = {"sha256": file.sha256.hex(), "bytes": file.size_bytes} if kept else {"problem": problem}
            await append_row(
                connection, "controller", "film.kept" if kept else "film.not_kept", spooled.linked_id, {"film": number, **what}
            )
            await append(connection, "call", spooled.linked_id)
            order = await connection.fetchval(
                "SELECT o.number FROM work_order_call x JOIN work_order o ON o.id = x.order_id WHERE x.linked_id = $1",
                spooled.linked_id,
            )
            if order:
                await append(connection, "order", order)


class PostgresFilms:
    """ivr.ports.films.FilmDesk; ``opener`` opens a film's file."""

    def __init__(self, pool: Pool, opener: Callable[[Film], Awaitable[OpenFilm]]) -> None:
        self._pool = pool
        self._opener = opener

    async def of_order(self, number: str) -> Sequence[Film]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM room_film f JOIN work_order_call x ON x.linked_id = f.linked_id"
                " JOIN work_order o ON o.id = x.order_id WHERE o.number = $1 ORDER BY f.id LIMIT 1000", number,
            )
        return [Film(*row) for row in rows]

    async def open(self, film: Film) -> OpenFilm:
        """See the port."""
        if film.deleted_at is not None or not film.path:
            raise NotFound("This room has no film, or its time was over and it was deleted.")
        return await self._opener(film)
