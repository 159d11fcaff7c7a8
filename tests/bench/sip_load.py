"""Calls at a fixed rate by SIPp: callers who dial the hotline, and one desk that answers for every seat."""

from __future__ import annotations

import asyncio
import csv
import shutil
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ivr.demo.script import write_silence
from tests.bench.sound import a_law_bytes

SDP = """v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
a=ptime:20
"""
OPTIONAL = "".join(f'<recv response="{code}" optional="true"/>\n' for code in (100, 180, 183))
STREAM = '<nop><action><exec rtp_stream="{sound},-1,8"/></action></nop>\n'
_HANGS_UP = """BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:desk@[local_ip]:[local_port]>;tag=[pid]-[call_number]
To: [$caller]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

"""
_HEADERS = """Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: "[field1]" <sip:[field0]@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>{tag}
Call-ID: [call_id]
CSeq: {number} {method}
Contact: <sip:[field0]@[local_ip]:[local_port]>
Max-Forwards: 70
"""


def request(method: str, number: int, body: str = "", more: str = "", *, in_dialog: bool = True) -> str:
    tag = "[peer_tag_param]" if in_dialog else ""
    head = f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n"
    text = head + _HEADERS.format(tag=tag, number=number, method=method) + more + "Content-Length: [len]\n\n" + body
    again = "" if method == "ACK" else ' retrans="500"'
    return f"<send{again}><![CDATA[\n{text}]]></send>\n"


def caller_scenario(sound: Path | None, key: str, seconds: float) -> str:
    """Dial, speak (or send nothing), press ``key`` half a second after the answer if there is one, hang up."""
    steps = request("INVITE", 1, SDP, "Content-Type: application/sdp\n", in_dialog=False) + OPTIONAL
    steps += '<recv response="200"/>\n' + request("ACK", 1)
    if sound:
        steps += STREAM.format(sound=sound)
    if key:
        relay = f"Signal={key}\nDuration=160\n"
        steps += '<pause milliseconds="500"/>\n'
        steps += request("INFO", 2, relay, "Content-Type: application/dtmf-relay\n") + '<recv response="200"/>\n'
    steps += f'<pause milliseconds="{round(seconds * 1000)}"/>\n' + request("BYE", 3) + '<recv response="200"/>\n'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="caller">\n{steps}</scenario>\n'


def desk_scenario(sound: Path, talk_s: float = 0) -> str:
    """Answer at once, speak until the other side hangs up, or hang up after ``talk_s``."""
    answer = "SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"
    contact = "Contact: <sip:desk@[local_ip]:[local_port]>\n"
    taken = answer.format(status="200 OK", tag=";tag=[pid]-[call_number]") + contact
    done = answer.format(status="200 OK", tag="") + contact + "Content-Length: 0\n\n"
    caller, ended = "", f'<recv request="BYE"/>\n<send><![CDATA[\n{done}]]></send>\n'
    if talk_s:
        caller = '<action><ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/></action>'
        ended = (
            f'<recv request="BYE" timeout="{round(talk_s * 1000)}" ontimeout="1"/>\n<send next="2"><![CDATA[\n{done}]]></send>\n'
            f'<label id="1"/>\n<send retrans="500"><![CDATA[\n{_HANGS_UP}]]></send>\n<recv response="200"/>\n<label id="2"/>\n'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="desk">\n'
        f'<recv request="INVITE" crlf="true" rrs="true">{caller}</recv>\n'
        f'<send retrans="500"><![CDATA[\n{taken}Content-Type: application/sdp\nContent-Length: [len]\n\n{SDP}]]></send>\n'
        f'<recv request="ACK"/>\n{STREAM.format(sound=sound)}{ended}</scenario>\n'
    )


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of callers did."""

    calls: int
    failed: int


class SipLoad:
    """SIPp with its files in ``folder``, pinned to ``core`` so that it does not steal from what is measured."""

    def __init__(self, folder: Path, core: int | None) -> None:
        if shutil.which("sipp") is None:
            raise RuntimeError("SIPp is not installed; run `make setup-test`")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._pin = ["taskset", "-c", str(core)] if core is not None else []
        self._runs = 0
        self.silence = write_silence(folder / "silence.wav", 10)
        self.sound = folder / "sound.alaw"
        self.sound.write_bytes(a_law_bytes())

    async def call(
        self, port: int, *, calls: int, rate: float, seconds: float, key: str = "", speaking: bool = False,
        callers: Sequence[tuple[str, str]] = (("13895112348", "caller"),), most: int = 1000, local_port: int = 0,
        sound: Path | None = None, media_port: int = 40000, scenario: str = "",
    ) -> Load:
        """Make ``calls`` calls to 12348 at ``rate`` a second, each ``seconds`` long after its key; waits for their end.

        ``scenario`` is SIPp's XML instead of that. A ``speaking`` caller plays ``sound`` (raw A-law), five seconds of speech over and over if none is given.
        """
        self._runs += 1
        script = self._folder / f"caller-{self._runs}.xml"
        script.write_text(scenario or caller_scenario((sound or self.sound) if speaking else None, key, seconds), encoding="utf-8")
        names = self._folder / f"callers-{self._runs}.csv"
        names.write_text("SEQUENTIAL\n" + "".join(f"{n};{name}\n" for n, name in callers), encoding="utf-8")
        statistics = self._folder / f"statistics-{self._runs}.csv"
        process = await asyncio.create_subprocess_exec(
            *self._pin, "sipp", f"127.0.0.1:{port}", "-sf", str(script), "-inf", str(names), "-s", "12348",
            "-i", "127.0.0.1", *(["-p", str(local_port)] if local_port else []), "-mp", str(media_port),
            "-r", f"{max(round(rate * 100), 1)}", "-rp", "100000", "-m", str(calls), "-l", str(most), "-nostdin", "-trace_stat", "-stf", str(statistics),
            "-fd", "1", "-timeout", f"{round(calls / rate + seconds + 40)}s", "-recv_timeout", "20000",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self._folder,
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        with statistics.open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        return Load(int(last["TotalCallCreated"]), calls - int(last["SuccessfulCall(C)"]))

    @asynccontextmanager
    async def desk(
        self, port: int, sound: Path | None = None, talk_s: float = 0, media_port: int = 50_000
    ) -> AsyncIterator[None]:
        """Answer everything that arrives at ``port`` and play ``sound``; hang up after ``talk_s`` if that is not 0."""
        scenario = self._folder / f"desk-{port}.xml"
        scenario.write_text(desk_scenario(sound or self.sound, talk_s), encoding="utf-8")
        errors = self._folder / f"desk-{port}.errors"
        with errors.open("wb") as told:
            process = await asyncio.create_subprocess_exec(
                *self._pin, "sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-mp", str(media_port), "-nostdin",
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told, cwd=self._folder,
            )
        try:
            yield
        finally:
            ended = process.returncode
            if ended is None:
                process.kill()
                await process.wait()
        if ended is not None:
            raise RuntimeError(f"the desk at port {port} ended by itself with {ended}: {errors.read_text(errors='replace')[-400:]}")
