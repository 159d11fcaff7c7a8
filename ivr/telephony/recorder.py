"""A recording gone on with by a new MixMonitor, in the same two files; ``dialplan/arrival.j2`` does the same where it can.

Asterisk as Debian builds it takes a new voice for late packets of the one before, and records silence, unless its decoder is a new
one (decision 0021). AMI's own action would need the right to the system, so it is done on the console.
"""

from __future__ import annotations

import asyncio
import re

from ivr.domain.errors import Unavailable
from ivr.domain.recording import RecordingName
from ivr.telephony.ami import AmiClient, AmiRefused
from ivr.telephony.embedded import Console

_BETWEEN_S = 0.1  # Asterisk lets go of the old decoder with the next frame, 20 ms later
_STARTS = 3
_PLAIN = re.compile(r"[A-Za-z0-9_./-]{1,300}", re.ASCII)


class AsteriskRecorder:
    """ivr.ports.recorder.Recorder over the controller's AMI link and Asterisk's console."""

    def __init__(self, client: AmiClient, console: Console) -> None:
        self._client = client
        self._console = console
        self._one_at_a_time = asyncio.Lock()  # two that overlap would leave two recorders on the same files

    async def renew(self, linked_id: str) -> None:
        """See the port; the citizen's channel began the call, so its unique id is the call's linked id."""
        try:
            citizen, recording, folder, refused, paused = [
                await self._variable(linked_id, name)
                for name in ("CHANNEL(name)", "RECORDING", "RECORDINGS", "REFUSED", "RECORDING_PAUSED")
            ]
        except AmiRefused:  # the channel is gone
            return
        if "1" in (refused, paused) or RecordingName.parse(recording) is None:
            return
        base = f"{folder}/{recording}"
        if not (_PLAIN.fullmatch(base) and _PLAIN.fullmatch(citizen)):
            raise ValueError(f"no recording can be {base!r}")
        async with self._one_at_a_time:
            await self._console.command(f"mixmonitor stop {citizen}")
            await asyncio.sleep(_BETWEEN_S)
            await self._start(f'mixmonitor start {citizen} ",abr({base}-caller.wav)t({base}-operator.wav),touch {base}.done"')

    async def _start(self, line: str) -> None:
        """Nothing is recorded until this is done, so it is tried more than once."""
        for left in range(_STARTS - 1, -1, -1):
            try:
                await self._console.command(line)
                return
            except Unavailable:
                if not left:
                    raise
                await asyncio.sleep(_BETWEEN_S)

    async def _variable(self, channel: str, name: str) -> str:
        return (await self._client.request("Getvar", Channel=channel, Variable=name))[0].get("value", "")
