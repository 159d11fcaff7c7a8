"""Outside the hours: a message, or help for who is in danger."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, line_up, state
from tests.e2e.test_hang_up_while_talking import playing
from tests.e2e.test_menus import facts

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]

DUTY = "13800000013"
CLOSED = f"""
[hotline]
menu = "office"
emergency_duty = "night"

[[opening_hours]]
name = "never"

[[duty_numbers]]
name = "night"
number = "{DUTY}"
"""
PLAN = """name: office
start: waiting
human: {queue: default}
menus:
  waiting:
    heard_in: default
    prompt: menu-waiting
    hours: never
    closed: {message: true}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed() -> AsyncIterator[RunningHotline]:
    """A hotline that is never open, with a duty telephone for emergencies."""
    plans = Path(tempfile.mkdtemp(prefix="ivr-menus-", dir="/var/tmp"))
    plans.chmod(0o755)
    (plans / "office.yaml").write_text(PLAN)
    try:
        async with running_hotline(CLOSED, environment={"IVR_MENUS_DIR": str(plans)}) as running:
            yield running
    finally:
        shutil.rmtree(plans)


@pytest_asyncio.fixture(loop_scope="session")
async def board(closed: RunningHotline) -> AsyncIterator[HotlineClient]:
    async with closed.client() as client:
        yield client


async def test_outside_the_hours_a_message_is_taken(closed: RunningHotline, board: HotlineClient) -> None:
    async with closed.caller("13895140001") as caller:
        await caller.dial("12348")
        linked_id = await arrival(board, "13895140001")
        seen = await facts(closed, linked_id, lambda seen: ("MESSAGE", "180") in seen)
        assert ("MENU", "waiting:closed") in seen and not [t for t in seen if t[0] == "QUEUE_ENTERED"]
        await caller.hang_up()
        assert (await filled_order(board, linked_id))["channel"] == "voicemail"


async def test_who_is_in_danger_reaches_the_duty_telephone(closed: RunningHotline, board: HotlineClient) -> None:
    duty = PhoneAccount(DUTY, f"127.0.0.1:{closed.sip}", answers_itself=True)
    async with (
        closed.caller("13895140002") as caller,
        ScriptedPhone("duty", duty, closed.folder / "phones", closed.silence, listen_port=closed.carrier) as telephone,
    ):
        await line_up(closed)
        await caller.dial("12348")
        await caller.wait_for("CALL_ESTABLISHED")
        linked_id = await arrival(board, "13895140002")
        await facts(closed, linked_id, lambda seen: ("MENU", "waiting:closed") in seen)
        await caller.press("1")
        await facts(closed, linked_id, lambda seen: ("EMERGENCY", "advice") in seen)
        await playing(closed, "emergency")  # the same key again, too soon, is one key
        await caller.press("1")
        await state(board, linked_id, "talking")
        await telephone.wait_for("CALL_ESTABLISHED")
        await asyncio.sleep(2.5)
        await caller.hang_up()
        order = await filled_order(board, linked_id)
        call = await board.get(f"/calls/{linked_id}")
    assert (call["outcome"], call["menu_choice"], order["calls"]) == ("answered", "waiting:emergency", [linked_id])
    assert len(call["recordings"]) == 2, "what is said to the duty telephone is recorded like any conversation"
