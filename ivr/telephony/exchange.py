"""The running Asterisk as the pipeline sees it: live events and the few commands the controller may give."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ivr.domain.events import LiveEvent
from ivr.telephony.ami import AmiClient

_DIRECTION = {"caller": "read", "operator": "write"}


class AsteriskExchange:
    """ivr.ports.pipeline.Exchange over one AMI link."""

    def __init__(self, client: AmiClient) -> None:
        self._client = client

    def events(self) -> AsyncIterator[LiveEvent]:
        """Live events in order."""
        return self._client.events()

    async def mute_recording(self, channel: str, track: str, muted: bool) -> None:
        """AMI MixMonitorMute: silence is recorded instead, so the tracks keep one clock."""
        await self._client.request(
            "MixMonitorMute", Channel=channel, Direction=_DIRECTION[track], State="1" if muted else "0"
        )
