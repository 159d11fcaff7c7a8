"""The controller's task: what one call's words do to the check is that call's alone, and an absent database only delays it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any, cast

import pytest

from ivr.domain.errors import Unavailable
from ivr.domain.quality_check import Checked, Talk
from ivr.domain.scorecard import parse_scorecard
from ivr.pipeline.check_quality import QualityChecker
from ivr.ports.quality import DueCall
from ivr.quality_setup import shipped_scorecard

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(30)]
CARD = parse_scorecard(shipped_scorecard())


class Queue:
    """ivr.ports.quality.QualityQueue; away as often as it is told, then three calls of which the second breaks the check."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.seeded: list[str] = []
        self.closed: list[date] = []
        self.kept: list[str] = []
        self.given_up: list[str] = []

    async def seed(self, text: str) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away")
        self.seeded.append(text)

    async def due(self, limit: int) -> Sequence[DueCall]:
        broken = cast(Talk, None)
        return [
            DueCall(name, 1, CARD, broken if name == "b" else Talk([], {})) for name in "abc" if name not in (*self.kept, *self.given_up)
        ]

    async def keep(self, due: DueCall, checked: Checked) -> bool:
        self.kept.append(due.linked_id)
        return True

    async def give_up(self, due: DueCall) -> None:
        self.given_up.append(due.linked_id)

    async def close_month(self, today: date) -> int:
        self.closed.append(today)
        return 0


async def run_until(queue: Queue, done: Any) -> None:
    task = asyncio.create_task(QualityChecker(queue, lambda: "card", lambda: date(2026, 11, 30), look_every_s=0.01).run())
    async with asyncio.timeout(20):
        while not done():
            assert not task.done(), task.exception()
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_call_that_breaks_the_check_is_put_aside_and_the_others_go_on() -> None:
    queue = Queue()
    await run_until(queue, lambda: queue.closed)
    assert (queue.kept, queue.given_up, queue.seeded) == (["a", "c"], ["b"], ["card"])


async def test_an_absent_database_only_delays_it() -> None:
    queue = Queue(away=3)
    await run_until(queue, lambda: len(queue.kept) == 2)
    assert (queue.away, queue.seeded) == (0, ["card"])
