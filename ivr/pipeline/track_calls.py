"""From Asterisk's ledger to calls and orders, and from its live events to the queue board."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from ivr.domain.call import Call, fold
from ivr.domain.errors import IvrError, Unavailable
from ivr.domain.events import ChannelEnded, ExchangeSnapshot, Fact, LinkLost, LiveEvent
from ivr.domain.hold_music import HoldMusic
from ivr.domain.queue import QueueBoard
from ivr.pipeline.witness_calls import CallWitness
from ivr.ports.pipeline import Exchange, LedgerSource, LedgerStore, QueueLiveStore

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_BOARD_EVERY_S = 2.0
_COALESCE_S = 0.01
_SAVES_APART_S = 0.05
_CLOSE_AGAIN_S = 5.0
_MOST_PAUSE_S = 5.0


class LedgerTracker:
    """Reads one ledger source for ever and commits what it finds; a database that is away only delays it."""

    def __init__(
        self, source: LedgerSource, store: LedgerStore, prefixes: Mapping[str, Mapping[str, str]], *, gone_after_s: float = 5.0
    ) -> None:
        self._gone_after_s = gone_after_s
        self._source = source
        self._store = store
        self._fold = partial(fold, prefixes=prefixes)
        self._nudge = asyncio.Event()
        self._positions: dict[str, int] = {}
        self.caught_up = asyncio.Event()
        self.told: Callable[[Call], None] = lambda _: None

    def nudge(self) -> None:
        """Look now: a live event says that the ledger has news."""
        self._nudge.set()

    async def run(self) -> None:
        """Ends only when cancelled."""
        pause = _POLL_S
        while True:
            try:
                await self._drain()
                self.caught_up.set()
                pause = _POLL_S
            except (Unavailable, OSError) as away:
                log.warning("ledger_waits", source=self._source.source, reason=str(away))
                pause = min(max(pause * 2, 0.2), _MOST_PAUSE_S) * random.uniform(0.7, 1.0)
            try:
                async with asyncio.timeout(pause):
                    await self._nudge.wait()
            except TimeoutError:
                pass
            self._nudge.clear()

    async def _drain(self) -> None:
        fresh = not self.caught_up.is_set()
        positions = await self._store.positions(self._source.source) if fresh else self._positions
        while batch := await self._source.read(positions):
            calls = await self._store.commit(batch, self._fold)
            positions = await self._store.positions(self._source.source)
            for call in calls:
                log.info("call_changed", linked_id=call.linked_id, state=call.state, outcome=call.outcome)
                self.told(call)
        self._positions = positions

    async def read_to_end(self, within_s: float) -> None:
        """Return when all that the ledger holds now is committed; TimeoutError when it cannot be read that soon."""
        self.caught_up.clear()
        self.nudge()
        async with asyncio.timeout(within_s):
            await self.caught_up.wait()

    async def witness(self, linked_id: str, facts: Sequence[Fact]) -> Call | None:
        """Commit what was seen live of a call that the ledger does not tell, or None when it does."""
        return await self._store.witness(linked_id, facts, self._fold)

    async def close_lost_calls(self, snapshot: ExchangeSnapshot) -> None:
        """End calls that neither Asterisk nor the ledger knows any more: their Asterisk was killed.

        A call that arrived after the snapshot was begun is not in it and yet alive. The ledger is read to its end
        first, so a call that ended properly meanwhile is never called interrupted.
        """
        candidates = [c for c in await self._store.open_calls(snapshot.at) if c not in snapshot.linked_ids]
        if not candidates:
            return
        await asyncio.sleep(self._gone_after_s)
        await self.read_to_end(60)
        still_open = set(await self._store.open_calls(snapshot.at))
        for linked_id in candidates:
            if linked_id in still_open:
                log.warning("call_interrupted", linked_id=linked_id)
                await self._store.interrupt(linked_id, time.time(), self._fold)


class LiveTracker:
    """Applies live events to the board, saves it, and reacts to holds; owns the exchange's one event stream.

    What it sees of calls it also keeps for those the ledger cannot write down, until the ledger has told of their end.
    """

    def __init__(
        self, exchange: Exchange, store: QueueLiveStore, ledger: LedgerTracker, titles: Mapping[str, str], *,
        witness_grace_s: float = 5.0, also: Callable[[LiveEvent], None] = lambda _: None,
    ) -> None:
        self._exchange = exchange
        self._store = store
        self._ledger = ledger
        self._titles = titles
        self._also = also
        self._board = QueueBoard()
        self._hold_music = HoldMusic()
        self._changed: set[str] = set()
        self._news = asyncio.Event()
        self._live_calls: frozenset[str] = frozenset()
        self._closing: asyncio.Task[None] | None = None
        self._witness = CallWitness(ledger, grace_s=witness_grace_s)
        ledger.told = self._witness.told

    @property
    def board(self) -> QueueBoard:
        """Who waits and who is there now; to be read, not changed."""
        return self._board

    @property
    def live_calls(self) -> frozenset[str]:
        """Linked ids Asterisk knew at the last snapshot."""
        return self._live_calls

    async def run(self) -> None:
        """Ends only when cancelled; its parts live and die together."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(tasks))
            tasks.create_task(self._save())
            tasks.create_task(self._witness.run())

    async def _listen(self, tasks: asyncio.TaskGroup) -> None:
        async for event in self._exchange.events():
            self._witness.see(event)
            self._also(event)
            if (track := self._hold_music.apply(event)) is not None:
                tasks.create_task(self._keep_music_out(*track))
            changed = self._board.apply(event)
            if changed:
                self._changed |= changed
                self._news.set()
            match event:
                case ChannelEnded():
                    self._ledger.nudge()
                case ExchangeSnapshot():
                    self._live_calls = event.linked_ids
                    if self._closing is not None:
                        self._closing.cancel()
                    self._closing = tasks.create_task(self._close_lost_calls(event))
                case LinkLost():
                    log.warning("live_view_stale", reason=event.reason)

    async def _save(self) -> None:
        """The first change is saved at once, with what came in the same moment; further ones twenty times a second at most."""
        loop = asyncio.get_running_loop()
        saved_at = float("-inf")
        while True:
            try:
                async with asyncio.timeout(_BOARD_EVERY_S):
                    await self._news.wait()
                    await asyncio.sleep(max(_COALESCE_S, saved_at + _SAVES_APART_S - loop.time()))
            except TimeoutError:
                pass
            saved_at = loop.time()
            self._news.clear()
            changed, self._changed = self._changed, set()
            boards = {
                name: view.board() | {"title": self._titles.get(name) or name} for name, view in self._board.queues.items()
            }
            try:
                await self._store.save(boards, self._board.link_up, sorted(changed & set(boards)))
            except Unavailable as away:
                self._changed |= changed
                log.warning("board_not_saved", reason=str(away))

    async def _keep_music_out(self, linked_id: str, closed: bool) -> None:
        """Close or open the operator's track of a citizen's channel; a call that is gone needs neither."""
        try:
            await self._exchange.mute_recording(linked_id, "operator", closed)
        except (IvrError, TimeoutError) as failed:
            log.warning("hold_not_muted", linked_id=linked_id, reason=str(failed))

    async def _close_lost_calls(self, snapshot: ExchangeSnapshot) -> None:
        """Until it is done, or a newer snapshot takes its place."""
        while True:
            try:
                return await self._ledger.close_lost_calls(snapshot)
            except (Unavailable, TimeoutError) as away:
                log.warning("lost_calls_not_closed_yet", reason=str(away))
                await asyncio.sleep(_CLOSE_AGAIN_S)
