"""Every reading endpoint, asked by every role about one confidential order of another town: nothing of it comes back to who may not read it."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import aiohttp
import pytest

from ivr.web.routes import ROUTES
from tests.fakes.web_world import add_track
from tests.integration.test_web_orders import NUMBER, SECRET, add_order, made, office
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(180)]
SAID = "他欠我的工钱三年没给"
CALL = f"c-{NUMBER}"
TELLING = (SECRET, SECRET[3:], "马建国", "秘密说明", SAID)
READING = [r.path for r in ROUTES if r.method == "GET" and r.path.startswith("/api/v1/") and r.path != "/api/v1/live"]


def asked(path: str) -> list[str]:
    """The addresses to try: the order's, its call's, and lists also by words that are in it."""
    named = {"number": NUMBER, "linked_id": CALL}
    address = re.sub(r"{(\w+)}", lambda m: named.get(m[1], "1"), path)
    lists = "{" not in path
    return [address, *(f"{address}?q={word}" for word in ("马建国", SECRET, "欠我的工钱") if lists)]


async def told(client: aiohttp.ClientSession) -> dict[str, str]:
    """{address: what was answered}; audio and files as they are."""
    answers = {}
    for path in READING:
        for address in asked(path):
            async with client.get(address) as response:
                assert response.status < 500, (address, await response.text())
                answers[address] = (await response.read()).decode(errors="replace")
    return answers


async def test_nobody_reads_another_towns_confidential_order_by_any_endpoint(web_database: WebDatabase) -> None:
    async with office(web_database) as (s, by), AsyncExitStack() as stack:
        address = await add_order(s, owner_work_number="7002")
        await s.pool.execute(
            "INSERT INTO work_order_field (order_id, field, ordinal, value, display, source)"
            " SELECT id, 'place', 0, '640105009-L09', '别的镇街', 'machine' FROM work_order WHERE number = $1", NUMBER,
        )
        await add_track(s.pool, CALL, "caller", "x.wav")
        await s.pool.execute(
            "INSERT INTO transcript_segment (track_id, ordinal, linked_id, speaker, start_s, end_s, text, confidence, words)"
            " SELECT id, 0, linked_id, 'caller', 1, 3, $2, 0.9, '[]' FROM recording_track WHERE linked_id = $1", CALL, SAID,
        )
        await made(by["chief"], address, move="conceal")
        await s.accounts.add_user("gu", roles=["adviser"], password=PASSWORD)
        by["gu"] = await stack.enter_async_context(s.browser("gu"))
        for name in ("desk", "seat", "zhao", "root", "books", "gu"):
            for where, text in (await told(by[name])).items():
                leaks = [word for word in TELLING if word in text]
                assert not leaks, f"{name} reads {leaks} at {where}: {text[:300]}"
        owners = await told(by["qian"])
        assert "马建国" in owners[address] and SECRET in owners[address], "the same questions do find it for whose order it is"
        assert SAID in (await told(by["chief"]))[f"/api/v1/calls/{CALL}"], "and its words for a supervisor"
