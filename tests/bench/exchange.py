"""An Asterisk to measure: with our dialplan and controller, or bare: answer, play, hang up and nothing else loaded for it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ivr.exchange_setup import Places, prepare_exchange
from ivr.settings import PROJECT_ROOT, Settings
from ivr.settings_sections import HotlineSettings, QueueSettings, SeatSettings, TrunkSettings
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.migrate import migrate
from ivr.telephony.embedded import EmbeddedAsterisk
from tests.fakes.free_ports import free_ports

_NOT_BARE = ("cel_", "app_celgen", "res_cdrel", "app_queue", "app_cdr", "app_mixmonitor", "res_manager")

_BARE_DIALPLAN = """[globals]
PROMPTS = {prompts}
[from-trunk-carrier]
exten => 12348,1,Answer()
 same => n,Background(${{PROMPTS}}/greeting&${{PROMPTS}}/notice)
 same => n,{then}
 same => n,Hangup()
exten => 0,1,{then}
 same => n,Hangup()
"""


@dataclass(slots=True)
class Exchange:
    """A running Asterisk: its SIP port, the port its seats ring at, and the processes whose cost counts."""

    settings: Settings
    desk_port: int
    asterisk: EmbeddedAsterisk
    controller_pid: int | None = None
    worker_pid: int | None = None
    database: EmbeddedPostgres | None = None
    database_url: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """UDP port for SIP."""
        return self.settings.asterisk.sip_port

    @property
    def pids(self) -> list[int]:
        """Asterisk, and the controller where there is one."""
        return [self.asterisk.process.pid, *([self.controller_pid] if self.controller_pid else [])]


def _settings(folder: Path, name: str, rtp: int, seats: int, desk_port: int, menu: str) -> Settings:
    web, sip, ami, fastagi = free_ports(4)
    saved = {k: os.environ.pop(k) for k in list(os.environ) if k.startswith("IVR_")}
    try:
        return Settings(
            state_dir=folder / name, recordings_dir=folder / name / "recordings", web={"port": web},
            asterisk={"name": name, "sip_port": sip, "ami_port": ami, "fastagi_port": fastagi, "rtp_first": rtp, "rtp_last": rtp + 3999},
            hotline=HotlineSettings(menu=menu), queues=[QueueSettings(name="hotline", most_waiting=1000, nobody="wait")],
            seats=[SeatSettings(name=f"n{n}", queues=["hotline"]) for n in range(seats)],
            trunks=[TrunkSettings(name="carrier", host="127.0.0.1", port=desk_port, channel_cap=1000)],
        )
    finally:
        os.environ.update(saved)


def _seats_without_phones(text: str, desk_port: int) -> str:
    """Every seat is reached at one address that need not register."""
    return re.sub(
        r"\[(seat-[^]]+)\]\ntype = aor\n(?:\w+ = .*\n)+",
        rf"[\1]\ntype = aor\ncontact = sip:\1@127.0.0.1:{desk_port}\nqualify_frequency = 0\n", text,
    )


@asynccontextmanager
async def exchange(
    name: str, *, bare: bool = False, then: str = "Wait(3600)", controller: bool = True, worker: bool = False, seats: int = 1,
    rtp: int = 26000, core: int | None = 0, adjust: Callable[[str, str], str] | None = None,
    model: Path | None = None, menu: str = "human-first",
) -> AsyncIterator[Exchange]:
    """Start it, pinned to ``core`` with its controller; PostgreSQL and a worker stay unpinned. ``bare`` drops all that is ours.

    ``then`` is what a bare dialplan does after the prompt. ``adjust`` maps (file name, text) of the rendered
    configuration to the text to use. ``model`` is the worker's speech model, the product's own choice if None; ``menu``
    the plan callers meet.
    """
    folder = Path(tempfile.mkdtemp(prefix="ivr-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    desk_port = free_ports(1)[0]
    settings = _settings(folder, name, rtp, seats, desk_port, menu)
    database: EmbeddedPostgres | None = None
    parts: list[asyncio.subprocess.Process] = []
    asterisk: EmbeddedAsterisk | None = None
    try:
        plan = await asyncio.to_thread(prepare_exchange, settings)
        etc = plan.run / "etc"
        for file in etc.iterdir():
            text = file.read_text()
            if file.name == "pjsip.conf":
                text = _seats_without_phones(text, desk_port)
            if bare:
                text = _bared(file.name, text, plan.prompts, then)
            if adjust:
                text = adjust(file.name, text)
            file.write_text(text)
        asterisk = EmbeddedAsterisk(plan.root, plan.run)
        await asterisk.start()
        running = Exchange(settings, desk_port, asterisk, extra={"IVR_SPEECH__MODEL": str(model)} if model else {})
        _pin(asterisk.process.pid, core)
        if controller and not bare:
            database = EmbeddedPostgres(Places(settings.state_dir).postgres)
            running.database, running.database_url = database, await database.start()
            await migrate(running.database_url)
            parts.append(await _part(running, folder, "controller", "ami_link_up"))
            running.controller_pid = parts[-1].pid
            _pin(parts[-1].pid, core)
            if worker:
                parts.append(await _part(running, folder, "worker", "model_chosen"))
                running.worker_pid = parts[-1].pid
        yield running
    finally:
        for part in parts:
            if part.returncode is None:
                part.terminate()
                await part.wait()
        if asterisk:
            await asterisk.stop()
        if database:
            await database.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _bared(name: str, text: str, prompts: Path, then: str) -> str:
    if name == "extensions.conf":
        return _BARE_DIALPLAN.format(prompts=prompts, then=then)
    if name == "manager.conf":
        return "[general]\nenabled = no\n"
    if name == "modules.conf":
        return "".join(line for line in text.splitlines(True) if not line.startswith(tuple(f"load = {m}" for m in _NOT_BARE)))
    return "" if name in ("cel.conf", "cel_custom.conf", "queues.conf", "cdr.conf") else text


async def _part(running: Exchange, folder: Path, part: str, ready: str) -> asyncio.subprocess.Process:
    """One of our processes; returns when its log tells of the event ``ready``."""
    settings = running.settings
    file = folder / "ivr.toml"
    asterisk = settings.asterisk
    file.write_text(
        f'[asterisk]\nname = "{asterisk.name}"\nsip_port = {asterisk.sip_port}\nami_port = {asterisk.ami_port}\nfastagi_port = {asterisk.fastagi_port}\n'
        f"rtp_first = {asterisk.rtp_first}\nrtp_last = {asterisk.rtp_last}\n"
        '[[trunks]]\nname = "carrier"\nhost = "127.0.0.1"\nchannel_cap = 1000\n'
        + "".join(f'[[seats]]\nname = "{s.name}"\nqueues = ["hotline"]\n' for s in settings.seats)
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IVR_")} | {
        "IVR_CONFIG": str(file), "IVR_STATE_DIR": str(settings.state_dir), "IVR_DATABASE_URL": running.database_url,
        "IVR_RECORDINGS_DIR": str(settings.recordings_dir),
    } | running.extra
    log, told = folder / f"{part}.log", folder / f"{part}.out"
    with told.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ivr.cli", part, "--log-file", str(log), "--parent", str(os.getpid()),
            env=environment, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )
    async with asyncio.timeout(30):
        while not (log.exists() and ready in log.read_text(errors="replace")):
            if process.returncode is not None:
                raise RuntimeError(f"the {part} ended: {told.read_text(errors='replace')[-2000:]}")
            await asyncio.sleep(0.1)
    return process


def _pin(pid: int, core: int | None) -> None:
    """All threads there are; later ones inherit."""
    if core is not None:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})
