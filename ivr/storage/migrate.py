"""Bring the schema to this version: alembic steps written as plain .sql, under an advisory lock.

Several processes may start at once: one applies the steps, the others wait and find nothing to do. A database from a
newer release is refused, because an older program would write rows the newer one no longer understands.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from ivr.domain.errors import Unavailable

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 1234801
_LOCK_WITHIN_S = 60
_TABLE_WITHIN_S = 2
_TABLE_TRIES = 15


def _config(folder: Path = FOLDER) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config


def latest() -> str:
    """The revision this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


async def migrate(url: str, folder: Path = FOLDER) -> tuple[str, str]:
    """Apply what is missing; returns (revision before, revision now), '' for an empty database.

    An older controller may go on meanwhile: a step waits for a table two seconds at most, because whoever else wants
    the table waits behind it, and is then tried again. Unavailable when the database is newer, or a table never free.
    """
    engine = create_async_engine(_sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with asyncio.timeout(_LOCK_WITHIN_S + 240), engine.connect() as connection:
            await connection.execute(text(f"SET lock_timeout = '{_LOCK_WITHIN_S}s'"))
            await connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
            await connection.commit()
            before = await connection.run_sync(_revision)
            steps = ScriptDirectory.from_config(_config(folder))
            if before and before not in {s.revision for s in steps.walk_revisions()}:
                raise Unavailable(
                    f"the database is at revision {before}, newer than this program ({steps.get_current_head()}); "
                    "update the program"
                )
            await connection.execute(text(f"SET lock_timeout = '{_TABLE_WITHIN_S}s'"))
            await connection.commit()
            await _upgrade_patiently(connection, folder)
            return before, await connection.run_sync(_revision)
    except CommandError as wrong:
        raise Unavailable(f"the schema could not be brought up to date: {wrong}") from wrong
    finally:
        await engine.dispose()


def _sqlalchemy_url(url: str) -> str:
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


async def _upgrade_patiently(connection: AsyncConnection, folder: Path) -> None:
    for left in reversed(range(_TABLE_TRIES)):
        try:
            await connection.run_sync(_upgrade, folder)
            await connection.commit()
            return
        except asyncpg.LockNotAvailableError:
            await connection.rollback()
            if not left:
                raise Unavailable("a table is held by another program; end long queries and try again") from None
        await asyncio.sleep(0.5)


def _upgrade(connection: Connection, folder: Path) -> None:
    config = _config(folder)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run_sql(connection: Connection, file: Path) -> None:
    """Run one .sql step inside the migration's transaction; asyncpg's simple protocol takes many statements at once."""
    adapted = connection.connection.dbapi_connection
    assert adapted is not None
    adapted.run_async(lambda driver: driver.execute(file.read_text("utf-8")))
