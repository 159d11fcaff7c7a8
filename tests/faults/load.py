"""Many callers at once: SIPp as the carrier's side, each call with its own number and its own patience."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.free_ports import free_ports, sipp_media_port

_SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
<send retrans="500"><![CDATA[
INVITE sip:12348@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:12348@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:[field0]@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=c 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true" rtd="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:12348@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
{sound}
<pause variable="patience"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:[field0]@[local_ip]:[local_port]>;tag=[pid]c[call_number]
To: <sip:12348@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
<timewait milliseconds="200"/>
</scenario>
"""


_DEAD_LINE_S = 20.0
"""A line that sends no sound for thirty seconds is a dead one to Asterisk: who calls for longer sends silence."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One call to place: whose number, and how long until it hangs up, counted from the answer."""

    number: str
    patience_s: float


def callers(count: int, seed: int, *, shortest_s: float = 8.0, longest_s: float = 16.0, prefix: str = "138") -> list[Caller]:
    """Reproducible callers: every number once."""
    chance = random.Random(seed)
    return [Caller(f"{prefix}{seed % 1000:03}{n:05}", chance.uniform(shortest_s, longest_s)) for n in range(count)]


class Load:
    """SIPp placing calls at a fixed rate from one address."""

    def __init__(self, folder: Path, sip_port: int, callers: list[Caller], rate_per_s: float, sound: Path | None = None) -> None:
        self._folder = folder
        self._sip_port = sip_port
        self._callers = callers
        self._rate = rate_per_s
        self._sound = sound
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Load:
        self._folder.mkdir(parents=True, exist_ok=True)
        sound = ""
        if self._sound is None and any(c.patience_s > _DEAD_LINE_S for c in self._callers):
            self._sound = self._folder.absolute() / "silence.alaw"
            self._sound.write_bytes(b"\xd5" * 8_000)
        if self._sound:
            sound = f'<nop><action><exec rtp_stream="{self._sound},-1,8,PCMA/8000"/></action></nop>'
        scenario = _SCENARIO.replace("{sound}", sound).replace(
            '<pause variable="patience"/>',
            '<nop><action><assignstr assign_to="p" value="[field1]"/><todouble assign_to="patience" variable="p"/></action></nop>\n'
            '<pause variable="patience"/>',
        )
        (self._folder / "caller.xml").write_text(scenario)
        rows = "".join(f"{c.number};{int(c.patience_s * 1000)};\n" for c in self._callers)
        (self._folder / "callers.csv").write_text("SEQUENTIAL\n" + rows)
        with (self._folder / "sipp.out").open("wb") as out:
            self._process = await asyncio.create_subprocess_exec(
                "sipp", "-sf", "caller.xml", "-inf", "callers.csv", f"127.0.0.1:{self._sip_port}", "-i", "127.0.0.1",
                "-p", str(free_ports(1)[0]), "-mi", "127.0.0.1", "-mp", str(sipp_media_port()),
                "-m", str(len(self._callers)), "-r", str(max(1, round(self._rate * 10))), "-rp", "10000",
                "-l", "1000", "-nostdin", "-trace_err", "-timeout", "180s", cwd=self._folder, stdin=asyncio.subprocess.DEVNULL,
                stdout=out, stderr=out,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def finished(self, within_s: float = 120) -> int:
        """Wait until every caller has hung up; SIPp's exit status: 0 when no call failed."""
        assert self._process is not None
        async with asyncio.timeout(within_s):
            return await self._process.wait()
