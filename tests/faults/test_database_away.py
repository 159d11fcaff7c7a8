"""A PostgreSQL of the customer's own, named by IVR_DATABASE_URL: connections cut, restarted, away, hung."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from ivr.storage.embedded import EmbeddedPostgres
from tests.e2e.hotline import RunningHotline
from tests.faults.conftest import FULL
from tests.faults.database import database_back
from tests.faults.load import Load, callers
from tests.faults.witness import (
    all_tracks_done,
    answered_in_queue_log,
    board_equals_asterisk,
    every_call_has_its_order,
    pid_of,
    reconciled,
    rows,
)

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]

SEED = 20263
AWAY_S = 120 if FULL else 10
CALLS = 30 if FULL else 6


@dataclass
class Elsewhere:
    """The product, and a server that it did not start and does not keep."""

    product: RunningHotline
    server: EmbeddedPostgres

    def processes(self) -> list[int]:
        """The server and all its connections."""
        first = self.server.process.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]


@pytest_asyncio.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """Both started; no process may stay."""
    folder = Path(tempfile.mkdtemp(prefix="ivr-elsewhere-", dir="/var/tmp"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(folder / "pg")
    product = RunningHotline()
    try:
        product.environment["IVR_DATABASE_URL"] = await server.start()
        await product.start()
        yield Elsewhere(product, server)
    finally:
        left = await product.stop()
        await server.stop()
        product.remove()
        shutil.rmtree(folder)
    assert left == []


async def test_calls_go_on_while_the_database_is_cut_restarted_hung_and_away(elsewhere: Elsewhere) -> None:
    product, server = elsewhere.product, elsewhere.server
    placed = callers(CALLS, SEED, shortest_s=9, longest_s=14)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(product.client())
        for seat in ("one", "two"):
            await stack.enter_async_context(product.operator(seat, answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 2)
        parts = {part: pid_of(product, part) for part in ("controller", "worker", "web")}
        load = await stack.enter_async_context(Load(product.folder / "load", product.sip, placed, 0.4 if FULL else 0.5))
        await client.until("a call in conversation", lambda: next(
            (c for c in client.calls.values() if c["state"] == "talking"), None))

        await rows(product, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ivr-%'")
        await board_equals_asterisk(product, client, within_s=15)

        await server.stop()  # as an administrator's fast restart: open connections are ended
        await server.start()
        await board_equals_asterisk(product, client, within_s=15)

        held = elsewhere.processes()
        for pid in held:
            os.kill(pid, signal.SIGSTOP)  # hung: it takes connections and answers nothing
        try:
            alarm = await client.until("the alarm", lambda: client.alarms.get("database"), within_s=10)
            assert "没有回应" in alarm["text"]
        finally:
            for pid in held:
                os.kill(pid, signal.SIGCONT)
        await client.until("the alarm to go", lambda: None if "database" in client.alarms else {}, within_s=20)

        await server.stop()
        await client.until("the alarm", lambda: client.alarms.get("database"), within_s=10)
        assert (await health(product))["status"] == "degraded"
        await asyncio.sleep(AWAY_S)
        await server.start()
        await database_back(product)
        await client.until("the alarm to go", lambda: None if "database" in client.alarms else {}, within_s=20)

        assert await load.finished() == 0, "a caller was dropped"
        outcomes = await every_call_has_its_order(product, placed)
        await board_equals_asterisk(product, client, within_s=15)
    assert set(outcomes.values()) <= {"answered", "abandoned"}
    assert list(outcomes.values()).count("answered") == answered_in_queue_log(product) > 0
    tracks = await all_tracks_done(product, at_least=2 * answered_in_queue_log(product))
    assert len(tracks) == 2 * answered_in_queue_log(product)
    assert parts == {part: pid_of(product, part) for part in parts}, "a part fell over"
    await reconciled(product)


async def health(product: RunningHotline) -> dict[str, object]:
    """What the web process says of itself."""
    async with aiohttp.ClientSession() as client, client.get(f"{product.url}/healthz") as answer:
        found: dict[str, object] = await answer.json()
        return found
