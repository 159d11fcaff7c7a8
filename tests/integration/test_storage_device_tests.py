"""Self-tests of village phones on a real PostgreSQL: once for each night, taken once, given up when nobody ends them, and the alarm."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ivr.domain.device import DeviceFile
from ivr.domain.device_test import Finding, TestCall, TestNights
from ivr.domain.echo_test import Echo
from ivr.domain.errors import CallerFault, NotFound
from ivr.pipeline.self_test_devices import DeviceTester
from ivr.pipeline.watch_devices import TO_BAD, TO_GOOD, DeviceAlarms
from ivr.ports.devices import DeviceContact
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.device_tests import PostgresDeviceTests
from ivr.storage.devices import PostgresDevices
from tests.integration.storage_world import FOLD, World, batch
from tests.integration.test_storage_devices import TOWN, A, B, call, stored

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

ALL_DAY = TestNights(0, 1440)
PASSED = Finding("passed", "接通，回声正常", Echo(True, 120.0, -12.0, 0.9))
BAD = Finding("no_sound", "接通，但没有收到声音")


async def with_tests(pool: Pool) -> tuple[PostgresDevices, PostgresDeviceTests]:
    """A answers self-tests; B and the town's station do not."""
    devices = await stored(pool)
    await devices.apply(DeviceFile((replace(A, self_test=True), B, TOWN), ()), actor="cli:test")
    return devices, PostgresDeviceTests(pool)


async def test_only_who_answers_is_planned_once_a_night_and_taken_once(pool: Pool) -> None:
    devices, tests = await with_tests(pool)
    now = await tests.now()
    assert [await tests.plan(ALL_DAY, now), await tests.plan(ALL_DAY, now)] == [1, 0]
    assert await tests.take(5, by_hand_only=True) == [], "a nightly one waits while it is not quiet"
    both = await asyncio.gather(tests.take(5, by_hand_only=False), PostgresDeviceTests(pool).take(5, by_hand_only=False))
    (wanted,) = [w for taken in both for w in taken]
    assert wanted.device == A.id
    await tests.finish(wanted.id, PASSED)
    await tests.finish(wanted.id, BAD)
    (told,) = (await devices.history(A.id)).tests
    assert (told.outcome, told.delay_ms, told.level_db, told.asked_by) == ("passed", 120.0, -12.0, ""), "what is written stays"
    assert await tests.plan(ALL_DAY, now + timedelta(days=1)) == 1
    month = now.date().replace(day=1)
    assert await devices.test_counts(month, month + timedelta(days=32)) == {A.village: (1, 1)}


async def test_a_file_without_the_column_keeps_who_answers(pool: Pool) -> None:
    devices, tests = await with_tests(pool)
    await devices.apply(DeviceFile((A, B, TOWN), (), tells_self_test=False), actor="cli:test")
    assert {r.device.id for r in (await devices.register()).devices if r.device.self_test} == {A.id}
    await devices.apply(DeviceFile((A, B, TOWN), ()), actor="cli:test")
    assert await tests.plan(ALL_DAY, await tests.now()) == 0


async def test_by_hand_it_needs_a_device_that_answers_and_a_reason_and_is_audited_once_open(pool: Pool) -> None:
    devices, tests = await with_tests(pool)
    for device, wrong in ((B.id, CallerFault), ("v-640105001-L44-1", NotFound)):
        with pytest.raises(wrong):
            await devices.test(device, "admin", "试")
    with pytest.raises(CallerFault, match="say why"):
        await devices.test(A.id, "admin", " ")
    first = await devices.test(A.id, "admin", "上门")
    assert await devices.test(A.id, "chen", "再试") == first and await devices.tested(first) is None
    (wanted,) = await tests.take(1, by_hand_only=True)
    await tests.finish(wanted.id, BAD)
    ended = await devices.tested(first)
    assert ended is not None and (ended.outcome, ended.asked_by, ended.delay_ms) == ("no_sound", "admin", None)
    rows = await pool.fetch("SELECT actor, detail->>'reason' AS why FROM audit_event WHERE action = 'device.test' ORDER BY id")
    assert [tuple(r) for r in rows] == [("admin", "上门"), ("chen", "再试")]
    await devices.block(A.id, "admin", "丢失")
    with pytest.raises(CallerFault, match="blocked"):
        await devices.test(A.id, "admin", "试")


async def test_none_is_taken_of_a_phone_in_a_call_and_what_nobody_ended_is_given_up(pool: Pool) -> None:
    devices, tests = await with_tests(pool)
    await devices.test(A.id, "admin", "试")
    await World(pool).ledger.commit(batch(call(1, ("ENTERED", "village"))[:2], file_id="f1"), FOLD)
    assert await tests.take(5, by_hand_only=False) == []
    await World(pool).ledger.commit(batch(call(1, ("ENTERED", "village")), file_id="f1b"), FOLD)
    await pool.execute("UPDATE call SET state = 'ended'")
    (wanted,) = await tests.take(5, by_hand_only=False)
    assert await tests.give_up() == 0
    await pool.execute("UPDATE device_test SET started_at = now() - interval '4 minutes'")
    assert await tests.give_up() == 1
    await tests.finish(wanted.id, PASSED)
    (told,) = (await devices.history(A.id)).tests
    assert told.outcome == "unfinished", "what was given up stays so"


class Line:
    """A phone that plays back what it hears until it is told to be deaf; ``most`` is how many tests ran at once."""

    def __init__(self) -> None:
        self.deaf = False
        self.now, self.most = 0, 0
        self.go_on = asyncio.Event()

    async def play(self, device: str, tone: bytes) -> TestCall:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go_on.wait()
        self.now -= 1
        return TestCall(True, sound=bytes(len(tone)) if self.deaf else tone, complete=True)


async def test_the_tester_measures_what_comes_back_and_two_deaf_nights_make_a_phone_unusable(pool: Pool) -> None:
    devices, tests = await with_tests(pool)
    await devices.apply(DeviceFile(tuple(replace(d, self_test=True) for d in (A, B, TOWN)), ()), actor="cli:test")
    await devices.saw([DeviceContact(d.id, "reachable") for d in (A, B, TOWN)])
    quiet, line, seeds = True, Line(), iter(range(100))
    tester = DeviceTester(tests, line, ALL_DAY, most_at_once=2, quiet=lambda: quiet, seed=lambda: next(seeds))
    assert await tests.plan(ALL_DAY, (await tests.now()).replace(hour=15, minute=59)) >= 2
    async with asyncio.TaskGroup() as running:
        quiet = False
        assert await tester.look(running) == 0
        quiet = True
        began = await tester.look(running)
        assert (began, await tester.look(running)) == (2, 0), "two at once, the third later"
        async with asyncio.timeout(30):
            while line.now < began:
                await asyncio.sleep(0.01)
        line.go_on.set()
    assert line.most == 2 and (await devices.history(A.id)).tests[0].outcome == "passed"
    line.deaf = True
    for night in (1, 2):
        await pool.execute("UPDATE device_test SET night = night - $1::int WHERE device = $2", night, A.id)
        async with asyncio.TaskGroup() as running:
            await devices.test(A.id, "admin", "试")
            assert await tester.look(running) >= 1
    found = {r.device.id: r for r in (await devices.register()).devices}
    verdict = (await devices.register()).verdict(found[A.id])
    assert (verdict.use, verdict.reason) == ("unusable", "自检连续 2 次未通过：接通，但没有测到回声：麦克风或扬声器可能有问题")


async def test_the_alarm_names_who_is_gone_after_so_many_looks_and_ends_after_so_many(pool: Pool) -> None:
    devices, _ = await with_tests(pool)
    alarms = DeviceAlarms(devices, PostgresAlarms(pool))

    async def standing() -> str:
        return await pool.fetchval("SELECT text FROM alarm WHERE name = 'village_devices' AND cleared_at IS NULL") or ""

    async def looks(count: int, contacts: Sequence[DeviceContact]) -> None:
        for _ in range(count):
            await devices.saw(contacts)
            await alarms.look()

    await looks(TO_BAD, [DeviceContact(A.id, "reachable"), DeviceContact(B.id, "reachable")])
    assert await standing() == "", "the station was never set up: nothing came over it"
    away = [DeviceContact(A.id, "silent"), DeviceContact(B.id, "reachable")]
    await looks(TO_BAD - 1, away)
    await looks(1, [DeviceContact(A.id, "reachable"), DeviceContact(B.id, "reachable")])
    await looks(TO_BAD - 1, away)
    assert await standing() == ""
    await looks(1, away)
    assert f"{A.id}（自 " in await standing() and "已注册但没有应答探测" in await standing() and B.id not in await standing()
    back = [DeviceContact(A.id, "reachable"), DeviceContact(B.id, "reachable")]
    await looks(TO_GOOD - 1, back)
    assert "刚恢复" in await standing()
    await looks(1, back)
    assert await standing() == ""
    await pool.execute("UPDATE device_watch SET as_of = now() - interval '2 minutes'")
    await pool.execute("UPDATE device SET reach = 'silent'")
    for _ in range(TO_BAD):
        assert await alarms.look() == 0, "while nobody knows, nothing is judged"


async def test_a_device_is_unused_after_the_days_that_were_set(pool: Pool) -> None:
    devices, world = await stored(pool), World(pool)
    await world.ledger.commit(batch(call(1, ("ENTERED", "village")), file_id="f1"), FOLD)
    await devices.saw([DeviceContact(A.id, "reachable")])
    await pool.execute("UPDATE call SET arrived_at = $1", datetime.now().astimezone() - timedelta(days=10))
    for days, use in ((14, "used"), (7, "unused")):
        register = await PostgresDevices(pool, timedelta(days=days)).register()
        record = next(r for r in register.devices if r.device.id == A.id)
        assert register.verdict(record).use == use and (f"{days} 天" in register.sentence(record))
