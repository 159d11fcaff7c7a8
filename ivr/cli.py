"""The command line: run the product, look after it, ask what is wrong."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.markup import escape
from rich.text import Text

from ivr import __version__, bootstrap, exchange_setup
from ivr.cli_accounts import token_app, user_app
from ivr.cli_advisers import advisers_app
from ivr.cli_analysis import report_app, show_forecast, warnings_app
from ivr.cli_callbacks import callbacks_app
from ivr.cli_devices import devices_app
from ivr.cli_languages import language_app
from ivr.cli_menu import dialplan_app, menu_app
from ivr.cli_nuisance import nuisance_app
from ivr.cli_orders import audit_app, orders_app
from ivr.cli_outbox import outbox_app
from ivr.cli_people import people_app
from ivr.cli_places import places_app
from ivr.cli_prompts import prompts_app
from ivr.cli_risk import risk_app
from ivr.cli_roster import roster_app
from ivr.cli_search import search
from ivr.cli_seats import seat_app
from ivr.cli_slots import slots_app
from ivr.cli_statistics import statistics
from ivr.cli_terminal import out, plain_errors
from ivr.demo.command import demo
from ivr.doctor import examine
from ivr.heartbeat import beat
from ivr.logs import configure_logs
from ivr.settings import Settings, config_file, load_settings
from ivr.settings_reference import reference
from ivr.speech.models_cli import models_app
from ivr.stack import Stack
from ivr.state_folder import make_folder
from ivr.telephony.embedded import Console as AsteriskConsole

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="The server behind the 12348 legal-service hotline.",
)
app.add_typer(models_app, name="models")
app.add_typer(user_app, name="user")
app.add_typer(token_app, name="token")
app.add_typer(places_app, name="places")
app.add_typer(advisers_app, name="advisers")
app.add_typer(people_app, name="people")
app.add_typer(orders_app, name="orders")
app.add_typer(audit_app, name="audit")
app.add_typer(seat_app, name="seat")
app.add_typer(devices_app, name="devices")
app.add_typer(roster_app, name="roster")
app.add_typer(slots_app, name="slots")
app.add_typer(callbacks_app, name="callbacks")
app.add_typer(nuisance_app, name="nuisance")
app.add_typer(risk_app, name="risk")
app.add_typer(outbox_app, name="outbox")
app.add_typer(warnings_app, name="warnings")
app.add_typer(report_app, name="report")
app.add_typer(language_app, name="language")
app.add_typer(menu_app, name="menu")
app.add_typer(prompts_app, name="prompts")
app.add_typer(dialplan_app, name="dialplan")
app.command()(demo)
app.command()(search)
app.command()(statistics)
app.command("forecast")(show_forecast)

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


@app.command()
def run() -> None:
    """Start everything on this machine: database (unless IVR_DATABASE_URL is set), Asterisk, controller, worker, pages."""
    with plain_errors():
        settings = load_settings()
        make_folder(settings.state_dir, "IVR_STATE_DIR")
        configure_logs(settings.log_level, exchange_setup.Places(settings.state_dir).logs / "run.log")
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


@app.command()
def controller(log_file: LogFile = None, parent: Parent = 0) -> None:
    """Follow Asterisk: ledger, live queues, recordings, orders."""
    _part(lambda settings, stop: _cancelled_at(stop, bootstrap.run_controller(settings)), log_file, parent)


@app.command()
def worker(log_file: LogFile = None, parent: Parent = 0, heartbeat: Heartbeat = -1) -> None:
    """Transcribe recordings."""
    _part(lambda settings, stop: _beating(heartbeat, bootstrap.run_worker(settings, stop)), log_file, parent)


@app.command()
def web(log_file: LogFile = None, parent: Parent = 0) -> None:
    """Serve pages, API and live stream."""
    _part(bootstrap.run_web, log_file, parent)


@app.command()
def asterisk() -> None:
    """Render the configuration and become Asterisk (for containers and service units)."""
    with plain_errors():
        settings = load_settings()
        configure_logs(settings.log_level)
        plan = exchange_setup.prepare_exchange(settings)
        command = plan.root.command(plan.run / "etc/asterisk.conf", "-f", "-n")
    os.execv(command[0], command)  # noqa: S606 - it becomes Asterisk; there is no shell


@app.command()
def reload() -> None:
    """Take changed seats, queues, trunks and prompts into use; calls in progress go on."""
    with plain_errors():
        settings = load_settings()
        plan = exchange_setup.prepare_exchange(settings, new_boot=False)
        asyncio.run(AsteriskConsole(plan.root, plan.run).reload())
    out.print("[green]✓[/green] Asterisk 已载入新配置，进行中的通话不受影响")


@app.command()
def migrate() -> None:
    """Bring the database to this version."""
    from ivr.storage.migrate import migrate as migrate_database  # alembic is slow to import

    with plain_errors():
        before, now = asyncio.run(migrate_database(exchange_setup.database_url(load_settings())))
    out.print(f"[green]✓[/green] 数据库结构 {before or '空'} → {now}")


@app.command()
def doctor() -> None:
    """Say in plain words what is missing or unhealthy, and what to do."""
    with plain_errors():
        settings = load_settings()
        findings = asyncio.run(examine(settings))
    signs = {"ok": "[green]✓[/green]", "warning": "[yellow]![/yellow]", "fault": "[red]✗[/red]"}
    for finding in findings:
        subject = finding.subject + " " * (12 - cell_len(finding.subject))
        out.print(f"{signs[finding.state]} {subject} {escape(finding.text)}", soft_wrap=True)
        if finding.remedy:
            out.print(f"  → {escape(finding.remedy)}", style="bold", soft_wrap=True)
    if any(f.state == "fault" for f in findings):
        raise typer.Exit(1)


@app.command()
def reconcile(days: Annotated[float, typer.Option(min=0.01, max=3660, help="How far back to look.")] = 3) -> None:
    """Compare ledger, calls, recordings, transcripts and orders; list every difference with its reason."""
    with plain_errors():
        settings = load_settings()
        configure_logs("critical")
        found = asyncio.run(bootstrap.reconcile(settings, days))
    if not found:
        out.print("[green]✓[/green] 账本、来电、录音、转写、工单全部相符")
        return
    for difference in found:
        line = Text(f"✗ {difference.subject}  ", style="red") + Text(f"{difference.reason}  ", style="default")
        out.print(line + Text(f"{difference.kind} {difference.detail}".rstrip(), style="dim"), soft_wrap=True)
    raise typer.Exit(1)


@app.command()
def settings(markdown: Annotated[bool, typer.Option(help="The reference page instead of the values.")] = False) -> None:
    """Show every setting in force, or the reference of all settings."""
    if markdown:
        print(reference(), end="")
        return
    with plain_errors():
        out.print_json(json.dumps(bootstrap.describe(load_settings()), ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


if __name__ == "__main__":
    app()
