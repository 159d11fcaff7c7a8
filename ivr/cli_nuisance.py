"""`ivr nuisance`: numbers that are not put through, each with an owner and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors
from ivr.domain.errors import NotFound
from ivr.domain.nuisance import checked_listing
from ivr.domain.worktime import SHANGHAI
from ivr.settings import load_settings
from ivr.storage.nuisance import PostgresListings

nuisance_app = typer.Typer(help="Numbers that are not put through; emergencies are.", no_args_is_help=True)

T = TypeVar("T")


def _with_listings(work: Callable[[PostgresListings], Awaitable[T]]) -> T:
    async def go() -> T:
        async with bootstrap.patient_pool(load_settings(), "cli", size=2) as pool:
            return await work(PostgresListings(pool))

    with plain_errors():
        return asyncio.run(go())


@nuisance_app.command("list")
def list_listings() -> None:
    """Every listing in force, the next to end first."""
    table = Table("number", "until", "owner", "reason")
    for listing in _with_listings(lambda listings: listings.in_force()):
        until = listing.ends_at.astimezone(SHANGHAI)
        table.add_row(listing.number, f"{until:%Y-%m-%d %H:%M}", Text(listing.owner), Text(listing.reason))
    out.print(table)


@nuisance_app.command("add")
def add(
    number: str,
    reason: Annotated[str, typer.Option(help="Why, for those who review the listing.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    days: Annotated[int, typer.Option(min=1, max=366, help="For how many days from now.")],
) -> None:
    """List a number. From two seconds later its callers hear the emergency advice, and one key for emergencies."""

    async def go(listings: PostgresListings) -> datetime:
        now = await listings.now()
        listing = checked_listing(number, reason, owner, now, now + timedelta(days=days))
        await listings.add(listing)
        return listing.ends_at

    until = _with_listings(go)
    out.print(f"[green]✓[/green] 已列入 {number}，到 {until.astimezone(SHANGHAI):%Y-%m-%d %H:%M} 为止")


@nuisance_app.command("remove")
def remove(number: str, by: Annotated[str, typer.Option(help="Who decided it.")]) -> None:
    """End a number's listing now; it stays on record."""

    async def go(listings: PostgresListings) -> None:
        if not await listings.remove(number, by):
            raise NotFound(f"{number} is not listed; `ivr nuisance list` shows what is")

    _with_listings(go)
    out.print(f"[green]✓[/green] 已移出 {number}")
