"""What must hold whatever was broken: one order per call, the right outcome, live state equal to Asterisk's own."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import asyncpg

from ivr.demo.client import HotlineClient
from ivr.domain.errors import Unavailable
from ivr.exchange_setup import Places, cache_folder, database_url
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.embedded import Console
from tests.e2e.hotline import RunningHotline
from tests.faults.load import Caller


def pid_of(product: RunningHotline, part: str) -> int:
    """The process id of one of our parts: controller, worker or web."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"ivr.cli" in words and part.encode() in words and str(product.folder / "state/log").encode() in b" ".join(words):
                return int(entry.name)
    raise LookupError(part)


async def pid_returns(product: RunningHotline, part: str, other_than: int, within_s: float = 10) -> int:
    """The id of the part's next process."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                pid = pid_of(product, part)
                if pid != other_than:
                    return pid
            except LookupError:
                pass
            await asyncio.sleep(0.02)


def kill(pid: int, how: int) -> None:
    """Send one signal to one process we started."""
    os.kill(pid, how)


def console(product: RunningHotline) -> Console:
    """Asterisk's own console: the witness that shares nothing with the controller."""
    root = find_asterisk(None, cache_folder())
    return Console(root, Places(product.folder / "state").asterisk)


async def waiting_in_asterisk(product: RunningHotline) -> int:
    """Callers waiting, as Asterisk counts them."""
    told = await console(product).command("queue show hotline")
    if "No Callers" in told:
        return 0
    return len(re.findall(r"^\s+\d+\. PJSIP/", told, re.MULTILINE))


async def board_equals_asterisk(product: RunningHotline, client: HotlineClient, within_s: float) -> None:
    """The queue board over HTTP is fresh and counts what Asterisk counts."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                queue = (await client.get("/queues"))["queues"][0]
            except Unavailable:  # a database that is only coming back
                await asyncio.sleep(0.1)
                continue
            if not queue["stale"] and queue["waiting"] == await waiting_in_asterisk(product):
                return
            await asyncio.sleep(0.1)


async def rows(product: RunningHotline, sql: str, *values: Any) -> list[Any]:
    """A query on the product's own database."""
    connection = await asyncpg.connect(database_url(product.settings), timeout=5)
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()


async def every_call_has_its_order(product: RunningHotline, callers: list[Caller], within_s: float = 60) -> dict[str, str]:
    """Wait until each number has exactly one ended call with exactly one order; the outcome by number.

    The oracle is the list of callers placed and Asterisk's own queue_log: as many answered as it says CONNECT.
    """
    numbers = [c.number for c in callers]
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        found = await rows(
            product, "SELECT c.caller_number, c.outcome, c.state, c.linked_id, count(o.id) AS orders FROM call c"
            " LEFT JOIN work_order_call oc USING (linked_id) LEFT JOIN work_order o ON o.id = oc.order_id"
            " WHERE c.caller_number = ANY($1) GROUP BY c.linked_id", numbers,
        )
        if len(found) >= len(numbers) and all(r["state"] == "ended" for r in found):
            break
        if asyncio.get_running_loop().time() > deadline:
            missing = sorted(set(numbers) - {r["caller_number"] for r in found})
            raise AssertionError(f"no call of {missing}; of {len(found)} calls not ended: {[r for r in found if r['state'] != 'ended']}")
        await asyncio.sleep(0.2)
    assert sorted(r["caller_number"] for r in found) == sorted(numbers)
    assert [r["orders"] for r in found] == [1] * len(numbers)
    orders = await rows(product, "SELECT opened_by_call, count(*) AS n FROM work_order GROUP BY 1 HAVING count(*) > 1")
    assert orders == []
    return {r["caller_number"]: r["outcome"] for r in found}


def answered_in_queue_log(product: RunningHotline) -> int:
    """How many calls Asterisk itself says an operator took."""
    folder = Places(product.folder / "state").asterisk / "log"
    return sum(file.read_text(errors="replace").count("|CONNECT|") for file in folder.glob("queue_log*"))


async def all_tracks_done(product: RunningHotline, within_s: float = 60, *, at_least: int = 0) -> list[Any]:
    """Wait until so many tracks were taken in and none waits; every track. A file is taken in when it was still for a while."""
    async with asyncio.timeout(within_s):
        while True:
            tracks = await rows(product, "SELECT * FROM recording_track")
            if len(tracks) >= at_least and all(t["state"] not in ("pending", "leased") for t in tracks):
                return tracks
            await asyncio.sleep(0.2)


async def reconciled(product: RunningHotline) -> None:
    """The product's own comparison of its books finds nothing."""
    told = await product.cli("reconcile")
    assert "全部相符" in told, told
