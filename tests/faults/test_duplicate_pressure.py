"""Everything delivered one to five times, in any order, by three controllers and eight workers at once: still once.

On a real PostgreSQL, against the model of ``call_histories``. The seed of a failure is in its message.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from ivr.domain.call import Call
from ivr.domain.errors import Unavailable
from ivr.domain.events import Fact
from ivr.domain.recording import TrackJob
from ivr.domain.transcript import Segment, TrackTranscript, Word
from ivr.storage.database import open_pool
from tests.faults.call_histories import T0, History, TrackPlan, batch, histories, ledger_files
from tests.faults.conftest import FULL
from tests.integration.conftest import Server, pool, server  # noqa: F401
from tests.integration.storage_world import FOLD, World

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.fault, pytest.mark.timeout(1800)]

HISTORIES = 10_000 if FULL else 1_000
CONTROLLERS, WORKERS = 3, 8
LEASE_S = 300.0  # no lease runs out by itself: what a slow machine does must not look like a crash
SEED = 202610


class Crash(Exception):
    """The controller dies inside its transaction."""


class Controller:
    """Reads files from wherever it believes they stand, commits what it read several times, and dies now and then."""

    def __init__(
        self, world: World, files: dict[str, list[Fact]], chance: random.Random, *, in_order: bool
    ) -> None:
        self._world = world
        self._files = files
        self._in_order = in_order
        self._chance = chance
        self._believed: dict[str, int] = {}
        self._chores_left: Iterator[Callable[[], Awaitable[object]]] = iter(())

    def give(self, chores: list[Callable[[], Awaitable[object]]]) -> None:
        """What it has to do besides reading."""
        self._chance.shuffle(chores)
        self._chores_left = iter(chores)

    def chores(self, call: History) -> Iterator[Callable[[], Awaitable[object]]]:
        """What the call asks of a controller beside its lines, as this one would do it."""
        if call.plans:
            yield lambda: self._world.tracks.add([plan.track for plan in call.plans])
        if call.interrupted:
            yield lambda: self._world.ledger.interrupt(call.linked_id, T0 + 1e6, FOLD)
        if call.live:
            yield lambda: self._world.ledger.witness(call.linked_id, call.live, FOLD)

    async def run(self) -> None:
        """Until every line is committed and every chore done; a lost connection only repeats it."""
        chores = 0
        while not await self._everything_read():
            with suppress(Crash, Unavailable):
                await self._read_and_commit()
            for one in self._some_chores():
                chores += 1
                await self._insist(one)
                if chores % 200 == 0:
                    await self._insist(self._world.tracks.sweep)
        for one in self._chores_left:
            await self._insist(one)

    async def _insist(self, chore: Callable[[], Awaitable[object]]) -> None:
        while True:
            with suppress(Unavailable):
                await chore()
                return

    def _some_chores(self) -> Iterator[Callable[[], Awaitable[object]]]:
        for _ in range(self._chance.randrange(6)):
            chore = next(self._chores_left, None)
            if chore is not None:
                yield chore

    async def _everything_read(self) -> bool:
        if self._chance.random() < 0.7:  # it often goes on believing what it knew before
            with suppress(Unavailable):
                self._believed = await self._world.ledger.positions("cel")
        return all(self._believed.get(name, 0) >= len(lines) for name, lines in self._files.items())

    async def _read_and_commit(self) -> None:
        behind = [n for n, lines in self._files.items() if self._believed.get(n, 0) < len(lines)]
        if not behind:
            return
        name = behind[0] if self._in_order else self._chance.choice(behind)
        lines, start = self._files[name], self._believed.get(name, 0)
        end = min(len(lines), start + self._chance.randint(1, 60))
        if self._chance.random() < 0.1:
            return  # died between reading and committing
        fold = self._dies if self._chance.random() < 0.1 else FOLD
        read = batch(name, lines, start, end)
        several = [self._world.ledger.commit(read, fold) for _ in range(self._chance.randint(1, 5))]
        for made in await asyncio.gather(*several, return_exceptions=True):
            if isinstance(made, BaseException):
                raise made

    def _dies(self, facts: Sequence[Fact]) -> Call | None:
        if self._chance.random() < 0.5:
            raise Crash
        return FOLD(facts)


class Workers:
    """Eight at once; what an attempt meets is in the track's plan, and nothing else decides what becomes of it."""

    def __init__(self, world: World, calls: list[History], chance: random.Random) -> None:
        self._world = world
        self._plans = {(p.track.name.linked_id, p.track.track): p for call in calls for p in call.plans}
        self._ghosts: dict[int, list[tuple[TrackJob, str]]] = {}
        self._chance = chance
        self.attempts: Counter[int] = Counter()

    async def run(self, everything_added: asyncio.Event) -> None:
        """Until everything is added and no track waits."""
        async with asyncio.TaskGroup() as tasks:
            for n in range(WORKERS):
                tasks.create_task(self._worker(f"worker-{n}", everything_added))

    async def _worker(self, name: str, everything_added: asyncio.Event) -> None:
        while True:
            last = everything_added.is_set()
            job = await self._world.tracks.take(name, LEASE_S)
            if job is not None:
                await self._work(job, name)
            elif last and not await self._world.count("recording_track", "state IN ('pending', 'leased')"):
                return
            else:
                await asyncio.sleep(0.005)

    async def _work(self, job: TrackJob, name: str) -> None:
        self.attempts[job.track_id] = max(self.attempts[job.track_id], job.attempt)
        tracks, plan = self._world.tracks, self._plans[job.linked_id, job.track]
        for ghost, whose in self._ghosts.get(job.track_id, []):  # who lost the lease comes back and wants to finish
            assert not await tracks.finish(ghost, whose, transcript(plan, wrong=True)), "a lost lease finished a track"
            assert not await tracks.fail(ghost, whose, "late", hopeless=True), "a lost lease gave a track up"
            assert not await tracks.extend(job.track_id, whose, LEASE_S) or whose == name
        assert not await tracks.finish(job, "nobody", transcript(plan, wrong=True))
        await asyncio.sleep(self._chance.random() * 0.01)
        match plan.attempts[job.attempt - 1]:
            case "finish":
                done = await asyncio.gather(*(
                    tracks.finish(job, name, transcript(plan)) for _ in range(self._chance.randint(1, 3))))
                assert sum(done) == 1
            case "crash":
                self._ghosts.setdefault(job.track_id, []).append((job, name))
                assert await tracks.extend(job.track_id, name, 0.0)
            case how:
                done = await asyncio.gather(*(
                    tracks.fail(job, name, how, hopeless=how == "hopeless") for _ in range(self._chance.randint(1, 3))))
                assert sum(done) == 1


def transcript(plan: TrackPlan, *, wrong: bool = False) -> TrackTranscript:
    """What the plan says was said."""
    speaker = plan.track.track
    texts = [f"{speaker} {n}" for n in range(plan.segments)] if not wrong else ["nobody said this"]
    segments = tuple(
        Segment(speaker, 2.0 * n, 2.0 * n + 1, (Word(text, 2.0 * n, 2.0 * n + 1, 0.9),)) for n, text in enumerate(texts)
    )
    return TrackTranscript(speaker, "scripted", 30.0, 1.0, segments)


def deliver(calls: list[History], controllers: list[Controller], chance: random.Random) -> None:
    """Each chore one to five times, each time to any of the controllers."""
    given: list[list[Callable[[], Awaitable[object]]]] = [[] for _ in controllers]
    for call in calls:
        chores = [list(c.chores(call)) for c in controllers]
        for n in range(len(chores[0])):
            for _ in range(chance.randint(1, 5)):
                who = chance.randrange(len(controllers))
                given[who].append(chores[who][n])
    for controller, own in zip(controllers, given, strict=True):
        controller.give(own)


async def cut_connections(at: Server, until: asyncio.Event, chance: random.Random) -> None:
    """End a controller's connections in the middle of whatever they do."""
    while not until.is_set():
        await asyncio.sleep(chance.uniform(0.3, 0.8))
        await at.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ="
            f" 'ivr-controller-{chance.randrange(CONTROLLERS)}' AND state <> 'idle'"
        )


@pytest.mark.parametrize("in_order", [True, False], ids=["files in order", "files in any order"])
async def test_everything_is_once(
    server: Server, pool: Pool, in_order: bool, record_property: Callable[[str, object], None]  # noqa: F811
) -> None:
    chance = random.Random(SEED + in_order)
    calls = histories(HISTORIES // 2, chance)
    files = ledger_files(calls, chance)
    world = World(pool)
    workers = Workers(world, calls, random.Random(chance.random()))
    everything_added = asyncio.Event()
    database = await pool.fetchval("SELECT current_database()")
    try:
        async with AsyncExitStack() as stack:
            controllers = []
            for n in range(CONTROLLERS):
                own = await stack.enter_async_context(
                    await open_pool(server.database(database), application=f"controller-{n}", size=4))
                theirs = World(own)
                theirs.orders = world.orders
                theirs.ledger._orders = theirs.tracks._orders = world.orders  # one composer counts for all
                controllers.append(Controller(theirs, files, random.Random(chance.random()), in_order=in_order))
            deliver(calls, controllers, chance)
            cutting = asyncio.create_task(cut_connections(server, everything_added, random.Random(chance.random())))
            hearing = asyncio.create_task(workers.run(everything_added))
            try:
                await asyncio.gather(*(c.run() for c in controllers))
            finally:
                everything_added.set()
                await cutting
            await hearing
        await world.tracks.sweep()
        await compare(world, calls, files, in_order=in_order)
        record_property("seed", SEED + in_order)
        record_property("histories", len(calls))
    except BaseException as failed:
        failed.add_note(f"seed {SEED + in_order}, {len(calls)} histories, files in order: {in_order}")
        raise


async def compare(world: World, calls: list[History], files: dict[str, list[Fact]], *, in_order: bool) -> None:
    """The database against the model."""
    fetch = world.pool.fetch
    expected = {c.linked_id: c for c in calls if c.outcome}
    stored = {r["linked_id"]: r for r in await fetch("SELECT * FROM call")}
    assert set(stored) == set(expected)
    wrong = {i: (c.kind, stored[i]["state"], stored[i]["outcome"]) for i, c in expected.items()
             if (stored[i]["state"], stored[i]["outcome"]) != ("ended", c.outcome)}
    assert wrong == {}

    orders = await fetch(
        "SELECT o.*, oc.linked_id FROM work_order o LEFT JOIN work_order_call oc ON oc.order_id = o.id")
    assert Counter(o["opened_by_call"] for o in orders) == Counter(expected.keys())
    assert all(o["linked_id"] == o["opened_by_call"] for o in orders)
    assert len({o["number"] for o in orders}) == len(orders) == await world.pool.fetchval("SELECT sum(last) FROM order_serial")
    assert {o["linked_id"]: o["outcome"] for o in orders} == {i: c.outcome for i, c in expected.items()}
    assert {o["linked_id"]: o["filled_at"] is not None for o in orders} == {i: c.filled for i, c in expected.items()}

    facts = await fetch("SELECT source, file_id, position, linked_id, kind FROM call_fact")
    assert Counter((f["file_id"], f["position"], f["linked_id"], f["kind"]) for f in facts if f["source"] == "cel") == Counter(
        (name, f.position, f.linked_id, f.kind) for name, lines in files.items() for f in lines)
    assert await world.ledger.positions("cel") == {name: len(lines) for name, lines in files.items()}
    own = Counter((f["file_id"], f["position"], f["kind"]) for f in facts if f["source"] == "controller")
    assert set(own.values()) <= {1}
    seen = {(f.file_id, f.position, f.kind) for c in calls for f in c.live}
    gone = {(c.linked_id, 0, "INTERRUPTED") for c in calls if c.interrupted}
    assert gone <= set(own) <= gone | seen
    assert {f.file_id for c in calls if c.kind == "unwritten" for f in c.live} <= {file_id for file_id, _, _ in own}

    tracks = {(t["linked_id"], t["track"]): t for t in await fetch("SELECT * FROM recording_track")}
    plans = {(c.linked_id, p.track.track): p for c in calls for p in c.plans}
    assert {k: t["state"] for k, t in tracks.items()} == {k: p.end for k, p in plans.items()}
    segments = await fetch("SELECT linked_id, speaker, ordinal, text FROM transcript_segment")
    assert Counter((s["linked_id"], s["speaker"], s["ordinal"], s["text"]) for s in segments) == Counter(
        (c.linked_id, text.split()[0], int(text.split()[1]), text) for c in calls for text in c.texts)

    for linked_id, call in expected.items():
        if call.filled:
            assert sorted(filter(None, world.composer.texts[linked_id].split("|"))) == sorted(call.texts), call.kind
    if in_order:  # nothing was believed that turned out otherwise: opened once, filled once, never put right
        plain = {i for i, c in expected.items() if not (c.live or c.interrupted)}
        assert {o["linked_id"]: o["version"] for o in orders if o["linked_id"] in plain} == {
            i: 2 if expected[i].filled else 1 for i in plain}
    assert await world.count("feed") == await world.pool.fetchval("SELECT seq FROM feed_head")


def test_the_model_tells_calls_apart() -> None:
    """Every kind comes up, with none, one and two tracks, and with every end a track may have."""
    calls = histories(2000, random.Random(1))
    assert {c.kind for c in calls} >= {"gap", "unwritten", "half written", "echo", "taken for lost", "transferred"}
    assert {len(c.plans) for c in calls} == {0, 1, 2}
    assert {p.end for c in calls for p in c.plans} == {"transcribed", "no_speech", "quarantined"}
    assert {c.outcome for c in calls} == {"", "answered", "abandoned", "failed", "overflow", "interrupted"}


