"""Third sides of villages' calls: ring whom the lawyer asks for, follow what becomes of it. Joining them is the dialplan's."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.events import BridgeEntered, ChannelEnded, LiveEvent, OriginateFinished
from ivr.domain.room_film import FilmProblem, FilmState
from ivr.domain.video_room import RoomProblem, channel_id, is_invitation, why_ended
from ivr.pipeline.keep_requests import RequestKeeper
from ivr.ports.rooms import Guest, Invitation, NobodyToAsk, RoomDoor, RoomInbox

log = structlog.get_logger(__name__)

_LOOKS_FOR_FILM = 15


class RoomKeeper(RequestKeeper[Invitation]):
    """Rings who is asked into a village's call, and follows them and the room's picture; see RequestKeeper."""

    def __init__(
        self, inbox: RoomInbox, door: RoomDoor, instance: str, now: Callable[[], float] = time.time,
        disk: Callable[[], Awaitable[FilmProblem]] | None = None,
    ) -> None:
        super().__init__(inbox, "rooms")
        self._inbox = inbox
        self._door = door
        self._instance = instance
        self._now = now
        self._answered: set[str] = set()
        self._disk = disk
        self._unfilmed: dict[int, int] = {}

    def _is_ours(self, unique_id: str) -> bool:
        return is_invitation(unique_id)

    async def _begin(self, asked: Invitation) -> None:
        problem: RoomProblem = "failed"
        try:
            guest = await self._filmed_or_not(await self._door.find(asked.seat, asked.who))
            third = channel_id(self._instance, asked.id, int(self._now()))
            # Written down first: an answer that comes at once finds its row.
            film: FilmState = "asked" if guest.film else "none" if guest.film_problem else ""
            await self._inbox.begun(asked.id, third, guest.linked_id, film, guest.film_problem)
            await self._door.ring(guest, third)
            log.info("room_asked", seat=asked.seat, who=asked.who, linked_id=guest.linked_id)
            return
        except NobodyToAsk as nobody:
            problem = nobody.problem
        except (IvrError, TimeoutError) as failed:
            log.warning("room_not_asked", seat=asked.seat, reason=str(failed))
        await self._inbox.settle(asked.id, problem)

    async def _filmed_or_not(self, guest: Guest) -> Guest:
        """Whether the disk takes another film; a disk that does not answer takes none, and somebody is asked in all the same."""
        if not guest.film or self._disk is None:
            return replace(guest, film="")
        try:
            problem = await self._disk()
        except OSError as away:
            log.warning("film_disk", reason=str(away))
            problem = "no_space"
        return replace(guest, film="", film_problem=problem) if problem else guest

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
            if asked.film in ("asked", "on", "stopping"):
                await self._look_at_film(asked)
            if asked.state == "over":
                continue
            over = asked.state == "ringing" and not await self._door.is_up(asked.linked_id)
            if over or asked.state == "ending":
                await self._door.hang_up(asked.channel_id)
            if not await self._door.is_up(asked.channel_id):
                await self._inbox.settle(asked.id, "gone" if over else "late")

    async def _look_at_film(self, asked: Invitation) -> None:
        """Stop what is to stop; a recording that never began, or ended with its room, is told once.

        While a further third rings the room may be on record already: that is told and stopped as well.
        """
        films = await self._door.films(asked.linked_id)
        if not films and asked.film == "asked" and asked.joined_at is None:
            return
        if not films:
            looks = self._unfilmed[asked.id] = self._unfilmed.get(asked.id, 0) + 1
            if asked.film != "asked" or looks >= _LOOKS_FOR_FILM:
                del self._unfilmed[asked.id]
                await self._inbox.filmed(asked.id, "over", "failed" if asked.film == "asked" else "")
            return
        self._unfilmed.pop(asked.id, None)
        problem = await self._disk() if self._disk is not None and asked.film != "stopping" else ""
        if asked.film == "stopping" or problem:
            await self._door.stop_film(asked.linked_id)
            if problem:
                log.warning("film_stopped", linked_id=asked.linked_id, problem=problem)
                await self._inbox.filmed(asked.id, "over", problem)
        elif asked.film == "asked":
            await self._inbox.filmed(asked.id, "on")
