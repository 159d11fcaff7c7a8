"""`ivr demo`: the whole product with scripted phones, on ports and a state folder of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap, exchange_setup
from ivr.cli_accounts import one_time_ticket
from ivr.cli_terminal import out, plain_errors
from ivr.demo.client import HotlineClient
from ivr.demo.demonstration import Demonstration
from ivr.demo.ports import free_ports
from ivr.demo.script import speak_dialogue, write_silence
from ivr.demo.summary import shortcomings, write_summary
from ivr.domain.errors import BadSetting, Unavailable
from ivr.domain.evidence import FIELD_LABELS
from ivr.domain.order_number import CHANNEL_NAMES
from ivr.logs import configure_logs
from ivr.settings import Settings, default_state_dir, load_settings
from ivr.stack import Stack, end_what_was_left
from ivr.storage.accounts import PostgresAccounts

_WHO = {"caller": ("市民", "cyan"), "operator": ("坐席", "green")}
_CONFIGURATION = """# The demonstration's own settings, written anew at each start.
recordings_dir = "{recordings}"

[asterisk]
name = "demo"
sip_port = {sip}
ami_port = {ami}
fastagi_port = {fastagi}
audiosocket_port = {audiosocket}
rtp_first = 22000
rtp_last = 23999

[[queues]]
name = "hotline"
title = "法律服务热线"
nobody = "wait"

[[seats]]
name = "one"
operator = "王律师"
queues = ["hotline"]

[[trunks]]
name = "carrier"
host = "127.0.0.1"
port = {carrier}
called_numbers = ["12348"]
outbound_caller_id = "12348"
"""


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play both calls, then end.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Write a machine-readable summary here.")] = None,
) -> None:
    """Play two real calls with scripted phones and show what becomes of them."""
    began = time.monotonic() - float(os.environ.pop("IVR_SETUP_SECONDS", "0"))
    with plain_errors():
        state = Path(os.environ.get("IVR_STATE_DIR") or default_state_dir()) / "demo"
        with _only_one(state):
            settings, file = _settings(state)
            configure_logs(settings.log_level, exchange_setup.Places(state).logs / "run.log")
            fine = asyncio.run(_demo(settings, file, began, once, json))
    if not fine:
        raise typer.Exit(1)


class _only_one:
    """One demonstration at a time on a state folder, which is emptied first."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def __enter__(self) -> None:
        self._state.parent.mkdir(parents=True, exist_ok=True)
        self._lock = (self._state.parent / ".demo.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadSetting("another demonstration is running on this machine; end it first, or set IVR_STATE_DIR") from None
        end_what_was_left(self._state)
        shutil.rmtree(self._state, ignore_errors=True)
        self._state.mkdir()

    def __exit__(self, *_: object) -> None:
        self._lock.close()


def _settings(state: Path) -> tuple[Settings, Path]:
    file = state / "demo.toml"
    ports = free_ports(5)
    file.write_text(_CONFIGURATION.format(
        recordings=state / "recordings", sip=ports[0], ami=ports[1], carrier=ports[2], fastagi=ports[3], audiosocket=ports[4],
    ))
    os.environ["IVR_CONFIG"] = str(file)
    os.environ["IVR_STATE_DIR"] = str(state)
    return load_settings(), file


async def _demo(settings: Settings, file: Path, began: float, once: bool, json: Path | None) -> bool:
    def told(heading: str, text: str) -> None:
        seconds = time.monotonic() - began
        clock = Text(f"{int(seconds // 60):02}:{seconds % 60:04.1f}  ", style="dim")
        out.print(clock + Text(f"{heading}  ", style="bold") + Text(text))

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    stack = Stack(settings, file, lambda text: told("启动", text), durable=False)
    playing = asyncio.ensure_future(_play(stack, settings, told, began))
    stopping = asyncio.ensure_future(stop.wait())
    fine = False
    try:
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            return False
        summary = playing.result()
        missing = shortcomings(summary)
        fine = not missing
        for problem in missing:
            out.print(Text(f"✗ {problem}", style="red"))
        _show(summary)
        if json is not None:
            await asyncio.to_thread(write_summary, json, summary)
        if not once:
            async with bootstrap.patient_pool(stack.settings, "demo", size=1) as pool:
                ticket = await one_time_ticket(PostgresAccounts(pool), "admin", 60)
            out.print()
            out.print(Text("网页     ", style="bold") + Text(stack.web_url))
            out.print(Text("一次登录 ", style="bold") + Text(f"{stack.web_url}/login?ticket={ticket}"), soft_wrap=True)
            out.print(Text("按 Ctrl-C 结束", style="dim"))
            await stopping
    finally:
        for task in (playing, stopping):
            task.cancel()
        await asyncio.gather(playing, stopping, return_exceptions=True)
        if not once:
            out.print("正在结束……")
        await stack.stop()
    return fine


async def _play(stack: Stack, settings: Settings, told: Any, began: float) -> dict[str, Any]:
    sounds = settings.state_dir / "sounds"
    silence = await asyncio.to_thread(write_silence, sounds / "silence.wav")
    speaking = asyncio.ensure_future(asyncio.to_thread(speak_dialogue, sounds))
    await stack.start()
    setup = time.monotonic() - began
    os.environ["IVR_DATABASE_URL"] = stack.database_url
    stack.settings = load_settings()
    async with bootstrap.patient_pool(stack.settings, "demo", size=2) as pool:
        accounts = PostgresAccounts(pool)
        token = await accounts.create_token(f"demo-{int(time.time())}", ["supervisor", "operator"], timedelta(hours=1))
    secret = (await asyncio.to_thread(exchange_setup.credentials, settings)).endpoints[f"seat-{settings.seats[0].name}"]
    async with HotlineClient(stack.web_url, token) as client:
        play = Demonstration(settings, secret, client, await speaking, silence, settings.state_dir / "phones", told)
        summary = await play.play()
    summary["seconds"] = {"setup": round(setup, 3), **summary["seconds"]}
    if len(summary["seconds"]) < 3:
        raise Unavailable("the demonstration ended early")
    return summary


def _show(summary: dict[str, Any]) -> None:
    """Recordings, transcript and orders, as a person would want to read them."""
    out.print()
    for track in summary["recordings"]:
        words = f"{_WHO[track['track']][0]}  {track['seconds']:6.2f} 秒  {track['path']}"
        out.print(Text("录音  ", style="bold") + Text(words), soft_wrap=True)
    for transcript in summary["transcripts"]:
        for s in transcript["segments"]:
            who, style = _WHO[s["speaker"]]
            when = Text(f"{s['start_s']:6.2f}–{s['end_s']:5.2f}  ", style="dim")
            out.print(when + Text(f"{who}  ", style=style) + Text(s["text"]), soft_wrap=True)
    for order in summary["orders"]:
        out.print()
        facts = (
            f"渠道 {CHANNEL_NAMES[order['channel']]}  来电 {order['caller_number']}"
            f"  类别 {order['category'] or '—'}  事项 {order['matter'] or '—'}"
        )
        out.print(Text(f"工单 {order['number']}  ", style="bold") + Text(facts), soft_wrap=True)
        if order["note"]:
            out.print(Text(f"      {order['note']}", style="yellow"))
        if order["fields"]:
            table = Table("字段", "内容", "依据（机器听到的话）", "秒", "可信度", box=None, pad_edge=False)
            for field in order["fields"]:
                e = field["evidence"]
                table.add_row(
                    FIELD_LABELS[field["field"]], Text(field["display"]), Text(e["text"] if e else ""),
                    f"{e['start_s']:.2f}–{e['end_s']:.2f}" if e else "", f"{e['confidence']:.2f}" if e else "",
                )
            out.print(table)
    names = {"setup": "准备", "hangup_to_order": "挂机到工单", "hangup_to_transcript": "挂机到转写"}
    times = "  ".join(f"{names[k]} {v:.2f} 秒" for k, v in summary["seconds"].items())
    out.print(Text("用时  ", style="bold") + Text(times))
