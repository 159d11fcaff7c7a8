"""Notices on a real PostgreSQL and a real gateway: to whom, what, and never at night."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import time as clock_time
from typing import TYPE_CHECKING

import pytest

from ivr.domain.delivery import RetryRules
from ivr.domain.notices import MOBILE, NoticeRules
from ivr.pipeline.deliver_events import EventDeliverer
from ivr.ports.partners import Partner
from ivr.settings_partners import NoticeSettings
from ivr.storage.alarms import PostgresAlarms
from ivr.storage.database import transaction
from ivr.storage.outbox import PostgresOutbox, record
from ivr.web.notices import GATEWAY, NoticePost
from ivr.web.webhooks import WebhookPost
from tests.fakes.partner_site import partner_site
from tests.integration.storage_world import World
from tests.integration.test_outbox import SECRET, until

if TYPE_CHECKING:
    from ivr.storage.database import Pool

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
RULES = NoticeRules(NoticeSettings().texts, clock_time(21), clock_time(8))


@asynccontextmanager
async def noticing(pool: Pool, url: str, quiet: Callable[[str], bool] = lambda _: False) -> AsyncIterator[None]:
    outbox = PostgresOutbox(pool)
    async with WebhookPost({GATEWAY: (url, SECRET)}, timeout_s=2) as post:
        deliverer = EventDeliverer(
            outbox, NoticePost(post, outbox, RULES), [Partner(GATEWAY, frozenset(RULES.texts), citizens=MOBILE)],
            RetryRules(0.05, 0.1, 100), PostgresAlarms(pool), attempt_s=2, look_every_s=0.02, quiet=quiet,
        )
        task = asyncio.create_task(deliverer.run())
        try:
            yield
        finally:
            assert not task.done()
            task.cancel()
            await asyncio.wait([task])


async def resolved(pool: Pool, n: int, **columns: object) -> str:
    """An order of a call, changed as given, then resolved."""
    await World(pool).call(n)
    number = str(await pool.fetchval("SELECT number FROM work_order ORDER BY id DESC LIMIT 1"))
    for column, value in columns.items():
        await pool.execute(f"UPDATE work_order SET {column} = $1 WHERE number = $2", value, number)
    async with transaction(pool) as connection:
        await record(connection, "order.resolved", number)
    return number


async def test_a_citizen_with_a_mobile_telephone_is_told_and_no_telephone_is_kept(pool: Pool) -> None:
    async with partner_site(SECRET, time.time) as gateway, noticing(pool, gateway.url):
        number = await resolved(pool, 1)
        await until(lambda: gateway.taken)
        (told,) = gateway.taken
        assert told["to"] == "13800000001" and told["text"] == RULES.text("order.resolved", number) and told["order"] == number
        assert set(told) == {"id", "event", "order", "to", "text"}
        for row in await pool.fetch("SELECT concat(e::text, d::text) FROM outbox e LEFT JOIN outbox_delivery d ON d.event_id = e.id"):
            assert "13800000001" not in row[0]


async def test_the_number_said_in_the_call_wins(pool: Pool) -> None:
    async with partner_site(SECRET, time.time) as gateway, noticing(pool, gateway.url):
        await World(pool).call(1)
        await pool.execute(
            "INSERT INTO work_order_field (order_id, field, value, display, source)"
            " SELECT id, 'callback_number', '13900000002', '139 0000 0002', 'human' FROM work_order"
        )
        async with transaction(pool) as connection:
            await record(connection, "order.resolved", await connection.fetchval("SELECT number FROM work_order"))
        await until(lambda: gateway.taken)
        assert gateway.taken[0]["to"] == "13900000002"


async def test_landlines_confidential_orders_and_events_without_a_text_are_told_to_nobody(pool: Pool) -> None:
    async with partner_site(SECRET, time.time) as gateway, noticing(pool, gateway.url):
        await resolved(pool, 1, caller_number="09516012348")
        await resolved(pool, 2, confidential=True)
        await resolved(pool, 3, caller_number="")
        last = await resolved(pool, 4)
        await until(lambda: gateway.taken)
        await until(lambda: pool.fetchval("SELECT bool_and(spread) FROM outbox"))
        assert [told["order"] for told in gateway.taken] == [last]
        assert await pool.fetchval("SELECT count(*) FROM outbox_delivery") == 1


async def test_at_night_nothing_goes_out_and_in_the_morning_what_is_still_fit_to_tell(pool: Pool) -> None:
    night = True
    async with partner_site(SECRET, time.time) as gateway, noticing(pool, gateway.url, lambda _: night):
        fit = await resolved(pool, 1)
        secret = await resolved(pool, 2)
        await until(lambda: pool.fetchval("SELECT count(*) = 2 FROM outbox_delivery WHERE state = 'waiting'"))
        await pool.execute("UPDATE work_order SET confidential = true WHERE number = $1", secret)
        assert gateway.asked == 0
        night = False
        await until(lambda: pool.fetchval("SELECT array_agg(state) = '{delivered}' FROM outbox_delivery"))
        assert [told["order"] for told in gateway.taken] == [fit]


async def test_a_gateway_that_errs_is_tried_again(pool: Pool) -> None:
    async with partner_site(SECRET, time.time, "errs") as gateway, noticing(pool, gateway.url):
        await resolved(pool, 1)
        await until(lambda: gateway.asked >= 2)
        gateway.behaviour = "takes"
        await until(lambda: pool.fetchval("SELECT array_agg(state) = '{delivered}' FROM outbox_delivery"))
