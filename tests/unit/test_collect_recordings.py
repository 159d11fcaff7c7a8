"""The collector takes checked files in once, waits for a store that is away, and says when space runs out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ivr.domain.errors import Unavailable
from ivr.domain.recording import RecordingName, Track
from ivr.pipeline.collect_recordings import RecordingCollector

NAME = RecordingName("20261124/t-1-1795500000.0-00000000-0000-4000-8000-000000000000", "t-1-1795500000.0")
TRACKS = [Track(NAME, "caller", 3.0, 48044, 8000), Track(NAME, "operator", 3.0, 48044, 8000)]


class Folder:
    """A spool with one recording; ``open_name`` was left by a killed writer."""

    def __init__(self, *, free: int = 10**12, done: bool = True) -> None:
        self.free, self.waiting, self.left_open = free, [NAME] if done else [], [] if done else [NAME]
        self.repaired: list[bool] = []

    async def finished(self) -> Sequence[RecordingName]:
        return list(self.waiting)

    async def unfinished(self, older_than_s: float) -> Sequence[RecordingName]:
        return list(self.left_open)

    async def check(self, name: RecordingName, repair: bool) -> tuple[list[Track], str]:
        self.repaired.append(repair)
        return TRACKS, ""

    async def settle(self, name: RecordingName) -> None:
        self.waiting, self.left_open = [], []

    async def free_bytes(self) -> int:
        return self.free


class Store:
    """Takes tracks in after being away ``away`` times."""

    def __init__(self, *, away: int = 0, over: bool = True) -> None:
        self.away, self.over, self.added = away, over, 0

    async def add(self, tracks: Sequence[Track]) -> int:
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away")
        self.added += 1
        return len(tracks)

    async def call_over(self, linked_id: str) -> bool:
        return self.over


class Board:
    """Alarms as people see them."""

    def __init__(self) -> None:
        self.standing: dict[str, str] = {}

    async def raised(self, name: str, text: str) -> None:
        self.standing[name] = text

    async def cleared(self, name: str) -> None:
        self.standing.pop(name, None)


async def run_until(folder: Folder, store: Store, board: Board, fits: Callable[[], bool]) -> None:
    collector = RecordingCollector(folder, store, board, 512 << 20)  # type: ignore[arg-type]
    running = asyncio.create_task(collector.run())
    try:
        async with asyncio.timeout(10):
            while not fits():
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_full_disk_is_an_alarm_that_goes_when_space_returns() -> None:
    folder, board = Folder(free=100 << 20, done=False), Board()
    await run_until(folder, Store(over=False), board, lambda: "recordings_disk" in board.standing)
    assert "100 MB" in board.standing["recordings_disk"]
    folder.free = 10**12
    await run_until(folder, Store(over=False), board, lambda: not board.standing)


async def test_a_store_that_is_away_only_delays_a_recording() -> None:
    folder, store = Folder(), Store(away=1)
    await run_until(folder, store, Board(), lambda: not folder.waiting)
    assert store.added == 1


async def test_what_a_killed_writer_left_is_mended_only_when_its_call_is_over() -> None:
    folder, store = Folder(done=False), Store()
    await run_until(folder, store, Board(), lambda: not folder.left_open)
    assert folder.repaired == [True] and store.added == 1
    resting, board = Folder(done=False, free=1), Board()
    await run_until(resting, Store(over=False), board, lambda: bool(board.standing))
    assert resting.left_open and resting.repaired == []
