"""Following calls with scripted ports: nothing is lost while the database is away, nothing alive is called dead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ivr.domain.call import Call, fold
from ivr.domain.errors import Unavailable
from ivr.domain.events import (
    CallerJoined,
    ChannelEnded,
    ExchangeSnapshot,
    Fact,
    HoldChanged,
    LedgerBatch,
    LinkLost,
    LiveEvent,
    QueueCaller,
    QueueMember,
    QueueSnapshot,
    Source,
)
from ivr.pipeline.track_calls import LedgerTracker, LiveTracker
from ivr.ports.pipeline import FoldCall
from tests.scenarios.call_table import LINKED, T0
from tests.scenarios.live_view import live_view
from tests.scenarios.test_witnessed_calls import table

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class Conditions:
    """Waits for what a fake was told."""

    def __init__(self) -> None:
        self._news = asyncio.Condition()

    async def tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Callable[[], object], within_s: float = 10) -> None:
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(condition)


class Ledger(Conditions):
    """LedgerSource and LedgerStore in one: batches to read, what was committed, and a database that can be away."""

    source: Source = "cel"

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[LedgerBatch] = []
        self.committed: list[int] = []
        self.position = 0
        self.away = False
        self.open: dict[str, float] = {}
        self.interrupted: list[str] = []
        self.witnessed: list[tuple[str, list[str]]] = []
        self.asked = 0
        self.calls: dict[int, Call] = {}
        self.unreadable = False
        self.reads = 0

    async def read(self, positions: dict[str, int]) -> LedgerBatch | None:
        self.reads += 1
        await self.tell()
        if self.unreadable:
            raise OSError("Input/output error")
        return next((b for b in self.batches if b.start == positions.get("f", 0)), None)

    async def positions(self, source: Source) -> dict[str, int]:
        self._here()
        return {"f": self.position}

    async def commit(self, batch: LedgerBatch, fold: FoldCall) -> Sequence[Call]:
        self._here()
        if batch.start == self.position:
            self.position = batch.position
            self.committed.append(batch.start)
        await self.tell()
        return [self.calls[batch.start]] if batch.start in self.calls else ()

    async def open_calls(self, before: float) -> Sequence[str]:
        self._here()
        return [c for c, arrived in self.open.items() if arrived < before]

    async def interrupt(self, linked_id: str, at: float, fold: FoldCall) -> None:
        self._here()
        self.open.pop(linked_id)
        self.interrupted.append(linked_id)
        await self.tell()

    async def witness(self, linked_id: str, facts: Sequence[Fact], fold: FoldCall) -> Call | None:
        self.asked += 1
        self._here()
        self.witnessed.append((linked_id, [f.kind for f in facts]))
        await self.tell()
        return fold(facts)

    def _here(self) -> None:
        if self.away:
            raise Unavailable("PostgreSQL is away")


class Exchange(Conditions):
    """The live side: events a test sends, recordings muted, and the board that was saved."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[LiveEvent] = asyncio.Queue()
        self.muted: list[tuple[str, str, bool]] = []
        self.saved: list[tuple[dict[str, Any], bool, list[str]]] = []
        self.away = False

    async def events(self) -> AsyncIterator[LiveEvent]:
        while True:
            yield await self.queue.get()

    async def mute_recording(self, channel: str, track: str, muted: bool) -> None:
        self.muted.append((channel, track, muted))
        await self.tell()
        if channel == "gone":
            raise Unavailable("no such channel")

    async def save(self, boards: dict[str, dict[str, Any]], link_up: bool, changed: Sequence[str]) -> None:
        if self.away:
            raise Unavailable("PostgreSQL is away")
        self.saved.append((boards, link_up, list(changed)))
        await self.tell()


@asynccontextmanager
async def running(*parts: LedgerTracker | LiveTracker) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            assert not task.done(), task
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ledger_of(*sizes: int) -> Ledger:
    found = Ledger()
    start = 0
    for size in sizes:
        found.batches.append(LedgerBatch("cel", "f", start, start + size, ()))
        start += size
    return found


async def test_everything_is_read_once_and_in_order() -> None:
    ledger = ledger_of(10, 20, 30)
    tracker = LedgerTracker(ledger, ledger, {})
    async with running(tracker), asyncio.timeout(10):
        await tracker.caught_up.wait()
    assert ledger.committed == [0, 10, 30]


async def test_a_database_that_is_away_only_delays() -> None:
    ledger = ledger_of(10, 20)
    ledger.away = True
    tracker = LedgerTracker(ledger, ledger, {})
    async with running(tracker), asyncio.timeout(10):
        await asyncio.sleep(0)
        assert not tracker.caught_up.is_set() and ledger.committed == []
        ledger.away = False
        await tracker.caught_up.wait()
    assert ledger.committed == [0, 10]


async def test_another_controllers_commits_are_followed_not_repeated() -> None:
    ledger = ledger_of(10, 20)
    tracker = LedgerTracker(ledger, ledger, {})
    async with running(tracker), asyncio.timeout(10):
        await tracker.caught_up.wait()
        ledger.position = 90  # the other was faster
        ledger.batches += [LedgerBatch("cel", "f", 30, 60, ()), LedgerBatch("cel", "f", 90, 100, ())]
        tracker.nudge()
        await ledger.until(lambda: 90 in ledger.committed)
    assert ledger.committed == [0, 10, 90]


def snapshot(at: float, *live: str, queue: str = "hotline") -> ExchangeSnapshot:
    seat = QueueMember("PJSIP/seat-one", "王律师", 1, False)
    return ExchangeSnapshot((QueueSnapshot(queue, (seat,), ()),), frozenset(live), at)


async def test_only_a_call_that_nobody_knows_any_more_is_interrupted() -> None:
    ledger, exchange = ledger_of(), Exchange()
    ledger.open = {"dead": 1.0, "alive": 2.0, "came-after-the-snapshot": 100.0}
    tracker = LedgerTracker(ledger, ledger, {}, gone_after_s=0.0)
    async with running(tracker, LiveTracker(exchange, exchange, tracker, {})):
        exchange.queue.put_nowait(snapshot(50.0, "alive"))
        await ledger.until(lambda: ledger.interrupted)
        reads = ledger.reads
        tracker.nudge()
        await ledger.until(lambda: ledger.reads > reads)
    assert ledger.interrupted == ["dead"] and set(ledger.open) == {"alive", "came-after-the-snapshot"}


async def test_a_call_whose_end_is_still_in_the_ledger_is_not_interrupted() -> None:
    ledger, exchange = ledger_of(), Exchange()
    ledger.open = {"ended-properly": 1.0, "dead": 1.0}
    tracker = LedgerTracker(ledger, ledger, {}, gone_after_s=0.05)

    async def commit(batch: LedgerBatch, fold: FoldCall) -> Sequence[Call]:
        ledger.open.pop("ended-properly")
        return await Ledger.commit(ledger, batch, fold)

    ledger.commit = commit  # type: ignore[method-assign]
    async with running(tracker, LiveTracker(exchange, exchange, tracker, {})), asyncio.timeout(10):
        await tracker.caught_up.wait()
        ledger.batches.append(LedgerBatch("cel", "f", 0, 10, ()))
        exchange.queue.put_nowait(snapshot(50.0))
        await ledger.until(lambda: ledger.interrupted)
    assert ledger.interrupted == ["dead"]


async def test_a_newer_snapshot_takes_the_place_of_an_older_one() -> None:
    ledger, exchange = ledger_of(), Exchange()
    ledger.open = {"a": 1.0}
    tracker = LedgerTracker(ledger, ledger, {}, gone_after_s=0.2)
    async with running(tracker, LiveTracker(exchange, exchange, tracker, {})):
        exchange.queue.put_nowait(snapshot(50.0))
        exchange.queue.put_nowait(snapshot(60.0, "a", queue="second"))
        await exchange.until(lambda: any("second" in boards for boards, _, _ in exchange.saved))
        ledger.open["b"] = 2.0
        exchange.queue.put_nowait(snapshot(70.0, "a"))
        await ledger.until(lambda: ledger.interrupted)
    assert ledger.interrupted == ["b"]


async def test_the_board_is_saved_with_titles_and_what_changed() -> None:
    ledger, exchange = ledger_of(), Exchange()
    tracker = LedgerTracker(ledger, ledger, {})
    async with running(LiveTracker(exchange, exchange, tracker, {"hotline": "法律服务热线"})):
        exchange.queue.put_nowait(snapshot(1.0))
        exchange.queue.put_nowait(CallerJoined("hotline", QueueCaller("a", "a", "138", 1, 5.0)))
        await exchange.until(lambda: any(b["hotline"]["callers"] for b, _, _ in exchange.saved if b))
        boards, link_up, changed = exchange.saved[-1]
        assert boards["hotline"]["title"] == "法律服务热线" and link_up and changed == ["hotline"]
        exchange.queue.put_nowait(LinkLost("gone", 2.0))
        await exchange.until(lambda: not exchange.saved[-1][1])
        assert exchange.saved[-1][0]["hotline"]["callers"], "what was last known stays, marked as stale"


async def test_a_board_that_could_not_be_saved_is_announced_later() -> None:
    ledger, exchange = ledger_of(), Exchange()
    exchange.away = True
    live = LiveTracker(exchange, exchange, LedgerTracker(ledger, ledger, {}), {})
    async with running(live):
        exchange.queue.put_nowait(snapshot(1.0))
        while live._news.is_set() or not live._changed:
            await asyncio.sleep(0)
        exchange.away = False
        await exchange.until(lambda: exchange.saved)
        assert exchange.saved[0][2] == ["hotline"]


async def test_an_operators_hold_keeps_music_off_the_operators_track() -> None:
    ledger, exchange = ledger_of(), Exchange()
    async with running(LiveTracker(exchange, exchange, LedgerTracker(ledger, ledger, {}), {})):
        for held in (True, False):
            exchange.queue.put_nowait(HoldChanged("PJSIP/seat-one-1", "t-1.2", "t-1.1", held))
        exchange.queue.put_nowait(HoldChanged("PJSIP/seat-one-1", "t-1.9", "gone", True))
        exchange.queue.put_nowait(HoldChanged("PJSIP/trunk-1", "t-1.1", "t-1.1", True))
        await exchange.until(lambda: len(exchange.muted) == 3)
    assert exchange.muted == [("t-1.1", "operator", True), ("t-1.1", "operator", False), ("gone", "operator", True)]


async def test_a_hangup_makes_the_ledger_be_read_at_once() -> None:
    ledger, exchange = ledger_of(), Exchange()
    tracker = LedgerTracker(ledger, ledger, {})
    async with running(tracker, LiveTracker(exchange, exchange, tracker, {})), asyncio.timeout(10):
        await tracker.caught_up.wait()
        ledger.batches.append(LedgerBatch("cel", "f", 0, 10, ()))
        exchange.queue.put_nowait(ChannelEnded("t-1.1", "t-1.1"))
        await ledger.until(lambda: ledger.committed == [0])


ANSWERED, ABANDONED = table("answered, the citizen hangs up"), table("given up while waiting")


def told(ledger: Ledger, facts: list[Fact]) -> None:
    """The ledger's next batch, and the call it makes."""
    call = fold(facts, {})
    assert call is not None
    ledger.calls[ledger.position] = call
    ledger.batches.append(LedgerBatch("cel", "f", ledger.position, ledger.position + 10, ()))


async def test_a_call_the_ledger_does_not_tell_of_is_witnessed_once() -> None:
    ledger, exchange = ledger_of(), Exchange()
    tracker = LedgerTracker(ledger, ledger, {})
    async with running(tracker, LiveTracker(exchange, exchange, tracker, {}, witness_grace_s=0.05)):
        for event in live_view(ANSWERED):
            exchange.queue.put_nowait(event)
        await ledger.until(lambda: ledger.witnessed)
        exchange.queue.put_nowait(snapshot(T0 + 900))
        for event in live_view(moved(ABANDONED, "other")):
            exchange.queue.put_nowait(event)
        await ledger.until(lambda: len(ledger.witnessed) == 2)
    assert [linked_id for linked_id, _ in ledger.witnessed] == [LINKED, "other"]
    assert ledger.witnessed[0][1][0] == "CHAN_START" and ledger.witnessed[0][1][-2:] == ["HANGUP", "LINKEDID_END"]


@pytest.mark.parametrize("early", [True, False], ids=["before its hang-up was seen", "after it"])
async def test_a_call_whose_end_the_ledger_tells_needs_no_witness(early: bool) -> None:
    ledger, exchange = ledger_of(), Exchange()
    tracker = LedgerTracker(ledger, ledger, {})
    live = LiveTracker(exchange, exchange, tracker, {}, witness_grace_s=0.3)
    *before, end = live_view(ANSWERED)
    async with running(tracker, live), asyncio.timeout(10):
        for event in before if early else (*before, end):
            exchange.queue.put_nowait(event)
        while not live._witness._live.calls:
            await asyncio.sleep(0)
        told(ledger, ANSWERED)
        tracker.nudge()
        while live._witness._live.calls:
            await asyncio.sleep(0.01)
        exchange.queue.put_nowait(end)
        for event in live_view(moved(ABANDONED, "marker")):
            exchange.queue.put_nowait(event)
        await ledger.until(lambda: ledger.witnessed)
    assert [linked_id for linked_id, _ in ledger.witnessed] == ["marker"]


async def test_a_ledger_that_lost_the_talk_in_its_middle_is_contradicted() -> None:
    """The volume was full for a while: the ledger has arrival and end, and calls it abandoned."""
    ledger, exchange = ledger_of(), Exchange()
    tracker = LedgerTracker(ledger, ledger, {})
    live = LiveTracker(exchange, exchange, tracker, {}, witness_grace_s=0.05)
    async with running(tracker, live), asyncio.timeout(10):
        *before, end = live_view(ANSWERED)
        for event in before:
            exchange.queue.put_nowait(event)
        while not (live._witness._live.calls and exchange.queue.empty()):
            await asyncio.sleep(0)
        told(ledger, [f for f in ANSWERED if f.kind != "BRIDGE_ENTER"])
        tracker.nudge()
        await ledger.until(lambda: ledger.committed)
        exchange.queue.put_nowait(end)
        await ledger.until(lambda: ledger.witnessed)
    assert ledger.witnessed[0][0] == LINKED


async def test_a_witness_waits_for_a_database_that_is_away_and_not_for_a_ledger_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ivr.pipeline.witness_calls._LEDGER_WITHIN_S", 0.05)
    monkeypatch.setattr("ivr.pipeline.witness_calls._AGAIN_S", 0.05)
    ledger, exchange = ledger_of(), Exchange()
    ledger.unreadable = ledger.away = True
    tracker = LedgerTracker(ledger, ledger, {})
    live = LiveTracker(exchange, exchange, tracker, {}, witness_grace_s=0.0)
    async with running(tracker, live), asyncio.timeout(10):
        for event in live_view(ANSWERED):
            exchange.queue.put_nowait(event)
        while ledger.asked < 2:
            await asyncio.sleep(0.01)
        ledger.away = False
        await ledger.until(lambda: ledger.witnessed)
        while live._witness._live.calls:
            await asyncio.sleep(0)


async def test_a_call_whose_end_was_missed_while_the_link_was_down_is_witnessed_as_interrupted() -> None:
    ledger, exchange = ledger_of(), Exchange()
    tracker = LedgerTracker(ledger, ledger, {})
    async with running(tracker, LiveTracker(exchange, exchange, tracker, {}, witness_grace_s=0.05)):
        for event in live_view(table("still talking")):
            exchange.queue.put_nowait(event)
        exchange.queue.put_nowait(LinkLost("cut", T0 + 20))
        exchange.queue.put_nowait(snapshot(T0 + 30))
        await ledger.until(lambda: ledger.witnessed)
    assert ledger.witnessed[0][1][-1] == "INTERRUPTED"


def moved(facts: list[Fact], linked_id: str) -> list[Fact]:
    """The same call under another id."""
    return [
        Fact(f.source, f.file_id, f.position, linked_id, f.kind, f.at, {
            **f.data, "uniqueid": linked_id if f.unique_id == f.linked_id else f"{linked_id}-seat"}) for f in facts
    ]
