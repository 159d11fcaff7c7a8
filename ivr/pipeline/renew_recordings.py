"""A recording is renewed whenever somebody new is heard by a citizen, one call at a time after another."""

from __future__ import annotations

import asyncio

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.events import LiveEvent
from ivr.domain.new_voices import NewVoices
from ivr.ports.recorder import Recorder

log = structlog.get_logger(__name__)

_MOST_WAITING = 1000
_WITHIN_S = 15.0


class RecordingRenewer:
    """``see`` takes live events in order and never waits; ``run`` renews. Joining is rare, so one at a time is enough."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._voices = NewVoices()
        self._calls: asyncio.Queue[str] = asyncio.Queue(_MOST_WAITING)

    def see(self, event: LiveEvent) -> None:
        """Take one live event."""
        for linked_id in self._voices.apply(event):
            try:
                self._calls.put_nowait(linked_id)
            except asyncio.QueueFull:
                log.warning("recording_not_renewed", linked_id=linked_id, reason="too many wait")

    async def run(self) -> None:
        """Ends only when cancelled; a renewal that fails leaves the recording as it is, and is told."""
        while True:
            linked_id = await self._calls.get()
            try:
                async with asyncio.timeout(_WITHIN_S):
                    await self._recorder.renew(linked_id)
            except (IvrError, OSError, TimeoutError, ValueError) as failed:
                log.warning("recording_not_renewed", linked_id=linked_id, reason=str(failed))
            else:
                log.info("recording_renewed", linked_id=linked_id)
