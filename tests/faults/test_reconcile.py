"""Every kind of difference made for real in a database, a spool and a ledger file, and listed with its reason."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from ivr.domain.order_notes import NOTE_RECORDING_MISSING
from ivr.domain.reconciliation import REASONS, Difference, DifferenceKind
from ivr.domain.recording import RecordingName, Track
from ivr.exchange_setup import Places
from ivr.pipeline.reconcile import Reconciler
from ivr.speech.spool import RecordingSpool
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.reconciliation import PostgresBooks
from ivr.telephony.ledger import LedgerReader
from ivr.telephony.ledger_source import LedgerShelf
from tests.e2e.hotline import RunningHotline
from tests.fakes.ledger_lines import cel
from tests.fakes.sound import write_wav
from tests.integration.conftest import pool, server  # noqa: F401
from tests.integration.storage_world import FOLD, T0, UUID, World, base, heard, linked

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

CALLER, OPERATOR = f"{base(1)}-caller.wav", f"{base(1)}-operator.wav"
TALK_S = 2.0


@dataclass
class Books:
    """A database, a spool and a ledger file that agree about one answered call, until something is done to them."""

    world: World
    folder: Path
    later_s: float = 3_600.0

    @property
    def recordings(self) -> Path:
        """The spool."""
        return self.folder / "recordings"

    @property
    def ledger(self) -> Path:
        """The ledger file."""
        return self.folder / "ledger.csv"

    def reconciler(self, **more: object) -> Reconciler:
        """Over the real stores, an hour after everything happened."""
        given: dict[str, object] = {"longest_call_s": 7_200.0, "clock": lambda: max(time.time(), T0) + self.later_s} | more
        return Reconciler(
            PostgresBooks(self.world.pool, self.world.orders), RecordingSpool(self.recordings),
            LedgerShelf(LedgerReader("cel", self.folder, "ledger.csv", "t")), PostgresAlarms(self.world.pool), frozenset,
            **given,  # type: ignore[arg-type]
        )

    async def sql(self, statement: str, *values: object) -> None:
        """Do something to the database."""
        await self.world.pool.execute(statement, *values)

    def record(self, name: str = base(1)) -> None:
        """Both files of a call and the mark that they were taken in."""
        self.recordings.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        for side in ("caller", "operator"):
            write_wav(self.recordings / f"{name}-{side}.wav", np.ones(int(8_000 * TALK_S), np.int16))
        (self.recordings / f"{name}.taken").touch()

    async def fit(self) -> None:
        """One call with recording, transcript and filled order, in which nothing differs."""
        self.record()
        await self.world.call(1)
        name = RecordingName.parse(base(1))
        assert name is not None
        await self.world.tracks.add([Track(name, side, TALK_S, 32_044, 8_000) for side in ("caller", "operator")])
        while (job := await self.world.tracks.take("w", 60)) is not None:
            assert await self.world.tracks.finish(job, "w", heard(job))
        self.ledger.write_bytes(b"".join(cel("APP_START", T0 + n, "t-1-1.0", context="from-seat") for n in range(3)))
        reader = LedgerReader("cel", self.folder, "ledger.csv", "t")
        batch = reader.read({})
        assert batch is not None
        await self.world.ledger.commit(batch, FOLD)


@pytest.fixture
async def books(pool: Pool, tmp_path: Path) -> Books:  # noqa: F811
    (tmp_path / "recordings").mkdir()
    made = Books(World(pool), tmp_path)
    await made.fit()
    return made


def aged(path: Path) -> None:
    os.utime(path, (T0, T0))


async def ledger_grew(b: Books) -> None:
    with b.ledger.open("ab") as file:
        file.write(cel("APP_START", T0 + 9, "t-1-1.0", context="from-seat"))
    aged(b.ledger)


async def ledger_was_cut(b: Books) -> None:
    os.truncate(b.ledger, b.ledger.read_bytes().index(b"\n") + 1)


async def no_order(b: Books) -> None:
    await b.sql("DELETE FROM work_order_call")
    await b.sql("DELETE FROM work_order")


async def one_side(b: Books) -> None:
    await b.sql("DELETE FROM recording_track WHERE track = 'operator'")
    (b.recordings / OPERATOR).unlink()


async def never_recorded(b: Books) -> None:
    await b.world.call(2)


async def never_ended(b: Books) -> None:
    await b.world.call(2, ended=False)
    b.later_s = 8_000


async def unknown_call(b: Books) -> None:
    name = RecordingName.parse(base(7))
    assert name is not None
    b.record(base(7))
    await b.world.tracks.add([Track(name, side, TALK_S, 32_044, 8_000) for side in ("caller", "operator")])
    while (job := await b.world.tracks.take("w", 60)) is not None:
        await b.world.tracks.finish(job, "w", heard(job, ""))


async def still_waiting(b: Books) -> None:
    await b.sql("DELETE FROM transcript_segment WHERE speaker = 'caller'")
    await b.sql("UPDATE recording_track SET state = 'pending', finished_at = NULL WHERE track = 'caller'")
    await b.sql("UPDATE work_order SET filled_at = NULL")


async def quarantined(b: Books) -> None:
    await b.sql("DELETE FROM transcript_segment WHERE speaker = 'caller'")
    await b.sql("UPDATE recording_track SET state = 'quarantined', problem = 'no sound' WHERE track = 'caller'")


def doing(statement: str) -> Callable[[Books], Awaitable[None]]:
    return lambda b: b.sql(statement)


def on_disk(change: Callable[[Path], object]) -> Callable[[Books], Awaitable[None]]:
    async def do(b: Books) -> None:
        change(b.recordings)
    return do


OTHER = f"20261124/{linked(1)}-{UUID[:-1]}0-caller.wav"
DAMAGE: dict[DifferenceKind, tuple[Callable[[Books], Awaitable[None]], list[tuple[DifferenceKind, str]]]] = {
    "ledger_unread": (ledger_grew, [("ledger_unread", "ledger.csv")]),
    "ledger_beyond_file": (ledger_was_cut, [("ledger_beyond_file", "ledger.csv")]),
    "facts_without_call": (
        doing("DELETE FROM call"), [("facts_without_call", linked(1)), ("order_without_call", "6401")]),
    "call_without_facts": (doing("DELETE FROM call_fact"), [("call_without_facts", linked(1))]),
    "call_end_unseen": (doing("UPDATE call SET state = 'talking', ended_at = NULL"), [("call_end_unseen", linked(1))]),
    "call_never_ended": (never_ended, [("call_never_ended", linked(2))]),
    "call_without_order": (no_order, [("call_without_order", linked(1))]),
    "order_without_call": (
        doing("INSERT INTO work_order (number, opened_by_call, channel) VALUES ('nobody', 'x-1-1.0', 'hotline')"),
        [("order_without_call", "nobody")]),
    "order_outcome_differs": (doing("UPDATE work_order SET outcome = 'abandoned'"), [("order_outcome_differs", linked(1))]),
    "order_unfilled": (doing("UPDATE work_order SET filled_at = NULL"), [("order_unfilled", linked(1))]),
    "order_filled_early": (
        doing("UPDATE recording_track SET finished_at = now() + interval '100 s' WHERE track = 'caller'"),
        [("order_filled_early", linked(1))]),
    "recording_missing": (never_recorded, [("recording_missing", linked(2))]),
    "track_missing": (one_side, [("track_missing", linked(1))]),
    "track_without_call": (unknown_call, [("track_without_call", linked(7))] * 2),
    "recorded_though_refused": (doing("UPDATE call SET recording_refused = true"), [("recorded_though_refused", linked(1))]),
    "length_differs": (doing("UPDATE recording_track SET seconds = 30 WHERE track = 'caller'"), [("length_differs", linked(1))]),
    "track_waits": (still_waiting, [("track_waits", linked(1))]),
    "track_quarantined": (quarantined, [("track_quarantined", linked(1))]),
    "track_file_missing": (on_disk(lambda f: (f / CALLER).unlink()), [("track_file_missing", linked(1))]),
    "file_differs": (on_disk(lambda f: os.truncate(f / CALLER, 1_000)), [("file_differs", linked(1))]),
    "file_outlived": (
        doing("UPDATE recording_track SET deleted_at = now() WHERE track = 'caller'"), [("file_outlived", linked(1))]),
    "file_without_track": (on_disk(lambda f: write_wav(f / OTHER, np.ones(9, np.int16))), [("file_without_track", linked(1))]),
    "file_name_unknown": (
        on_disk(lambda f: write_wav(f / "20261124/any.wav", np.ones(9, np.int16))), [("file_name_unknown", "20261124/any.wav")]),
    "not_a_file": (on_disk(lambda f: os.mkfifo(f / "20261124/pipe.wav")), [("not_a_file", "20261124/pipe.wav")]),
    "segment_astray": (doing("UPDATE transcript_segment SET speaker = 'operator'"), [("segment_astray", linked(1))]),
    "transcript_missing": (doing("DELETE FROM transcript_segment WHERE speaker = 'caller'"), [("transcript_missing", linked(1))]),
    "transcript_unexpected": (
        doing("UPDATE recording_track SET state = 'no_speech' WHERE track = 'caller'"), [("transcript_unexpected", linked(1))]),
    "transcript_beyond_sound": (
        doing("UPDATE transcript_segment SET end_s = 500 WHERE speaker = 'caller'"), [("transcript_beyond_sound", linked(1))]),
}


def test_every_kind_of_difference_is_made_here() -> None:
    assert set(DAMAGE) == set(get_args(DifferenceKind))


@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_difference_made_for_real_is_listed_with_its_reason(books: Books, kind: DifferenceKind) -> None:
    assert await books.reconciler().once(days=10_000) == []
    assert await standing(books) == ""
    damage, expected = DAMAGE[kind]
    await damage(books)
    found = await books.reconciler().once(days=10_000)
    assert [(d.kind, d.subject[: len(s)]) for d, (_, s) in zip(found, expected, strict=True)] == expected, found
    assert all(d.reason == REASONS[d.kind] for d in found)
    kept = json.loads(await books.world.pool.fetchval("SELECT differences::text FROM reconciliation ORDER BY id DESC LIMIT 1"))
    assert [Difference(k["kind"], k["subject"], k["detail"]) for k in kept] == found and kept[0]["reason"] == found[0].reason
    told = await standing(books)
    assert (found[0].reason in told) == (kind not in ("track_quarantined", "file_name_unknown")), told


async def standing(books: Books) -> str:
    """The alarm people see, '' when there is none."""
    return str(await books.world.pool.fetchval(
        "SELECT text FROM alarm WHERE name = 'reconciliation' AND cleared_at IS NULL") or "")


async def test_an_order_gives_up_a_recording_only_when_no_file_of_it_waits(books: Books) -> None:
    for n in (2, 3, 4):
        await books.world.call(n)
    books.record(base(3))
    (books.recordings / f"{base(3)}.taken").rename(books.recordings / f"{base(3)}.done")  # not taken in yet
    books.record(base(4))
    (books.recordings / f"{base(4)}.taken").unlink()  # left open by a killed Asterisk
    await books.reconciler().once(days=10_000)
    assert (await books.world.order(2))["filled_at"] is not None and (await books.world.order(2))["note"] == NOTE_RECORDING_MISSING
    assert (await books.world.order(3))["filled_at"] is None and (await books.world.order(4))["filled_at"] is None


async def test_it_runs_soon_after_a_start_and_then_every_night(books: Books) -> None:
    three = 1_795_546_800.0  # 2026-11-25 03:00 in Shanghai
    now = [three - 5_000.0]
    began = now[0]
    reached = asyncio.Event()

    async def passing(seconds: float) -> None:
        assert seconds >= 0
        now[0] += max(seconds, 1.0)
        if now[0] > three + 2 * 86_400 + 600:
            reached.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(books.reconciler(clock=lambda: now[0], sleep=passing, look_every_s=600.0).run())
    try:
        async with asyncio.timeout(60):
            await reached.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    at = [r["at"].timestamp() for r in await books.world.pool.fetch("SELECT at FROM reconciliation ORDER BY id")]
    assert [round(a) for a in at] == [began + 90, three, three + 86_400, three + 2 * 86_400]


@pytest.mark.asyncio(loop_scope="session")
async def test_the_running_product_compares_its_books_by_itself(sturdy: RunningHotline) -> None:
    log = Places(sturdy.folder / "state").logs / "controller.log"
    async with asyncio.timeout(150):
        while '"event": "reconciled"' not in log.read_text(encoding="utf-8"):
            await asyncio.sleep(0.5)
