"""Commands that look after an installation: reload, migrate, examine, compare the books, show the settings."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.cells import cell_len
from rich.markup import escape
from rich.text import Text

from ivr import __version__, bootstrap, exchange_setup
from ivr.cli_terminal import out, plain_errors
from ivr.doctor import examine
from ivr.logs import configure_logs
from ivr.settings import load_settings
from ivr.settings_reference import reference
from ivr.telephony.embedded import Console as AsteriskConsole


def reload() -> None:
    """Take changed seats, queues, trunks and prompts into use; calls in progress go on."""
    with plain_errors():
        settings = load_settings()
        plan = exchange_setup.prepare_exchange(settings, new_boot=False)
        asyncio.run(AsteriskConsole(plan.root, plan.run).reload())
    out.print("[green]✓[/green] Asterisk 已载入新配置，进行中的通话不受影响")


def migrate() -> None:
    """Bring the database to this version."""
    from ivr.storage.migrate import migrate as migrate_database  # alembic is slow to import

    with plain_errors():
        before, now = asyncio.run(migrate_database(exchange_setup.database_url(load_settings())))
    out.print(f"[green]✓[/green] 数据库结构 {before or '空'} → {now}")


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


def settings(markdown: Annotated[bool, typer.Option(help="The reference page instead of the values.")] = False) -> None:
    """Show every setting in force, or the reference of all settings."""
    if markdown:
        print(reference(), end="")
        return
    with plain_errors():
        out.print_json(json.dumps(bootstrap.describe(load_settings()), ensure_ascii=False))


def version() -> None:
    """Print the version."""
    print(__version__)
