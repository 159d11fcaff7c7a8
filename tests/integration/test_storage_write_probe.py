"""The write probe on a real server: quiet when all is well, and it sees a server that is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from ivr.storage.write_probe import WriteProbe

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def test_it_asks_the_disk_for_room_each_time_and_keeps_little(empty_url: str) -> None:
    sessions = []

    async def opened() -> asyncpg.Connection[asyncpg.Record]:
        sessions.append(await asyncpg.connect(empty_url))
        return sessions[-1]

    probe = WriteProbe(opened)
    pages = []
    for _ in range(450):
        assert await probe.ask() is None
        pages.append(await sessions[0].fetchval("SELECT pg_relation_size('write_probe') / 8192"))
    assert len(sessions) == 1
    assert pages[:5] == [1, 2, 3, 4, 5] and max(pages) <= 200
    assert await sessions[0].fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await sessions[0].close()


async def test_a_session_that_was_ended_is_opened_again(empty_url: str) -> None:
    probe = WriteProbe(lambda: asyncpg.connect(empty_url))
    assert await probe.ask() is None
    other = await asyncpg.connect(empty_url)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    answers = [await probe.ask(), await probe.ask()]
    assert answers[-1] is None and set(answers) <= {"away", None}
    await other.close()


async def test_a_server_that_is_not_there_is_away(tmp_path: Path) -> None:
    gone = WriteProbe(lambda: asyncpg.connect(f"postgresql://u@/db?host={tmp_path}"))
    assert await gone.ask() == "away"


async def test_an_account_without_temporary_tables_is_no_fault(empty_url: str) -> None:
    owner = await asyncpg.connect(empty_url)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    await owner.execute("DROP ROLE IF EXISTS probe_guest")
    await owner.execute("CREATE ROLE probe_guest")

    async def guest() -> asyncpg.Connection[asyncpg.Record]:
        connection = await asyncpg.connect(empty_url)
        await connection.execute("SET ROLE probe_guest")
        return connection

    probe = WriteProbe(guest)
    try:
        assert await probe.ask() is None and await probe.ask() is None
    finally:
        await asyncio.sleep(0)
        await owner.execute("DROP ROLE probe_guest")
        await owner.close()
