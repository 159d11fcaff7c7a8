"""Self-tests of village phones: spread over the night, few at once, and none while somebody needs the line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ivr.domain.device_test import REASONS, Finding, TestNights, found
from ivr.domain.echo_test import measure, tone
from ivr.domain.errors import IvrError
from ivr.ports.device_tests import TestLine, TestStore, WantedTest

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 2.0


class DeviceTester:
    """``quiet`` tells whether no caller waits or is served; ``seed`` gives each test a tone of its own.

    The nightly round pauses while it is not quiet. A test that was asked for by hand is made at once all the same; a phone's own
    call ends the test it is in, by the dialplan, whatever this process does.
    """

    def __init__(
        self, store: TestStore, line: TestLine, nights: TestNights, *, most_at_once: int, quiet: Callable[[], bool],
        seed: Callable[[], int], look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._store = store
        self._line = line
        self._nights = nights
        self._most_at_once = most_at_once
        self._quiet = quiet
        self._seed = seed
        self._look_every_s = look_every_s
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Ends only when cancelled, and ends the tests in hand with it."""
        async with asyncio.TaskGroup() as tests:
            while True:
                try:
                    await self.look(tests)
                except (IvrError, OSError, TimeoutError) as away:
                    log.warning("device_tests_wait", reason=str(away) or type(away).__name__)
                await asyncio.sleep(self._look_every_s)

    async def look(self, tests: asyncio.TaskGroup) -> int:
        """Plan what is due and begin what there is room for; how many began."""
        if given_up := await self._store.give_up():
            log.warning("device_tests_given_up", count=given_up)
        await self._store.plan(self._nights, await self._store.now())
        room = self._most_at_once - len(self._running)
        if room < 1:
            return 0
        taken = await self._store.take(room, by_hand_only=not self._quiet())
        for wanted in taken:
            task = tests.create_task(self._test(wanted), name=f"self-test {wanted.device}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(taken)

    async def _test(self, wanted: WantedTest) -> None:
        finding = Finding("unfinished", REASONS["unfinished"])
        sent = await asyncio.to_thread(tone, self._seed())
        try:
            call = await self._line.play(wanted.device, sent)
            finding = found(call, sent, await asyncio.to_thread(measure, sent, call.sound))
        except (IvrError, OSError, TimeoutError) as away:
            log.warning("device_test_failed", device=wanted.device, reason=str(away) or type(away).__name__)
        try:
            await self._store.finish(wanted.id, finding)
        except (IvrError, OSError, TimeoutError) as away:  # given up later, by whoever looks then
            log.warning("device_test_not_written", device=wanted.device, reason=str(away) or type(away).__name__)
            return
        log.info("device_tested", device=wanted.device, outcome=finding.outcome, by_hand=bool(wanted.asked_by))
