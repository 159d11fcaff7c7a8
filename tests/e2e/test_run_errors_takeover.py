"""The supervisor is killed: calls go on, nothing of ours lingers, and the next start takes everything over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from ivr.exchange_setup import Places
from ivr.stack import end_what_was_left
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, filled_order, state

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="function")]


@pytest_asyncio.fixture
async def product() -> AsyncIterator[RunningHotline]:
    """A product of one test's own, because it is killed."""
    async with running_hotline() as running:
        yield running


async def kill(product: RunningHotline) -> None:
    """End the supervisor as a power switch would, and wait until only Asterisk, the database and phones are left."""
    assert product.process is not None
    descendants = children_of(product.process.pid)
    assert len(descendants) >= 5, "controller, worker, web, the speech host and Asterisk at least"
    product.process.kill()
    await asyncio.to_thread(product.process.wait, 10)
    async with asyncio.timeout(10):
        while ours := [p for p in descendants if b"ivr." in command_line(p)]:
            await asyncio.sleep(0.05)
    assert not ours


def command_line(pid: int) -> bytes:
    """Empty when the process is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def children_of(pid: int) -> list[int]:
    """All descendants of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                found += [int(child), *children_of(int(child))]
    return found


def asterisk_pid(product: RunningHotline) -> int:
    """The running Asterisk."""
    return int((Places(product.folder / "state").asterisk / "run/asterisk.pid").read_text())


async def test_a_call_in_progress_survives_the_supervisor_and_its_successor(product: RunningHotline) -> None:
    before = asterisk_pid(product)
    async with product.operator() as operator, product.caller("13895110021") as caller:
        async with product.client() as client:
            await client.queue_until(lambda q: q["members"]["available"] == 1)
            await caller.dial("12348")
            linked_id = await arrival(client, "13895110021")
            await operator.wait_for("CALL_INCOMING")
            await operator.answer()
            await state(client, linked_id, "talking")
        await kill(product)
        assert asterisk_pid(product) == before and command_line(before), "Asterisk ended with its supervisor"
        # A new caller is served while nobody but Asterisk is there.
        async with product.caller("13895110022") as alone:
            await alone.dial("12348")
            await alone.wait_for("CALL_ESTABLISHED")
            await alone.hang_up()
        await product.start()
        assert "已接管" in (product.folder / "run.out").read_text()
        assert asterisk_pid(product) == before, "another Asterisk was started"
        async with product.client() as client:
            await client.queue_until(lambda q: not q["stale"] and q["members"]["talking"] == 1)
            assert client.calls[linked_id]["state"] == "talking"
            assert not [e for e in caller.events + operator.events if e.get("type") == "CALL_CLOSED"]
            said, seconds = product.speech("我叫马建国")
            await caller.say(said)
            await asyncio.sleep(seconds + 0.5)
            await caller.hang_up()
            order = await filled_order(client, linked_id)
            call = await client.get(f"/calls/{linked_id}")
            assert (call["outcome"], call["order"]) == ("answered", order["number"])
            assert "马建国" in "".join(g["text"] for g in call["transcript"]["segments"])
            # The caller nobody watched has an order as well: the ledger kept the facts.
            missed = next(c for c in client.calls.values() if c["caller_number"] == "13895110022")
            assert missed["outcome"] == "abandoned" and missed["order"]
    # The adopted Asterisk is supervised like a child: it is started again, with a new boot number.
    os.kill(before, signal.SIGKILL)
    async with asyncio.timeout(30), product.client() as client:
        while True:
            with suppress(FileNotFoundError):  # between the two Asterisks nobody has written it
                if (after := asterisk_pid(product)) != before and command_line(after):
                    break
            await asyncio.sleep(0.1)
        await client.queue_until(lambda q: not q["stale"])


async def test_changed_ports_are_taken_into_use_by_a_new_asterisk(product: RunningHotline) -> None:
    before = asterisk_pid(product)
    await kill(product)
    product.environment["IVR_ASTERISK__RTP_LAST"] = "28499"
    await product.start()
    assert asterisk_pid(product) != before and not command_line(before)


async def test_a_start_that_fails_leaves_the_orphaned_asterisk_serving(product: RunningHotline) -> None:
    before = asterisk_pid(product)
    await kill(product)
    product.environment["IVR_DATABASE_URL"] = "postgresql://u@127.0.0.1:1/x"
    await product.cli("run", succeed=False)
    assert asterisk_pid(product) == before and command_line(before)
    del product.environment["IVR_DATABASE_URL"]
    await product.start()
    assert asterisk_pid(product) == before
    # Ended while it takes over, it ends what it took: nobody is left to serve.
    await kill(product)
    (product.folder / "run.out").write_text("")
    product.launch()
    async with asyncio.timeout(30):
        while "已接管" not in (product.folder / "run.out").read_text():
            await asyncio.sleep(0.01)
    assert await product.stop() == []


async def test_what_a_killed_demonstration_left_is_ended_before_its_folder_is_emptied(product: RunningHotline) -> None:
    await kill(product)
    assert any("asterisk" in line for line in product.left_behind())
    assert any("postgres" in line for line in product.left_behind())
    await asyncio.to_thread(end_what_was_left, product.folder / "state")
    async with asyncio.timeout(5):
        while product.left_behind():
            await asyncio.sleep(0.05)
