"""Desks over HTTP: who may sit where, and that a seat's secret is told to nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ivr.storage.desk import PostgresCommands
from tests.integration.web_database import WebDatabase, web_database
from tests.integration.web_site import PASSWORD, Site, site

__all__ = ["web_database"]
pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]
SEAT, SEATS, STATE = "/api/v1/desk/seat", "/api/v1/desk/seats", "/api/v1/desk/state"


async def people(s: Site, **roles: str) -> None:
    for name, role in roles.items():
        await s.accounts.add_user(name, roles=[role], password=PASSWORD)


class Exchange:
    """A controller that does what is asked, and keeps it."""

    def __init__(self, s: Site) -> None:
        self.commands = PostgresCommands(s.pool)
        self.done: list[tuple[str, str, str]] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Exchange:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            command = await self.commands.take()
            if command is None:
                await asyncio.sleep(0.02)
                continue
            self.done.append((command.kind, command.seat, command.reason))
            await self.commands.settle(command, "")


async def test_a_seat_is_taken_kept_and_given_back(web_database: WebDatabase) -> None:
    async with site(web_database) as s, Exchange(s) as exchange:
        await people(s, wang="operator", li="operator")
        async with s.browser("wang") as wang, s.browser("li") as li:
            async with wang.post(SEAT, json={"seat": "east"}) as response:
                told: dict[str, Any] = await response.json()
                assert response.status == 200 and response.headers["Cache-Control"] == "no-store"
            assert told["secret"] == "secret-of-east" and told["user"] == "seat-east" and told["fresh"]
            assert told["websocket"] == "wss://127.0.0.1:8089/ws" and told["interface"] == "PJSIP/seat-east"
            assert exchange.done == [("pause", "east", "signed-in")]
            async with li.get(SEATS) as response:
                text = await response.text()
                listed = {one["seat"]: (one["holder"], one["mine"]) for one in (await response.json())["seats"]}
            assert listed == {"east": ("wang", False), "west": ("", False)} and "secret" not in text
            async with li.post(SEAT, json={"seat": "east"}) as response:
                assert response.status == 409 and "secret" not in await response.text()
            async with wang.post(SEAT, json={"seat": "west"}) as response:
                assert response.status == 409
            async with wang.put(SEAT) as response:
                assert response.status == 204
            async with li.put(SEAT) as response:
                assert response.status == 409 and (await response.json())["code"] == "seat_lost"
            for wish, done in (({"pause": "meal"}, ("pause", "east", "meal")), ({"pause": None}, ("resume", "east", ""))):
                async with wang.post(STATE, json=wish) as response:
                    assert response.status == 204 and exchange.done[-1] == done
            async with wang.post(STATE, json={"pause": "gone fishing"}) as response:
                assert response.status == 400
            async with li.post(STATE, json={"pause": None}) as response:
                assert response.status == 409
            async with wang.get(SEAT) as response:
                assert response.status == 200 and (await response.json())["seat"] == "east" and "secret" not in await response.text()
            async with wang.delete(SEAT) as response:
                assert response.status == 204 and exchange.done[-1] == ("pause", "east", "signed-out")
            async with wang.get(SEAT) as response:
                assert response.status == 404
            async with li.post(SEAT, json={"seat": "east"}) as response:
                assert response.status == 200
            async with li.delete("/api/v1/session") as response:
                assert response.status == 204
            assert exchange.done[-1] == ("pause", "east", "signed-out"), "who signs out leaves the seat"
        kept = await s.pool.fetch("SELECT action, detail::text FROM audit_event")
        assert "secret-of" not in str([tuple(row) for row in kept])
        assert await s.pool.fetchval("SELECT count(*) FROM seat_lease") == 0


async def test_without_a_controller_people_sit_down_and_pausing_says_that_it_did_not_happen(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, wang="operator")
        async with s.browser("wang") as wang:
            async with wang.post(SEAT, json={"seat": "east"}) as response:
                assert response.status == 200
            async with wang.post(SEAT, json={"seat": "east"}) as response:
                assert response.status == 200
            async with wang.post(STATE, json={"pause": "meal"}) as response:
                problem = await response.json()
                assert response.status == 503 and problem["code"] == "command_unanswered" and "not carried out" in problem["detail"]


@pytest.mark.parametrize(("role", "status"), [
    ("operator", 200), ("supervisor", 200), ("administrator", 403), ("dispatcher", 403), ("handler", 403), ("adviser", 403),
    ("auditor", 403),
])
async def test_desks_are_for_operators_and_supervisors(web_database: WebDatabase, role: str, status: int) -> None:
    async with site(web_database) as s:
        await people(s, somebody=role)
        async with s.browser("somebody") as person, person.get(SEATS) as response:
            assert response.status == status


async def test_machines_have_no_seat(web_database: WebDatabase) -> None:
    async with site(web_database) as s, s.machine("operator") as machine:
        async with machine.post(SEAT, json={"seat": "east"}) as response:
            assert response.status == 403 and "secret" not in await response.text()
        async with machine.get(SEATS) as response:
            assert response.status == 403


async def test_a_seat_that_is_no_page_is_not_there(web_database: WebDatabase) -> None:
    async with site(web_database) as s:
        await people(s, wang="operator")
        async with s.browser("wang") as wang, wang.post(SEAT, json={"seat": "desk-phone"}) as response:
            assert response.status == 404
