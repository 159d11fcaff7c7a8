"""点名式 with real keys: a duty lawyer by work number or speciality; free, busy, not there, not on duty, and no controller to ask."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.domain.worktime import SHANGHAI
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.test_enquiry import part_of, press_until, until_written
from tests.e2e.test_menus import call_row, facts

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

MORE = """
[hotline]
menu = "lawyers"

[enquiry]
wait_s = 3
lawyer_wait_s = 12

[[seats]]
name = "three"
operator = "赵律师"
work_number = "8001"

[[seats]]
name = "four"
operator = "马律师"
work_number = "8002"

[[seats]]
name = "five"
operator = "丁律师"
work_number = "8003"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def roster() -> AsyncIterator[RunningHotline]:
    """A product with three lawyers; 8001 and 8002 are on duty now, 8003 is not."""
    async with running_hotline(MORE) as running:
        now = datetime.now(SHANGHAI)
        start, end, later = (f"{now + timedelta(hours=h):%Y-%m-%d %H:%M}" for h in (-1, 6, 9))
        file = running.folder / "duty.csv"
        file.write_text(
            "work_number,name,speciality,from,to\n"
            f"8001,赵律师,婚姻家庭,{start},{end}\n8002,马律师,劳动争议、婚姻家庭,{start},{end}\n8003,丁律师,债务,{end},{later}\n"
        )
        assert "新增 4" in await running.cli("roster", "import", str(file))
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def watching(roster: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with roster.client() as connected:
        yield connected


@asynccontextmanager
async def choosing(hotline: RunningHotline, client: HotlineClient, number: str) -> AsyncIterator[tuple[ScriptedPhone, str]]:
    """A caller who waited in the queue and pressed 4; the choice is being heard."""
    async with hotline.caller(number) as phone:
        await phone.dial("12348")
        await phone.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, number)
        await phone.press("0")
        await state(client, linked_id, "queued")
        await press_until(hotline, phone, linked_id, "4", ("MENU", "waiting:4"))
        await asyncio.sleep(1)
        yield phone, linked_id


async def ready(client: HotlineClient, queue: str) -> dict[str, Any]:
    """The queue once its lawyer's telephone is there and free."""
    return await client.queue_until(lambda q: q["queue"] == queue and q["members"]["available"] == 1)


async def test_a_free_lawyer_is_reached_by_work_number(roster: RunningHotline, watching: HotlineClient) -> None:
    async with roster.operator("three") as lawyer:
        assert (await ready(watching, "lawyer-8001"))["title"] == "赵律师（8001）"
        async with choosing(roster, watching, "13896200021") as (phone, linked_id):
            await phone.press("8001#")
            await lawyer.wait_for("CALL_INCOMING", within_s=20)
            await lawyer.answer()
            await state(watching, linked_id, "talking")
            await asyncio.sleep(2.5)
            await phone.hang_up()
            await filled_order(watching, linked_id)
    call = await call_row(watching, linked_id)
    assert (call["outcome"], call["queue"], call["menu_choice"]) == ("answered", "lawyer-8001", "lawyer:8001")


async def test_a_speciality_reaches_whoever_is_there_for_it(roster: RunningHotline, watching: HotlineClient) -> None:
    """家庭 is 8001's and 8002's, and only 8002's telephone is there."""
    async with roster.operator("four") as lawyer:
        await ready(watching, "lawyer-8002")
        async with choosing(roster, watching, "13896200022") as (phone, linked_id):
            await phone.press("1")
            await lawyer.wait_for("CALL_INCOMING", within_s=20)
            await lawyer.answer()
            await state(watching, linked_id, "talking")
            await phone.hang_up()
            await filled_order(watching, linked_id)
    assert (await call_row(watching, linked_id))["menu_choice"] == "lawyer:8002"


async def test_who_is_not_on_duty_or_not_there_is_said_so_and_0_is_a_human(roster: RunningHotline, watching: HotlineClient) -> None:
    """A number nobody has, one that is not on duty, and one whose telephone is away."""
    async with choosing(roster, watching, "13896200023") as (phone, linked_id):
        for tried, keys in enumerate(("7777#", "8003#"), 1):
            await phone.press(keys)
            await facts(roster, linked_id, lambda seen, n=tried: seen.count(("LAWYER_FAILED", "off")) == n)
            await asyncio.sleep(4.5)
        await phone.press("8001#")
        seen = await facts(roster, linked_id, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) == 2)
        await phone.hang_up()
        await filled_order(watching, linked_id)
    assert [t[1] for t in seen if t[0] == "LAWYER_FAILED"] == ["off", "off", "off", "tries"]
    assert (await call_row(watching, linked_id))["outcome"] == "abandoned"


async def test_a_busy_lawyer_is_waited_for_in_order_of_arrival_or_left_for_any(roster: RunningHotline, watching: HotlineClient) -> None:
    async with roster.operator("three") as lawyer, roster.caller("13896200024") as talker:
        await ready(watching, "lawyer-8001")
        async with choosing(roster, watching, "13896200025") as (late, late_id), choosing(roster, watching, "13896200026") as (other, other_id):
            await talker.dial("12348")
            await talker.wait_for("CALL_ESTABLISHED")
            talking_id = await arrival(watching, "13896200024")
            await talker.press("0")
            await state(watching, talking_id, "queued")
            await talker.press("4")
            await asyncio.sleep(1.5)
            await talker.press("8001#")
            await lawyer.wait_for("CALL_INCOMING", within_s=20)
            await lawyer.answer()
            await state(watching, talking_id, "talking")
            for phone, linked_id in ((late, late_id), (other, other_id)):
                await phone.press("*")  # the choice again, in time for the keys
                await asyncio.sleep(1)
                await phone.press("8001#")
                await facts(roster, linked_id, lambda seen: ("LAWYER_FAILED", "busy") in seen)
            await asyncio.sleep(1)
            await late.press("1")
            await other.press("0")
            await facts(roster, other_id, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) == 2)
            await facts(roster, late_id, lambda seen: ("QUEUE_ENTERED", "lawyer-8001") in seen)
            before = lawyer.events[:]
            await talker.hang_up()
            await lawyer.wait_for(lambda e: e.get("type") == "CALL_INCOMING" and e not in before, within_s=20)
            await lawyer.answer()
            await state(watching, late_id, "talking")
            await late.hang_up()
            await other.hang_up()
            for linked_id in (talking_id, late_id, other_id):
                await filled_order(watching, linked_id)
    assert [(await call_row(watching, i))["queue"] for i in (talking_id, late_id, other_id)] == ["lawyer-8001", "lawyer-8001", "hotline"]


async def test_a_lawyer_who_does_not_come_is_left_for_the_hotlines_queue_in_time(roster: RunningHotline, watching: HotlineClient) -> None:
    async with roster.operator("three") as lawyer:
        await ready(watching, "lawyer-8001")
        async with choosing(roster, watching, "13896200027") as (phone, linked_id):
            await phone.press("8001#")
            await lawyer.wait_for("CALL_INCOMING", within_s=20)  # and is not answered
            seen = await facts(roster, linked_id, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) == 2, within_s=60)
            await phone.hang_up()
            await filled_order(watching, linked_id)
    assert ("QUEUE_LEFT", "TIMEOUT") in seen
    call = await call_row(watching, linked_id)
    assert (call["outcome"], call["queue"], call["menu_choice"]) == ("abandoned", "hotline", "lawyer:8001"), "one call, one queue"


async def test_the_roster_is_read_by_the_api_and_bad_files_change_nothing(roster: RunningHotline, watching: HotlineClient) -> None:
    before = await watching.get("/roster")
    assert {(d["work_number"], d["name"], d["speciality"]["name"]) for d in before["duties"]} == {
        ("8001", "赵律师", "婚姻家庭"), ("8002", "马律师", "劳动争议"), ("8002", "马律师", "婚姻家庭"), ("8003", "丁律师", "债务")}
    bad = roster.folder / "bad.csv"
    bad.write_text("work_number,name,speciality,from,to\n8001,赵律师,婚姻,2026-11-26 08:30,2026-11-26 07:30\n9999,某,债务,明天,2026-11-26 07:30\n")
    told = await roster.cli("roster", "import", str(bad), succeed=False)
    assert "第 2 行" in told and "第 3 行" in told and "没有专长 婚姻" in told and "没有工号为 9999" in told and "没有导入" in told
    assert await watching.get("/roster") == before


async def test_without_a_controller_the_caller_reaches_a_human(roster: RunningHotline, watching: HotlineClient) -> None:
    """Last, because the controller starts anew: dead when the lawyer is keyed."""
    assert roster.process is not None
    async with choosing(roster, watching, "13896200029") as (phone, linked_id):
        os.kill(roster.process.pid, signal.SIGSTOP)
        try:
            os.kill(part_of(roster, "controller"), signal.SIGKILL)
            await phone.press("8001#")
            await until_written(roster, linked_id, "LAWYER_FAILED", "unanswered")
            await until_written(roster, linked_id, "QUEUE_ENTERED", "hotline", times=2)
        finally:
            os.kill(roster.process.pid, signal.SIGCONT)
        await phone.hang_up()
        await filled_order(watching, linked_id, within_s=90)
