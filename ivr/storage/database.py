"""The pool, transactions and the mapping of a database that is away to Unavailable."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from ivr.domain.errors import BadSetting, Unavailable

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

_AWAY = (
    asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError, asyncpg.QueryCanceledError, OSError, TimeoutError,
    # A volume that turned read-only or fails: PostgreSQL calls EROFS a lack of privilege.
    asyncpg.PostgresSystemError, asyncpg.InsufficientPrivilegeError, asyncpg.ReadOnlySQLTransactionError,
)


async def _prepare(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=lambda v: json.dumps(v, ensure_ascii=False), decoder=json.loads
    )


async def _tidy(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Before a connection goes back. Asyncpg's own way is a query each time, a quarter of what a small transaction costs.

    Whoever changes a session holds its connection (``held_connection``), and that resets it.
    """
    if connection.is_in_transaction():
        await connection.reset()


async def open_pool(url: str, *, application: str, size: int = 8) -> Pool:
    """A pool whose connections speak JSON and never wait for ever; BadSetting for an address that cannot be right."""
    try:
        return await asyncpg.create_pool(
            url, min_size=1, max_size=size, timeout=5, command_timeout=30, init=_prepare, reset=_tidy,
            server_settings={"application_name": f"ivr-{application}", "idle_in_transaction_session_timeout": "60000"},
        )
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError, ValueError) as wrong:
        raise BadSetting(f"the database refuses IVR_DATABASE_URL: {wrong}; check database, user and password") from wrong
    except _AWAY as away:
        raise Unavailable(f"PostgreSQL cannot be reached: {away or type(away).__name__}") from away


async def require_server(url: str, within_s: float) -> None:
    """Return when the configured server takes queries; BadSetting when it refuses us, Unavailable when it is not there.

    The texts name host and port, never the password. A server that is only starting is waited for.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            await (await asyncpg.connect(url, timeout=5)).close()
            return
        except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError, ValueError) as wrong:
            raise BadSetting(
                f"the database refuses IVR_DATABASE_URL: {wrong}; check address, database, user and password"
            ) from wrong
        except _AWAY as away:
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(
                    f"the database of IVR_DATABASE_URL cannot be reached: {away or type(away).__name__}; "
                    "start it, correct the address, or leave IVR_DATABASE_URL empty for the embedded one"
                ) from away
        await asyncio.sleep(0.5)


async def connect(url: str, *, application: str) -> asyncpg.Connection[asyncpg.Record]:
    """One connection outside the pool, for LISTEN."""
    return await asyncpg.connect(url, timeout=5, server_settings={"application_name": f"ivr-{application}"})


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """A transaction on a pooled connection; a lost or absent server is Unavailable, so callers try again later."""
    try:
        async with pool.acquire(timeout=5) as connection, connection.transaction():
            yield connection
    except _AWAY as away:
        raise Unavailable(f"PostgreSQL is away: {away or type(away).__name__}") from away


@asynccontextmanager
async def transaction_on(connection: Connection) -> AsyncIterator[Connection]:
    """The same on a connection somebody holds."""
    try:
        async with connection.transaction():
            yield connection
    except _AWAY as away:
        raise Unavailable(f"PostgreSQL is away: {away or type(away).__name__}") from away


@asynccontextmanager
async def held_connection(pool: Pool) -> AsyncIterator[Connection]:
    """A connection to keep; session locks taken on it are given back with it."""
    try:
        connection = await pool.acquire(timeout=5)
    except _AWAY as away:
        raise Unavailable(f"PostgreSQL is away: {away or type(away).__name__}") from away
    try:
        yield connection
    finally:
        try:
            with suppress(*_AWAY):  # a broken one is thrown away
                await connection.reset()
        finally:
            with suppress(*_AWAY):
                await pool.release(connection)


async def lock_call(connection: Connection, linked_id: str) -> None:
    """Serialise everything that decides about one call until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 12348))", linked_id)


async def wait_until_up(url: str, within_s: float) -> None:
    """Return when the server takes queries; Unavailable when it does not within the limit."""
    last: Any = "no answer"
    try:
        async with asyncio.timeout(within_s):
            while True:
                try:
                    connection = await asyncpg.connect(url, timeout=3)
                except _AWAY as away:
                    last = away
                    await asyncio.sleep(0.05)
                else:
                    await connection.close()
                    return
    except TimeoutError:
        raise Unavailable(f"PostgreSQL did not come up within {within_s:.0f} s: {last}") from None
