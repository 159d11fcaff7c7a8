"""A telephone that is gone while its operator talks is found by its silence, and its leg ended: the dialplan holds the citizen.

A page that is reloaded or killed, and a broken network, leave the leg up with nobody at its end. That the registration went proves
nothing: a page whose socket is made anew talks on. So it is a reason to look, and what counts is whether sound still comes. With
the controller dead Asterisk itself finds out later (a session refresh, RTP that stays away), and the dialplan does the same.
"""

from __future__ import annotations

import asyncio

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.events import ContactLost, ExchangeSnapshot, LiveEvent
from ivr.ports.desk import SeatLegs

log = structlog.get_logger(__name__)

_TALKING = (2, 3, 8)  # app_queue's states of a telephone in use


class LostSeatWatch:
    """``see`` takes live events in order and never waits; ``interfaces`` are the seats that are pages.

    A leg is lost when no packet came for ``silent_s`` within ``look_s`` of the suspicion: a telephone sends some fifty each second,
    also on hold and muted.
    """

    def __init__(
        self, interfaces: frozenset[str], legs: SeatLegs, *, silent_s: float = 2.0, look_s: float = 8.0, every_s: float = 0.5
    ) -> None:
        self._interfaces = interfaces
        self._legs = legs
        self._silent_s, self._look_s, self._every_s = silent_s, look_s, every_s
        self._suspected: set[str] = set()
        self._suspects: asyncio.Queue[str] = asyncio.Queue(max(1, len(interfaces)))

    def see(self, event: LiveEvent) -> None:
        """Take one live event."""
        match event:
            case ContactLost(endpoint):
                self.suspect(f"PJSIP/{endpoint}")
            case ExchangeSnapshot():
                # What happened while nobody looked.
                for interface in {m.interface for q in event.queues for m in q.members if m.device in _TALKING}:
                    self.suspect(interface)

    def suspect(self, interface: str) -> None:
        """This seat's telephone may be gone; one that is looked at already, or is no page, is left alone."""
        if interface in self._interfaces and interface not in self._suspected:
            self._suspected.add(interface)
            self._suspects.put_nowait(interface)

    async def run(self) -> None:
        """Ends only when cancelled; as many are looked at at once as there are seats."""
        async with asyncio.TaskGroup() as looks:
            while True:
                interface = await self._suspects.get()
                looks.create_task(self._look(interface), name=interface)

    async def _look(self, interface: str) -> None:
        try:
            for channel in await self._legs.legs_of(interface):
                if await self._is_silent(channel):
                    await self._legs.end_lost(channel)
                    log.warning("seat_leg_lost", interface=interface, channel=channel)
        except (IvrError, TimeoutError) as failed:
            log.warning("seat_not_looked_at", interface=interface, reason=str(failed))
        finally:
            self._suspected.discard(interface)

    async def _is_silent(self, channel: str) -> bool:
        loop = asyncio.get_running_loop()
        began = heard_at = loop.time()
        heard: int | None = -1
        while loop.time() - began < self._look_s:
            now = await self._legs.packets_heard(channel)
            if now is None:
                return False
            if now != heard:
                heard, heard_at = now, loop.time()
            elif loop.time() - heard_at >= self._silent_s:
                return True
            await asyncio.sleep(self._every_s)
        return False
