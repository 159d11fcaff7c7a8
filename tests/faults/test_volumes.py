"""Recordings, ledger and database volumes full, read-only, out of inodes, slow: calls go on, people are told, it resumes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import expect

from ivr.demo.client import HotlineClient
from ivr.exchange_setup import Places
from tests.e2e.hotline import RunningHotline
from tests.e2e.test_pages import browser_page, sign_in
from tests.faults.conftest import FULL
from tests.faults.database import database_back, postmaster
from tests.faults.load import Caller, Load, callers
from tests.faults.small_volume import SmallVolume, build_preload
from tests.faults.witness import all_tracks_done, every_call_has_its_order, kill, rows

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

SEED = 20266
ALARM_WITHIN_S = 10.0
GONE_WITHIN_S = 30.0
HELD_S = 60.0 if FULL else 0.0


@dataclass
class Small:
    """The product on three small volumes, with a delay that can be set for each write to its recordings."""

    product: RunningHotline
    recordings: SmallVolume
    ledger: SmallVolume
    database: SmallVolume
    delay: Path

    def reset(self) -> None:
        """Everything works again."""
        self.delay.unlink(missing_ok=True)
        for volume in (self.recordings, self.ledger, self.database):
            volume.set_writable()
            volume.make_room()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small() -> AsyncIterator[Small]:
    """Started once: each test breaks one volume and mends it."""
    product = RunningHotline()
    places = Places(product.folder / "state")
    async with AsyncExitStack() as stack:
        stack.callback(product.remove)

        def volume(folder: Path, size_mb: int) -> SmallVolume:
            made = SmallVolume(folder, size_mb)
            stack.callback(made.close)
            return made

        delay = product.folder / "delay-ms"
        held = Small(
            product, volume(product.recordings, 96), volume(places.asterisk / "log/cel-custom", 96),
            volume(places.postgres, 320), delay,
        )
        product.environment |= {
            "LD_PRELOAD": str(build_preload(Path(__file__).with_name("slow_write.c"), product.folder)),
            "SLOW_WRITE_BELOW": str(product.recordings), "SLOW_WRITE_MS": str(delay),
        }
        try:
            await product.start()
            yield held
        finally:
            held.reset()
            left = await product.stop()
        assert left == []


@pytest_asyncio.fixture(loop_scope="module")
async def desk(small: Small) -> AsyncIterator[HotlineClient]:
    """Two operators who answer by themselves, and the live stream; all volumes are well at begin and end."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(small.product.client())
        for seat in ("one", "two"):
            await stack.enter_async_context(small.product.operator(seat, answers_itself=True))
        await client.queue_until(lambda q: q["members"]["available"] == 2)
        try:
            yield client
        finally:
            small.reset()
            await no_alarm(client)


async def alarm(client: HotlineClient, *names: str, words: str = "", within_s: float = ALARM_WITHIN_S) -> str:
    """The text of the alarm on the live stream, within the limit of the promise."""
    found = await client.until(f"an alarm {names} with {words!r}", lambda: next(
        (client.alarms[n] for n in names if n in client.alarms and words in client.alarms[n]["text"]), None), within_s)
    return str(found["text"])


async def no_alarm(client: HotlineClient) -> None:
    """Every alarm of a volume goes by itself."""
    names = {"recordings_disk", "ledger_disk", "database_disk", "database"}
    await client.until("the alarms to go", lambda: {} if not names & set(client.alarms) else None, GONE_WITHIN_S)


def logged(product: RunningHotline, name: str) -> bool:
    """Whether the log has the alarm too."""
    folder = Places(product.folder / "state").logs
    return any(f'"name": "{name}"' in line and '"event": "alarm"' in line
               for part in ("controller", "web") for line in (folder / f"{part}.log").read_text().splitlines())


def placed(seed: int, count: int = 2, shortest_s: float = 11.0) -> list[Caller]:
    return callers(count, SEED + seed, shortest_s=shortest_s, longest_s=shortest_s + 1)


async def talk(client: HotlineClient, chosen: list[Caller]) -> None:
    """Wait until every one of these is in conversation."""
    numbers = {c.number for c in chosen}
    await client.until("all in conversation", lambda: {} if numbers <= {
        c["caller_number"] for c in client.calls.values() if c["state"] == "talking"} else None)


async def one_good_call(small: Small, client: HotlineClient, seed: int) -> None:
    """The next call is answered, recorded whole, transcribed, and has an order without a complaint about its length."""
    chosen = placed(seed, 1, 9.0)
    async with Load(small.product.folder / f"load{seed}", small.product.sip, chosen, 1.0) as load:
        assert await load.finished() == 0
    outcomes = await every_call_has_its_order(small.product, chosen)
    assert list(outcomes.values()) == ["answered"]
    async with asyncio.timeout(30):
        while len(await tracks_of(small.product, chosen)) < 2:
            await asyncio.sleep(0.1)
    await all_tracks_done(small.product)
    assert not any("没有录全" in n for n in await notes(small.product, chosen))


async def tracks_of(product: RunningHotline, chosen: list[Caller]) -> list[asyncpg.Record]:
    return await rows(
        product, "SELECT t.*, extract(epoch FROM c.ended_at - c.answered_at)::float8 AS talk_s FROM recording_track t"
        " JOIN call c USING (linked_id) WHERE c.caller_number = ANY($1)", [c.number for c in chosen],
    )


async def notes(product: RunningHotline, chosen: list[Caller]) -> list[str]:
    """The notes of these callers' orders, once they are filled."""
    async with asyncio.timeout(30):
        while True:
            found = await rows(
                product, "SELECT note, filled_at FROM work_order WHERE caller_number = ANY($1)", [c.number for c in chosen]
            )
            if all(r["filled_at"] for r in found):
                return [r["note"] for r in found]
            await asyncio.sleep(0.1)


async def differences(product: RunningHotline) -> str:
    """What `ivr reconcile` says of calls that ended a while ago."""
    await rows(
        product, "UPDATE call SET arrived_at = arrived_at - interval '2 minutes', queued_at = queued_at - interval '2 minutes',"
        " answered_at = answered_at - interval '2 minutes', ended_at = ended_at - interval '2 minutes'",
    )
    process = await asyncio.create_subprocess_exec(
        str(Path(".venv/bin/python").absolute()), "-m", "ivr.cli", "reconcile", env=product.environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        told, _ = await process.communicate()
    return told.decode()


async def test_a_full_recordings_disk_cuts_sound_and_says_so_but_drops_no_call(small: Small, desk: HotlineClient) -> None:
    chosen = placed(1)
    async with AsyncExitStack() as stack:
        page = await stack.enter_async_context(browser_page())
        await sign_in(small.product, page)
        load = await stack.enter_async_context(Load(small.product.folder / "load1", small.product.sip, chosen, 1.0))
        await talk(desk, chosen)
        small.recordings.fill()
        text = await alarm(desk, "recordings_disk", words="已写满")
        await expect(page.get_by_test_id("alarm")).to_contain_text("录音磁盘已写满")
        assert str(small.product.recordings) in text and logged(small.product, "recordings_disk")
        await asyncio.sleep(HELD_S)
        assert await load.finished() == 0, "a caller was dropped"
        assert set((await every_call_has_its_order(small.product, chosen)).values()) == {"answered"}
        small.recordings.make_room()
        await no_alarm(desk)
        await expect(page.get_by_test_id("alarm")).to_have_count(0)
    short = [t for t in await tracks_of(small.product, chosen) if t["state"] != "quarantined" and t["seconds"] < t["talk_s"] - 2.5]
    assert short, "the test filled the disk too late"
    assert any("没有录全" in n or "无法转写" in n for n in await notes(small.product, chosen))
    told = await differences(small.product)
    assert "录音长度与通话时长不符" in told and short[0]["linked_id"] in told


async def test_a_read_only_recordings_disk_costs_the_sound_alone(small: Small, desk: HotlineClient) -> None:
    chosen = placed(3, 1, 9.0)
    async with Load(small.product.folder / "load3", small.product.sip, chosen, 1.0) as load:
        small.recordings.set_read_only()
        await alarm(desk, "recordings_disk", words="只读")
        await asyncio.sleep(HELD_S)
        assert await load.finished() == 0, "a caller was dropped"
    assert set((await every_call_has_its_order(small.product, chosen)).values()) == {"answered"}
    # What no file could be made of is never taken for a recording.
    assert all(t["state"] == "quarantined" for t in await tracks_of(small.product, chosen))


async def test_no_inode_for_recordings_and_a_full_ledger_drop_no_call(small: Small, desk: HotlineClient) -> None:
    chosen = placed(4, 1, 11.0)
    async with Load(small.product.folder / "load4", small.product.sip, chosen, 1.0) as load:
        small.recordings.use_up_inodes()
        await alarm(desk, "recordings_disk", words="文件数已用完")
        await talk(desk, chosen)
        small.ledger.fill()
        await alarm(desk, "ledger_disk", words="已写满")
        assert logged(small.product, "ledger_disk")
        await asyncio.sleep(HELD_S)
        assert await load.finished() == 0, "a caller was dropped"
    small.reset()
    await one_good_call(small, desk, 5)
    assert all(t["state"] == "quarantined" for t in await tracks_of(small.product, chosen))


async def test_a_slow_recordings_disk_holds_up_no_call_and_its_loss_is_told(small: Small, desk: HotlineClient) -> None:
    chosen = placed(9, 1, 14.0)
    small.delay.write_text("1500")
    async with Load(small.product.folder / "load9", small.product.sip, chosen, 1.0) as load:
        await alarm(desk, "recordings_disk", words="太慢")
        await asyncio.sleep(HELD_S)
        assert await load.finished() == 0, "a caller was dropped"
    assert set((await every_call_has_its_order(small.product, chosen)).values()) == {"answered"}
    async with asyncio.timeout(60):
        while len(tracks := await tracks_of(small.product, chosen)) < 2:
            await asyncio.sleep(0.2)
    small.reset()
    await all_tracks_done(small.product)
    told = (await notes(small.product, chosen))[0]
    for track in tracks:
        complete = abs(track["seconds"] - track["talk_s"]) <= max(2.5, 0.05 * track["talk_s"])
        assert complete or "没有录全" in told, f"{track['seconds']:.1f} s of {track['talk_s']:.1f} s, and the order says {told!r}"


async def test_a_full_and_then_read_only_database_disk_delays_orders_and_loses_none(small: Small, desk: HotlineClient) -> None:
    chosen = placed(10)
    async with Load(small.product.folder / "load10", small.product.sip, chosen, 1.0) as load:
        await talk(desk, chosen)
        small.database.fill()
        await alarm(desk, "database_disk", "database")
        # Read-only as well, the server cannot start again: nothing can be stored in it, and the pages are told all the same.
        small.database.set_read_only()
        kill(postmaster(small.product), signal.SIGINT)
        await alarm(desk, "database", words="没有回应")
        assert logged(small.product, "database") and (await health(small.product))["database"] is False
        await asyncio.sleep(HELD_S)
        assert await load.finished() == 0, "a caller was dropped"
    small.reset()
    await database_back(small.product)
    outcomes = await every_call_has_its_order(small.product, chosen)
    assert set(outcomes.values()) == {"answered"}
    async with asyncio.timeout(60):
        while len(await tracks_of(small.product, chosen)) < 2 * len(chosen):
            await asyncio.sleep(0.2)
    await all_tracks_done(small.product)
    assert len(await tracks_of(small.product, chosen)) == 2 * len(chosen)
    await one_good_call(small, desk, 11)


async def health(product: RunningHotline) -> dict[str, object]:
    async with aiohttp.ClientSession() as client, client.get(f"{product.url}/healthz") as answer:
        found: dict[str, object] = await answer.json()
        return found
