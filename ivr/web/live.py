"""The live stream's source: one feed reader per process, one small bounded slot table per page.

Numbers are the feed's. A page that has seen n has seen the effect of everything up to n: changes are sent in order,
and a change folded into a later one of the same thing is sent with the later number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import structlog
from aiohttp import web

from ivr.domain.disclosure import Veil, seen_by
from ivr.domain.errors import Unavailable
from ivr.domain.redaction import KINDS
from ivr.ports.views import OrderFilter
from ivr.ports.web import Busy, FeedEntry, WebOptions, WebServices
from ivr.web.database_watch import DatabaseWatch
from ivr.web.live_batch import Batch, Change, Key, frame
from ivr.web.models import Alarm, LiveClock, LiveSnapshot, Wire
from ivr.web.present import alarm, call_row, queue_status, work_order
from ivr.web.risk import RiskChange
from ivr.web.roster import RosterChange
from ivr.web.supervision_models import SeatChange
from ivr.web.tasks import TaskChange

RECENT = 50
_BATCH = 500
_RESUME_LIMIT = 1000
_SLOTS = 1000
_PACE_S = 0.05
_LIVELY_POLL_S = 0.1
_LIVELY_S = 1.0
_SNAPSHOT_AGE_S = 1.0
_log = structlog.get_logger(__name__)

_VEILS = {masked: Veil(KINDS - seen_by(() if masked else ("operator",))) for masked in (False, True)}
"""The two forms of the stream: for who takes calls, and for everybody else."""


Push = Callable[[bytes], bool]
"""Hand a chunk to a page's connection; False, and nothing sent, when it has not yet taken what it was given before."""


class LiveClient:
    """What one page has still to be sent: the newest change per thing, never more than a fixed number.

    ``push`` is set while the page's task has nothing in hand. Then a batch goes straight to the connection, without waking
    a task for each page: that is what lets one process serve a thousand walls. Whoever reads slowly is never pushed to.
    """

    def __init__(self, credential: bytes, *, masked: bool = False) -> None:
        self.credential = credential
        self.masked = masked
        self.seen = 0
        self.lost = False
        self.closed = False
        self.push: Push | None = None
        self._slots: dict[Key, Change] = {}
        self._news = asyncio.Event()

    def give(self, batch: Batch) -> None:
        """Push the batch when all of it is news and nothing waits before it; else keep its changes for the page's task."""
        straight = self.push is not None and not (self._slots or self.lost or self.closed) and self.seen < batch.first
        if straight and self.push is not None and self.push(batch.masked if self.masked else batch.piece):
            self.seen = max(self.seen, batch.last)
        else:
            self.offer(batch.changes)

    def offer(self, changes: Collection[Change]) -> None:
        """Take changes; a page too slow for even the folded ones gets a new snapshot instead."""
        for change in changes:
            self._slots.pop(change.key, None)
            self._slots[change.key] = change
        if len(self._slots) > _SLOTS:
            self.start_over()
        self._news.set()

    def start_over(self) -> None:
        """Forget what was waiting: the next thing to send is a snapshot."""
        self._slots.clear()
        self.lost = True
        self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when there is news or the time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            pass

    def take(self) -> bytes:
        """Everything waiting, in order, as bytes to send."""
        self._news.clear()
        changes = [c for c in self._slots.values() if c.seq is None or c.seq > self.seen]
        self._slots.clear()
        self.seen = max((c.seq for c in changes if c.seq is not None), default=self.seen)
        return b"".join(c.told(self.masked) for c in changes)


class LiveHub:
    """Reads the feed once for all pages of this process and watches over their sessions."""

    def __init__(self, services: WebServices, options: WebOptions) -> None:
        self._services = services
        self._options = options
        self._clients: set[LiveClient] = set()
        self._seq: int | None = None
        self._fresh = False
        self._as_of: datetime | None = None
        self._as_of_s = float("-inf")
        self._stale_told: dict[str, bool] = {}
        self._queues_read_at = float("-inf")
        self._snapshot: tuple[float, int, dict[bool, bytes]] | None = None
        self._snapshot_lock = asyncio.Lock()
        self._begin_lock = asyncio.Lock()
        self.database = DatabaseWatch(services.feed, self._tell_of_database)

    async def run(self) -> None:
        """Follow the feed until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._services.feed.listen(), name="live-hints")
            group.create_task(self._follow(), name="live-follow")
            group.create_task(self._recheck(), name="live-recheck")
            group.create_task(self.database.run(), name="live-database")

    def subscribe(self, credential: bytes, *, masked: bool) -> LiveClient:
        """A new page; raises Busy when this process serves as many as it may."""
        if len(self._clients) >= self._options.live_clients:
            raise Busy("As many pages as this server takes are open already. Try again in a moment.")
        client = LiveClient(credential, masked=masked)
        self._clients.add(client)
        return client

    def unsubscribe(self, client: LiveClient) -> None:
        self._clients.discard(client)

    def close(self) -> None:
        """End every stream; pages reconnect by themselves when the server is back."""
        for client in self._clients:
            client.close()

    def clock(self) -> bytes:
        """Proof of life, also when nothing happens and when the database is away."""
        now = datetime.now(UTC)
        # Judged by age, not by the last verdict: a reader that hangs or died gives no verdict any more.
        limit_s = 3 * self._options.live_poll_s + 2
        fresh = self._fresh and asyncio.get_running_loop().time() - self._as_of_s < limit_s
        return b": beat\n\n" + frame("clock", LiveClock(now=now, fresh=fresh, as_of=self._as_of))

    async def opening(self, client: LiveClient, last_seen: int | None) -> bytes:
        """What a page is sent first: the changes since ``last_seen`` where the feed still has them, else a snapshot.

        The page is subscribed already, so whatever happens from here on is in its slots; ``seen`` drops the overlap.
        """
        await self._begin()
        if last_seen is not None:
            batch = await self._services.feed.after(last_seen, _RESUME_LIMIT + 1)
            if batch.complete and len(batch.entries) <= _RESUME_LIMIT:
                changes = await self._changes(batch.entries)
                client.seen = batch.entries[-1].seq if batch.entries else last_seen
                return b"".join(c.told(client.masked) for c in changes) + frame("alarm", self.database.current())
        return await self.snapshot(client)

    async def snapshot(self, client: LiveClient) -> bytes:
        """The snapshot for a page, shared by pages that ask within the same second when nothing changed since."""
        needed = self._seq or 0
        loop = asyncio.get_running_loop()
        async with self._snapshot_lock:
            kept = self._snapshot
            if kept is None or kept[1] < needed or loop.time() - kept[0] > _SNAPSHOT_AGE_S:
                seq, data = await self._read_snapshot()
                kept = self._snapshot = (loop.time(), seq, data)
        client.seen = kept[1]
        client.lost = False
        return kept[2][client.masked]

    async def _read_snapshot(self) -> tuple[int, dict[bool, bytes]]:
        """The number is read before the state, so the state is at least as new as its number."""
        views = self._services.views
        head = (await self._services.feed.after(0, 0)).head
        boards, calls = await views.queues(), await views.live_calls(RECENT)
        stale_after_s = self._options.stale_after_s
        for status in (queue_status(q, stale_after_s) for q in boards):
            if self._stale_told.get(status.queue) != status.stale:
                self._stale_told.pop(status.queue, None)  # one page now knows otherwise: tell all at the next look
        recent = await views.work_orders(OrderFilter(limit=RECENT))
        now, rules = datetime.now(UTC), self._services.orders.rules
        alarms = [alarm(a) for a in await views.standing_alarms()]
        if self.database.standing is not None:
            alarms.insert(0, self.database.standing)
        told = {
            masked: LiveSnapshot(
                queues=[queue_status(q, stale_after_s, veil) for q in boards], calls=[call_row(c, veil) for c in calls],
                orders=[work_order(o, self._services.codes, rules, now, hidden=veil.hidden) for o in recent], alarms=alarms,
            ) for masked, veil in _VEILS.items()
        }
        return head, {masked: frame("snapshot", snapshot, head) for masked, snapshot in told.items()}

    async def _follow(self) -> None:
        """Look at the feed on every hint, every poll, and for a second after news every tenth of a second.

        The first news is passed on at once; what follows waits until twenty looks a second are not exceeded.
        """
        loop = asyncio.get_running_loop()
        lively_until = looked_at = float("-inf")
        while True:
            lively = loop.time() < lively_until
            poll_s = self._options.live_poll_s
            hinted = await self._services.feed.wait_hint(min(_LIVELY_POLL_S, poll_s) if lively else poll_s)
            await asyncio.sleep(max(0.0, looked_at + _PACE_S - loop.time()))
            looked_at = loop.time()
            try:
                if await self._advance() or hinted:
                    lively_until = loop.time() + _LIVELY_S
                if not self._fresh:
                    _log.info("live_feed_followed", seq=self._seq)
                self._fresh, self._as_of, self._as_of_s = True, datetime.now(UTC), loop.time()
            except Unavailable:
                self._note_lost("database_away")
                await asyncio.sleep(_PACE_S)
            except Exception:
                _log.exception("live_feed_failed")
                self._note_lost("failure")
                await asyncio.sleep(self._options.live_poll_s)

    def _note_lost(self, reason: str) -> None:
        if self._fresh:
            _log.warning("live_feed_lost", reason=reason)
        self._fresh = False

    async def _begin(self) -> int:
        """The number this process reads on from, fixed once and before the first page gets its snapshot: a change
        between that snapshot and a later start would be lost."""
        async with self._begin_lock:
            if self._seq is None:
                self._seq = (await self._services.feed.after(0, 0)).head
            return self._seq

    async def _advance(self) -> bool:
        """Pass on everything new; whether there was anything."""
        seen = await self._begin()
        anything = False
        while True:
            batch = await self._services.feed.after(seen, _BATCH)
            if not batch.complete:
                _log.warning("live_feed_gap", seen=seen, head=batch.head)
                self._seq = batch.head
                self._snapshot = None
                for client in self._clients:
                    client.start_over()
                return True
            if not batch.entries:
                break
            changes = await self._changes(batch.entries, self._stale_told)
            self._seq = seen = batch.entries[-1].seq
            self._publish(changes)
            anything = True
            if len(batch.entries) < _BATCH:
                break
        await self._watch_staleness()
        return anything

    def _publish(self, changes: Sequence[Change]) -> None:
        if changes:
            batch = Batch.of(changes)
            for client in self._clients:
                client.give(batch)

    def _tell_of_database(self, told: Alarm) -> None:
        self._snapshot = None
        self._publish([Change(("alarm", told.name), None, frame("alarm", told))])

    async def _watch_staleness(self) -> None:
        """Nobody writes «stale» into the feed when the writer is what died: notice it here, once per change."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._queues_read_at < self._options.live_poll_s * 0.9:
            return
        self._queues_read_at = loop.time()
        changes = []
        for live in await self._services.views.queues():
            both = [queue_status(live, self._options.stale_after_s, veil) for veil in _VEILS.values()]
            status = both[0]
            if self._stale_told.get(status.queue) != status.stale:
                changes.append(Change(("queue", status.queue), None, *(frame("queue", one) for one in both)))
            self._stale_told[status.queue] = status.stale
        self._publish(changes)

    async def _changes(self, entries: Sequence[FeedEntry], stale_told: dict[str, bool] | None = None) -> list[Change]:
        """The current state of each thing named, once each, in the order of its last number; what is gone is skipped.

        ``stale_told`` is brought up to date when the changes go to every page.
        """
        last: dict[Key, FeedEntry] = {}
        for entry in entries:
            last.pop((entry.topic, entry.key), None)
            last[entry.topic, entry.key] = entry
        named: dict[str, list[str]] = {}
        for topic, key in last:
            named.setdefault(topic, []).append(key)
        states: dict[Key, tuple[Wire, ...]] = {}
        veils = _VEILS.values()
        views = self._services.views
        if "queue" in named:
            for live in await views.queues():
                both = [queue_status(live, self._options.stale_after_s, veil) for veil in veils]
                states["queue", live.queue] = tuple(both)
                if stale_told is not None and live.queue in named["queue"]:
                    stale_told[live.queue] = both[0].stale
        if "call" in named:
            for call in await views.calls_named(named["call"]):
                states["call", call.linked_id] = tuple(call_row(call, veil) for veil in veils)
        if "order" in named:
            now, rules = datetime.now(UTC), self._services.orders.rules
            for order in await views.work_orders_named(named["order"]):
                states["order", order.number] = tuple(
                    work_order(order, self._services.codes, rules, now, hidden=veil.hidden) for veil in veils
                )
        for seat in named.get("seat", ()):
            states["seat", seat] = (SeatChange(seat=seat),)
        for risk in named.get("risk", ()):
            states["risk", risk] = (RiskChange(id=int(risk)),)
        for task in named.get("task", ()):
            states["task", task] = (TaskChange(id=task),)
        for part in named.get("roster", ()):
            states["roster", part] = (RosterChange(changed=part),)
        if "alarm" in named:
            for stored in await views.alarms_named(named["alarm"]):
                states["alarm", stored.name] = (alarm(stored),)
        return [
            Change(key, entry.seq, *(frame(entry.topic, state, entry.seq) for state in states[key]))
            for key, entry in last.items()
            if key in states
        ]

    async def _recheck(self) -> None:
        """End the streams of sessions that were revoked or ran out; one question for all of them."""
        while True:
            await asyncio.sleep(self._options.live_recheck_s)
            credentials = {client.credential for client in self._clients}
            if not credentials:
                continue
            try:
                valid = await self._services.accounts.still_valid(credentials)
            except Unavailable:
                continue  # nothing new is sent while the database is away
            except Exception:
                _log.exception("live_recheck_failed")
                continue
            for client in [c for c in self._clients if c.credential in credentials - valid]:
                client.close()


HUB: web.AppKey[LiveHub] = web.AppKey("live_hub", LiveHub)
