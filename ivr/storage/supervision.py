"""Watches and words to seats: rows that are asked for by the web process, taken once by a controller, and shown while they last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from ivr.domain.errors import NotFound, Unavailable
from ivr.ports.desk import CommandUnanswered
from ivr.ports.supervision import SeatMessage, Watch, WatchMode, WatchRefused
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool
    from ivr.storage.feed import PostgresFeed

CHANNEL = "ivr_watch"
_LOOK_EVERY_S = 0.05
_MESSAGES_KEPT = timedelta(days=184)
_STUCK = timedelta(seconds=30)
_OPEN = "('waiting', 'calling', 'on', 'ending')"
_UP = "('calling', 'on', 'changing', 'ending')"
_WATCH = "id, mode, seat, phone, watcher, reason, state, problem, channel_id, linked_id, asked_at, begun_at, over_at"
_MESSAGE = "id, seat, text, sent_by, sent_at, seen_at"


class PostgresSupervision:
    """ivr.ports.supervision.SupervisionBook and WatchInbox; ``hints`` listens on ``CHANNEL``, for the controller's end."""

    def __init__(self, pool: Pool, hints: PostgresFeed | None = None, *, within_s: float = 8.0) -> None:
        self._pool = pool
        self._hints = hints
        self._within_s = within_s

    # --- the web's end ------------------------------------------------------------------------------------------

    async def watch(self, mode: WatchMode, seat: str, phone: str, watcher: str, reason: str) -> Watch:
        """See the port."""
        number = await self._ask(mode, seat, phone, watcher, reason)
        deadline = asyncio.get_running_loop().time() + self._within_s + 1
        while True:
            late = asyncio.get_running_loop().time() > deadline
            async with transaction(self._pool) as connection:
                if late:
                    await connection.execute(
                        "UPDATE watch SET state = 'late', over_at = clock_timestamp() WHERE id = $1 AND state = 'waiting'", number
                    )
                row = await connection.fetchrow(f"SELECT {_WATCH} FROM watch WHERE id = $1", number)
            if row is None or row["state"] == "late" or late:
                raise CommandUnanswered("The exchange's controller gave no answer in time. Try again.")
            if row["state"] == "refused":
                raise WatchRefused(row["problem"])
            if row["channel_id"]:
                return Watch(**row)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _ask(self, mode: WatchMode, seat: str, phone: str, watcher: str, reason: str) -> int:
        async with transaction(self._pool) as connection:
            await _sweep(connection)
            lasting = await connection.fetchrow(
                f"SELECT id, seat, phone, mode, state FROM watch WHERE watcher = $1 AND state IN {_OPEN} FOR UPDATE", watcher
            )
            if lasting is not None:
                changes = lasting["state"] == "on" and (lasting["seat"], lasting["phone"]) == (seat, phone)
                if not changes or lasting["mode"] == "take_over":
                    raise WatchRefused(f"You are on a call of {lasting['seat']} already. End that first.")
            if await connection.fetchval(
                f"SELECT 1 FROM watch WHERE seat = $1 AND watcher <> $2 AND state IN {_OPEN}", seat, watcher
            ):
                raise WatchRefused("Another supervisor is on this seat's call already.")
            if lasting is not None:
                await connection.execute("UPDATE watch SET state = 'changing' WHERE id = $1", lasting["id"])
            try:
                number: int = await connection.fetchval(
                    "INSERT INTO watch (mode, seat, phone, watcher, reason, ends_at)"
                    " VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6) RETURNING id",
                    mode, seat, phone, watcher, reason, timedelta(seconds=self._within_s),
                )
            except asyncpg.UniqueViolationError:
                raise WatchRefused("You asked for another call at the same moment.") from None
            await append_row(connection, watcher, f"supervision.{mode}", seat, {"reason": reason, "phone": phone})
            await append(connection, "seat", seat)
            await connection.execute(f"NOTIFY {CHANNEL}")
        return number

    async def end(self, watch_id: int, ended_by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            seat = await connection.fetchval(
                "UPDATE watch SET state = 'ending' WHERE id = $1 AND state IN ('calling', 'on') AND channel_id <> ''"
                " RETURNING seat", watch_id,
            )
            if seat is None:
                raise NotFound("This has ended already.")
            await append_row(connection, ended_by, "supervision.ended", seat, {"watch": watch_id})
            await append(connection, "seat", seat)
            await connection.execute(f"NOTIFY {CHANNEL}")

    async def open_watches(self) -> Sequence[Watch]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT {_WATCH} FROM watch WHERE state IN {_OPEN} ORDER BY id"
            )
        return [Watch(**row) for row in rows]

    async def recent_watches(self, limit: int) -> Sequence[Watch]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT {_WATCH} FROM watch WHERE state IN ('over', 'refused', 'late') ORDER BY id DESC LIMIT $1", limit
            )
        return [Watch(**row) for row in rows]

    async def send(self, seat: str, text: str, sent_by: str) -> SeatMessage:
        """See the port."""
        async with transaction(self._pool) as connection:
            await connection.execute("DELETE FROM seat_message WHERE sent_at < clock_timestamp() - $1::interval", _MESSAGES_KEPT)
            row = await connection.fetchrow(
                "INSERT INTO seat_message (seat, holder, text, sent_by)"
                " SELECT seat, holder, $2, $3 FROM seat_lease WHERE seat = $1 AND ends_at > clock_timestamp()"
                f" RETURNING {_MESSAGE}", seat, text, sent_by,
            )
            if row is None:
                raise WatchRefused("Nobody sits there at a page now.")
            await append_row(connection, sent_by, "supervision.message", seat, {"text": text})
            await append(connection, "seat", seat)
        return SeatMessage(**row)

    async def messages_sent(self, limit: int) -> Sequence[SeatMessage]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(f"SELECT {_MESSAGE} FROM seat_message ORDER BY id DESC LIMIT $1", limit)
        return [SeatMessage(**row) for row in rows]

    async def messages_for(self, holder: str) -> Sequence[SeatMessage]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                f"SELECT {_MESSAGE} FROM seat_message WHERE holder = $1 AND seen_at IS NULL"
                " AND sent_at > clock_timestamp() - interval '12 hours' ORDER BY id LIMIT 20", holder,
            )
        return [SeatMessage(**row) for row in rows]

    async def seen(self, message_id: int, holder: str) -> None:
        """See the port; a second time is no error."""
        async with transaction(self._pool) as connection:
            seat = await connection.fetchval(
                "UPDATE seat_message SET seen_at = coalesce(seen_at, clock_timestamp()) WHERE id = $1 AND holder = $2"
                " RETURNING seat", message_id, holder,
            )
            if seat is None:
                raise NotFound("There is no such message for you.")
            await append(connection, "seat", seat)

    async def note_forced(self, seat: str, state: str, reason: str, by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await append_row(connection, by, "supervision.state", seat, {"state": state, "reason": reason})
            await append(connection, "seat", seat)

    async def sign_out(self, seat: str, reason: str, by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            held = await connection.fetchrow("DELETE FROM seat_lease WHERE seat = $1 RETURNING holder, credential", seat)
            if held is None:
                raise NotFound("Nobody sits there.")
            await connection.execute(
                "UPDATE app_session SET revoked_at = now() WHERE token_hash = $1 AND revoked_at IS NULL", held["credential"]
            )
            await append_row(connection, by, "supervision.signed_out", seat, {"reason": reason, "holder": held["holder"]})
            await append(connection, "seat", seat)

    # --- the controller's end -----------------------------------------------------------------------------------

    async def wait_hint(self, timeout_s: float) -> bool:
        """See the port."""
        if self._hints is None:
            raise Unavailable("watches are only asked for here, not taken")
        return await self._hints.wait_hint(timeout_s)

    async def take(self) -> Watch | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE watch SET state = 'calling' WHERE id = (SELECT id FROM watch WHERE state = 'waiting'"
                " AND ends_at > clock_timestamp() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
                f" RETURNING {_WATCH}"
            )
        return None if row is None else Watch(**row)

    async def current(self, watcher: str, besides: int) -> Watch | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                f"SELECT {_WATCH} FROM watch WHERE watcher = $1 AND id <> $2 AND state = 'changing'", watcher, besides
            )
        return None if row is None else Watch(**row)

    async def begun(self, watch_id: int, channel_id: str, linked_id: str) -> None:
        """See the port."""
        await self._set(watch_id, "channel_id = $2, linked_id = $3", channel_id, linked_id)

    async def on(self, watch_id: int) -> None:
        """See the port."""
        await self._set(watch_id, "state = 'on', begun_at = coalesce(begun_at, clock_timestamp())", of="('calling')")

    async def settle(self, watch_id: int, problem: str) -> None:
        """See the port."""
        await self._set(
            watch_id, "state = CASE WHEN $2 = '' THEN 'over' ELSE 'refused' END, problem = $2, over_at = clock_timestamp()",
            problem[:500],
        )

    async def stays(self, watch_id: int) -> None:
        """See the port."""
        await self._set(watch_id, "state = 'on'", of="('changing')")

    async def unsettled(self) -> Sequence[Watch]:
        """See the port; a controller that died in between leaves none for ever."""
        async with transaction(self._pool) as connection:
            await _sweep(connection)
            rows = await connection.fetch(f"SELECT {_WATCH} FROM watch WHERE state IN {_UP} ORDER BY id")
        return [Watch(**row) for row in rows]

    async def _set(self, watch_id: int, assignment: str, *values: str, of: str = f"{_UP[:-1]}, 'waiting')") -> None:
        async with transaction(self._pool) as connection:
            seat = await connection.fetchval(
                f"UPDATE watch SET {assignment} WHERE id = $1 AND state IN {of} RETURNING seat", watch_id, *values
            )
            if seat is not None:
                await append(connection, "seat", seat)


async def _sweep(connection: Connection) -> None:
    """What nobody began in time, and what was begun without a telephone."""
    await connection.execute(
        "UPDATE watch SET state = 'late', over_at = clock_timestamp()"
        " WHERE (state = 'waiting' AND ends_at < clock_timestamp())"
        "    OR (state = 'calling' AND channel_id = '' AND asked_at < clock_timestamp() - $1::interval)", _STUCK,
    )
