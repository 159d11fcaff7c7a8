"""Supervisors in end-to-end tests: people with a session who ask over HTTP, and what a line left where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from ivr.demo.phone import ScriptedPhone
from tests.e2e.hotline import RunningHotline
from tests.e2e.listening import share_heard


class Person:
    """Somebody signed in, as their browser asks."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> dict[str, Any]:
        """One request under /api/v1 that is answered by this status; the body of the answer."""
        async with self.session.request(method, f"/api/v1/{path}", json=body) as answer:
            told = await answer.read()
            assert answer.status == status, (method, path, answer.status, told.decode())
            found: dict[str, Any] = await answer.json() if told else {}
            return found

    async def watch(self, mode: str, reason: str, *, seat: str = "one", phone: str = "three") -> dict[str, Any]:
        """On the seat's call in this mode, by a desk phone that answers."""
        asked = await self.ask("POST", "supervision/watches", {"seat": seat, "mode": mode, "reason": reason, "phone": phone}, status=201)
        return await self.watched(asked["id"], "on")

    async def watched(self, number: int, state: str, within_s: float = 20) -> dict[str, Any]:
        """The watch once it is in this state."""
        async with asyncio.timeout(within_s):
            while True:
                told = await self.ask("GET", "supervision")
                for one in (*told["watches"], *told["over"]):
                    if one["id"] == number and one["state"] == state:
                        return dict(one)
                await asyncio.sleep(0.1)


@asynccontextmanager
async def person(hotline: RunningHotline, name: str, role: str) -> AsyncIterator[Person]:
    """A new account with this role, signed in by a login link."""
    await hotline.cli("user", "add", name, "--role", role, "--display-name", name)
    ticket = (await hotline.cli("user", "login-link", name)).strip().rpartition("ticket=")[2]
    async with aiohttp.ClientSession(
        hotline.url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": hotline.url}
    ) as session:
        async with session.post("/api/v1/session", json={"ticket": ticket}) as answer:
            assert answer.status == 200, await answer.text()
        yield Person(session)


def ear(phone: ScriptedPhone) -> list[Path]:
    """What this phone heard."""
    return [file for file in phone.heard() if "dec" in file.name]


def most_heard(phone: ScriptedPhone, line: tuple[Path, float]) -> float:
    """The greatest share of a line in what a phone heard."""
    return max((share_heard(file, *line) for file in ear(phone)), default=0.0)


async def speaks(phone: ScriptedPhone, line: tuple[Path, float]) -> None:
    """Say a line to its end."""
    await phone.say(line[0])
    await asyncio.sleep(line[1] + 0.5)


async def hears(phone: ScriptedPhone, line: tuple[Path, float], within_s: float = 30, at_least: float = 0.6) -> None:
    """Until the phone has heard this share of a line."""
    async with asyncio.timeout(within_s):
        while await asyncio.to_thread(most_heard, phone, line) < at_least:
            await asyncio.sleep(0.5)
