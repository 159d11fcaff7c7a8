"""The whole product on one machine: the database, Asterisk and our own processes, started in order and ended in order.

Each of our processes is a child that is started again when it dies; Asterisk goes on without any of them. Ending (a
signal) stops what takes calls first and the database last, and leaves no process behind.

When this supervisor is killed, its children end by themselves (the kernel tells them), Asterisk serves on, and the
embedded database waits. The next start takes over: it adopts that Asterisk with its calls, and starts the rest anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import structlog

from ivr.adopted_process import AdoptedProcess
from ivr.domain.errors import BadSetting, Unavailable
from ivr.exchange_setup import Places, cache_folder, check_files, prepare_exchange, running_as_planned
from ivr.heartbeat import silence
from ivr.ports_in_use import PortsInUse, refuse_ports_in_use
from ivr.settings import PROJECT_ROOT, Settings
from ivr.state_folder import StateLock
from ivr.storage.database import require_server
from ivr.storage.embedded import EmbeddedPostgres
from ivr.telephony.asterisk_root import find_asterisk
from ivr.telephony.embedded import EmbeddedAsterisk

log = structlog.get_logger(__name__)

Told = Callable[[str], None]
PARTS = ("controller", "worker", "web")
_LONGEST_PAUSE_S = 3.0  # a controller is back within five seconds, however often it dies
_STEADY_S = 30.0
_DATABASE_WITHIN_S = 10.0
_LAST_RUN_ENDS_WITHIN_S = 15.0


class OwnProcess:
    """One of our processes, restarted with growing pauses while it keeps dying; ``watched``: also when it hangs."""

    def __init__(self, name: str, environment: dict[str, str], log_file: Path, *, watched: bool = False) -> None:
        self.name = name
        self._watched = watched
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
            ears, mouth = os.pipe() if self._watched else (-1, -1)
            heartbeat = ("--heartbeat", str(mouth)) if self._watched else ()
            try:
                with self._log_file.with_suffix(".out").open("wb") as out:
                    self._process = await asyncio.create_subprocess_exec(
                        sys.executable, "-m", "ivr.cli", self.name, "--log-file", str(self._log_file),
                        "--parent", str(os.getpid()), *heartbeat, env=self._environment, cwd=PROJECT_ROOT,
                        stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                        pass_fds=(mouth,) if self._watched else (),
                    )
            finally:
                if self._watched:
                    os.close(mouth)
            watch = asyncio.create_task(self._end_when_hung(ears)) if self._watched else None
            try:
                code = await self._process.wait()
            finally:
                if watch is not None:
                    watch.cancel()
                    await asyncio.gather(watch, return_exceptions=True)
            if self._ending:
                return
            self.restarts += 1
            log.error("process_ended", process=self.name, code=code, restarts=self.restarts)
            pause = 0.1 if time.monotonic() - began > _STEADY_S else min(pause * 2, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _end_when_hung(self, heartbeat: int) -> None:
        if await silence(heartbeat) and self.pid is not None:
            log.error("process_hung", process=self.name, pid=self.pid)
            os.kill(self.pid, signal.SIGKILL)

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


def end_what_was_left(state: Path) -> None:
    """End Asterisk and database of a killed run whose state folder is about to be deleted. Blocking."""
    for left, how in _outliving(state):
        left.end(how, signal.SIGKILL)


def _outliving(state: Path) -> Iterator[tuple[AdoptedProcess, signal.Signals]]:
    """What runs on this state folder and does not end with its supervisor, with the signal that ends it soonest in order."""
    places = Places(state)
    for pid_file, named, how in (
        (places.asterisk / "run/asterisk.pid", places.asterisk / "etc/asterisk.conf", signal.SIGTERM),
        (places.postgres / "data/postmaster.pid", places.postgres / "data", signal.SIGQUIT),
    ):
        found = AdoptedProcess.find(pid_file, named)
        if found is not None:
            yield found, how


class Stack:
    """Everything `ivr run` starts. ``told`` hears each step in plain words."""

    def __init__(self, settings: Settings, config_file: Path | None, told: Told, *, durable: bool = True) -> None:
        self.settings = settings
        self._config_file = config_file
        self._told = told
        self._durable = durable
        self._places = Places(settings.state_dir)
        self._lock = StateLock(settings.state_dir)
        self._adopted = False
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
        """Start all parts in order; on any failure what was started is stopped again, and what was adopted goes on.

        Cancelled, it ends what was adopted too: who ends the product while it starts wants no process left, as at any other time.
        """
        try:
            await self._start()
        except BaseException as failed:
            if self._asterisk and self._adopted and not isinstance(failed, asyncio.CancelledError):
                await self._let_asterisk_go_on(self._asterisk)
            await self.stop()
            raise

    async def _start(self) -> None:
        last_was_killed = await asyncio.to_thread(self._lock.take)
        # What can be refused is refused before anything is written or started.
        root = await asyncio.to_thread(find_asterisk, self.settings.asterisk.root, cache_folder())
        await asyncio.to_thread(check_files, self.settings)
        if self.settings.database_url:
            await require_server(self.settings.database_url, _DATABASE_WITHIN_S)
        self._asterisk = asterisk = EmbeddedAsterisk(root, self._places.asterisk)
        self._adopted = await asterisk.adopt()
        if self._adopted and not await asyncio.to_thread(running_as_planned, self.settings):
            self._told("上次留下的 Asterisk 端口或模块设置已变，只能重新启动它，正在进行的通话会中断")
            await asterisk.stop()
            self._adopted = False
        await self._claim_ports(_LAST_RUN_ENDS_WITHIN_S if last_was_killed else 0)
        if not self.settings.database_url:
            self._database = EmbeddedPostgres(self._places.postgres, durable=self._durable)
            self.database_url = await self._database.start()
            self._tasks.append(asyncio.create_task(self._keep_database(self._database), name="database"))
            self._told("PostgreSQL 已启动（内置）")
        from ivr.storage.migrate import migrate  # alembic takes as long to import as all the rest; no other part needs it

        before, now = await migrate(self.database_url)
        if before != now:
            self._told(f"数据库结构已更新到 {now}")
        await self._start_asterisk(asterisk)
        environment = dict(os.environ) | {"IVR_DATABASE_URL": self.database_url, "IVR_STATE_DIR": str(self.settings.state_dir)}
        if self._config_file:
            environment["IVR_CONFIG"] = str(self._config_file)
        for name in PARTS:
            # A hung worker would keep every transcript waiting, and nobody else would notice.
            process = OwnProcess(name, environment, self._places.logs / f"{name}.log", watched=name == "worker")
            self.processes[name] = process
            self._tasks.append(asyncio.create_task(process.run(), name=name))
        await self._wait_until_healthy()
        self._told("控制器、转写、网页服务已就绪")

    async def _claim_ports(self, within_s: float) -> None:
        """Refuse ports that others hold; the processes of a killed run are given a moment to end."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                await asyncio.to_thread(refuse_ports_in_use, self.settings, asterisk_runs=self._adopted)
                return
            except PortsInUse:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.2)

    async def _start_asterisk(self, asterisk: EmbeddedAsterisk) -> None:
        plan = await asyncio.to_thread(prepare_exchange, self.settings, new_boot=not self._adopted)
        if self._adopted:
            await asterisk.console.reload()
            what = "仍在运行，已接管，通话未中断"
        else:
            await asterisk.start()
            what = "已启动"
        self._told(f"Asterisk {'.'.join(map(str, plan.root.version))} {what}，SIP 端口 {self.settings.asterisk.sip_port}")
        self._asterisk_watch = asyncio.create_task(self._keep_asterisk())

    async def _let_asterisk_go_on(self, asterisk: EmbeddedAsterisk) -> None:
        """A start that failed must not cost the calls of the Asterisk it had adopted."""
        if self._asterisk_watch:
            self._asterisk_watch.cancel()
            await asyncio.gather(self._asterisk_watch, return_exceptions=True)
        asterisk.release()

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

    async def _keep_database(self, database: EmbeddedPostgres) -> None:
        """Start the embedded server again whenever it ends; calls go on meanwhile and are caught up with."""
        while True:
            code = await database.process.wait()
            log.error("database_ended", code=code)
            pause = 0.2
            while True:
                try:
                    await database.start()
                    log.warning("database_restarted")
                    break
                except (Unavailable, OSError) as failed:
                    log.error("database_not_restarted", reason=str(failed))
                    await asyncio.sleep(pause)
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

    def end_at_once(self) -> None:
        """Kill everything and wait for nothing: what was committed and recorded so far is found at the next start."""
        for process in self.processes.values():
            if process.pid is not None:
                os.kill(process.pid, signal.SIGKILL)
        for left, how in _outliving(self.settings.state_dir):
            with suppress(ProcessLookupError):
                # The database ends by SIGQUIT without a word; killed, it would leave its own processes behind.
                left.send_signal(how if how == signal.SIGQUIT else signal.SIGKILL)

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
        self._lock.release()
