"""The web process's own alarm: the database is away or takes no writes, and cannot say so itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ivr.ports.web import DatabaseState
from ivr.web import database_watch
from ivr.web.database_watch import DatabaseWatch
from ivr.web.models import Alarm
from tests.fakes.web_services import QuietFeed

pytestmark = pytest.mark.asyncio


class Database(QuietFeed):
    """Answers the write probe as told; ``hung`` never does."""

    def __init__(self) -> None:
        self.state: DatabaseState | None = None
        self.hung = False
        self.asked = self.waiting = 0

    async def write_probe(self) -> DatabaseState | None:
        self.asked += 1
        if self.hung:
            self.waiting += 1
            await asyncio.Event().wait()
        return self.state


@asynccontextmanager
async def watching(database: Database, told: list[Alarm], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DatabaseWatch]:
    monkeypatch.setattr(database_watch, "_EVERY_S", 0.005)
    monkeypatch.setattr(database_watch, "_PATIENCE_S", 0.02)
    monkeypatch.setattr(database_watch, "_RAISE_AFTER_S", 0.05)
    watch = DatabaseWatch(database, told.append)
    running = asyncio.create_task(watch.run())
    try:
        yield watch
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not fits():
            await asyncio.sleep(0.002)


@pytest.mark.parametrize(("state", "words"), [("away", "没有回应"), ("full", "磁盘已满"), ("read_only", "不能写入")])
async def test_what_is_wrong_is_told_once_and_taken_back_by_itself(
    state: DatabaseState, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, told = Database(), list[Alarm]()
    async with watching(database, told, monkeypatch) as watch:
        await until(lambda: database.asked > 3)
        assert told == [] and watch.standing is None and watch.current().active is False
        database.state = state
        await until(lambda: bool(told))
        seen = database.asked
        await until(lambda: database.asked > seen + 5)
        assert len(told) == 1 and words in told[0].text and told[0].active and watch.current() == told[0]
        database.state = None
        await until(lambda: len(told) == 2)
    assert (told[1].name, told[1].active, watch.standing) == (told[0].name, False, None)


async def test_a_hung_database_is_asked_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    database, told = Database(), list[Alarm]()
    database.hung = True
    async with watching(database, told, monkeypatch):
        await until(lambda: bool(told))
    assert database.waiting == 1 and "没有回应" in told[0].text


async def test_a_change_of_the_fault_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    database, told = Database(), list[Alarm]()
    database.state = "away"
    async with watching(database, told, monkeypatch):
        await until(lambda: len(told) == 1)
        database.state = "full"
        await until(lambda: len(told) == 2)
    assert "磁盘已满" in told[1].text and told[1].at == told[0].at
