"""Whether the database takes a write now: asked on a connection of its own, without touching any of our tables."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from ivr.ports.web import DatabaseState

_PAGE = "x" * 7500  # nearly a page: each row needs a further one, so each question asks the disk for room
_ROWS_KEPT = 200


class WriteProbe:
    """One session with a temporary table that grows by a page at each question and is emptied now and then.

    A commit alone would not do: on a full disk the write-ahead log has room for hours, while no table can grow.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection[asyncpg.Record]]]) -> None:
        self._connect = connect
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._may_make_tables = True
        self._rows = 0

    async def ask(self) -> DatabaseState | None:
        """None when a page was written and a commit reached the disk; may wait for as long as the server does."""
        try:
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = self._connection = await self._open()
            await self._write(connection)
        except asyncpg.DiskFullError:
            return "full"
        except (asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError, asyncpg.PostgresSystemError):
            return "read_only"  # PostgreSQL calls a read-only file system a lack of privilege
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            self._drop()
            return "away"
        except asyncio.CancelledError:
            self._drop()
            raise
        return None

    async def _open(self) -> asyncpg.Connection[asyncpg.Record]:
        connection = await self._connect()
        self._rows = 0
        try:
            await connection.execute("CREATE TEMPORARY TABLE write_probe (page text STORAGE PLAIN)")
        except asyncpg.InsufficientPrivilegeError as refused:
            if "permission denied" not in str(refused):
                connection.terminate()
                raise
            self._may_make_tables = False  # this account may not: the commit alone must do
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _write(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        if self._may_make_tables:
            if self._rows >= _ROWS_KEPT:
                await connection.execute("TRUNCATE write_probe")
                self._rows = 0
            await connection.execute("INSERT INTO write_probe VALUES ($1)", _PAGE)
            self._rows += 1
        await connection.execute("SELECT pg_logical_emit_message(true, 'ivr', '')")

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
