"""From Asterisk's own event to the pop on an operator's screen, with a real caller, a real desk in Chromium, and forty-nine other streams.

A caller of the whole product is put through to a seat that is a page. The event is CHAN_START of the seat's leg as Asterisk's ledger has it;
the pop is there when the caller's number and the button that answers stand on the screen, two frames after they entered the document;
the seat's own state, which is Asterisk's and comes back by the live stream, follows. Both clocks are the machine's one. Nobody answers: the caller hangs up, and the next one calls.

The peer is what is written first: a page in the same browser that asks the REST interface each second for the queue and the calls, and
writes down the caller when the seat rings. It is told of the same events by the same server, in turns with the desk.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from playwright.async_api import Page

from tests.bench.figure import Figure, absolute, compared, quick
from tests.e2e.desk import DeskHotline, desk_browser, desk_hotline, operator_signs_in, sits_down, state
from tests.e2e.journeys import arrival
from tests.e2e.journeys import state as call_state

_STREAMS = 49
_WITHIN_S = 30.0
_SEAT = "PJSIP/seat-web"

# A desk is a page people look at: what is in the document is on the screen with the next frame but one.
_WATCH = """() => {
  window.pops = {}
  window.states = {}
  const painted = (marks, number) => {
    if (number in marks) return
    marks[number] = 0
    requestAnimationFrame(() => requestAnimationFrame(() => { marks[number] = performance.timeOrigin + performance.now() }))
  }
  const look = () => {
    const number = document.querySelector('[data-testid=pop-number]')?.textContent?.trim()
    const answer = document.querySelector('[data-testid=answer]')
    if (!number || !answer || answer.disabled) return
    painted(window.pops, number)
    if (document.querySelector('[data-testid=desk-state]')?.dataset.state === 'ringing') painted(window.states, number)
  }
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })
}"""

_POLL = """(seat) => {
  window.pops = {}
  const shown = document.body.appendChild(document.createElement('p'))
  const ask = async (path) => (await fetch('/api/v1/' + path, { credentials: 'same-origin' })).json()
  window.polling = setInterval(async () => {
    const { queues } = await ask('queues')
    if (!queues.some((q) => q.member_list.some((m) => m.interface === seat && m.state === 'ringing'))) return
    const { calls } = await ask('calls?state=queued&limit=5')
    for (const call of calls) {
      const number = call.caller_number
      if (number in window.pops) continue
      window.pops[number] = 0
      shown.textContent = number
      requestAnimationFrame(() => requestAnimationFrame(() => { window.pops[number] = performance.timeOrigin + performance.now() }))
    }
  }, 1000)
}"""


def measure(full: bool = False) -> list[Figure]:
    """How late the pop is, against a page that polls."""
    return asyncio.run(_measure(full))


async def _measure(full: bool) -> list[Figure]:
    rounds, calls = (1, 2) if quick() else (6 if full else 4, 10)
    async with desk_hotline() as office, _streams(office), desk_browser(office) as page:
        await operator_signs_in(office, page, "bench")
        await sits_down(page)
        await page.get_by_test_id("desk-ready").click()
        await state(page, "available")
        await page.evaluate(_WATCH)
        peer = await page.context.new_page()
        await peer.goto(office.page_url + "/account")
        bench = _Bench(office, {"desk": page, "poll": peer})
        await bench.look_at("desk")
        await bench.one("desk")  # the first pop loads what the page needs for every other
        for late in bench.late.values():
            late.clear()
        for turn in range(rounds):
            for arm in ("desk", "poll") if turn % 2 == 0 else ("poll", "desk"):
                await bench.look_at(arm)
                if arm == "poll":
                    await peer.evaluate(_POLL, _SEAT)
                for _ in range(calls):
                    await bench.one(arm)
                if arm == "poll":
                    await peer.evaluate("clearInterval(window.polling)")
        return bench.figures(calls)


class _Bench:
    """Calls one after the other, each measured on one of the two pages. ``late`` holds milliseconds by arm."""

    def __init__(self, office: DeskHotline, pages: dict[str, Page]) -> None:
        self._office = office
        self._pages = pages
        self._next = 13896_720_001
        self.late: dict[str, list[float]] = {"desk": [], "poll": [], "state": []}

    async def look_at(self, arm: str) -> None:
        """The page an arm is about is the one in front: Chromium draws no other at its full rate."""
        await self._pages[arm].bring_to_front()

    async def one(self, arm: str) -> None:
        """One caller put through, shown, and gone."""
        number = str(self._next)
        self._next += 1
        async with self._office.client() as client, self._office.caller(number) as caller:
            await caller.dial("12348")
            linked_id = await arrival(client, number)
            await caller.wait_for("CALL_ESTABLISHED")
            await caller.press("0")
            shown = {arm: await self._shown(self._pages[arm], "pops", number)}
            if arm == "desk":
                shown["state"] = await self._shown(self._pages[arm], "states", number)
            began = await asyncio.to_thread(_seat_leg_began, self._ledger, linked_id)
            for what, at in shown.items():
                self.late[what].append(at - 1000 * began)
            await caller.hang_up()
            await call_state(client, linked_id, "ended")
        await state(self._pages["desk"], "available", 30)

    @property
    def _ledger(self) -> Path:
        return next((self._office.folder / "state").rglob("cel-custom/ledger.csv"))

    async def _shown(self, page: Page, what: str, number: str) -> float:
        looked_for = "([what, number]) => window[what][number] || null"
        handle = await page.wait_for_function(looked_for, arg=[what, number], timeout=_WITHIN_S * 1000)
        return float(await handle.json_value())

    def figures(self, calls: int) -> list[Figure]:
        """The slowest twentieth and the median, and both against the polling page by rounds."""
        ours, theirs = self.late["desk"], self.late["poll"]
        told = f"{len(ours)} pops beside {_STREAMS} streams; p50 {statistics.median(ours):.0f} ms, slowest {max(ours):.0f} ms"
        states = self.late["state"]
        pairs = [
            (statistics.median(ours[at : at + calls]), statistics.median(theirs[at : at + calls])) for at in range(0, len(ours), calls)
        ]
        return [
            absolute("desk", "seat rings → pop on screen, p95", "ms", _p95(ours), at_most=300.0, remark=told),
            absolute("desk", "seat rings → its state on screen too, p95", "ms", _p95(states), at_most=300.0,
                     remark=f"p50 {statistics.median(states):.0f} ms: the telephone says that it rings, and Asterisk tells everybody"),
            compared("desk", "median pop against a page that polls each second", "ms", pairs, better="less",
                     remark=f"the peer's p95 is {_p95(theirs):.0f} ms"),
        ]  # fmt: skip


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


def _seat_leg_began(ledger: Path, linked_id: str) -> float:
    """Unix time at which Asterisk made the seat's leg of this call, by its own ledger."""
    with ledger.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            if row[0] == "CHAN_START" and row[4] == linked_id and row[6].startswith(f"{_SEAT}-"):
                return float(row[3])
    raise RuntimeError(f"the ledger has no leg of {_SEAT} for {linked_id}")


@asynccontextmanager
async def _streams(office: DeskHotline) -> AsyncIterator[None]:
    """Other dashboards on the live stream, each reading all it is sent."""
    headers = {"Authorization": f"Bearer {office.token}"}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=office.authority or True), headers=headers, timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        begun = [asyncio.get_running_loop().create_future() for _ in range(_STREAMS)]
        reading = [asyncio.create_task(_read(session, f"{office.url}/api/v1/live", first)) for first in begun]
        try:
            async with asyncio.timeout(_WITHIN_S):
                await asyncio.gather(*begun)
            yield
            if any(task.done() for task in reading):
                raise RuntimeError("a stream ended before the bench did")
        finally:
            for task in reading:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*reading, return_exceptions=True)


async def _read(session: aiohttp.ClientSession, address: str, begun: asyncio.Future[Any]) -> None:
    async with session.get(address) as answer:
        answer.raise_for_status()
        async for _ in answer.content.iter_any():
            if not begun.done():
                begun.set_result(None)
