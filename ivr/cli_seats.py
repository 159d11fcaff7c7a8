"""`ivr seat`: what a desk phone needs to know to register."""

from __future__ import annotations

import typer
from rich.table import Table

from ivr import exchange_setup
from ivr.cli_terminal import out, plain_errors
from ivr.domain.errors import NotFound
from ivr.settings import load_settings

seat_app = typer.Typer(help="Operators' phones.", no_args_is_help=True)


@seat_app.command("list")
def list_seats() -> None:
    """Show every configured seat."""
    with plain_errors():
        settings = load_settings()
    table = Table("seat", "operator", "queues", "phone")
    for seat in settings.seats:
        table.add_row(seat.name, seat.operator, " ".join(seat.queues), "browser" if seat.browser else "desk phone")
    out.print(table)


@seat_app.command("secret")
def secret(name: str) -> None:
    """Print what to type into one seat's phone; the secret was made at first start and is kept nowhere else."""
    with plain_errors():
        settings = load_settings()
        seat = next((s for s in settings.seats if s.name == name), None)
        if seat is None:
            known = ", ".join(s.name for s in settings.seats) or "none"
            raise NotFound(f"there is no seat {name}; configured are: {known} (docs/how-to/first-phones.md)")
        held = exchange_setup.credentials(settings).endpoints[f"seat-{name}"]
    asterisk = settings.asterisk
    print(f"server   {asterisk.sip_host}")
    if seat.browser:
        print(f"port     {asterisk.wss_port or '-'} (wss)")
    else:
        print(f"port     {asterisk.sip_port}" + (f" (TLS: {asterisk.sip_tls_port})" if asterisk.sip_tls_port else ""))
    print(f"user     seat-{name}")
    print(f"secret   {held}")
