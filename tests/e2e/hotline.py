"""A running product for end-to-end tests: `ivr run` as its own process, with phones and a client to look at it."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from ivr.bootstrap import patient_pool
from ivr.demo.client import HotlineClient
from ivr.demo.phone import PhoneAccount, ScriptedPhone
from ivr.demo.script import write_silence
from ivr.exchange_setup import Places, credentials
from ivr.settings import PROJECT_ROOT, Settings
from ivr.storage.accounts import PostgresAccounts
from ivr.telephony.speaking import RATE, Voice, speak, write_wav
from tests.e2e.prepared_database import copy_prepared_database
from tests.fakes.free_ports import free_ports, rtp_ports

CONFIGURATION = """
disk_reserve_mb = 64

[web]
port = {web}
{web_more}

[asterisk]
name = "e2e"
sip_port = {sip}
ami_port = {ami}
fastagi_port = {fastagi}
audiosocket_port = {audiosocket}
rtp_first = {rtp}
rtp_last = {rtp_last}
{asterisk_more}

[[queues]]
name = "hotline"
title = "法律服务热线"
nobody = "wait"
most_waiting = 500

[[seats]]
name = "one"
operator = "王律师"
queues = ["hotline"]

[[seats]]
name = "two"
operator = "李律师"
queues = ["hotline"]

[[trunks]]
name = "carrier"
host = "127.0.0.1"
port = {carrier}
called_numbers = ["12348"]
outbound_caller_id = "12348"
channel_cap = 20
{more}
"""


class RunningHotline:
    """`ivr run` on free ports in a folder of its own; ``more`` is appended to its TOML file.

    ``prepared`` False: it also makes its database, as an installation's first start does.
    """

    def __init__(self, more: str = "", *, web_more: str = "", asterisk_more: str = "", prepared: bool = True) -> None:
        self._prepared = prepared
        self.folder = Path(tempfile.mkdtemp(prefix="ivr-e2e-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        web, sip, ami, carrier, fastagi, audiosocket = free_ports(6)
        rtp, rtp_last = rtp_ports()
        self.sip, self.ami, self.carrier = sip, ami, carrier
        self.file = self.folder / "ivr.toml"
        self.file.write_text(CONFIGURATION.format(
            web=web, sip=sip, ami=ami, fastagi=fastagi, audiosocket=audiosocket, carrier=carrier, more=more, web_more=web_more, asterisk_more=asterisk_more,
            rtp=rtp, rtp_last=rtp_last,
        ))
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("IVR_")} | {
            "IVR_CONFIG": str(self.file), "IVR_STATE_DIR": str(self.folder / "state"),
            "IVR_RECORDINGS_DIR": str(self.folder / "recordings"),
        }
        tls = "tls" in web_more
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{web}"
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""
        self._phone_number = 0
        self.silence = write_silence(self.folder / "silence.wav", 300)

    @property
    def settings(self) -> Settings:
        """The settings the product runs with, as this process would read them."""
        saved = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment)
        try:
            return Settings()
        finally:
            os.environ.clear()
            os.environ.update(saved)

    @property
    def asterisk_log(self) -> str:
        """Asterisk's warnings and errors so far."""
        return (Places(self.folder / "state").asterisk / "log/messages.log").read_text(errors="replace")

    @property
    def recordings(self) -> Path:
        """The spool."""
        return self.folder / "recordings"

    def launch(self) -> subprocess.Popen[bytes]:
        """Begin to start it."""
        with (self.folder / "run.out").open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ivr.cli", "run"], env=self.environment, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )
        return self.process

    async def start(self, within_s: float = 60) -> None:
        """Start and wait until it is healthy."""
        if self._prepared and not (self.folder / "state").exists():
            await copy_prepared_database(self.folder / "state")
        self.process = self.launch()
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as client:
            while True:
                if self.process.poll() is not None:
                    raise AssertionError(f"ivr run ended: {(self.folder / 'run.out').read_text()}")
                with suppress(aiohttp.ClientError, ValueError):
                    async with client.get(f"{self.url}/healthz", ssl=False) as answer:
                        if (await answer.json())["status"] == "ok":
                            break
                await asyncio.sleep(0.1)
        if not self.token:
            async with patient_pool(self.settings, "tests", size=1) as pool:
                self.token = await PostgresAccounts(pool).create_token("e2e", ["supervisor", "operator"])

    async def stop(self) -> list[str]:
        """End it as Ctrl-C does; returns the command lines of processes left behind."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                await asyncio.to_thread(self.process.wait, 30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.left_behind()

    def end_what_is_left(self) -> None:
        """Kill it, so that a test that failed burdens no other."""
        for pid in self._left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def left_behind(self) -> list[str]:
        """Processes whose command line names this folder."""
        return list(self._left().values())

    def _left(self) -> dict[int, str]:
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if str(self.folder) in line:
                        found[int(entry.name)] = line
        return found

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    async def cli(self, *arguments: str, succeed: bool | None = True, stdin: bytes = b"") -> str:
        """Run one `ivr` command with the product's settings; its output. ``succeed`` None: either way will do."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ivr.cli", *arguments, env=self.environment, cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin)
        if succeed:
            assert process.returncode == 0, (out + err).decode()
            return out.decode()
        assert succeed is None or process.returncode != 0, out.decode()
        return (out + err).decode()

    def client(self) -> HotlineClient:
        """A client with a supervisor's token."""
        return HotlineClient(self.url, self.token, self.authority)

    @property
    def authority(self) -> ssl.SSLContext | None:
        """What a browser checks this product's certificate with, once its authority was imported."""
        made = self.folder / "state/tls/ca.crt"
        return ssl.create_default_context(cafile=str(made)) if made.exists() else None

    def operator(self, seat: str = "one", *, answers_itself: bool = False, **more: Any) -> ScriptedPhone:
        """An operator's desk phone that registers."""
        secret = credentials(self.settings).endpoints[f"seat-{seat}"]
        account = PhoneAccount(f"seat-{seat}", f"127.0.0.1:{self.sip}", secret=secret, answers_itself=answers_itself)
        return self._phone(account, **more)

    def caller(self, number: str = "13895112348", name: str = "", **more: Any) -> ScriptedPhone:
        """A caller behind the carrier's line."""
        return self._phone(PhoneAccount(number, f"127.0.0.1:{self.sip}", name), **more)

    def _phone(self, account: PhoneAccount, **more: Any) -> ScriptedPhone:
        self._phone_number += 1
        return ScriptedPhone(f"phone{self._phone_number}", account, self.folder / "phones", self.silence, **more)

    def speech(self, text: str, voice: str = "cmn-latn-pinyin+m3") -> tuple[Path, float]:
        """A spoken line followed by silence, and its length in seconds."""
        import numpy as np

        sound = speak(text, Voice(voice))
        wav = self.folder / f"say-{abs(hash((text, voice)))}.wav"
        write_wav(wav, np.concatenate([sound, np.zeros(RATE * 60, dtype=np.int16)]))
        return wav, len(sound) / RATE


@asynccontextmanager
async def running_hotline(more: str = "", *, environment: Mapping[str, str] | None = None, **options: Any) -> AsyncIterator[RunningHotline]:
    """A product from its start to its end; no process may be left behind, and its folder goes."""
    running = RunningHotline(more, **options)
    running.environment.update(environment or {})
    try:
        await running.start()
        yield running
    finally:
        left = await running.stop()
        running.end_what_is_left()
        running.remove()
    assert left == [], f"left behind: {left}"


def database_owner_exists() -> bool:
    """Whether `make setup` made the embedded server's user."""
    with suppress(KeyError):
        return bool(pwd.getpwnam("ivr-postgres"))
    return os.geteuid() != 0
