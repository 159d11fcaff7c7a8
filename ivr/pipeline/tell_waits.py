"""Keep Asterisk told how fast each queue moves, so that its dialplan can speak an expected wait without us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.expected_wait import seconds_per_place
from ivr.domain.queue import QueueBoard
from ivr.ports.waits import TalkTimes, WaitNotice

log = structlog.get_logger(__name__)

_EVERY_S = 10.0


class WaitTeller:
    """``board`` is the live view; ``usual_talk_s`` by queue counts until enough conversations are known."""

    def __init__(
        self, board: Callable[[], QueueBoard], talks: TalkTimes, notice: WaitNotice, usual_talk_s: Mapping[str, float], *,
        every_s: float = _EVERY_S, clock: Callable[[], float] = time.time,
    ) -> None:
        self._board = board
        self._talks = talks
        self._notice = notice
        self._usual_talk_s = usual_talk_s
        self._every_s = every_s
        self._clock = clock

    async def run(self) -> None:
        """Ends only when cancelled; while something is away nothing is told, and callers hear their place alone."""
        while True:
            try:
                await self.once()
            except (IvrError, TimeoutError, OSError) as away:
                log.warning("waits_not_told", reason=str(away) or type(away).__name__)
            await asyncio.sleep(self._every_s)

    async def once(self) -> None:
        """Tell every queue's pace now."""
        board = self._board()
        if not board.link_up:
            return
        for name, view in board.queues.items():
            talks = await self._talks.recent_talks_s(name)
            usual = self._usual_talk_s.get(name, max(self._usual_talk_s.values(), default=360.0))
            await self._notice.tell_wait(name, seconds_per_place(view.members.values(), talks, usual), self._clock())
