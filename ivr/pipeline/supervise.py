"""Supervisors on operators' calls: call their telephone, follow how long it lasts, and let the operator go after a take-over."""

from __future__ import annotations

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.events import BridgeEntered, ChannelEnded, LiveEvent, OriginateFinished
from ivr.pipeline.keep_requests import RequestKeeper
from ivr.ports.supervision import ListeningPost, Watch, WatchInbox, WatchMode, WatchRefused

log = structlog.get_logger(__name__)

_NOT_TALKING = "The seat talks with nobody now."
_IN_THE_BRIDGE: tuple[WatchMode, ...] = ("barge", "take_over")


class WatchKeeper(RequestKeeper[Watch]):
    """Calls supervisors' telephones, changes what they do, and follows them; see RequestKeeper."""

    def __init__(self, inbox: WatchInbox, post: ListeningPost, instance: str) -> None:
        super().__init__(inbox, "watches")
        self._inbox = inbox
        self._post = post
        self._prefix = f"{instance}-watch-"
        self._takes_over: dict[str, tuple[str, str]] = {}  # by the supervisor's channel: the operator's, and the call

    def _is_ours(self, unique_id: str) -> bool:
        return unique_id.startswith(self._prefix)

    async def _begin(self, asked: Watch) -> None:
        before = await self._inbox.current(asked.watcher, asked.id)
        try:
            found = await self._post.talking_channel(f"PJSIP/seat-{asked.seat}")
            if found is None:
                raise WatchRefused(_NOT_TALKING)
            watched, linked_id = found
            if before is not None:
                return await self._change(asked, before, watched, linked_id)
            channel_id = f"{self._prefix}{asked.id}"
            if asked.mode == "take_over":
                self._takes_over[channel_id] = watched, linked_id
            # Written down first: an answer that comes at once finds its row.
            await self._inbox.begun(asked.id, channel_id, linked_id)
            await self._post.ring(asked.phone, channel_id, asked.mode, watched)
            log.info("watch_begun", mode=asked.mode, seat=asked.seat, linked_id=linked_id, watcher=asked.watcher)
        except (IvrError, TimeoutError) as failed:
            log.warning("watch_not_begun", seat=asked.seat, reason=str(failed))
            if before is not None:
                await self._inbox.stays(before.id)
            await self._inbox.settle(asked.id, str(failed) or "Asterisk gave no answer in time")

    async def _change(self, asked: Watch, before: Watch, watched: str, linked_id: str) -> None:
        """The same telephone goes on in another mode; who is in the bridge with the citizen already only lets the operator go."""
        await self._inbox.begun(asked.id, before.channel_id, linked_id)
        if asked.mode == "take_over" and before.mode in _IN_THE_BRIDGE:
            await self._post.dismiss(watched, linked_id)
        else:
            if asked.mode == "take_over":
                self._takes_over[before.channel_id] = watched, linked_id
            await self._post.change(before.channel_id, asked.mode, watched)
        await self._inbox.settle(before.id, "")
        if asked.mode not in _IN_THE_BRIDGE or before.mode in _IN_THE_BRIDGE:
            await self._inbox.on(asked.id)
        log.info("watch_changed", mode=asked.mode, seat=asked.seat, linked_id=linked_id, watcher=asked.watcher)

    async def _apply(self, event: LiveEvent) -> None:
        match event:
            case OriginateFinished(unique_id=channel_id, answered=True):
                await self._tell_on([watch for watch in await self._of(channel_id) if watch.mode not in _IN_THE_BRIDGE])
            case BridgeEntered(unique_id=channel_id):
                if channel_id in self._takes_over:
                    await self._post.dismiss(*self._takes_over.pop(channel_id))
                await self._tell_on(await self._of(channel_id))
            case ChannelEnded(unique_id=channel_id):
                self._takes_over.pop(channel_id, None)
                for watch in await self._of(channel_id):
                    unanswered = watch.state == "calling" and watch.begun_at is None
                    await self._inbox.settle(watch.id, "Your telephone did not answer." if unanswered else "")

    async def _look(self) -> None:
        for watch in await self._inbox.unsettled():
            if watch.id in self._beginning or not watch.channel_id:
                continue
            if watch.state == "ending":
                await self._post.hang_up(watch.channel_id)
            if not await self._post.is_up(watch.channel_id):
                await self._inbox.settle(watch.id, "")

    async def _tell_on(self, watches: list[Watch]) -> None:
        for watch in watches:
            await self._inbox.on(watch.id)
