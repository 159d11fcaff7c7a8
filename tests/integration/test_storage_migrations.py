"""The schema comes up once however many start at once, and an older program keeps off a newer database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from ivr.domain.errors import BadSetting, Unavailable
from ivr.storage.database import open_pool, require_server, wait_until_up
from ivr.storage.migrate import latest, migrate

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def test_many_starts_at_once_make_one_schema(empty_url: str) -> None:
    found = await asyncio.gather(*(migrate(empty_url) for _ in range(5)))
    assert sorted(before for before, _ in found) == ["", *[latest()] * 4]
    assert {now for _, now in found} == {latest()} and latest()
    assert await migrate(empty_url) == (latest(), latest())


async def test_a_newer_database_is_refused_and_left_alone(empty_url: str) -> None:
    await migrate(empty_url)
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(Unavailable, match=r"revision 9999, newer than this program .*update the program"):
            await migrate(empty_url)
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == "9999"
    finally:
        await connection.close()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_url: str) -> None:
    connection = await asyncpg.connect(empty_url)
    try:
        await connection.execute("CREATE TABLE feed (theirs text)")
        with pytest.raises(Exception, match="feed"):
            await migrate(empty_url)
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert {r["tablename"] for r in tables} <= {"feed", "alembic_version"}
        assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    finally:
        await connection.close()


async def test_an_address_that_cannot_be_right_is_the_settings_fault(empty_url: str, tmp_path: Path) -> None:
    for url in (empty_url.replace("/empty_", "/missing_"), "mysql://x/y"):
        with pytest.raises(BadSetting, match="IVR_DATABASE_URL"):
            await open_pool(url, application="test")
        with pytest.raises(BadSetting, match="IVR_DATABASE_URL"):
            await require_server(url, 1.0)
    nowhere = f"postgresql://u:open-sesame@/db?host={tmp_path}"
    with pytest.raises(Unavailable) as away:
        await open_pool(nowhere, application="test")
    assert "open-sesame" not in str(away.value)
    with pytest.raises(Unavailable, match="did not come up"):
        await wait_until_up(nowhere, 0.2)
