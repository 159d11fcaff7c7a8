"""From Asterisk's bytes to a thousand dashboards: how late a change is, and whether pages that never read harm the others.

A fake Asterisk writes ten changes of a seat a second to a true AMI link; the controller's own live tracker puts them on the
board and into PostgreSQL, and the product's web process (`ivr web`, one process) tells the pages. Late is from just before
the bytes are written to the frame's arrival at a page, over all pages and changes; both clocks are the machine's one. The peer
stands in for the web process alone: it reads the same feed and sends to each page in turn.

The web process has a core to itself; fake Asterisk, tracker and all readers share the other one, PostgreSQL either.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ivr.pipeline.track_calls import LedgerTracker, LiveTracker
from ivr.settings import PROJECT_ROOT
from ivr.storage.accounts import PostgresAccounts
from ivr.storage.database import open_pool
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.ledger import PostgresLedger
from ivr.storage.migrate import migrate
from ivr.storage.queue_live import PostgresQueueLive
from ivr.storage.work_orders import WorkOrders
from ivr.telephony.ami import AmiClient
from ivr.telephony.exchange import AsteriskExchange
from ivr.telephony.ledger import LedgerReader
from ivr.telephony.ledger_source import LedgerFiles
from tests.bench.figure import Figure, absolute, compared, quick, rounded
from tests.bench.process_cost import cpu_seconds_so_far
from tests.fakes.ami_wire import Seat, Waiting, member_event
from tests.fakes.asterisk import USERS, FakeAsterisk

if TYPE_CHECKING:
    from ivr.storage.database import Pool

_APART_S = 0.1
_JITTER_S = 0.02
_SETTLES_S = 2.0
_WARM_S = 8.0
_WAITING = 20


@dataclass(frozen=True, slots=True)
class Scale:
    """How many pages, of which some never read, and how long one arm sends."""

    pages: int
    stalled: int
    seconds: float
    pairs: int


def measure(full: bool = False) -> list[Figure]:
    """Lateness with and without stalled pages, against sending to each in turn."""
    scale = Scale(40, 4, 2.0, 1) if quick() else Scale(1000, 50, 20.0 if full else 12.0, 3 if full else 2)
    folder = Path(tempfile.mkdtemp(prefix="ivr-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        return asyncio.run(_measure(folder, scale))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _measure(folder: Path, scale: Scale) -> list[Figure]:
    server = EmbeddedPostgres(folder / "pg", durable=False)
    url = await server.start()
    try:
        await migrate(url)
        pool = await open_pool(url, application="bench", size=6)
        try:
            token = await PostgresAccounts(pool).create_token("bench", ["supervisor"])
            async with _sender(pool, folder) as sender, _readers() as readers:
                bench = Bench(folder, url, token, scale, sender, readers)
                return await bench.figures()
        finally:
            await pool.close()
    finally:
        await server.stop()


class Sender:
    """Changes as Asterisk tells them: a seat whose reason to pause is a number. ``sent`` says when each was written."""

    def __init__(self, fake: FakeAsterisk) -> None:
        self._fake = fake
        self._number = 0
        self._dice = random.Random(12348)
        self.sent: dict[int, float] = {}

    async def send_for(self, seconds: float) -> dict[int, float]:
        """Ten a second, each a little early or late."""
        self.sent = {}
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for turn in range(int(seconds / _APART_S)):
            at = begun + turn * _APART_S + self._dice.uniform(0, _JITTER_S)
            await asyncio.sleep(max(0.0, at - loop.time()))
            self._number += 1
            told = member_event("QueueMemberPause", "hotline", Seat("PJSIP/seat-one", "王律师", 1, True, f"n{self._number:06}"))
            self.sent[self._number] = time.monotonic()
            await self._fake.send(told)
        return self.sent


@dataclass
class Bench:
    """One run: arms in turns on the same database and the same link."""

    folder: Path
    url: str
    token: str
    scale: Scale
    sender: Sender
    readers: asyncio.subprocess.Process

    async def figures(self) -> list[Figure]:
        ours, theirs, alone = [], [], []
        missed = 0
        for turn in range(self.scale.pairs):
            for arm in ("ours", "peer", "alone") if turn % 2 == 0 else ("alone", "peer", "ours"):
                found = await self._arm(arm, 0 if arm != "ours" else self.scale.stalled)
                if found["p99"] is None:
                    raise RuntimeError(f"no page saw a change in the arm {arm}: {found}")
                {"ours": ours, "peer": theirs, "alone": alone}[arm].append(found)
                missed += found["missed"] if arm != "peer" else 0
        stuck = await self._arm("peer", self.scale.stalled)
        pages, stalled = self.scale.pages, self.scale.stalled
        seen = sum(f["seen"] for f in ours)
        told = f"{pages} pages, {stalled} of them never read; p50 {_median(ours, 'p50'):.1f} ms, slowest {max(f['most'] for f in ours):.1f} ms"
        pairs = [(mine["p99"], other["p99"]) for mine, other in zip(ours, theirs, strict=True)]
        reached = 100 * stuck["seen"] / max(1, stuck["seen"] + stuck["missed"])
        return [
            absolute("live", "AMI bytes → stream frame, p99", "ms", _median(ours, "p99"), at_most=60.0, remark=told),
            compared("live", "p99 against sending to each in turn", "ms", pairs, better="less",
                     remark="the peer is spared the stalled pages here"),
            compared("live", f"p99 with {stalled} stalled pages against without", "ms",
                     [(mine["p99"], other["p99"]) for mine, other in zip(ours, alone, strict=True)], better="less", goal=1.25,
                     remark="peer: ours without stalled pages"),
            compared("live", f"CPU of the serving process per change told to {pages} pages", "ms",
                     [(mine["cpu_ms"], other["cpu_ms"]) for mine, other in zip(alone, theirs, strict=True)], better="less",
                     remark="without stalled pages; what reading the feed, logins and clocks cost is ours alone"),
            Figure("live", "changes that a reading page never got", "changes", float(missed), goal="= 0", met=missed == 0,
                   remark=f"of {seen:,} that came with stalled pages beside them; folded ones count as got with the later one"),
            Figure("live", f"changes that reached reading pages beside {stalled} stalled ones", "%", 100.0 if not missed else rounded(
                   100 * seen / (seen + missed)), rounded(reached), remark="the peer waits for whoever does not read"),
        ]  # fmt: skip

    async def _arm(self, arm: str, stalled: int) -> dict[str, Any]:
        """One server from start to end; what its reading pages saw."""
        async with self._serving(arm) as (port, pid):
            path = "/naive" if arm == "peer" else "/api/v1/live"
            reading = self.scale.pages - stalled
            await self._ask(do="open", port=port, path=path, token=self.token, readers=reading, stalled=stalled)
            await self.sender.send_for(0.5 if quick() else _WARM_S)  # until caches are warm and the stalled pages' buffers full
            before = cpu_seconds_so_far([pid])
            sent = await self.sender.send_for(self.scale.seconds)
            await asyncio.sleep(_SETTLES_S)
            cpu_ms = 1000 * (cpu_seconds_so_far([pid]) - before) / len(sent)
            return await self._ask(do="finish", sent=sent) | {"cpu_ms": cpu_ms}

    async def _ask(self, **what: Any) -> dict[str, Any]:
        assert self.readers.stdin is not None and self.readers.stdout is not None
        self.readers.stdin.write(json.dumps(what).encode() + b"\n")
        async with asyncio.timeout(180):
            await self.readers.stdin.drain()
            line = await self.readers.stdout.readline()
        if not line:
            raise RuntimeError("the readers ended")
        found: dict[str, Any] = json.loads(line)
        return found

    @asynccontextmanager
    async def _serving(self, arm: str) -> AsyncIterator[tuple[int, int]]:
        port = _free_port()
        log = (self.folder / f"{arm}.log").open("ab")
        if arm == "peer":
            command = [sys.executable, "-m", "tests.bench.live_peer", self.url, str(port)]
        else:
            command = [sys.executable, "-m", "ivr.cli", "web"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("IVR_")} | {
            "IVR_STATE_DIR": str(self.folder / "state"), "IVR_DATABASE_URL": self.url, "IVR_WEB__PORT": str(port),
            "IVR_RECORDINGS_DIR": str(self.folder / "recordings"), "IVR_CONFIG": str(_empty(self.folder / "none.toml")),
        }
        process = await asyncio.create_subprocess_exec(
            *_pinned(0), *command, cwd=PROJECT_ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            await _until_open(port, process, self.folder / f"{arm}.log")
            yield port, process.pid
        finally:
            log.close()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@asynccontextmanager
async def _sender(pool: Pool, folder: Path) -> AsyncIterator[Sender]:
    """Fake Asterisk, AMI client and live tracker of this process, with eight seats and a burst of twenty who wait."""
    def compose(*_: object) -> Any:
        raise RuntimeError("no call ends in this bench")

    async with FakeAsterisk() as fake:
        fake.world.seats["hotline"] = [Seat(f"PJSIP/seat-{name}", f"{name} 律师") for name in ("one", *"abcdefg")]
        fake.world.waiting["hotline"] = [Waiting(f"bench-1.{n}", f"139000000{n:02}", wait=n) for n in range(_WAITING)]
        ledger = LedgerTracker(
            LedgerFiles(LedgerReader("cel", folder / "cel", "ledger.csv", "bench")), PostgresLedger(pool, WorkOrders(compose, "bench")), {}
        )
        client = AmiClient("127.0.0.1", fake.port, "controller", USERS["controller"])
        tracker = LiveTracker(AsteriskExchange(client), PostgresQueueLive(pool), ledger, {"hotline": "法律服务热线"})
        running = [asyncio.create_task(client.run()), asyncio.create_task(tracker.run())]
        try:
            async with asyncio.timeout(20):
                while not await pool.fetchval("SELECT count(*) FROM queue_live"):
                    await asyncio.sleep(0.05)
            yield Sender(fake)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


@asynccontextmanager
async def _readers() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *_pinned(1), sys.executable, "-m", "tests.bench.live_readers", cwd=PROJECT_ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, limit=1 << 20,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _until_open(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(60):
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"the server ended with {process.returncode}: {log.read_text(errors='replace')[-800:]}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def _pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)] if (os.cpu_count() or 1) > 1 else []


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _empty(file: Path) -> Path:
    file.touch()
    return file


def _median(arms: list[dict[str, Any]], place: str) -> float:
    return statistics.median(arm[place] for arm in arms)
