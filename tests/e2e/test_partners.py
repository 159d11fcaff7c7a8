"""Partners of a running product: a call they are told of while one of them hangs, and a task they file that every page shows."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from ivr.domain.delivery import signature
from tests.e2e.hotline import RunningHotline, running_hotline
from tests.e2e.journeys import arrival, state
from tests.fakes.partner_site import PartnerSite, partner_site

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
SECRET, OTHER = "r" * 40, "h" * 40


@dataclass
class Shared:
    """The product, its live view, a partner who listens and one who never answers."""

    running: RunningHotline
    client: HotlineClient
    well: PartnerSite
    hung: PartnerSite


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Shared]:
    async with partner_site(SECRET.encode(), time.time) as well, partner_site(OTHER.encode(), time.time, "hangs") as hung:
        partners = "\n".join(
            f'[[partners]]\nname = "{name}"\nsecret = "{secret}"\nurl = "{site.url}"\n'
            for name, secret, site in (("region", SECRET, well), ("hung", OTHER, hung))
        )
        settings = f"{partners}\n[delivery]\ntimeout_s = 60\nurgent_accept_minutes = 0.05\n"
        async with running_hotline(settings, environment={"COLUMNS": "200"}) as running, running.client() as client:
            yield Shared(running, client, well, hung)


async def test_calls_go_on_and_are_told_while_a_partner_hangs(shared: Shared) -> None:
    numbers = []
    for n in range(3):
        caller = f"1389660000{n}"
        async with shared.running.caller(caller) as phone:
            await phone.dial("12348")
            linked_id = await arrival(shared.client, caller)
            await state(shared.client, linked_id, "queued")
        await state(shared.client, linked_id, "ended")
        order = await shared.client.until(f"the order of {linked_id}", lambda wanted=linked_id: next(
            (o for o in shared.client.orders.values() if wanted in o["calls"]), None))
        numbers.append(order["number"])
    await shared.client.until("three events", lambda: {"": ""} if len(shared.well.taken) >= 3 else None)
    assert [told["order"]["number"] for told in shared.well.taken] == numbers and not shared.well.refused
    assert {told["event"] for told in shared.well.taken} == {"order.created"}
    assert 1 <= shared.hung.asked <= 4
    listed = await shared.running.cli("outbox", "list", "--partner", "hung")
    assert "发送中" in listed and numbers[0] in listed


async def test_an_urgent_task_is_an_order_and_an_alarm_that_grows_louder(shared: Shared) -> None:
    body = json.dumps({"reference": "NX-1", "title": "讨薪群体来访", "description": "二十余人", "urgent": True}, ensure_ascii=False).encode()
    moment = str(int(time.time()))
    headers = {
        "Content-Type": "application/json", "Ivr-Partner": "region", "Ivr-Time": moment, "Idempotency-Key": "NX-1",
        "Ivr-Signature": signature(SECRET.encode(), moment, "NX-1", body),
    }
    async with aiohttp.ClientSession(shared.running.url) as partner:
        async with partner.post("/api/v1/inbound/tasks", data=body, headers=headers) as response:
            filed = await response.json()
            assert response.status == 201, filed
    name = f"urgent-{filed['number']}"
    alarm = await shared.client.until("an alarm", lambda: shared.client.alarms.get(name))
    assert "讨薪群体来访" in alarm["text"] and "region" in alarm["text"]
    await shared.client.until("a louder one", lambda: (
        shared.client.alarms[name] if "无人接单" in shared.client.alarms[name]["text"] else None))
    order = await shared.client.until("the task's order", lambda: shared.client.orders.get(filed["number"]))
    assert order["channel"] == "import" and order["calls"] == []
    await shared.client.until("its event", lambda: next((t for t in shared.well.taken if t["order"]["reference"] == "NX-1"), None))
    assert filed["number"] in await shared.running.cli("search", "二十余人")
