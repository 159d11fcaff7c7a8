"""A scripted SIP phone: one baresip process with real SIP and RTP, told what to do over its control socket."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.demo.ports import free_ports
from ivr.domain.errors import Unavailable

_MODULES = "/usr/lib/baresip/modules"
_COMMAND_WITHIN_S = 20.0
_STARTS = 3
_KEY_S = 0.4  # a key has a length, and the next one begins after it; pressed sooner, two become one


@dataclass(frozen=True, slots=True)
class PhoneAccount:
    """Who the phone is. With a secret it registers as ``user``; without, it calls as a carrier's line would."""

    user: str
    server: str
    display_name: str = ""
    secret: str = ""
    transport: str = "udp"
    media_encryption: str = ""
    answers_itself: bool = False
    video: bool = False
    camera: bool = True  # a covered one sends no picture where one was agreed
    picture: str = "320x240"  # what the camera sends, in pixels

    def line(self) -> str:
        """baresip's account line."""
        name = f'"{self.display_name}" ' if self.display_name else ""
        mode = "auto" if self.answers_itself else "manual"
        parameters = [f"{name}<sip:{self.user}@{self.server};transport={self.transport}>", f"answermode={mode}"]
        parameters += ["dtmfmode=rtpevent", "audio_codecs=PCMA,PCMU"]
        parameters += ["video_codecs=VP8"] if self.video else []
        parameters += [f"auth_user={self.user}", f"auth_pass={self.secret}", "regint=60"] if self.secret else ["regint=0"]
        if self.media_encryption:
            parameters.append(f"mediaenc={self.media_encryption}")
        return ";".join(parameters)


class ScriptedPhone:
    """Start with ``async with``; every wait is bounded and an unexpected end is told with the phone's log."""

    def __init__(
        self, name: str, account: PhoneAccount, folder: Path, silence: Path, *, listen_host: str = "127.0.0.1",
        listen_port: int = 0, keep_sound: bool = False,
    ) -> None:
        self.name = name
        self._account = account
        self._folder = folder / name
        self._silence = silence
        self._listen = f"{listen_host}:{listen_port}"
        self._host = listen_host
        self._keep_sound = keep_sound
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._token = 0
        self._news = asyncio.Condition()
        self.events: list[dict[str, Any]] = []

    async def __aenter__(self) -> ScriptedPhone:
        if shutil.which("baresip") is None:
            raise Unavailable("baresip, the scripted phone, is not installed; run `make setup`")
        left = _STARTS
        while True:
            try:
                await self._start()
                return self
            except BaseException as error:
                await self._end()
                left -= 1
                if not left or not isinstance(error, Unavailable):
                    raise

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.command("quit")
        except (Unavailable, OSError):
            pass
        await self._end()

    def heard(self) -> list[Path]:
        """Sound files of what this phone heard and said, when ``keep_sound`` was asked for."""
        return sorted(self._folder.glob("dump-*.wav"))

    async def dial(self, number: str) -> None:
        """Call a number at the account's server."""
        await self.command("dial", f"sip:{number}@{self._account.server};transport={self._account.transport}")

    async def answer(self) -> None:
        """Take the ringing call."""
        await self.command("accept")

    async def hang_up(self) -> float:
        """End the call; returns when it was told to (time.monotonic seconds)."""
        told = time.monotonic()
        await self.command("hangup")
        return told

    def kill(self) -> None:
        """The telephone is gone without a word, as when its power fails."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def say(self, wav: Path) -> None:
        """Play a WAV into the call now. The file must end in silence: its end would end the call."""
        await self.command("ausrc", f"aufile,{wav}")

    async def press(self, keys: str) -> None:
        """Send keys by RFC 4733, as fast as a person presses them; returns when the next could follow."""
        for key in keys:
            await self.command("sndcode", key)
            await asyncio.sleep(_KEY_S)

    async def wait_for(self, kind: str | Callable[[dict[str, Any]], bool], within_s: float = 15) -> dict[str, Any]:
        """The first event of a type (``CALL_ESTABLISHED``, ``CALL_INCOMING`` …) or that fits, past ones included."""
        fits = (lambda e: e.get("type") == kind) if isinstance(kind, str) else kind
        try:
            async with asyncio.timeout(within_s), self._news:
                while True:
                    for event in self.events:
                        if fits(event):
                            return event
                    await self._news.wait()
        except TimeoutError:
            seen = [e.get("type") for e in self.events]
            what = f"the phone {self.name} saw no {kind} within {within_s:.0f} s, only {seen}"
            raise Unavailable(f"{what}; {self._last_words()}") from None

    async def command(self, name: str, parameters: str = "") -> dict[str, Any]:
        """One control command and its answer."""
        if self._writer is None or self._reader is None or self._reader.done():
            raise Unavailable(f"the phone {self.name} is not running; {self._last_words()}")
        self._token += 1
        token = str(self._token)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        body = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        try:
            async with asyncio.timeout(_COMMAND_WITHIN_S):
                self._writer.write(b"%d:%s," % (len(body), body))
                await self._writer.drain()
                return await answer
        except TimeoutError:
            what = f"the phone {self.name} did not answer '{name}' within {_COMMAND_WITHIN_S:.0f} s"
            raise Unavailable(f"{what}; {self._last_words()}") from None
        finally:
            self._answers.pop(token, None)

    async def _start(self) -> None:
        """A phone that obeys: another program at its control port would leave it running and deaf."""
        (port,) = free_ports(1)
        self._write_configuration(port)
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "baresip", "-f", str(self._folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
            )
        await self._connect(port)
        await self.command("listcalls")

    async def _connect(self, port: int) -> None:
        try:
            async with asyncio.timeout(10):
                while True:
                    if self._process is None or self._process.returncode is not None:
                        raise Unavailable(f"the phone {self.name} ended at once: {self._last_words()}")
                    try:
                        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
                        break
                    except OSError:
                        await asyncio.sleep(0.02)
        except TimeoutError:
            raise Unavailable(f"the phone {self.name} did not start: {self._last_words()}") from None
        self._reader = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                length = int((await reader.readuntil(b":"))[:-1])
                body = (await reader.readexactly(length + 1))[:-1]
            except (asyncio.IncompleteReadError, ConnectionError, ValueError):
                for waiting in self._answers.values():
                    if not waiting.done():
                        waiting.set_exception(Unavailable(f"the phone {self.name} ended; {self._last_words()}"))
                return
            message: dict[str, Any] = json.loads(body)
            if message.get("response"):
                answer = self._answers.get(str(message.get("token")))
                if answer and not answer.done():
                    answer.set_result(message)
                continue
            message["at"] = time.monotonic()
            async with self._news:
                self.events.append(message)
                self._news.notify_all()

    async def _end(self) -> None:
        if self._reader:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._writer:
            self._writer.close()
            self._writer = None
        process, self._process = self._process, None
        if process is None:
            return
        for within_s in (2, 3):
            try:
                async with asyncio.timeout(within_s):
                    await process.wait()
                return
            except TimeoutError:
                process.terminate()
        process.kill()
        await process.wait()

    def _last_words(self) -> str:
        try:
            return " / ".join((self._folder / "log").read_text(errors="replace").strip().splitlines()[-4:])
        except OSError:
            return ""

    def _write_configuration(self, control_port: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        modules = ["g711", "aufile", "aubridge", "uuid", *(["sndfile"] if self._keep_sound else []),
                   *(["srtp"] if self._account.media_encryption else []),
                   *(["vp8", "fakevideo", "vidbridge"] if self._account.video else [])]
        lines = [
            "poll_method epoll", f"sip_listen {self._listen}", "call_local_timeout 120", "call_max_calls 4",
            f"audio_player aubridge,sink-{self.name}", f"audio_source aufile,{self._silence}",
            f"audio_alert aubridge,alert-{self.name}", "ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1",
            "auplay_channels 1", "audio_txmode thread", "rtp_ports 30000-39998", "rtcp_mux no", "jitter_buffer_delay 1-5",
            f"net_interface {self._host}", f"snd_path {self._folder}", f"module_path {_MODULES}",
            *(f"module {m}.so" for m in modules), "module_tmp account.so", "module_app menu.so", "module_app ctrl_tcp.so",
            f"ctrl_tcp_listen 127.0.0.1:{control_port}",
        ]
        if self._account.video:  # a synthetic camera, and a display that shows to nobody
            lines += [
                f"video_source {'fakevideo,camera' if self._account.camera else 'vidbridge,covered'}",
                "video_display fakevideo,screen",
                f"video_size {self._account.picture}", "video_bitrate 200000", "video_fps 10",
            ]
        (self._folder / "config").write_text("\n".join(lines) + "\n")
        accounts = self._folder / "accounts"
        accounts.touch(mode=0o600)
        accounts.write_text(self._account.line() + "\n")
        (self._folder / "contacts").write_text("")
