"""Carries the register of village phones into the exchange, and what the exchange knows of them back into the register."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import structlog

from ivr.domain.errors import IvrError
from ivr.pipeline.watch_registrations import RegistrationWatch
from ivr.ports.devices import DeviceExchange, DeviceLine, DeviceSight, DeviceStore

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_COMPARE_EVERY = 30
_ASK_EVERY_S = 5.0
_MOST_PAUSE_S = 30.0


class DeviceCarrier:
    """Looks every second: a device that was blocked is gone soon after. Twice a minute the file is compared all the same.

    Who may register is taken over first and old registrations and calls are ended then, so that no device comes back between.
    What is still to be ended is a row, so a controller that was killed half-way ends it when it is back.
    """

    def __init__(self, store: DeviceStore, exchange: DeviceExchange) -> None:
        self._store = store
        self._exchange = exchange
        self._carried: Sequence[DeviceLine] | None = None
        self._looks = 0

    async def run(self) -> None:
        """Ends only when cancelled; a database or an exchange that is away only delays it."""
        pause = _LOOK_EVERY_S
        while True:
            try:
                await self.once()
                pause = _LOOK_EVERY_S
            except (IvrError, OSError, TimeoutError) as away:
                self._carried = None
                log.warning("devices_wait", reason=str(away))
                pause = min(pause * 2, _MOST_PAUSE_S) * random.uniform(0.7, 1.0)
            await asyncio.sleep(pause)

    async def once(self) -> None:
        """One look; raises Unavailable when either side is away."""
        asked = await self._store.to_cut()  # read first: what is asked for later is not in these lines yet
        lines = await self._store.lines()
        self._looks += 1
        if lines != self._carried or self._looks % _COMPARE_EVERY == 0:
            if await self._exchange.take(lines):
                log.info("devices_carried", active=len(lines))
            self._carried = lines
        for device, request in asked.items():
            calls = await self._exchange.cut(device)
            await self._store.cut_done(device, request)
            log.info("device_cut", device=device, calls=calls)


class DeviceWatch:
    """Asks every few seconds who is registered. While nobody can be asked nothing is noted: what was last known ages visibly."""

    def __init__(self, sight: DeviceSight, store: DeviceStore, registrations: RegistrationWatch) -> None:
        self._sight = sight
        self._store = store
        self._registrations = registrations

    async def run(self) -> None:
        """Ends only when cancelled."""
        while True:
            try:
                contacts = await self._sight.contacts()
                changed = await self._store.saw(contacts)
                await self._registrations.see(contacts)
                if changed:
                    log.info("devices_changed", count=changed)
            except (IvrError, OSError, TimeoutError) as away:
                log.warning("device_watch_waits", reason=str(away))
            await asyncio.sleep(_ASK_EVERY_S * random.uniform(0.8, 1.2))
