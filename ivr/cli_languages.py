"""`ivr language`: which language or dialect a caller is known to want, so that its seats are reached at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.table import Table
from rich.text import Text

from ivr import bootstrap
from ivr.cli_terminal import out, plain_errors
from ivr.domain.caller_language import checked_choice, checked_name
from ivr.domain.errors import NotFound
from ivr.domain.worktime import SHANGHAI
from ivr.settings import Settings, load_settings
from ivr.storage.caller_languages import PostgresCallerLanguages

language_app = typer.Typer(help="Languages callers are known to want.", no_args_is_help=True)

By = Annotated[str, typer.Option(help="Who decided it.")]
T = TypeVar("T")


def _with_languages(work: Callable[[PostgresCallerLanguages, Settings], Awaitable[T]]) -> T:
    async def go() -> T:
        settings = load_settings()
        async with bootstrap.patient_pool(settings, "cli", size=2) as pool:
            return await work(PostgresCallerLanguages(pool), settings)

    with plain_errors():
        return asyncio.run(go())


@language_app.command("list")
def list_numbers() -> None:
    """Every number with a language, the one set last first."""
    table = Table("number", "language", "set by", "at")
    for record in _with_languages(lambda languages, _: languages.latest()):
        if record.language:
            at = record.set_at.astimezone(SHANGHAI)
            table.add_row(record.number, record.language, Text(record.set_by), f"{at:%Y-%m-%d %H:%M}")
    out.print(table)


@language_app.command("set")
def set_language(number: str, language: str, by: By) -> None:
    """Note a number's language. From two seconds later its calls go to that language's seats first."""

    async def go(languages: PostgresCallerLanguages, settings: Settings) -> None:
        checked_choice(number, language, by, [one.name for one in settings.languages])
        await languages.set(number, language, by.strip())

    _with_languages(go)
    out.print(f"[green]✓[/green] {number} 的来电先接到 {language}")


@language_app.command("unset")
def unset(number: str, by: By) -> None:
    """Take a number's language back; a later call that chooses one by key sets it again."""

    async def go(languages: PostgresCallerLanguages, _: Settings) -> None:
        checked_name(by)
        if not await languages.unset(number, by.strip()):
            raise NotFound(f"{number} has no language; `ivr language list` shows which have")

    _with_languages(go)
    out.print(f"[green]✓[/green] {number} 不再按语言分配")
