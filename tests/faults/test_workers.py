"""Workers and decoders that are killed, hang, abort or run out of memory, at any moment: one transcript, one order."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import resource
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import numpy as np
import pytest
import pytest_asyncio

from ivr.exchange_setup import database_url
from ivr.speech.audio import Samples
from ivr.speech.models import TINY_DIR
from tests.e2e.hotline import RunningHotline
from tests.fakes.sound import silence, spoken, write_wav
from tests.faults.conftest import FULL
from tests.faults.planted import PlantedCall, differences, family
from tests.faults.witness import kill, pid_of, pid_returns, rows

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="session")]

AID = "我想申请法律援助"
SEED = 20264
RETAKEN_S = 30
SENTENCES = 12


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(sturdy: RunningHotline) -> RunningHotline:
    """Its supervisor starts again whatever is ended here."""
    return sturdy


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Half a minute of speech on each side: time enough to break something meanwhile."""
    return np.concatenate([silence(1.0, 8), spoken(AID)] * SENTENCES + [silence(1.0, 8)])


@pytest.fixture(scope="module")
def sentence() -> Samples:
    return np.concatenate([silence(0.5, 8), spoken(AID), silence(0.5, 8)])


_planted: set[str] = set()


def plant(product: RunningHotline, samples: Samples) -> PlantedCall:
    call = PlantedCall.new(product, talk_s=len(samples) / 8_000)
    _planted.add(call.linked_id)
    call.tell()
    call.record(*[lambda path: write_wav(path, samples)] * 2)
    return call


async def attempts(call: PlantedCall) -> dict[str, int]:
    return {side: t["attempts"] for side, t in (await call.tracks()).items() if t["state"] == "leased"}


async def taken_again(call: PlantedCall, before: dict[str, int]) -> None:
    """Wait until what a dead worker held was taken by another, or is done."""
    async with asyncio.timeout(RETAKEN_S):
        while True:
            tracks = await call.tracks()
            if all(tracks[side]["attempts"] > n or tracks[side]["state"] not in ("leased", "pending") for side, n in before.items()):
                return
            await asyncio.sleep(0.05)


async def heard_once(call: PlantedCall, text: str) -> None:
    """Both tracks transcribed whole and once, in the one order."""
    tracks = await call.settled(within_s=90)
    assert {side: (t["state"], t["text"]) for side, t in tracks.items()} == dict.fromkeys(
        ("caller", "operator"), ("transcribed", text))
    segments = await rows(
        call.product, "SELECT track_id, start_s, count(*) AS n FROM transcript_segment WHERE linked_id = $1 GROUP BY 1, 2",
        call.linked_id)
    assert {s["n"] for s in segments} == {1}
    assert (await call.order())["opened_by_call"] == call.linked_id


def worker_killed(product: RunningHotline) -> None:
    kill(pid_of(product, "worker"), signal.SIGKILL)


def worker_hung(product: RunningHotline) -> None:
    kill(pid_of(product, "worker"), signal.SIGSTOP)


def host_killed(product: RunningHotline) -> None:
    kill(family(product)[1], signal.SIGKILL)


def to_decoders(how: int) -> Callable[[RunningHotline], None]:
    def fault(product: RunningHotline) -> None:
        for pid in family(product)[2:]:
            with suppress(ProcessLookupError):
                kill(pid, how)
    return fault


def out_of_memory(product: RunningHotline) -> None:
    """Every decoder at once may have no byte more than it has."""
    for pid in family(product)[2:]:
        with suppress(ProcessLookupError):
            held = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
            resource.prlimit(pid, resource.RLIMIT_AS, (held, held))
            resource.prlimit(pid, resource.RLIMIT_DATA, (0, 0))


FAULTS: dict[str, Callable[[RunningHotline], None]] = {
    "worker hung": worker_hung, "worker killed": worker_killed, "decoder host killed": host_killed,
    "decoder aborted": to_decoders(signal.SIGABRT), "decoder out of memory": out_of_memory,
}
MORE: dict[str, Callable[[RunningHotline], None]] = {
    "decoder killed": to_decoders(signal.SIGKILL), "decoder crashed": to_decoders(signal.SIGSEGV),
}
ROUNDS = [name for _ in range(8) for name in FAULTS | MORE] if FULL else list(FAULTS)


@pytest.mark.parametrize(("number", "fault"), enumerate(ROUNDS), ids=lambda v: str(v).replace(" ", "-"))
async def test_what_a_broken_worker_held_is_taken_again(
    product: RunningHotline, speech: Samples, number: int, fault: str, record_property: Callable[[str, object], None]
) -> None:
    chance = random.Random(SEED + number)
    worker = pid_of(product, "worker")
    call = plant(product, speech)
    await call.leased()
    await asyncio.sleep(chance.uniform(0, 0.3))  # the phase: anywhere from loading to the last sentence
    before = await attempts(call)
    (FAULTS | MORE)[fault](product)
    await taken_again(call, before)
    if fault.startswith("worker"):
        await pid_returns(product, "worker", worker, within_s=RETAKEN_S)
    await heard_once(call, AID * SENTENCES)
    tries = {t["attempts"] for t in (await call.tracks()).values()}
    record_property("attempts", sorted(tries))
    assert before and (max(tries) > 1 or fault == "decoder out of memory"), "nothing was broken"  # it may need no more memory


@asynccontextmanager
async def row_held(product: RunningHotline, sql: str) -> AsyncIterator[None]:
    """A row lock that whoever writes there must wait for."""
    connection = await asyncpg.connect(database_url(product.settings))
    try:
        async with connection.transaction():
            await connection.execute(sql)
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("fault", ["worker killed", "worker hung"] if FULL else ["worker killed"])
async def test_a_worker_ended_between_insert_and_commit_leaves_nothing_half(
    product: RunningHotline, sentence: Samples, fault: str
) -> None:
    worker = pid_of(product, "worker")
    call = PlantedCall.new(product, talk_s=len(sentence) / 8_000)
    call.tell()
    async with asyncio.timeout(30):
        while not await rows(product, "SELECT true FROM work_order WHERE opened_by_call = $1", call.linked_id):
            await asyncio.sleep(0.02)
    kill(worker, signal.SIGSTOP)
    call.record(*[lambda path: write_wav(path, sentence)] * 2)
    async with asyncio.timeout(30):
        while len(await call.tracks()) < 2:
            await asyncio.sleep(0.02)
    async with row_held(product, "SELECT seq FROM feed_head FOR UPDATE"):  # announced last: all the rest is inserted by then
        kill(worker, signal.SIGCONT)
        async with asyncio.timeout(30):
            while not await rows(
                product, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ivr-worker' AND wait_event_type = 'Lock'"
                " AND query LIKE '%feed_head%'"
            ):
                await asyncio.sleep(0.02)
        assert await rows(product, "SELECT 1 FROM transcript_segment WHERE linked_id = $1", call.linked_id) == []
        before = await attempts(call)
        assert before
        FAULTS[fault](product)
        await pid_returns(product, "worker", worker, within_s=RETAKEN_S)
    await taken_again(call, before)
    await heard_once(call, AID)


async def test_a_poison_file_is_quarantined_after_three_attempts_and_holds_up_no_other(
    product: RunningHotline, speech: Samples, sentence: Samples
) -> None:
    poison = plant(product, np.concatenate([speech] * 24))
    sound = {side: hashlib.sha256(poison.file(side).read_bytes()).digest() for side in ("caller", "operator")}
    others: list[PlantedCall] = []
    async with asyncio.timeout(90):
        while not await poison.order_filled():
            for pid in decoders_of(product, poison):
                with suppress(ProcessLookupError):
                    kill(pid, signal.SIGABRT)
            if len(others) < 3:
                others.append(plant(product, sentence))
            await asyncio.sleep(0.02)
    for other in others:
        await heard_once(other, AID)
        assert {t["attempts"] for t in (await other.tracks()).values()} == {1}, "another's file was hit as well"
    tracks = await poison.tracks()
    assert {(t["state"], t["attempts"], t["text"]) for t in tracks.values()} == {("quarantined", 3, None)}
    assert all("the decoder aborted" in t["problem"] for t in tracks.values()), tracks
    assert "录音无法转写，原文件已保留，请人工收听。" in (await poison.order())["note"]
    assert {side: hashlib.sha256(poison.file(side).read_bytes()).digest() for side in sound} == sound
    assert ("track_quarantined", poison.linked_id) in await differences(product)


def decoders_of(product: RunningHotline, call: PlantedCall) -> Iterator[int]:
    """Decoders that have one of the call's files open."""
    ours = {str(call.file(side).resolve()) for side in ("caller", "operator")}
    for pid in family(product)[2:]:
        with suppress(OSError):
            if ours & {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}:
                yield pid


async def test_the_books_fit_after_all_of_it(product: RunningHotline) -> None:
    found = {(kind, subject) for kind, subject in await differences(product) if subject in _planted}
    assert {kind for kind, _ in found} == {"track_quarantined"}, found  # the poison file


@contextmanager
def aborting_model() -> Iterator[Path]:
    """The tiny model without the setting Kaldi asserts on at the first sound."""
    folder = Path("/var/tmp") / f"ivr-aborting-model-{os.getpid()}"
    try:
        shutil.copytree(TINY_DIR, folder)
        settings = folder / "conf" / "model.conf"
        kept = [line for line in settings.read_text().splitlines() if "silence-phones" not in line]
        settings.write_text("\n".join(kept) + "\n")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if FULL:  # the poison file above tells the same of one file; here Kaldi itself asserts, on every file

    async def test_an_engine_that_asserts_on_every_file_quarantines_each_and_the_worker_lives(sentence: Samples) -> None:
        with aborting_model() as model:
            running = RunningHotline(f'\n[speech]\nmodel = "{model}"\n')
            try:
                await running.start()
                worker = pid_of(running, "worker")
                call = plant(running, sentence)
                tracks = await call.settled(within_s=60)
                assert {(t["state"], t["attempts"]) for t in tracks.values()} == {("quarantined", 3)}
                assert all("an assertion in Kaldi" in t["problem"] for t in tracks.values())
                assert "无法转写" in (await call.order())["note"]
                assert pid_of(running, "worker") == worker
            finally:
                left = await running.stop()
                running.remove()
            assert left == []
