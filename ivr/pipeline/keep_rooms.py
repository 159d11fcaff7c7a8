"""Third sides of villages' calls: ring whom the lawyer asks for, follow what becomes of it. Joining them is the dialplan's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from ivr.domain.errors import IvrError, Unavailable
from ivr.domain.events import BridgeEntered, ChannelEnded, LiveEvent, OriginateFinished
from ivr.domain.video_room import RoomProblem, channel_id, is_invitation, why_ended
from ivr.ports.rooms import Invitation, NobodyToAsk, RoomDoor, RoomInbox

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_MOST_EVENTS = 1000


class RoomKeeper:
    """Two tasks in one, like ivr.pipeline.supervise.WatchKeeper: events make it prompt, what was missed is asked each second."""

    def __init__(self, inbox: RoomInbox, door: RoomDoor, instance: str, now: Callable[[], float] = time.time) -> None:
        self._inbox = inbox
        self._door = door
        self._instance = instance
        self._now = now
        self._events: asyncio.Queue[LiveEvent] = asyncio.Queue(_MOST_EVENTS)
        self._answered: set[str] = set()
        self._beginning: set[int] = set()

    def see(self, event: LiveEvent) -> None:
        """Take one live event; never waits."""
        if isinstance(event, (OriginateFinished, ChannelEnded, BridgeEntered)) and is_invitation(event.unique_id):
            try:
                self._events.put_nowait(event)
            except asyncio.QueueFull:
                log.warning("room_event_dropped", unique_id=event.unique_id)

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take())
            tasks.create_task(self._follow())

    async def _take(self) -> None:
        while True:
            try:
                while (asked := await self._inbox.take()) is not None:
                    self._beginning.add(asked.id)
                    try:
                        await self._begin(asked)
                    finally:
                        self._beginning.discard(asked.id)
            except Unavailable as away:
                log.warning("rooms_wait", reason=str(away))
            await self._inbox.wait_hint(1.0)

    async def _begin(self, asked: Invitation) -> None:
        problem: RoomProblem = "failed"
        try:
            guest = await self._door.find(asked.seat, asked.who)
            third = channel_id(self._instance, asked.id, int(self._now()))
            # Written down first: an answer that comes at once finds its row.
            await self._inbox.begun(asked.id, third, guest.linked_id)
            await self._door.ring(guest, third)
            log.info("room_asked", seat=asked.seat, who=asked.who, linked_id=guest.linked_id)
            return
        except NobodyToAsk as nobody:
            problem = nobody.problem
        except (IvrError, TimeoutError) as failed:
            log.warning("room_not_asked", seat=asked.seat, reason=str(failed))
        await self._inbox.settle(asked.id, problem)

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    event = await self._events.get()
            except TimeoutError:
                event = None
            try:
                await (self._look() if event is None else self._apply(event))
            except (IvrError, TimeoutError) as failed:
                log.warning("rooms_not_followed", reason=str(failed))

    async def _apply(self, event: LiveEvent) -> None:
        match event:
            case OriginateFinished(unique_id=third, answered=True):
                self._answered.add(third)
            case BridgeEntered(unique_id=third):
                for asked in await self._of(third):
                    await self._inbox.joined(asked.id)
                    log.info("room_joined", seat=asked.seat, linked_id=asked.linked_id)
            case ChannelEnded(unique_id=third, cause=cause):
                problem = why_ended(cause, answered=third in self._answered)
                self._answered.discard(third)
                for asked in await self._of(third):
                    await self._inbox.settle(asked.id, problem)

    async def _look(self) -> None:
        for asked in await self._inbox.unsettled():
            if asked.id in self._beginning or not asked.channel_id:
                continue
            over = asked.state == "ringing" and not await self._door.is_up(asked.linked_id)
            if over or asked.state == "ending":
                await self._door.hang_up(asked.channel_id)
            if not await self._door.is_up(asked.channel_id):
                await self._inbox.settle(asked.id, "gone" if over else "late")

    async def _of(self, third: str) -> list[Invitation]:
        return [asked for asked in await self._inbox.unsettled() if asked.channel_id == third]
