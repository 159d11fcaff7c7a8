"""Keep operators' seats: wrap-ups, seats that do not answer, seats whose page is gone, and what operators ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ivr.domain.errors import IvrError, Unavailable
from ivr.domain.events import LiveEvent
from ivr.domain.seat_state import LOST, PauseSeat, SeatAct, SeatRules
from ivr.ports.desk import CommandInbox, SeatControl, SeatLeases

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 0.2
_EXPIRE_EVERY_S = 2.0
_MOST_ACTS = 1000


class SeatKeeper:
    """Acts on live events by itself. ``see`` takes them in order; needs no database, so wrap-ups go on without one."""

    def __init__(self, rules: SeatRules, control: SeatControl) -> None:
        self._rules = rules
        self._control = control
        self._acts: asyncio.Queue[SeatAct] = asyncio.Queue(_MOST_ACTS)

    def see(self, event: LiveEvent) -> None:
        """Take one live event; never waits."""
        self._take(self._rules.apply(event, asyncio.get_running_loop().time()))

    def _take(self, acts: list[SeatAct]) -> None:
        for act in acts:
            try:
                self._acts.put_nowait(act)
            except asyncio.QueueFull:
                log.warning("seat_act_dropped", act=str(act))

    async def run(self) -> None:
        """Ends only when cancelled."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    act = await self._acts.get()
            except TimeoutError:
                self._take(self._rules.due(asyncio.get_running_loop().time()))
                continue
            pausing = isinstance(act, PauseSeat)
            try:
                await self._control.pause_seat(act.interface, pausing, act.reason if isinstance(act, PauseSeat) else "")
            except (IvrError, TimeoutError) as failed:
                log.warning("seat_not_kept", interface=act.interface, pause=pausing, reason=str(failed))


class CommandCarrier:
    """Carries out what pages ask for, one after the other, and pauses seats whose page is gone."""

    def __init__(self, inbox: CommandInbox, leases: SeatLeases, control: SeatControl, page_gone: Callable[[str], None]) -> None:
        self._inbox = inbox
        self._leases = leases
        self._control = control
        self._page_gone = page_gone

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        expired_at = float("-inf")
        while True:
            try:
                while await self._one():
                    pass
                now = asyncio.get_running_loop().time()
                if now - expired_at >= _EXPIRE_EVERY_S:
                    expired_at = now
                    await self._expire()
            except Unavailable as away:
                log.warning("commands_wait", reason=str(away))
            await self._inbox.wait_hint(1.0)

    async def _one(self) -> bool:
        command = await self._inbox.take()
        if command is None:
            return False
        problem = ""
        try:
            await self._control.pause_seat(f"PJSIP/seat-{command.seat}", command.kind == "pause", command.reason)
        except (IvrError, TimeoutError) as failed:
            problem = str(failed) or "Asterisk gave no answer in time"
        log.info("command_carried_out", kind=command.kind, seat=command.seat, reason=command.reason, problem=problem)
        await self._inbox.settle(command, problem)
        return True

    async def _expire(self) -> None:
        for seat in await self._leases.expire():
            log.warning("seat_lost", seat=seat)
            self._page_gone(f"PJSIP/seat-{seat}")
            try:
                await self._control.pause_seat(f"PJSIP/seat-{seat}", True, LOST)
            except (IvrError, TimeoutError) as failed:
                log.warning("seat_not_kept", interface=f"PJSIP/seat-{seat}", pause=True, reason=str(failed))
