"""The order of shutdown and upgrade: a signal drains, a second ends at once, an older controller lives with newer tables."""

from __future__ import annotations

import asyncio
import shutil
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from ivr.domain.errors import Unavailable
from ivr.exchange_setup import database_url
from ivr.storage import migrate as migrations
from ivr.storage.migrate import latest, migrate
from ivr.telephony.speaking import RATE, Voice, speak, write_wav
from tests.e2e.hotline import RunningHotline
from tests.faults.load import Load, callers
from tests.faults.witness import all_tracks_done, board_equals_asterisk, every_call_has_its_order, kill, pid_of, pid_returns, rows

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]

SEED = 20271
_STEP = '''"""A column that an older program knows nothing of."""

from alembic import op

revision = "9001"
down_revision = "{before}"


def upgrade() -> None:
    op.execute("ALTER TABLE call ADD COLUMN added_later text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE work_order ADD COLUMN added_later integer")
    op.execute("CREATE TABLE made_later (linked_id text PRIMARY KEY)")
'''


async def ended(product: RunningHotline, within_s: float) -> None:
    """Wait until `ivr run` has ended and nothing of it is left."""
    assert product.process is not None
    async with asyncio.timeout(within_s):
        while product.process.poll() is None or product.left_behind():
            await asyncio.sleep(0.05)


async def test_a_stop_during_calls_loses_none_and_an_older_controller_lives_with_newer_tables(
    product: RunningHotline, tmp_path: Path
) -> None:
    placed = callers(3, SEED, shortest_s=60, longest_s=61)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(product.client())
        for seat in ("one", "two"):
            await stack.enter_async_context(product.operator(seat, answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 2)
        await stack.enter_async_context(Load(product.folder / "load1", product.sip, placed, 2.0))
        await client.until("two calls in conversation, one waiting", lambda: {} if sorted(
            c["state"] for c in client.calls.values()) == ["queued", "talking", "talking"] else None)
        talking = [c["linked_id"] for c in client.calls.values() if c["state"] == "talking"]
        await asyncio.sleep(4)  # the first 32 KiB of each track reach the disk after two seconds
        assert product.process is not None
        product.process.send_signal(signal.SIGTERM)
    await ended(product, within_s=60)
    assert product.process.returncode == 0
    await product.start()
    outcomes = await every_call_has_its_order(product, placed)
    assert set(outcomes.values()) <= {"answered", "abandoned", "interrupted"}
    async with asyncio.timeout(60):
        while len(await rows(product, "SELECT 1 FROM recording_track WHERE linked_id = ANY($1)", talking)) < 4:
            await asyncio.sleep(0.2)
    tracks = await all_tracks_done(product)
    assert {t["state"] for t in tracks} <= {"transcribed", "no_speech"} and all(t["seconds"] >= 2 for t in tracks)

    newer = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, newer)
    (newer / "versions/9001_later.py").write_text(_STEP.format(before=latest()))
    url = database_url(product.settings)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(product.client())
        await stack.enter_async_context(product.operator("one", answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 1)
        during = callers(2, SEED + 1, shortest_s=9, longest_s=12)
        load = await stack.enter_async_context(Load(product.folder / "load2", product.sip, during, 1.0))
        await client.until("a call in conversation", lambda: next(
            (c for c in client.calls.values() if c["state"] == "talking"), None))
        old = [pid_of(product, part) for part in ("controller", "worker", "web")]
        both = await asyncio.gather(*(migrate(url, newer) for _ in range(2)))
        assert sorted(both) == [(latest(), "9001"), ("9001", "9001")], "one applies the step, the other finds it done"
        assert await load.finished() == 0
        assert "answered" in (await every_call_has_its_order(product, during)).values()
        await all_tracks_done(product)
        await board_equals_asterisk(product, client, within_s=5)
        assert old == [pid_of(product, part) for part in ("controller", "worker", "web")], "a part fell over the newer tables"
    with pytest.raises(Unavailable, match="revision 9001, newer than this program"):
        await migrate(url)
    assert await product.stop() == []
    with pytest.raises(AssertionError, match=r"(?s)revision 9001, newer than this program.*update\s+the\s+program"):
        await product.start()
    assert product.left_behind() == []


async def test_a_worker_told_to_end_finishes_the_track_in_hand_and_a_second_signal_ends_all(product: RunningHotline) -> None:
    base = product.recordings / "20261124/planted-1-1795500000.0-00000000-0000-4000-8000-000000000000"
    base.parent.mkdir()
    sound = np.tile(np.concatenate([speak("我想咨询一下劳动争议", Voice("cmn-latn-pinyin+m3")), np.zeros(RATE, np.int16)]), 40)
    for track in ("caller", "operator"):
        write_wav(Path(f"{base}-{track}.wav"), sound)
    worker = pid_of(product, "worker")
    Path(f"{base}.done").touch()
    async with asyncio.timeout(30):
        while not await rows(product, "SELECT 1 FROM recording_track WHERE state = 'leased'"):
            await asyncio.sleep(0.01)
    kill(worker, signal.SIGTERM)
    await pid_returns(product, "worker", worker, within_s=60)
    tracks = await all_tracks_done(product)
    assert [(t["state"], t["attempts"]) for t in tracks] == [("transcribed", 1)] * 2, "the work in hand was thrown away"

    # The second: Asterisk does not end when it is asked to, so the first signal waits for it.
    kill(int((product.folder / "state/run/asterisk/run/asterisk.pid").read_text()), signal.SIGSTOP)
    assert product.process is not None
    product.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        while "正在结束" not in (product.folder / "run.out").read_text():
            await asyncio.sleep(0.02)
    assert product.process.poll() is None
    product.process.send_signal(signal.SIGTERM)
    await ended(product, within_s=5)
    assert product.process.returncode == 1
