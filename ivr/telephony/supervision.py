"""A supervisor's telephone on an operator's channel: dialplan/supervision.j2, reached by AMI Originate and Redirect."""

from __future__ import annotations

import asyncio

from ivr.domain.call import interface_of
from ivr.ports.supervision import WatchMode
from ivr.telephony.ami import AmiClient, AmiRefused
from ivr.telephony.recorder import AsteriskRecorder

_RING_S = 15
_LEAVES_WITHIN_S = 5.0
_NAME = "班长"


class AsteriskListeningPost:
    """ivr.ports.supervision.ListeningPost over the controller's AMI link."""

    def __init__(self, client: AmiClient, recorder: AsteriskRecorder) -> None:
        self._client = client
        self._recorder = recorder

    async def talking_channel(self, interface: str) -> tuple[str, str] | None:
        """See the port: AMI CoreShowChannels; of two bridges (a consultation) the one the call's own channel is in."""
        channels = await self._client.request("CoreShowChannels", within_s=10)
        bridges = {f.get("uniqueid", ""): f.get("bridgeid", "") for f in channels if f.get("bridgeid")}
        own = [f for f in channels if f.get("bridgeid") and interface_of(f.get("channel", "")) == interface]
        # The citizen's channel began the call, so its unique id is the call's linked id.
        for frame in own:
            linked_id = frame.get("linkedid", "")
            if linked_id != frame.get("uniqueid") and bridges.get(linked_id) == frame["bridgeid"]:
                return frame["channel"], linked_id
        return None

    async def ring(self, phone: str, channel_id: str, mode: WatchMode, watched: str) -> None:
        """See the port: AMI Originate without waiting; the answer is OriginateResponse."""
        await self._client.request(
            "Originate", within_s=10, Channel=f"PJSIP/seat-{phone}", ChannelId=channel_id, Context="supervision", Exten=mode,
            Priority="1", Timeout=str(_RING_S * 1000), CallerID=f"{_NAME} <watch>", Async="true", Variable=[f"WATCHED={watched}"],
        )

    async def change(self, channel_id: str, mode: WatchMode, watched: str) -> None:
        """See the port: AMI Setvar, then Redirect; a unique id serves as a channel's name."""
        await self._client.request("Setvar", Channel=channel_id, Variable="WATCHED", Value=watched)
        await self._client.request("Redirect", Channel=channel_id, Context="supervision", Exten=mode, Priority="1")

    async def dismiss(self, channel: str, linked_id: str) -> None:
        """See the port: AMI Redirect out of the bridge, in which the citizen and the supervisor stay.

        Who stays is heard through a new decoder: while three were joined the recording had none of a telephone's packets.
        """
        await self._client.request("Redirect", Channel=channel, Context="taken-over", Exten="s", Priority="1")
        async with asyncio.timeout(_LEAVES_WITHIN_S):
            while await self._shares_a_bridge(channel, linked_id):
                await asyncio.sleep(0.05)
        await self._recorder.renew(linked_id)

    async def _shares_a_bridge(self, channel: str, linked_id: str) -> bool:
        channels = await self._client.request("CoreShowChannels", within_s=10)
        bridges = {key: f.get("bridgeid", "") for f in channels for key in (f.get("channel", ""), f.get("uniqueid", ""))}
        return bool(bridges.get(linked_id)) and bridges.get(channel) == bridges[linked_id]

    async def hang_up(self, channel_id: str) -> None:
        """See the port: AMI Hangup; one that is gone is no error."""
        try:
            await self._client.request("Hangup", Channel=channel_id, Cause="16")
        except AmiRefused:
            if await self.is_up(channel_id):
                raise

    async def is_up(self, channel_id: str) -> bool:
        """See the port: AMI Getvar."""
        try:
            await self._client.request("Getvar", Channel=channel_id, Variable="UNIQUEID")
        except AmiRefused:
            return False
        return True
