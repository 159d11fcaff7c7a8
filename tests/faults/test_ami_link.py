"""The link between controller and Asterisk broken while calls are up: seen, said, and mended, and no caller notices."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import expect

from ivr.demo.client import HotlineClient
from ivr.domain.errors import Unavailable
from ivr.exchange_setup import Places, credentials
from tests.e2e.hotline import RunningHotline
from tests.e2e.test_pages import browser_page, sign_in
from tests.fakes.free_ports import free_ports
from tests.faults.ami_relay import AmiRelay
from tests.faults.conftest import FULL
from tests.faults.load import Caller, Load, callers
from tests.faults.witness import (
    all_tracks_done,
    answered_in_queue_log,
    board_equals_asterisk,
    console,
    every_call_has_its_order,
    reconciled,
    rows,
)

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

SEEN_WITHIN_S = 15
RIGHT_WITHIN_S = 5
HALF_OPEN_S = 30 if FULL else 0
ROUNDS = 5 if FULL else 1
SEED = 20265
_seeds = itertools.count(SEED)


@dataclass
class Site:
    """A product whose controller reaches Asterisk through the relay, with two operators and someone who watches."""

    product: RunningHotline
    relay: AmiRelay
    client: HotlineClient
    answered: int = 0

    def logged(self, event: str) -> list[dict[str, object]]:
        """The controller's log lines of one kind."""
        text = (Places(self.product.folder / "state").logs / "controller.log").read_text(errors="replace")
        return [entry for entry in map(json.loads, text.splitlines()) if entry["event"] == event]

    async def seen(self, stale: bool = True) -> str:
        """Wait until API and live stream agree that the board is stale, or fresh; since when."""
        queue = await self.client.queue_until(lambda q: q["stale"] is stale, SEEN_WITHIN_S)
        await self.client.until(
            f"stale={stale} on the live stream",
            lambda: next((q for q in self.client.queues.values() if q["stale"] is stale), None), SEEN_WITHIN_S,
        )
        assert bool(queue["stale_since"]) is stale
        return str(queue["stale_since"])

    async def mended(self) -> None:
        """The board is Asterisk's again in time."""
        await board_equals_asterisk(self.product, self.client, within_s=RIGHT_WITHIN_S)

    async def cut(self) -> None:
        """End the link; a new one must be up, and the board right, in time."""
        before = len(self.logged("ami_link_up"))
        await self.relay.cut()
        async with asyncio.timeout(RIGHT_WITHIN_S):
            while len(self.logged("ami_link_up")) == before:
                await asyncio.sleep(0.05)
        await self.mended()

    async def told(self, reason: str) -> None:
        """Wait until the controller's log gives this reason for a lost link."""
        async with asyncio.timeout(SEEN_WITHIN_S):
            while not any(reason in str(entry["reason"]) for entry in self.logged("ami_link_lost")):
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    (port,) = free_ports(1)
    running = RunningHotline(asterisk_more=f"ami_tunnel_port = {port}")
    try:
        async with AsyncExitStack() as stack:
            relay = await stack.enter_async_context(AmiRelay(port, running.ami))
            await running.start()
            client = await stack.enter_async_context(running.client())
            for seat in ("one", "two"):
                await stack.enter_async_context(running.operator(seat, answers_itself=True))
            await client.queue_until(lambda q: q["members"]["available"] == 2)
            assert relay.made >= 1, "the controller does not go through the relay"
            yield Site(running, relay, client)
    finally:
        left = await running.stop()
        running.remove()
    assert left == []


async def while_calls_are_up(site: Site, broken: Callable[[], Awaitable[None]], longest_s: float = 14.0) -> None:
    """Break the link while somebody talks and somebody waits; nobody is dropped, and every call has its order."""
    placed = callers(4, next(_seeds), shortest_s=longest_s - 2, longest_s=longest_s)
    load = Load(site.product.folder / f"load{placed[0].number}", site.product.sip, placed, 2.0)
    async with load:
        await site.client.queue_until(lambda q: q["members"]["talking"] == 2 and q["waiting"] > 0)
        await broken()
        assert await load.finished() == 0, "a caller was dropped"
        await every_call_ended_well(site, placed)
        await site.mended()


async def every_call_ended_well(site: Site, placed: list[Caller]) -> None:
    outcomes = await every_call_has_its_order(site.product, placed)
    assert set(outcomes.values()) <= {"answered", "abandoned"}
    site.answered += list(outcomes.values()).count("answered")
    assert site.answered == answered_in_queue_log(site.product) > 0
    tracks = await all_tracks_done(site.product, at_least=2 * site.answered)
    numbers = [c.number for c in placed]
    recorded = await rows(
        site.product, "SELECT DISTINCT linked_id FROM call WHERE caller_number = ANY($1) AND outcome = 'answered'", numbers)
    assert {r["linked_id"] for r in recorded} <= {t["linked_id"] for t in tracks}


async def test_a_link_that_is_cut_or_refused_or_leads_elsewhere_is_made_again(site: Site) -> None:
    async def broken() -> None:
        for _ in range(ROUNDS):
            await site.cut()
            await site.relay.refuse()
            await site.seen()
            await site.relay.accept()
            await site.mended()
            site.relay.greeting = b"SSH-2.0-OpenSSH_9.2\r\n"
            await site.relay.cut()
            await site.seen()
            await site.told("not an AMI server")
            site.relay.heal()
            await site.mended()

    await while_calls_are_up(site, broken, longest_s=60.0 if FULL else 15.0)
    await site.seen(stale=False)


async def test_a_half_open_link_is_seen_and_the_page_says_since_when(site: Site) -> None:
    async with browser_page() as page:
        await sign_in(site.product, page)

        async def broken() -> None:
            site.relay.deaf = True
            since = await site.seen()
            await expect(page.get_by_test_id("stale-banner")).to_be_visible(timeout=SEEN_WITHIN_S * 1000)
            await expect(page.get_by_test_id("live-state")).to_contain_text("数据停在")
            await asyncio.sleep(HALF_OPEN_S)
            (queue,) = (await site.client.get("/queues"))["queues"]
            assert queue["stale"] and queue["stale_since"] == since, "the last truth is what is told, however long it lasts"
            site.relay.heal()
            await site.mended()
            await expect(page.get_by_test_id("stale-banner")).to_be_hidden(timeout=SEEN_WITHIN_S * 1000)

        await while_calls_are_up(site, broken, longest_s=60.0 if FULL else 19.0)


async def test_a_slow_link_and_one_byte_at_a_time_show_the_truth_all_the_same(site: Site) -> None:
    async def broken() -> None:
        site.relay.delay_s = 0.2
        await site.cut()
        site.relay.heal()
        site.relay.size = 1
        await site.cut()

    try:
        await while_calls_are_up(site, broken, longest_s=16.0)  # the ends of these calls arrive a byte at a time too
        await site.seen(stale=False)
    finally:
        site.relay.heal()
    await site.cut()


async def test_a_refused_login_is_told_and_tried_again_and_another_version_is_spoken(site: Site) -> None:
    configuration = Places(site.product.folder / "state").asterisk / "etc/manager.conf"
    right = configuration.read_text()
    secret = credentials(site.product.settings).ami_controller
    assert secret in right

    async def manager(text: str) -> None:
        configuration.write_text(text)
        await console(site.product).command("manager reload")

    async def broken() -> None:
        try:
            await manager(right.replace(secret, "another-secret-0123456789"))
            await site.relay.cut()
            await site.seen()
            await site.told("Asterisk refused Login: Authentication failed")
        finally:
            await manager(right)
        await site.mended()
        site.relay.version = b"99.1.2"
        await site.cut()
        site.relay.heal()
        assert site.logged("ami_link_up")[-1]["version"] == "99.1.2"

    await while_calls_are_up(site, broken, longest_s=15.0)
    logs = Places(site.product.folder / "state").logs
    assert all(secret not in file.read_text(errors="replace") for file in logs.iterdir())


async def test_an_asterisk_that_restarts_under_the_link_is_found_again(site: Site) -> None:
    """Its calls end with it: they are closed with their orders, and the next call works."""
    placed = callers(2, next(_seeds), shortest_s=40, longest_s=41)
    async with Load(site.product.folder / "restart", site.product.sip, placed, 2.0):
        await site.client.until("both calls in conversation", lambda: _talking(site.client, placed))
        before = await uptime_s(site.product)
        await console(site.product).command("core restart now")
        outcomes = await every_call_has_its_order(site.product, placed, within_s=40)
    site.answered += len(placed)
    assert set(outcomes.values()) <= {"interrupted", "answered"}, outcomes
    async with asyncio.timeout(SEEN_WITHIN_S):
        while await uptime_s(site.product) >= before:
            await asyncio.sleep(0.1)
    await site.client.queue_until(lambda q: not q["stale"] and q["members"]["available"] == 2, 70)  # phones register again
    again = callers(1, next(_seeds), shortest_s=8.5, longest_s=9)
    async with Load(site.product.folder / "again", site.product.sip, again, 1.0) as load:
        assert await load.finished() == 0
        await every_call_ended_well(site, again)
    await all_tracks_done(site.product)
    await reconciled(site.product)


def _talking(client: HotlineClient, placed: list[Caller]) -> dict[str, object] | None:
    numbers = {c["caller_number"] for c in client.calls.values() if c["state"] == "talking"}
    return {} if numbers >= {c.number for c in placed} else None


async def uptime_s(product: RunningHotline) -> float:
    """For how long Asterisk has been running; infinite while it does not answer."""
    try:
        told = await console(product).command("core show uptime seconds")
    except Unavailable:
        return math.inf
    found = re.search(r"System uptime: (\d+)", told)
    return float(found[1]) if found else math.inf
