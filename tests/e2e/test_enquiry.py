"""How does my matter stand? Asked with real keys of a running product, and of one whose controller is dead or hung."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import ScriptedPhone
from ivr.domain.order_number import OrderNumber, compose
from ivr.exchange_setup import Places, cache_folder, database_url
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.embedded import Console
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, state
from tests.e2e.test_menus import call_row, facts, hears

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

DAY = date(2026, 11, 20)
OPEN, SECRET, NONE, OWN = (compose("counter", DAY, n) for n in (90001, 90002, 90003, 90004))
OWNER = "13896200004"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def orders(hotline: RunningHotline) -> None:
    """An open order, a confidential one, and one of a citizen's own."""
    await add_orders(hotline)


async def add_orders(hotline: RunningHotline) -> None:
    due = datetime(2026, 12, 3, 10, tzinfo=UTC)
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        await connection.executemany(
            "INSERT INTO work_order (number, channel, state, owner_work_number, due_at, confidential, caller_number, filled_at)"
            " VALUES ($1, 'counter', $2, $3, $4, $5, $6, now())",
            [(str(OPEN), "in_progress", "8001", due, False, ""), (str(SECRET), "in_progress", "8001", due, True, ""),
             (str(OWN), "closed", "", None, False, OWNER)],
        )
    finally:
        await connection.close()


@asynccontextmanager
async def enquirer(hotline: RunningHotline, client: HotlineClient, number: str, **more: Any) -> AsyncIterator[tuple[ScriptedPhone, str]]:
    """A caller who waited in the queue and pressed 8; the enquiry's first words are being heard."""
    async with hotline.caller(number, **more) as phone:
        await phone.dial("12348")
        await phone.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(client, number)
        await phone.press("0")
        await state(client, linked_id, "queued")
        await press_until(hotline, phone, linked_id, "8", ("MENU", "waiting:8"))
        await asyncio.sleep(0.5)
        yield phone, linked_id


async def press_until(hotline: RunningHotline, phone: ScriptedPhone, linked_id: str, key: str, event: tuple[str, str]) -> None:
    """Press a key until the ledger tells of it, as a person does whose key was not heard: many phones share two cores here."""
    async with asyncio.timeout(60):
        while True:
            await phone.press(key)
            try:
                await facts(hotline, linked_id, lambda seen: event in seen, within_s=6)
                return
            except TimeoutError:
                continue


async def told(hotline: RunningHotline, linked_id: str, event: str, text: str, times: int = 1) -> list[tuple[str, str]]:
    return await facts(hotline, linked_id, lambda seen: seen.count((event, text)) >= times, within_s=40)


async def heard_all(phone: ScriptedPhone, prompts: Path, names: list[str], within_s: float = 60) -> None:
    """Return once this phone heard every one of the prompts."""
    async with asyncio.timeout(within_s):
        while True:
            sounds = [p for p in phone.heard() if "dec" in p.name]
            if sounds and min(hears(sounds[0], prompts / f"{name}.wav") for name in names) > 0.8:
                return
            await asyncio.sleep(1)


async def test_a_number_keyed_tells_state_owner_and_day_and_closes_its_own_order(
    hotline: RunningHotline, client: HotlineClient, orders: None,
) -> None:
    prompts = hotline.folder / "state/run/prompts"
    async with enquirer(hotline, client, "13896200001", keep_sound=True) as (phone, linked_id):
        await phone.press(OPEN.short)
        await told(hotline, linked_id, "ENQUIRY", str(OPEN))
        await heard_all(phone, prompts, [
            "progress-handled", "progress-owner", "digits/8", "digits/1", "progress-until", "digits/10", "month", "day", "progress-due", "enquiry-after"])
        await phone.press("1")
        await phone.wait_for("CALL_CLOSED", within_s=40)
        order = await filled_order(client, linked_id)
    call = await call_row(client, linked_id)
    assert (call["outcome"], call["menu_choice"], call["queue"], call["queued_at"]) == ("self_service", "waiting:8", "", None)
    assert order["state"] == "closed" and str(OPEN) in order["note"] and order["calls"] == [linked_id]
    assert order["asked_about"] == str(OPEN)


async def test_the_own_number_and_four_digits_are_enough_and_an_operator_then_answers(
    hotline: RunningHotline, client: HotlineClient, orders: None,
) -> None:
    async with enquirer(hotline, client, OWNER) as (phone, linked_id):
        await phone.press("#")
        await asyncio.sleep(1)
        await phone.press(str(OWN)[-4:])
        await told(hotline, linked_id, "ENQUIRY", str(OWN))
        async with hotline.operator() as operator:
            await client.queue_until(lambda q: q["members"]["available"] == 1)
            await phone.press("0")
            await operator.wait_for("CALL_INCOMING", within_s=20)
            await operator.answer()
            await state(client, linked_id, "talking")
            await asyncio.sleep(2.5)
            await phone.hang_up()
            order = await filled_order(client, linked_id)
    call = await call_row(client, linked_id)
    assert (call["outcome"], call["queue"]) == ("answered", "hotline"), "who talked to a human was not served by the machine"
    assert order["state"] == "draft"


async def test_an_enquirer_who_then_gives_up_waiting_is_an_abandoned_call(hotline: RunningHotline, client: HotlineClient, orders: None) -> None:
    async with enquirer(hotline, client, "13896200005") as (phone, linked_id):
        await phone.press(OPEN.short)
        await told(hotline, linked_id, "ENQUIRY", str(OPEN))
        await phone.press("0")
        await told(hotline, linked_id, "QUEUE_ENTERED", "hotline", times=2)
        await phone.hang_up()
        assert (await filled_order(client, linked_id))["state"] == "draft"
    call = await call_row(client, linked_id)
    assert call["outcome"] == "abandoned" and call["queue"] == "hotline" and call["queued_at"] is not None


@pytest.mark.parametrize(("caller", "number"), [("13896200006", SECRET), ("13896200007", NONE)], ids=["confidential", "unknown"])
async def test_a_confidential_order_sounds_like_none(hotline: RunningHotline, client: HotlineClient, orders: None, caller: str, number: OrderNumber) -> None:
    async with enquirer(hotline, client, caller) as (phone, linked_id):
        await phone.press(number.short)
        seen = await told(hotline, linked_id, "ENQUIRY_FAILED", "unknown")
        await phone.hang_up()
        order = await filled_order(client, linked_id)
    assert [t for t in seen if t[0].startswith("ENQUIRY")] == [("ENQUIRY_FAILED", "unknown")]
    assert order["outcome"] == "abandoned" and number.short not in order["note"]


async def test_three_wrong_tries_lead_to_a_human(hotline: RunningHotline, client: HotlineClient, orders: None) -> None:
    """A wrong check digit, a number cut short, and silence: each is said, then a human answers; * and 9 are no tries."""
    wrong = OPEN.short[:-1] + str((int(OPEN.short[-1]) + 1) % 10)
    async with enquirer(hotline, client, "13896200008") as (phone, linked_id):
        await phone.press(wrong)
        await told(hotline, linked_id, "ENQUIRY_FAILED", "check")
        await asyncio.sleep(4)
        await phone.press("*")
        await asyncio.sleep(1)
        await phone.press(OPEN.short[:5] + "#")
        await told(hotline, linked_id, "ENQUIRY_FAILED", "check", times=2)
        seen = await facts(hotline, linked_id, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) == 2, within_s=60)
        await phone.hang_up()
        await filled_order(client, linked_id)
    assert [t[1] for t in seen if t[0] == "ENQUIRY_FAILED"] == ["check", "check", "silence", "tries"]
    assert (await call_row(client, linked_id))["outcome"] == "abandoned"


async def test_trying_numbers_ends_for_the_day(hotline: RunningHotline, client: HotlineClient, orders: None) -> None:
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        await connection.execute(
            "INSERT INTO enquiry_miss (caller_number, day, misses) VALUES ('13896200009', (now() AT TIME ZONE 'Asia/Shanghai')::date, 9)")
    finally:
        await connection.close()
    async with enquirer(hotline, client, "13896200009") as (phone, linked_id):
        await phone.press(OPEN.short)
        seen = await facts(hotline, linked_id, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) == 2, within_s=40)
        await phone.hang_up()
        await filled_order(client, linked_id)
    assert [t for t in seen if t[0].startswith("ENQUIRY")] == [("ENQUIRY_FAILED", "limit")], "a right number tells nothing either"


async def test_a_flood_of_keys_and_hanging_up_anywhere_end_in_one_order_each(hotline: RunningHotline, client: HotlineClient, orders: None) -> None:
    """At the first words, in the middle of a number, at the second question, while the answer is heard, under a flood."""
    stages = {"13896200031": "", "13896200032": OPEN.short[:4], "13896200033": "#", "13896200034": OPEN.short, "13896200035": "1" * 60}

    async def go(number: str, keys: str) -> str:
        async with enquirer(hotline, client, number) as (phone, linked_id):
            await phone.press(keys)
            if keys == OPEN.short:
                await told(hotline, linked_id, "ENQUIRY", str(OPEN))
            elif len(keys) > 13:
                await facts(hotline, linked_id, lambda seen: seen.count(("QUEUE_ENTERED", "hotline")) == 2, within_s=60)
            await phone.hang_up()
            await filled_order(client, linked_id)
            return str((await call_row(client, linked_id))["outcome"])

    outcomes = await asyncio.gather(*(go(number, keys) for number, keys in stages.items()))
    assert outcomes == ["abandoned", "abandoned", "abandoned", "self_service", "abandoned"]
    connection = await asyncpg.connect(database_url(hotline.settings))
    try:
        made = await connection.fetchval("SELECT count(*) FROM work_order WHERE caller_number = ANY($1)", list(stages))
    finally:
        await connection.close()
    assert made == len(stages) and "ERROR" not in hotline.asterisk_log


async def ends_in_s(hotline: RunningHotline, linked_id: str) -> float:
    """Seconds until Asterisk would end the citizen's channel by its own limit; negative when there is none."""
    console = Console(find_asterisk(hotline.settings.asterisk.root, cache_folder()), Places(hotline.folder / "state").asterisk)
    channels = (await console.command("core show channels concise")).splitlines()
    name = next(line.split("!")[0] for line in channels if line.endswith(linked_id))
    shown = re.search(r"Time to Hangup: (\d+)", await console.command(f"core show channel {name}"))
    assert shown
    return int(shown[1]) - time.time()


def in_ledger(hotline: RunningHotline, linked_id: str, event: str, text: str) -> int:
    """How often Asterisk itself wrote this user event: what there is to see while the controller is away."""
    written = (Places(hotline.folder / "state").asterisk / "log/cel-custom/ledger.csv").read_text(errors="replace")
    return sum(linked_id in line and f'"{event}"' in line and f'"{text}"' in line.replace('""', '"') for line in written.splitlines())


async def until_written(hotline: RunningHotline, linked_id: str, event: str, text: str, times: int = 1, within_s: float = 40) -> None:
    async with asyncio.timeout(within_s):
        while in_ledger(hotline, linked_id, event, text) < times:
            await asyncio.sleep(0.1)


def part_of(hotline: RunningHotline, part: str) -> int:
    """The process id of one of the product's processes."""
    assert hotline.process is not None
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == hotline.process.pid and part.encode() in line:
                return int(entry.name)
    raise AssertionError(f"{part} does not run")


@pytest.mark.parametrize("fault", ["dead", "hung"])
async def test_without_a_controller_the_enquirer_reaches_a_human(fault: str) -> None:
    number = {"dead": "13896200011", "hung": "13896200012"}[fault]
    async with running_hotline('[enquiry]\nwait_s = 3\n') as running, running.client() as client:
        await add_orders(running)
        assert running.process is not None
        controller, supervisor = part_of(running, "controller"), running.process.pid
        async with running.operator(answers_itself=False) as operator, enquirer(running, client, number) as (phone, linked_id):
            await operator.wait_for("CALL_INCOMING")
            os.kill(supervisor, signal.SIGSTOP)  # nobody starts or ends a controller meanwhile
            try:
                os.kill(controller, signal.SIGKILL if fault == "dead" else signal.SIGSTOP)
                await phone.press(OPEN.short)
                await until_written(running, linked_id, "ENQUIRY_FAILED", "unanswered")
                await until_written(running, linked_id, "QUEUE_ENTERED", "hotline", times=2)
                earlier = operator.events[:]
                await operator.wait_for(lambda e: e.get("type") == "CALL_INCOMING" and e not in earlier, within_s=30)
                await operator.answer()
                await operator.wait_for("CALL_ESTABLISHED")
                await asyncio.sleep(4)  # longer than the question's limit: the call's own limit holds again
                assert not [e for e in phone.events if e.get("type") == "CALL_CLOSED"]
                assert 6900 < await ends_in_s(running, linked_id) < 7200, "and is the call's own, not a new one"
            finally:
                if fault == "hung":
                    os.kill(controller, signal.SIGCONT)
                os.kill(supervisor, signal.SIGCONT)
            await phone.hang_up()
            await filled_order(client, linked_id, within_s=90)
        call = await call_row(client, linked_id)
        assert call["outcome"] == "answered"
        if fault == "hung":  # that nobody listens Asterisk calls an error, and it is one
            assert "ERROR" not in running.asterisk_log
