"""`ivr prompts`: speak what callers hear, and measure it."""

from __future__ import annotations

import typer
from rich.table import Table

from ivr.cli_terminal import out, plain_errors
from ivr.exchange_setup import Places, speak_prompts
from ivr.settings import load_settings
from ivr.telephony.prompts import BuiltPrompt

prompts_app = typer.Typer(no_args_is_help=True, help="What callers hear.")


@prompts_app.command()
def build() -> None:
    """Speak the prompts that are missing or changed, check them all, and show how long and how loud each is."""
    built: list[BuiltPrompt] = []
    with plain_errors():
        settings = load_settings()
        try:
            speak_prompts(settings, built.append)
        finally:
            if built:
                out.print(_table(built))
                out.print(f"{len(built)} files in {Places(settings.state_dir).prompts}")


def _table(built: list[BuiltPrompt]) -> Table:
    table = Table("prompt", "from", "seconds", "slow", "dBFS", "text")
    slow = {b.name.removeprefix("slow/"): b for b in built if b.name.startswith("slow/")}
    for prompt in built:
        if prompt.name not in slow:
            continue
        level = f"{prompt.sound.speech_dbfs:.0f}"
        table.add_row(
            prompt.name, "recording" if prompt.recorded else "voice", f"{prompt.sound.seconds:.1f}",
            f"{slow[prompt.name].sound.seconds:.1f}", f"[red]{level}[/red]" if prompt.complaints else level, prompt.text,
        )
    return table
