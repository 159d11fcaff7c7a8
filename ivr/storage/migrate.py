"""Bring the schema to this version: alembic steps written as plain .sql, under an advisory lock.

Several processes may start at once: one applies the steps, the others wait and find nothing to do. A database from a
newer release is refused, because an older program would write rows the newer one no longer understands.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from ivr.domain.errors import Unavailable

FOLDER = Path(__file__).parent / "migrations"
_LOCK = 1234801
_LOCK_WITHIN_S = 60


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def latest() -> str:
    """The revision this program needs."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


async def migrate(url: str) -> tuple[str, str]:
    """Apply what is missing; returns (revision before, revision now), '' for an empty database."""
    engine = create_async_engine(_sqlalchemy_url(url), poolclass=NullPool)
    try:
        async with asyncio.timeout(_LOCK_WITHIN_S + 240), engine.connect() as connection:
            await connection.execute(text(f"SET lock_timeout = '{_LOCK_WITHIN_S}s'"))
            await connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
            await connection.commit()
            before = await connection.run_sync(_revision)
            known = {s.revision for s in ScriptDirectory.from_config(_config()).walk_revisions()}
            if before and before not in known:
                raise Unavailable(f"the database is at revision {before}, newer than this program ({latest()}); update the program")
            await connection.run_sync(_upgrade)
            await connection.commit()
            return before, await connection.run_sync(_revision)
    except CommandError as wrong:
        raise Unavailable(f"the schema could not be brought up to date: {wrong}") from wrong
    finally:
        await engine.dispose()


def _sqlalchemy_url(url: str) -> str:
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


def _revision(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def run_sql(connection: Connection, file: Path) -> None:
    """Run one .sql step inside the migration's transaction; asyncpg's simple protocol takes many statements at once."""
    adapted = connection.connection.dbapi_connection
    assert adapted is not None
    adapted.run_async(lambda driver: driver.execute(file.read_text("utf-8")))
