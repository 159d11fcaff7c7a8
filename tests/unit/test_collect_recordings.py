"""The collector takes checked files in once, waits for a store or a disk that is away, and mends what was left open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from ivr.domain.errors import Unavailable
from ivr.domain.recording import RecordingName, Track
from ivr.pipeline.collect_recordings import RecordingCollector

NAME = RecordingName("20261124/t-1-1795500000.0-00000000-0000-4000-8000-000000000000", "t-1-1795500000.0")
TRACKS = [Track(NAME, "caller", 3.0, 48044, 8000), Track(NAME, "operator", 3.0, 48044, 8000)]


class Folder:
    """A spool with one recording; ``open_name`` was left by a killed writer."""

    def __init__(self, *, done: bool = True, unsettled: int = 0, closed: bool = True, still: bool = True) -> None:
        self.waiting, self.left_open = [NAME] if done else [], [] if done else [NAME]
        self.unsettled, self.looks = unsettled, 0
        self.repaired: list[bool] = []
        self.is_closed, self.is_still, self.asked = closed, still, 0

    async def finished(self) -> Sequence[RecordingName]:
        return list(self.waiting)

    async def unfinished(self, older_than_s: float) -> Sequence[RecordingName]:
        self.looks += 1
        return list(self.left_open)

    async def closed(self, name: RecordingName) -> bool:
        return self.is_closed

    async def still(self, name: RecordingName, for_s: float) -> bool:
        self.asked += 1
        return self.is_still

    async def check(self, name: RecordingName, repair: bool) -> tuple[list[Track], str]:
        self.repaired.append(repair)
        return TRACKS, ""

    async def discard(self, name: RecordingName) -> None:
        await self.settle(name)

    async def settle(self, name: RecordingName) -> None:
        if self.unsettled:
            self.unsettled -= 1
            raise OSError(30, "Read-only file system")
        self.waiting, self.left_open = [], []


class Store:
    """Takes tracks in after being away ``away`` times."""

    def __init__(self, *, away: int = 0, over: bool | None = True) -> None:
        self.away, self.over, self.added = away, over, 0

    async def add(self, tracks: Sequence[Track]) -> int:
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away")
        self.added += 1
        return len(tracks)

    async def call_over(self, linked_id: str) -> bool | None:
        return self.over


async def run_until(folder: Folder, store: Store, fits: Callable[[], bool]) -> None:
    collector = RecordingCollector(folder, store)  # type: ignore[arg-type]
    running = asyncio.create_task(collector.run())
    try:
        async with asyncio.timeout(10):
            while not fits():
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_store_that_is_away_only_delays_a_recording() -> None:
    folder, store = Folder(), Store(away=1)
    await run_until(folder, store, lambda: not folder.waiting)
    assert store.added == 1


async def test_what_a_killed_writer_left_is_mended_only_when_its_call_is_over() -> None:
    folder, store = Folder(done=False), Store()
    await run_until(folder, store, lambda: not folder.left_open)
    assert folder.repaired == [True] and store.added == 1
    resting = Folder(done=False)
    await run_until(resting, Store(over=False), lambda: resting.looks > 1)
    assert resting.left_open and resting.repaired == []


async def test_a_disk_that_takes_no_mark_is_tried_again_but_not_at_every_look() -> None:
    folder, store = Folder(unsettled=1), Store()
    await run_until(folder, store, lambda: not folder.waiting)
    assert store.added == 2, "taking a track in twice is harmless; ten times a second is not"


@pytest.mark.parametrize(("over", "closed", "still", "taken"), [
    (True, True, False, True),
    (True, False, False, False),  # the call has ended, its writer has not
    (True, False, True, True),  # a header that nobody will put right any more
    (False, True, True, False),  # handed on: the recording goes on in the same files
    (None, True, False, False),
    (None, True, True, True),  # the ledger is away
])
async def test_a_done_mark_counts_once_nobody_writes_any_more(over: bool | None, closed: bool, still: bool, taken: bool) -> None:
    folder, store = Folder(closed=closed, still=still), Store(over=over)
    if taken:
        await run_until(folder, store, lambda: not folder.waiting)
    else:
        await run_until(folder, store, lambda: folder.looks > 1 or folder.asked > 3)
    assert (store.added == 1) is taken
