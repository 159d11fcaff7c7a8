"""A third side asked in over HTTP, on a real database: one at a time for each seat, audited, and what the controller says is shown."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import aiohttp
import asyncpg
import pytest

from ivr.domain.assignment import PeopleFile, Person
from ivr.storage.people import PostgresMediators, PostgresPeople
from ivr.storage.rooms import PostgresRooms
from tests.integration.test_web_desk import SEAT, Exchange, people
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
ROOM = "/api/v1/desk/room"
TWO = [{"who": "station", "title": "", "phone": ""}, {"who": "8002", "title": "李律师", "phone": ""}]


async def ask(client: aiohttp.ClientSession, method: str, status: int, body: Any = None) -> Any:
    async with client.request(method, ROOM, json=body) as response:
        told = await response.json() if response.status != 204 else {}
        assert response.status == status, (method, response.status, told)
        return told


async def test_a_third_side_is_asked_in_told_of_and_let_go(web_database: WebDatabase) -> None:
    async with site(web_database) as s, Exchange(s):
        await people(s, wang="operator", li="operator", guan="administrator")
        inbox = PostgresRooms(s.pool)
        async with s.browser("wang") as wang, s.browser("li") as li, s.browser("guan") as guan:
            await ask(guan, "GET", 403)
            assert await ask(wang, "GET", 200) == {"thirds": TWO, "last": None}
            assert (await ask(wang, "POST", 409, {"who": "station"}))["code"] == "seat_lost", "a call belongs to who sits there"
            for client, seat in ((wang, "east"), (li, "west")):
                async with client.post(SEAT, json={"seat": seat}) as response:
                    assert response.status == 200
            for wrong, status in (({"who": ""}, 400), ({"who": "station", "more": 1}, 400), ({"who": ["station"]}, 400), ({"who": "10086"}, 409)):
                await ask(wang, "POST", status, wrong)
            await ask(wang, "DELETE", 404)

            asked = await ask(wang, "POST", 201, {"who": "station"})
            assert (asked["state"], asked["problem"], asked["linked_id"]) == ("waiting", "", "") and "channel" not in str(asked)
            assert (await ask(wang, "POST", 409, {"who": "8002"}))["code"] == "room_refused"
            await ask(li, "DELETE", 404)
            taken = await inbox.take()
            assert taken is not None and (taken.seat, taken.who, await inbox.take()) == ("east", "station", None)
            await inbox.begun(taken.id, "t-room1-1.1", "t-1.1")
            assert [(one.id, one.channel_id) for one in await inbox.unsettled()] == [(taken.id, "t-room1-1.1")]
            last = (await ask(wang, "GET", 200))["last"]
            assert (last["state"], last["linked_id"], last["joined_at"]) == ("ringing", "t-1.1", None)
            assert (await ask(li, "GET", 200))["last"] is None
            await inbox.joined(taken.id)
            assert (await ask(wang, "GET", 200))["last"]["state"] == "joined"
            await ask(wang, "DELETE", 204)
            assert (await ask(wang, "GET", 200))["last"]["state"] == "ending"
            await inbox.settle(taken.id, "late")
            last = (await ask(wang, "GET", 200))["last"]
            assert (last["state"], last["problem"]) == ("over", "") and last["joined_at"], "let go, and not failed"

            await ask(wang, "POST", 201, {"who": "8002"})
            second = await inbox.take()
            assert second is not None
            await inbox.settle(second.id, "absent")
            assert (await ask(wang, "GET", 200))["last"]["problem"] == "absent"
            await ask(wang, "POST", 201, {"who": "8002"})
            await ask(wang, "DELETE", 204)
            assert await inbox.take() is None, "taken back before anybody began it"
        rows = await s.pool.fetch("SELECT actor, action, object FROM audit_event WHERE action LIKE 'room.%' ORDER BY id")
        assert [tuple(row) for row in rows] == [("wang", f"room.{act}", "east") for act in ("invited", "dismissed", "invited", "invited", "dismissed")]


async def test_mediators_are_who_the_office_lists_with_a_number_and_nobody_else(web_database: WebDatabase) -> None:
    async with site(web_database) as s, Exchange(s):
        await people(s, wang="operator")
        register, mediators = PostgresPeople(s.pool), PostgresMediators(s.pool)
        sun = Person("7003", "孙调解", "调解中心", mediator_phone="13909510003")
        await register.apply(PeopleFile((sun, Person("7004", "周律师", "司法所")), ()))
        async with s.browser("wang") as wang:
            assert (await ask(wang, "GET", 200))["thirds"] == [*TWO, {"who": "mediator:7003", "title": "孙调解（调解中心）", "phone": "13909510003"}]
            async with wang.post(SEAT, json={"seat": "east"}) as response:
                assert response.status == 200
            for nobody in ("mediator:7004", "mediator:13909510003", "13909510003", "7003", "mediator:"):
                assert (await ask(wang, "POST", 409, {"who": nobody}))["code"] == "room_refused"
            assert (await ask(wang, "POST", 201, {"who": "mediator:7003"}))["who"] == "mediator:7003"
            assert [await mediators.phone(who) for who in ("7003", "7004", "7009")] == ["13909510003", "", ""]
            # Who has left in between is not rung, though asked for, and is asked for no more.
            await register.apply(PeopleFile((replace(sun, enabled=False),), ()))
            assert await mediators.phone("7003") == "" and (await ask(wang, "GET", 200))["thirds"] == TWO
            await ask(wang, "DELETE", 204)
            await ask(wang, "POST", 409, {"who": "mediator:7003"})
        with pytest.raises(asyncpg.CheckViolationError):
            await s.pool.execute("UPDATE person SET mediator_phone = '10086' WHERE work_number = '7003'")


async def test_without_a_controller_the_page_is_told_and_may_ask_again(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, wang="operator")
        book = PostgresRooms(s.pool, within_s=0.2)
        first = await book.invite("east", "station", "wang")
        async with asyncio.timeout(20):
            while (await book.latest("east", "wang")).problem != "unanswered":  # type: ignore[union-attr]
                await asyncio.sleep(0.05)
        assert await book.take() is None, "what came too late is never begun"
        assert (await book.invite("east", "station", "wang")).id > first.id
