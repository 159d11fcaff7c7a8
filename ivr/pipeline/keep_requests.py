"""What people ask of calls that go on: taken up in its order, then followed by live events, and by asking Asterisk each second."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from ivr.domain.errors import IvrError, Unavailable
from ivr.domain.events import BridgeEntered, ChannelEnded, LiveEvent, OriginateFinished

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_MOST_EVENTS = 1000


class OfAChannel(Protocol):
    """A request with a telephone of its own; ``channel_id`` is '' until that is rung."""

    @property
    def id(self) -> int: ...

    @property
    def channel_id(self) -> str: ...


Asked = TypeVar("Asked", bound=OfAChannel)
_Asked = TypeVar("_Asked", bound=OfAChannel, covariant=True)


class Inbox(Protocol[_Asked]):
    """The controller's end of such requests."""

    async def wait_hint(self, timeout_s: float) -> bool: ...

    async def take(self) -> _Asked | None: ...

    async def unsettled(self) -> Sequence[_Asked]: ...


class RequestKeeper(ABC, Generic[Asked]):
    """Two tasks in one: what is asked for, and what becomes of it. Events only make it faster.

    What they do not tell (a lost link, a controller started again) is asked each second. ``what`` names the requests in the log.
    """

    def __init__(self, requests: Inbox[Asked], what: str) -> None:
        self._requests = requests
        self._what = what
        self._events: asyncio.Queue[LiveEvent] = asyncio.Queue(_MOST_EVENTS)
        self._beginning: set[int] = set()

    def see(self, event: LiveEvent) -> None:
        """Take one live event; never waits."""
        if isinstance(event, (OriginateFinished, ChannelEnded, BridgeEntered)) and self._is_ours(event.unique_id):
            try:
                self._events.put_nowait(event)
            except asyncio.QueueFull:
                log.warning("request_event_dropped", what=self._what, unique_id=event.unique_id)

    async def run(self) -> None:
        """Ends only when cancelled; a database that is away only delays it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take())
            tasks.create_task(self._follow())

    @abstractmethod
    def _is_ours(self, unique_id: str) -> bool:
        """Whether a channel is of such a request."""

    @abstractmethod
    async def _begin(self, asked: Asked) -> None:
        """Ring, and settle what cannot be begun. Raises Unavailable when the database is away."""

    @abstractmethod
    async def _apply(self, event: LiveEvent) -> None:
        """An event of one of our channels."""

    @abstractmethod
    async def _look(self) -> None:
        """Ask Asterisk of all that are unsettled; those in ``_beginning`` are not to be touched."""

    async def _of(self, channel_id: str) -> list[Asked]:
        return [asked for asked in await self._requests.unsettled() if asked.channel_id == channel_id]

    async def _take(self) -> None:
        while True:
            try:
                while (asked := await self._requests.take()) is not None:
                    self._beginning.add(asked.id)
                    try:
                        await self._begin(asked)
                    finally:
                        self._beginning.discard(asked.id)
            except Unavailable as away:
                log.warning("requests_wait", what=self._what, reason=str(away))
            await self._requests.wait_hint(1.0)

    async def _follow(self) -> None:
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    event = await self._events.get()
            except TimeoutError:
                event = None
            try:
                await (self._look() if event is None else self._apply(event))
            except (IvrError, OSError, TimeoutError) as failed:
                log.warning("requests_not_followed", what=self._what, reason=str(failed))
