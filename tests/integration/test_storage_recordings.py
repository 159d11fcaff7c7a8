"""Tracks, leases and orders on a real PostgreSQL: each track heard once, each order filled once, nothing lost."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from ivr.domain.recording import LEASE_S, LONG_S, TrackJob
from ivr.domain.transcript import TrackTranscript
from ivr.storage.database import transaction
from tests.integration.storage_world import FOLD, World, base, batch, facts, heard, linked, tracks

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]


async def taken(world: World, worker: str = "w", lease_s: float = LEASE_S) -> TrackJob:
    job = await world.tracks.take(worker, lease_s)
    assert job is not None
    return job


async def state(world: World, job: TrackJob) -> tuple[str, int]:
    row = await world.pool.fetchrow("SELECT state, attempts FROM recording_track WHERE id = $1", job.track_id)
    return row["state"], row["attempts"]


async def test_tracks_are_taken_in_once(pool: Pool) -> None:
    world = World(pool)
    assert await asyncio.gather(*(world.tracks.add(tracks(1)) for _ in range(4))) in [
        [2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]]
    assert await world.count("recording_track", "state = 'pending' AND attempts = 0") == 2
    assert await world.count("feed") == 1


async def test_each_track_goes_to_one_worker(pool: Pool) -> None:
    world = World(pool)
    for n in range(10):
        await world.tracks.add(tracks(n))
    jobs = await asyncio.gather(*(world.tracks.take(f"w{n}", LEASE_S) for n in range(30)))
    ids = [j.track_id for j in jobs if j is not None]
    assert len(ids) == len(set(ids)) == 20
    assert await world.tracks.take("late", LEASE_S) is None


async def test_a_short_recording_never_waits_behind_a_long_one(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1))
    await world.tracks.add(tracks(2))
    await pool.execute("UPDATE recording_track SET seconds = 7000 WHERE linked_id = $1", linked(1))
    assert await world.tracks.take("w", LEASE_S, longest_s=29) is None
    assert {(await taken(world)).linked_id, (await taken(world)).linked_id} == {linked(2)}
    assert await world.tracks.take("w", LEASE_S, longest_s=LONG_S) is None, "not in the slot kept for short ones"
    assert (await taken(world)).linked_id == linked(1)


async def test_an_order_is_filled_when_both_tracks_are_done_and_only_then(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1))
    first, second = await taken(world), await taken(world)
    assert await world.tracks.finish(first, "w", heard(first, "我要咨询"))
    assert (await world.order(1))["filled_at"] is None
    assert await world.tracks.finish(second, "w", heard(second, "您请讲"))
    order = await world.order(1)
    assert order["filled_at"] is not None and order["version"] == 2 and world.composer.asked == [linked(1)]
    assert set(world.composer.texts[linked(1)].split("|")) == {"我要咨询", "您请讲"}
    assert await world.count("transcript_segment") == 2


async def test_two_workers_finishing_at_once_fill_the_order_once(pool: Pool) -> None:
    world = World(pool)
    calls = range(30)
    for n in calls:
        await world.call(n)
        await world.tracks.add(tracks(n))
    jobs = [await taken(world) for _ in range(60)]
    random.Random(1).shuffle(jobs)
    jobs.sort(key=lambda j: j.linked_id)
    assert all(await asyncio.gather(*(world.tracks.finish(j, "w", heard(j)) for j in jobs)))
    assert sorted(world.composer.asked) == sorted(linked(n) for n in calls), "each call was drafted exactly once"
    assert await world.count("work_order", "filled_at IS NOT NULL AND version = 2") == 30
    assert await world.count("feed", "topic = 'order'") == 60


async def test_the_end_of_the_call_and_its_last_track_meet(pool: Pool) -> None:
    world = World(pool)
    rows = {n: facts(n, file_id=f"call-{n}") for n in range(20)}
    for n in rows:
        await world.ledger.commit(batch(rows[n][:5], file_id=f"call-{n}"), FOLD)
        await world.tracks.add(tracks(n))
    jobs = [await taken(world) for _ in range(40)]
    await asyncio.gather(
        *(world.tracks.finish(j, "w", heard(j)) for j in jobs),
        *(world.ledger.commit(batch(rows[n][5:], file_id=f"call-{n}"), FOLD) for n in rows),
    )
    assert await world.count("work_order") == 20 == await world.count("work_order", "filled_at IS NOT NULL")
    assert len(world.composer.asked) == 20


async def test_an_expired_lease_is_taken_again_and_the_first_worker_told(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1)[:1])
    slow = await taken(world, "slow", lease_s=-1.0)
    quick = await taken(world, "quick")
    assert (quick.track_id, quick.attempt, slow.attempt) == (slow.track_id, 2, 1)
    assert not await world.tracks.extend(slow.track_id, "slow", LEASE_S)
    assert not await world.tracks.finish(slow, "slow", heard(slow, "慢"))
    assert not await world.tracks.fail(slow, "slow", "too late", hopeless=True)
    assert await state(world, quick) == ("leased", 2) and await world.count("transcript_segment") == 0
    assert await world.tracks.extend(quick.track_id, "quick", LEASE_S)
    assert await world.tracks.finish(quick, "quick", heard(quick, "快"))
    assert await pool.fetchval("SELECT text FROM transcript_segment") == "快"
    assert not await world.tracks.finish(quick, "quick", heard(quick, "再")), "done is done"


async def test_the_same_worker_cannot_finish_an_attempt_it_lost(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1)[:1])
    first = await taken(world, "w", lease_s=-1.0)
    second = await taken(world, "w")
    assert not await world.tracks.finish(first, "w", heard(first))
    assert await world.tracks.finish(second, "w", heard(second))


async def test_a_kept_lease_is_not_taken(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1)[:1])
    job = await taken(world, lease_s=0.0)
    assert await world.tracks.extend(job.track_id, "w", 60.0)
    assert await world.tracks.take("other", LEASE_S) is None


async def test_a_track_that_kills_its_workers_is_quarantined_after_three(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1))
    await pool.execute("UPDATE recording_track SET state = 'transcribed' WHERE track = 'operator'")
    attempts = [(await taken(world, f"w{n}", lease_s=-1.0)).attempt for n in range(3)]
    assert attempts == [1, 2, 3]
    assert await world.tracks.take("w4", LEASE_S) is None
    row = await pool.fetchrow("SELECT state, problem, path FROM recording_track WHERE track = 'caller'")
    assert row["state"] == "quarantined" and row["problem"] and row["path"] == f"{base(1)}-caller.wav"
    order = await world.order(1)
    assert order["filled_at"] is not None and "有一方的录音无法转写" in str(order["note"])


async def test_failed_attempts_are_counted_and_the_row_stays(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1)[:1])
    for expected in ("pending", "pending", "quarantined"):
        job = await taken(world)
        assert await world.tracks.fail(job, "w", "decoder died", hopeless=False)
        assert (await state(world, job))[0] == expected
    assert await world.tracks.take("w", LEASE_S) is None
    assert await state(world, job) == ("quarantined", 3)
    assert "录音无法转写，原文件已保留" in str((await world.order(1))["note"])


async def test_bytes_that_are_no_sound_are_not_tried_again(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1)[:1])
    job = await taken(world)
    assert await world.tracks.fail(job, "w", "no RIFF", hopeless=True)
    assert await state(world, job) == ("quarantined", 1)


async def test_silence_is_a_result_and_is_said(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1))
    for _ in range(2):
        job = await taken(world)
        await world.tracks.finish(job, "w", heard(job, ""))
    assert await world.count("recording_track", "state = 'no_speech'") == 2
    assert (await world.order(1))["note"] == "录音中没有听到说话声。"


async def test_a_second_attempt_replaces_the_words_of_the_first(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1)[:1])
    job = await taken(world)
    await world.tracks.finish(job, "w", heard(job, "旧"))
    await pool.execute("UPDATE recording_track SET state = 'pending'")
    job = await taken(world)
    await world.tracks.finish(job, "w", heard(job, "新"))
    assert [r["text"] for r in await pool.fetch("SELECT text FROM transcript_segment")] == ["新"]


async def test_recordings_found_before_their_call_wait_for_it(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1))
    for _ in range(2):
        job = await taken(world)
        assert await world.tracks.finish(job, "w", heard(job))
    assert await world.count("work_order") == 0 and not await world.tracks.call_over(linked(1))
    await world.call(1)
    assert (await world.order(1))["filled_at"] is not None and await world.tracks.call_over(linked(1))


async def test_the_sweep_fills_what_a_crash_left(pool: Pool) -> None:
    world = World(pool)
    for n in (1, 2):
        await world.call(n)
        await world.tracks.add(tracks(n))
    await pool.execute("UPDATE recording_track SET state = 'no_speech' WHERE linked_id = $1", linked(1))
    assert await world.tracks.sweep() == 1 and await world.tracks.sweep() == 0
    assert (await world.order(1))["filled_at"] is not None and (await world.order(2))["filled_at"] is None


async def test_a_failed_draft_leaves_the_track_to_be_done_again(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1)[:1])
    job = await taken(world, lease_s=-1.0)

    def broken(*_: object) -> TrackTranscript:
        raise RuntimeError("no rules")

    world.orders._compose = broken  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="no rules"):
        await world.tracks.finish(job, "w", heard(job))
    assert await state(world, job) == ("leased", 1) and await world.count("transcript_segment") == 0
    world.orders._compose = world.composer
    job = await taken(world)
    assert await world.tracks.finish(job, "w", heard(job))


async def test_what_a_person_wrote_is_not_overwritten(pool: Pool) -> None:
    world = World(pool)
    await world.call(1)
    await world.tracks.add(tracks(1)[:1])
    order_id = (await world.order(1))["id"]
    async with transaction(pool) as connection:
        await connection.execute(
            "INSERT INTO work_order_field (order_id, field, value, display, source) VALUES ($1, 'category', 'X', '人写的', 'human')",
            order_id,
        )
    job = await taken(world)
    await world.tracks.finish(job, "w", heard(job))
    assert (await world.order(1))["category"] == "X"
    assert await pool.fetchval("SELECT display FROM work_order_field") == "人写的"


async def test_recordings_of_conversations_can_be_followed(pool: Pool) -> None:
    world = World(pool)
    for n in range(3):
        rows = facts(n, ended=n == 0, file_id=f"call-{n}")
        await world.ledger.commit(batch(rows if n != 2 else rows[:3], file_id=f"call-{n}"), FOLD)
    assert [name.base for name in await world.tracks.being_recorded(10)] == [base(1)], "one is over, one still waits"
    assert await world.tracks.being_recorded(0) == []


async def test_a_followed_track_is_left_to_its_follower_while_its_claim_lasts(pool: Pool) -> None:
    world = World(pool)
    paths = [t.name.path(t.track) for t in tracks(1)]
    assert await world.tracks.follow(paths, "a:1", 30) == set(paths)
    assert await world.tracks.follow(paths, "b:1", 30) == set() and await world.tracks.follow(paths, "a:1", 30) == set(paths)
    await world.tracks.add(tracks(1))
    await world.tracks.add(tracks(2))
    others = [await world.tracks.take("b:1/0", LEASE_S, "b:1") for _ in range(3)]
    assert [j and j.linked_id for j in others] == [linked(2), linked(2), None]
    own = [await world.tracks.take("a:1/0", LEASE_S, "a:1") for _ in range(3)]
    assert [j and j.linked_id for j in own] == [linked(1), linked(1), None]


async def test_a_followers_own_track_comes_first_and_a_dead_followers_is_anybodys(pool: Pool) -> None:
    world = World(pool)
    await world.tracks.add(tracks(1))
    await world.tracks.add(tracks(2))
    await pool.execute("UPDATE recording_track SET seconds = 7000 WHERE linked_id = $1", linked(2))
    await world.tracks.follow([tracks(2)[0].name.path("caller")], "a:1", 30)
    first = await world.tracks.take("a:1/0", LEASE_S, "a:1")
    assert first is not None and first.linked_id == linked(2)
    await world.tracks.follow([tracks(1)[0].name.path("caller")], "dead:1", -1)
    assert await world.tracks.follow([tracks(1)[0].name.path("caller")], "b:1", -1), "a claim that ran out can be taken"
    assert (await taken(world, "c:1/0")).linked_id == (await taken(world, "c:1/0")).linked_id == linked(1)
