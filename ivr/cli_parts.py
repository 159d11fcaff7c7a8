"""`ivr run` and the parts it starts; each part imports only what it runs, because a restart waits for it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ivr import exchange_setup
from ivr.cli_terminal import out, plain_errors
from ivr.heartbeat import beat
from ivr.logs import configure_logs
from ivr.settings import Settings, config_file, load_settings
from ivr.state_folder import make_folder

if TYPE_CHECKING:
    from ivr.stack import Stack

LogFile = Annotated[Path | None, typer.Option("--log-file", help="Write the log here instead of stderr.")]
Parent = Annotated[int, typer.Option("--parent", hidden=True)]
Heartbeat = Annotated[int, typer.Option("--heartbeat", hidden=True)]
_PR_SET_PDEATHSIG = 1


def _part(run: Callable[[Settings, asyncio.Event], Coroutine[Any, Any, None]], log_file: Path | None, parent: int) -> None:
    """Run one long-lived part until a signal: the first drains it, the second ends it at once."""
    if parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            raise typer.Exit(1)
    with plain_errors():
        settings = load_settings()
        configure_logs(settings.log_level, log_file)
        asyncio.run(_until_signal(lambda stop: run(settings, stop)))


async def _until_signal(
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]], at_once: Callable[[], None] = lambda: None
) -> None:
    """The first signal sets the event; the second does ``at_once`` and ends the process where it stands."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            at_once()
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    await run(stop)


async def _cancelled_at(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    running, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        pass


async def _beating(heartbeat: int, work: Coroutine[Any, Any, None]) -> None:
    beating = asyncio.ensure_future(beat(heartbeat)) if heartbeat >= 0 else None
    try:
        await work
    finally:
        if beating is not None:
            beating.cancel()


def run() -> None:
    """Start everything on this machine: database (unless IVR_DATABASE_URL is set), Asterisk, controller, worker, pages."""
    with plain_errors():
        settings = load_settings()
        make_folder(settings.state_dir, "IVR_STATE_DIR")
        configure_logs(settings.log_level, exchange_setup.Places(settings.state_dir).logs / "run.log")
        from ivr.stack import Stack

        stack = Stack(settings, config_file(), lambda text: out.print(f"[green]✓[/green] {text}"))
        asyncio.run(_until_signal(lambda stop: _run(settings, stack, stop), stack.end_at_once))


async def _run(settings: Settings, stack: Stack, stop: asyncio.Event) -> None:
    choice = await asyncio.to_thread(exchange_setup.choose_model, settings)
    started = False
    starting, stopping = asyncio.ensure_future(stack.start()), asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    try:
        await starting
        started = True
        if choice.is_tiny:
            out.print(
                "[yellow]![/yellow] 没有真实的语音模型，正在使用只认识合成语音的小模型；"
                "真实热线请先运行 `ivr models fetch vosk-model-small-cn-0.22`", soft_wrap=True,
            )
        if not settings.seats:
            out.print("[yellow]![/yellow] 还没有配置坐席；见 docs/how-to/first-phones.md")
        out.print(f"网页  [bold]{stack.web_url}[/bold]   首次登录：`ivr user login-link admin`   结束：Ctrl-C", soft_wrap=True)
        await stopping
    except asyncio.CancelledError:
        pass
    finally:
        if started:
            out.print("正在结束……")
        await stack.stop()


def controller(log_file: LogFile = None, parent: Parent = 0) -> None:
    """Follow Asterisk: ledger, live queues, recordings, orders."""
    from ivr.parts.controller import run_controller

    _part(lambda settings, stop: _cancelled_at(stop, run_controller(settings)), log_file, parent)


def worker(log_file: LogFile = None, parent: Parent = 0, heartbeat: Heartbeat = -1) -> None:
    """Transcribe recordings."""
    from ivr.parts.worker import run_worker

    _part(lambda settings, stop: _beating(heartbeat, run_worker(settings, stop)), log_file, parent)


def web(log_file: LogFile = None, parent: Parent = 0) -> None:
    """Serve pages, API and live stream."""
    from ivr.parts.web import run_web

    _part(run_web, log_file, parent)


def asterisk() -> None:
    """Render the configuration and become Asterisk (for containers and service units)."""
    with plain_errors():
        settings = load_settings()
        configure_logs(settings.log_level)
        plan = exchange_setup.prepare_exchange(settings)
        command = plan.root.command(plan.run / "etc/asterisk.conf", "-f", "-n")
    os.execv(command[0], command)  # noqa: S606 - it becomes Asterisk; there is no shell
