"""Third sides asked into calls: rows that a page asks for, taken once by a controller, and shown while they last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from ivr.domain.errors import NotFound, Unavailable
from ivr.domain.room_film import FilmProblem, FilmState
from ivr.domain.video_room import RoomProblem
from ivr.ports.rooms import Invitation, RoomRefused
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool
    from ivr.storage.feed import PostgresFeed

CHANNEL = "ivr_room"
_STUCK = timedelta(seconds=30)
_UP = "('calling', 'ringing', 'joined', 'ending')"
_FILMED = "('asked', 'on', 'stopping')"
_ROW = "id, seat, who, asked_by, state, problem, channel_id, linked_id, asked_at, joined_at, over_at, film, film_problem"


class PostgresRooms:
    """ivr.ports.rooms.RoomBook and RoomInbox; ``hints`` listens on ``CHANNEL``, for the controller's end."""

    def __init__(self, pool: Pool, hints: PostgresFeed | None = None, *, within_s: float = 8.0) -> None:
        self._pool = pool
        self._hints = hints
        self._within_s = within_s

    # --- the web's end ------------------------------------------------------------------------------------------

    async def invite(self, seat: str, who: str, asked_by: str) -> Invitation:
        """See the port."""
        async with transaction(self._pool) as connection:
            await _sweep(connection)
            try:
                row = await connection.fetchrow(
                    "INSERT INTO room_invitation (seat, who, asked_by, ends_at) VALUES ($1, $2, $3, clock_timestamp() + $4)"
                    f" RETURNING {_ROW}", seat, who, asked_by, timedelta(seconds=self._within_s),
                )
            except asyncpg.UniqueViolationError:
                raise RoomRefused("Somebody is asked into this call already. Let them go first.") from None
            await append_row(connection, asked_by, "room.invited", seat, {"who": who})
            await append(connection, "seat", seat)
            await connection.execute(f"NOTIFY {CHANNEL}")
        return Invitation(**dict(row or {}))

    async def latest(self, seat: str, asked_by: str) -> Invitation | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await _sweep(connection)
            row = await connection.fetchrow(
                f"SELECT {_ROW} FROM room_invitation WHERE seat = $1 AND asked_by = $2"
                " AND asked_at > clock_timestamp() - interval '12 hours' ORDER BY id DESC LIMIT 1", seat, asked_by,
            )
        return None if row is None else Invitation(**row)

    async def dismiss(self, seat: str, by: str) -> None:
        """See the port; one that nobody began yet never will be."""
        async with transaction(self._pool) as connection:
            number = await connection.fetchval(
                "UPDATE room_invitation SET state = CASE WHEN state = 'waiting' THEN 'over' ELSE 'ending' END,"
                " over_at = CASE WHEN state = 'waiting' THEN clock_timestamp() END"
                " WHERE seat = $1 AND state <> 'over' RETURNING id", seat,
            )
            if number is None:
                raise NotFound("Nobody is asked into this call.")
            await append_row(connection, by, "room.dismissed", seat, {"invitation": number})
            await append(connection, "seat", seat)
            await connection.execute(f"NOTIFY {CHANNEL}")

    async def stop_film(self, seat: str, by: str) -> None:
        """See the port; the third may have left, and the room goes on."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE room_invitation SET film = 'stopping', film_problem = 'stopped'"
                " WHERE id = (SELECT max(id) FROM room_invitation WHERE seat = $1 AND linked_id <> '')"
                " AND film IN ('asked', 'on', 'stopping') RETURNING id, linked_id", seat,
            )
            if row is None:
                raise NotFound("No picture is being recorded.")
            await append_row(connection, by, "room.film_stopped", row["linked_id"], {"invitation": row["id"], "seat": seat})
            await append(connection, "seat", seat)
            await connection.execute(f"NOTIFY {CHANNEL}")

    # --- the controller's end -----------------------------------------------------------------------------------

    async def wait_hint(self, timeout_s: float) -> bool:
        """See the port."""
        if self._hints is None:
            raise Unavailable("rooms are only asked for here, not opened")
        return await self._hints.wait_hint(timeout_s)

    async def take(self) -> Invitation | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE room_invitation SET state = 'calling' WHERE id = (SELECT id FROM room_invitation WHERE state = 'waiting'"
                f" AND ends_at > clock_timestamp() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING {_ROW}"
            )
        return None if row is None else Invitation(**row)

    async def begun(
        self, invitation: int, channel_id: str, linked_id: str, film: FilmState = "", film_problem: FilmProblem = ""
    ) -> None:
        """See the port; one that was taken back meanwhile stays so, and has a channel to hang up."""
        await self._set(
            invitation, "state = CASE WHEN state = 'calling' THEN 'ringing' ELSE state END, channel_id = $2, linked_id = $3,"
            " film = $4, film_problem = $5", channel_id, linked_id, film, film_problem,
        )

    async def filmed(self, invitation: int, film: FilmState, problem: FilmProblem = "") -> None:
        """See the port."""
        await self._set(
            invitation, "film = $2, film_problem = CASE WHEN film_problem = '' THEN $3 ELSE film_problem END", film, problem,
            of=f"{_UP} OR film IN {_FILMED}",
        )

    async def joined(self, invitation: int) -> None:
        """See the port."""
        await self._set(invitation, "state = 'joined', joined_at = clock_timestamp()", of="('ringing')")

    async def settle(self, invitation: int, problem: RoomProblem) -> None:
        """See the port; what was taken back, or had come, failed by nothing."""
        await self._set(
            invitation, "problem = CASE WHEN state IN ('ending', 'joined') THEN '' ELSE $2 END, state = 'over',"
            " over_at = clock_timestamp(), film = CASE WHEN film = 'asked' AND joined_at IS NULL THEN 'none' ELSE film END",
            problem,
        )

    async def unsettled(self) -> Sequence[Invitation]:
        """See the port; a controller that died in between leaves none for ever."""
        async with transaction(self._pool) as connection:
            await _sweep(connection)
            rows = await connection.fetch(
                f"SELECT {_ROW} FROM room_invitation WHERE state IN {_UP}"
                f" OR film IN {_FILMED} AND asked_at > clock_timestamp() - interval '1 day' ORDER BY id"
            )
        return [Invitation(**row) for row in rows]

    async def _set(self, invitation: int, assignment: str, *values: str, of: str = _UP) -> None:
        async with transaction(self._pool) as connection:
            seat = await connection.fetchval(
                f"UPDATE room_invitation SET {assignment} WHERE id = $1 AND (state IN {of}) RETURNING seat", invitation, *values
            )
            if seat is not None:
                await append(connection, "seat", seat)


async def _sweep(connection: Connection) -> None:
    """What nobody began in time, and what was begun without a channel."""
    await connection.execute(
        "UPDATE room_invitation SET state = 'over', problem = 'unanswered', over_at = clock_timestamp()"
        " WHERE (state = 'waiting' AND ends_at < clock_timestamp())"
        "    OR (state IN ('calling', 'ending') AND channel_id = '' AND asked_at < clock_timestamp() - $1::interval)", _STUCK,
    )
