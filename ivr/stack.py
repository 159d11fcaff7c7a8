"""The whole product on one machine: the database, Asterisk and our own processes, started in order and ended in order.

Each of our processes is a child that is started again when it dies; Asterisk goes on without any of them. Ending (a
signal) stops what takes calls first and the database last, and leaves no process behind.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import structlog

from ivr.bootstrap import Places, cache_folder, certificate, prepare_exchange
from ivr.domain.errors import BadSetting, Unavailable
from ivr.ports_in_use import refuse_ports_in_use
from ivr.settings import PROJECT_ROOT, Settings
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.migrate import migrate
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.embedded import EmbeddedAsterisk

log = structlog.get_logger(__name__)

Told = Callable[[str], None]
PARTS = ("controller", "worker", "web")
_LONGEST_PAUSE_S = 10.0
_STEADY_S = 30.0


class OwnProcess:
    """One of our processes, restarted with growing pauses while it keeps dying."""

    def __init__(self, name: str, environment: dict[str, str], log_file: Path) -> None:
        self.name = name
        self._environment = environment
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None
        self._ending = False
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Until ``stop``."""
        pause = 0.1
        while not self._ending:
            began = time.monotonic()
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            with self._log_file.with_suffix(".out").open("wb") as out:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "ivr.cli", self.name, "--log-file", str(self._log_file), "--parent", str(os.getpid()),
                    env=self._environment, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                    start_new_session=True,
                )
            code = await self._process.wait()
            if self._ending:
                return
            self.restarts += 1
            log.error("process_ended", process=self.name, code=code, restarts=self.restarts)
            pause = 0.1 if time.monotonic() - began > _STEADY_S else min(pause * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def stop(self, within_s: float = 10) -> None:
        """Ask it to drain and end, then insist."""
        self._ending = True
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self.pid is None:
                return
            os.kill(self.pid, how)
            try:
                async with asyncio.timeout(within_s):
                    while self.pid is not None:
                        await asyncio.sleep(0.02)
                return
            except TimeoutError:
                continue

    def last_words(self) -> str:
        """The end of what the process wrote outside its log: a crash's trace."""
        try:
            return "\n".join(self._log_file.with_suffix(".out").read_text(errors="replace").strip().splitlines()[-15:])
        except OSError:
            return ""


class Stack:
    """Everything `ivr run` starts. ``told`` hears each step in plain words."""

    def __init__(self, settings: Settings, config_file: Path | None, told: Told, *, durable: bool = True) -> None:
        self.settings = settings
        self._config_file = config_file
        self._told = told
        self._durable = durable
        self._places = Places(settings.state_dir)
        self._database: EmbeddedPostgres | None = None
        self._asterisk: EmbeddedAsterisk | None = None
        self._asterisk_watch: asyncio.Task[None] | None = None
        self.processes: dict[str, OwnProcess] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.database_url = settings.database_url or ""

    @property
    def web_url(self) -> str:
        """Where the pages are."""
        web = self.settings.web
        host = f"[{web.host}]" if ":" in web.host else web.host
        return f"http{'s' if web.tls != 'off' else ''}://{host}:{web.port}"

    async def start(self) -> None:
        """Start all parts in order; on any failure what was started is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        await asyncio.to_thread(refuse_ports_in_use, self.settings)
        self.settings.state_dir.mkdir(parents=True, exist_ok=True)
        if not self.settings.database_url:
            self._database = EmbeddedPostgres(self._places.postgres, durable=self._durable)
            self.database_url = await self._database.start()
            self._told("PostgreSQL 已启动（内置）")
        before, now = await migrate(self.database_url)
        if before != now:
            self._told(f"数据库结构已更新到 {now}")
        plan = await asyncio.to_thread(prepare_exchange, self.settings)
        await asyncio.to_thread(certificate, self.settings)
        await self._start_asterisk(plan.root.version)
        environment = dict(os.environ) | {"IVR_DATABASE_URL": self.database_url, "IVR_STATE_DIR": str(self.settings.state_dir)}
        if self._config_file:
            environment["IVR_CONFIG"] = str(self._config_file)
        for name in PARTS:
            process = OwnProcess(name, environment, self._places.logs / f"{name}.log")
            self.processes[name] = process
            self._tasks.append(asyncio.create_task(process.run(), name=name))
        await self._wait_until_healthy()
        self._told("控制器、转写、网页服务已就绪")

    async def _start_asterisk(self, version: tuple[int, ...]) -> None:
        root = await asyncio.to_thread(find_asterisk, self.settings.asterisk.root, cache_folder())
        self._asterisk = EmbeddedAsterisk(root, self._places.asterisk)
        await self._asterisk.start()
        self._told(f"Asterisk {'.'.join(map(str, version))} 已启动，SIP 端口 {self.settings.asterisk.sip_port}")
        self._asterisk_watch = asyncio.create_task(self._keep_asterisk())

    async def _keep_asterisk(self) -> None:
        """Start Asterisk again whenever it ends; each start has a new boot number in its ids."""
        pause = 0.2
        while self._asterisk is not None:
            began = time.monotonic()
            code = await self._asterisk.process.wait()
            log.error("asterisk_ended", code=code)
            pause = 0.2 if time.monotonic() - began > _STEADY_S else min(pause * 2, _LONGEST_PAUSE_S)
            while True:
                await asyncio.sleep(pause)
                try:
                    await asyncio.to_thread(prepare_exchange, self.settings)
                    await self._asterisk.start()
                    log.warning("asterisk_restarted")
                    break
                except (Unavailable, BadSetting, OSError) as failed:
                    log.error("asterisk_not_restarted", reason=str(failed))
                    pause = min(pause * 2, _LONGEST_PAUSE_S)

    @property
    def asterisk_pid(self) -> int:
        """The running Asterisk's process id."""
        if self._asterisk is None:
            raise Unavailable("Asterisk is not running")
        return self._asterisk.process.pid

    async def _wait_until_healthy(self, within_s: float = 30) -> None:
        try:
            async with asyncio.timeout(within_s), aiohttp.ClientSession() as client:
                while True:
                    try:
                        async with client.get(f"{self.web_url}/healthz", ssl=False) as answer:
                            health = await answer.json()
                            if health.get("database") and not health.get("queue_live_stale"):
                                return
                    except (aiohttp.ClientError, ValueError, ConnectionError):
                        pass
                    for process in self.processes.values():
                        if process.restarts > 2:
                            raise Unavailable(f"the {process.name} keeps ending:\n{process.last_words()}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            words = "\n".join(f"{p.name}: {p.last_words()}" for p in self.processes.values() if p.last_words())
            raise Unavailable(
                f"the product was not ready within {within_s:.0f} s; logs lie in {self._places.logs}\n{words}"
            ) from None

    async def stop(self) -> None:
        """End everything, what takes calls first, the database last."""
        if self._asterisk_watch:
            self._asterisk_watch.cancel()
            await asyncio.gather(self._asterisk_watch, return_exceptions=True)
        if self._asterisk:
            await self._asterisk.stop()
            self._asterisk = None
        await asyncio.gather(*(p.stop() for p in self.processes.values()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._database:
            await self._database.stop()
            self._database = None
