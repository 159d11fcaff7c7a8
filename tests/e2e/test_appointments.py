"""预约 with real keys: a time chosen, read back and confirmed; calling again tells it and cancels it; no time left is a human."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.domain.appointment import time_pieces
from ivr.domain.worktime import SHANGHAI
from ivr.exchange_setup import database_url
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.test_enquiry import heard_all, press_until
from tests.e2e.test_menus import call_row, facts

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
FIRST = (datetime.now(SHANGHAI) + timedelta(days=3)).replace(hour=9, minute=30, second=0, microsecond=0)
SECOND = FIRST.replace(hour=15, minute=0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def office() -> AsyncIterator[RunningHotline]:
    """A product that offers two times for legal aid, one citizen each, and none for mediation."""
    async with running_hotline('[hotline]\nmenu = "lawyers"\n') as running:
        file = running.folder / "slots.csv"
        rows = "".join(f"法律援助,{t:%Y-%m-%d %H:%M},{t + timedelta(hours=1):%Y-%m-%d %H:%M},1\n" for t in (FIRST, SECOND))
        file.write_text("service,from,to,places\n" + rows)
        assert "新增 2 个时段" in await running.cli("slots", "import", str(file))
        yield running


@asynccontextmanager
async def booking(office: RunningHotline, client: HotlineClient, number: str, key: str, **more: bool) -> AsyncIterator[tuple[ScriptedPhone, str]]:
    async with office.caller(number, **more) as phone:
        await phone.dial("12348")
        await phone.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, number)
        await phone.press("0")
        await state(client, linked_id, "queued")
        await press_until(office, phone, linked_id, key, ("MENU", f"waiting:{key}"))
        yield phone, linked_id


async def appointments(office: RunningHotline) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(database_url(office.settings))
    try:
        rows = await connection.fetch("SELECT caller_number, state FROM appointment ORDER BY id")
        return [(r["caller_number"], r["state"]) for r in rows]
    finally:
        await connection.close()


async def until_appointments(office: RunningHotline, wanted: list[tuple[str, str]]) -> None:
    async with asyncio.timeout(30):
        while await appointments(office) != wanted:
            await asyncio.sleep(0.1)


async def test_a_time_is_booked_told_and_cancelled_by_keys(office: RunningHotline) -> None:
    booker, other = "13896200041", "13896200042"
    prompts = office.folder / "state/run/prompts"
    async with office.client() as client:
        async with booking(office, client, booker, "5", keep_sound=True) as (phone, linked_id):
            await heard_all(phone, prompts, ["appointment-offer", *time_pieces(FIRST)])
            await phone.press("1")
            await until_appointments(office, [(booker, "held")])
            await heard_all(phone, prompts, ["appointment-chosen"])
            await press_until(office, phone, linked_id, "1", ("APPOINTMENT", f"booked:legal-aid:1-{FIRST:%Y%m%d%H%M}"))
            await phone.wait_for("CALL_CLOSED", within_s=40)
            order = await filled_order(client, linked_id)
            await until_appointments(office, [(booker, "booked")])
        assert order["state"] == "draft" and order["note"] == f"来电人自助预约：法律援助 {FIRST:%Y-%m-%d %H:%M}。"
        assert (await call_row(client, linked_id))["outcome"] == "self_service"

        async with booking(office, client, other, "5") as (phone, linked_id):  # the only place of the first time is taken
            await asyncio.sleep(3)
            await phone.press("1")
            await until_appointments(office, [(booker, "booked"), (other, "held")])
            await phone.hang_up()  # without confirming
            await filled_order(client, linked_id)
            await until_appointments(office, [(booker, "booked"), (other, "lapsed")])
        assert (await call_row(client, linked_id))["outcome"] == "abandoned"

        async with booking(office, client, booker, "5") as (phone, linked_id):
            at = f"legal-aid:1-{FIRST:%Y%m%d%H%M}"
            await facts(office, linked_id, lambda seen: ("APPOINTMENT", f"told:{at}") in seen)
            await press_until(office, phone, linked_id, "1", ("APPOINTMENT", f"cancelled:{at}"))
            await phone.wait_for("CALL_CLOSED", within_s=40)
            order = await filled_order(client, linked_id)
            await until_appointments(office, [(booker, "cancelled"), (other, "lapsed")])
        assert "取消预约" in order["note"]
        assert (booker not in await office.cli("slots", "list"))


async def test_when_no_time_is_left_a_human_answers(office: RunningHotline) -> None:
    async with office.client() as client, booking(office, client, "13896200043", "6") as (phone, linked_id):
        seen = await facts(office, linked_id, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) == 2)
        await phone.hang_up()
        await filled_order(client, linked_id)
        assert ("APPOINTMENT_FAILED", "none") in seen and (await call_row(client, linked_id))["outcome"] == "abandoned"
