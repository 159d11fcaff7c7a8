"""One embedded PostgreSQL for the storage tests of a session; every test gets a database of its own."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest_asyncio

from ivr.storage.database import open_pool
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.migrate import migrate

if TYPE_CHECKING:
    from ivr.storage.database import Pool


@dataclass(frozen=True)
class Server:
    """A running server; ``url`` is its maintenance database, ``spine`` a template with the schema."""

    url: str

    def database(self, name: str) -> str:
        """The address of another database of this server."""
        return self.url.replace("/postgres?", f"/{name}?")

    async def execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server() -> AsyncIterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="ivr-storage-", dir="/var/tmp"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "pg", durable=False)
    try:
        running = Server(await postgres.start())
        await running.execute("CREATE DATABASE spine")
        await migrate(running.database("spine"))
        yield running
    finally:
        await postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture
async def empty_url(server: Server) -> AsyncIterator[str]:
    """The address of a database without a schema."""
    name = f"empty_{uuid.uuid4().hex}"
    await server.execute(f"CREATE DATABASE {name}")
    yield server.database(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def pool(server: Server) -> AsyncIterator[Pool]:
    """A pool on a fresh database with the schema, as the product opens it."""
    name = f"test_{uuid.uuid4().hex}"
    await server.execute(f"CREATE DATABASE {name} TEMPLATE spine")
    opened = await open_pool(server.database(name), application="test", size=12)
    try:
        yield opened
    finally:
        await opened.close()
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
