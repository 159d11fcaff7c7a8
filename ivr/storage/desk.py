"""Leases of seats, and commands to the exchange: rows that are waited for, taken once, and answered in time or not begun."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from ivr.domain.errors import Unavailable
from ivr.ports.desk import CommandKind, CommandRefused, CommandUnanswered, ExchangeCommand, SeatLease, SeatLost, SeatTaken
from ivr.ports.web import Busy
from ivr.storage.audit import append_row
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Pool
    from ivr.storage.feed import PostgresFeed

CHANNEL = "ivr_command"
_MOST_WAITING = 100
_LOOK_EVERY_S = 0.05
_KEPT = timedelta(days=1)


class PostgresSeats:
    """ivr.ports.desk.SeatLeases."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> Sequence[SeatLease]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT seat, holder, taken_at, ends_at FROM seat_lease WHERE ends_at > clock_timestamp() ORDER BY seat"
            )
        return [SeatLease(**row) for row in rows]

    async def held(self, holder: str, credential: bytes) -> SeatLease | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT seat, holder, taken_at, ends_at FROM seat_lease"
                " WHERE holder = $1 AND credential = $2 AND ends_at > clock_timestamp()", holder, credential,
            )
        return None if row is None else SeatLease(**row)

    async def take(self, seat: str, holder: str, credential: bytes, lease_s: float) -> bool:
        """See the port."""
        lease = timedelta(seconds=lease_s)
        try:
            async with transaction(self._pool) as connection:
                own = await connection.fetchval(
                    "SELECT seat FROM seat_lease WHERE holder = $1 AND ends_at > clock_timestamp() FOR UPDATE", holder
                )
                if own is not None and own != seat:
                    raise SeatTaken(f"You have the seat {own} already. Give it back first.")
                await connection.execute(
                    "DELETE FROM seat_lease WHERE ends_at <= clock_timestamp() AND (seat = $1 OR holder = $2)", seat, holder
                )
                taken = await connection.fetchval(
                    "INSERT INTO seat_lease (seat, holder, credential, ends_at) VALUES ($1, $2, $3, clock_timestamp() + $4)"
                    " ON CONFLICT (seat) DO UPDATE SET credential = excluded.credential, ends_at = excluded.ends_at"
                    " WHERE seat_lease.holder = excluded.holder RETURNING true", seat, holder, credential, lease,
                )
                if taken is None:
                    raise SeatTaken(f"Somebody else sits at {seat}. Choose another seat.")
                if own is None:
                    await append_row(connection, holder, "desk.seat_taken", seat, {})
        except asyncpg.UniqueViolationError:
            raise SeatTaken("You took another seat at the same moment. Give it back first.") from None
        return own is None

    async def renew(self, holder: str, credential: bytes, lease_s: float) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            kept = await connection.fetchval(
                "UPDATE seat_lease SET ends_at = clock_timestamp() + $3"
                " WHERE holder = $1 AND credential = $2 AND ends_at > clock_timestamp() RETURNING true",
                holder, credential, timedelta(seconds=lease_s),
            )
            elsewhere = kept is None and await connection.fetchval(
                "SELECT seat FROM seat_lease WHERE holder = $1 AND ends_at > clock_timestamp()", holder
            )
        if elsewhere:
            raise SeatTaken(f"You sit at {elsewhere} in another window now.")
        if kept is None:
            raise SeatLost("This page has no seat any more: it was silent for too long. Take one again.")

    async def give_back(self, holder: str, credential: bytes) -> str | None:
        """See the port."""
        async with transaction(self._pool) as connection:
            seat: str | None = await connection.fetchval(
                "DELETE FROM seat_lease WHERE holder = $1 AND credential = $2 RETURNING seat", holder, credential
            )
            if seat is not None:
                await append_row(connection, holder, "desk.seat_given_back", seat, {})
        return seat

    async def expire(self) -> Sequence[str]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch("DELETE FROM seat_lease WHERE ends_at <= clock_timestamp() RETURNING seat, holder")
            for row in rows:
                await append_row(connection, row["holder"], "desk.seat_lost", row["seat"], {})
        return [row["seat"] for row in rows]


class PostgresCommands:
    """ivr.ports.desk.SeatCommands and CommandInbox; ``hints`` listens on ``CHANNEL``, for the controller's end."""

    def __init__(self, pool: Pool, hints: PostgresFeed | None = None, *, within_s: float = 5.0) -> None:
        self._pool = pool
        self._hints = hints
        self._within_s = within_s

    async def carry_out(self, kind: CommandKind, seat: str, reason: str, asked_by: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            waiting = await connection.fetchval(
                "SELECT count(*) FROM exchange_command WHERE state = 'waiting' AND ends_at > clock_timestamp()"
            )
            if waiting >= _MOST_WAITING:
                raise Busy("Too many commands wait for the exchange. Try again in a moment.")
            number = await connection.fetchval(
                "INSERT INTO exchange_command (kind, seat, reason, asked_by, ends_at)"
                " VALUES ($1, $2, $3, $4, clock_timestamp() + $5) RETURNING id",
                kind, seat, reason, asked_by, timedelta(seconds=self._within_s),
            )
            await append_row(connection, asked_by, f"desk.{kind}", seat, {"reason": reason} if reason else {})
            await connection.execute(f"NOTIFY {CHANNEL}")
        deadline = asyncio.get_running_loop().time() + self._within_s + 1
        while True:
            late = asyncio.get_running_loop().time() > deadline
            async with transaction(self._pool) as connection:
                if late:
                    await connection.execute(
                        "UPDATE exchange_command SET state = 'late' WHERE id = $1 AND state = 'waiting'", number
                    )
                row = await connection.fetchrow("SELECT state, problem FROM exchange_command WHERE id = $1", number)
            state = row["state"] if row else "late"
            if state == "done":
                return
            if row and state == "refused":
                raise CommandRefused(row["problem"])
            if late:
                done = "whether it was done will show in the seat's state" if state == "taken" else "it was not carried out"
                raise CommandUnanswered(f"The exchange's controller gave no answer in time; {done}. Try again.")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def wait_hint(self, timeout_s: float) -> bool:
        """See the port."""
        if self._hints is None:
            raise Unavailable("commands are only asked for here, not taken")
        return await self._hints.wait_hint(timeout_s)

    async def take(self) -> ExchangeCommand | None:
        """See the port; rows of yesterday are swept away with it."""
        async with transaction(self._pool) as connection:
            row = await connection.fetchrow(
                "UPDATE exchange_command SET state = 'taken' WHERE id = (SELECT id FROM exchange_command"
                " WHERE state = 'waiting' AND ends_at > clock_timestamp() ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
                " RETURNING id, kind, seat, reason"
            )
            if row is None:
                await connection.execute("DELETE FROM exchange_command WHERE asked_at < clock_timestamp() - $1::interval", _KEPT)
        return None if row is None else ExchangeCommand(**row)

    async def settle(self, command: ExchangeCommand, problem: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "UPDATE exchange_command SET state = $2, problem = $3 WHERE id = $1 AND state = 'taken'",
                command.id, "refused" if problem else "done", problem[:500],
            )
