"""A supervisor's telephone on an operator's channel: dialplan/supervision.j2, reached by AMI Originate and Redirect."""

from __future__ import annotations

import asyncio
import re

from ivr.domain.call import interface_of
from ivr.domain.recording import RecordingName
from ivr.ports.supervision import WatchMode
from ivr.telephony.ami import AmiClient, AmiRefused
from ivr.telephony.embedded import Console

_RING_S = 15
_LEAVES_WITHIN_S = 5.0
_BETWEEN_RECORDERS_S = 0.1
_PLAIN = re.compile(r"[A-Za-z0-9_./-]{1,300}", re.ASCII)
_NAME = "班长"


class AsteriskListeningPost:
    """ivr.ports.supervision.ListeningPost over the controller's AMI link; recorders are changed on the console."""

    def __init__(self, client: AmiClient, console: Console) -> None:
        self._client = client
        self._console = console

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

        Asterisk as Debian builds it takes a new voice for late packets of the one before, and records silence, unless its decoder
        is a new one (dialplan/arrival.j2 knows the same): the recording is gone on with by a new MixMonitor.
        """
        await self._client.request("Redirect", Channel=channel, Context="taken-over", Exten="s", Priority="1")
        async with asyncio.timeout(_LEAVES_WITHIN_S):
            while await self._shares_a_bridge(channel, linked_id):
                await asyncio.sleep(0.05)
        await self._new_recorder(linked_id)

    async def _shares_a_bridge(self, channel: str, linked_id: str) -> bool:
        channels = await self._client.request("CoreShowChannels", within_s=10)
        bridges = {key: f.get("bridgeid", "") for f in channels for key in (f.get("channel", ""), f.get("uniqueid", ""))}
        return bool(bridges.get(linked_id)) and bridges.get(channel) == bridges[linked_id]

    async def _new_recorder(self, linked_id: str) -> None:
        """Go on in the same two files. AMI's own action would need the right to the system."""
        citizen, recording, folder, refused = [
            await self._variable(linked_id, name) for name in ("CHANNEL(name)", "RECORDING", "RECORDINGS", "REFUSED")
        ]
        if refused == "1" or RecordingName.parse(recording) is None:
            return
        base = f"{folder}/{recording}"
        if not (_PLAIN.fullmatch(base) and _PLAIN.fullmatch(citizen)):
            raise ValueError(f"no recording can be {base!r}")
        await self._console.command(f"mixmonitor stop {citizen}")
        await asyncio.sleep(_BETWEEN_RECORDERS_S)
        await self._console.command(
            f'mixmonitor start {citizen} ",abr({base}-caller.wav)t({base}-operator.wav),touch {base}.done"'
        )

    async def _variable(self, channel: str, name: str) -> str:
        return (await self._client.request("Getvar", Channel=channel, Variable=name))[0].get("value", "")

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
