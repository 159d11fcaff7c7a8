"""``ivr models``: list, fetch and verify speech models on the command line."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from ivr.domain.errors import IvrError
from ivr.speech.model_install import fetch_model
from ivr.speech.models import (
    MANIFEST,
    TINY_DIR,
    installed_models,
    known_model,
    read_manifest,
    verify_model,
)

models_app = typer.Typer(help="Speech models: what there is, fetch one, check one.", no_args_is_help=True)
_STAGES: Final = {"fetching": "Fetching", "checking": "Checking", "unpacking": "Unpacking"}


def default_state_dir() -> Path:
    """Where state lives unless a setting says otherwise: /var/lib/ivr for root, else the user's state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/ivr")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "ivr"


StateDir = Annotated[
    Path,
    typer.Option("--state-dir", envvar="IVR_STATE_DIR", default_factory=default_state_dir, help="Where models lie."),
]
Manifest = Annotated[Path, typer.Option("--manifest", help="The list of known models.")]


@models_app.command("list")
def list_models(state_dir: StateDir, manifest: Manifest = MANIFEST) -> None:
    """Show the known and the installed models."""
    with _plain_errors():
        known, installed = read_manifest(manifest), installed_models(state_dir)
    table = Table(Column("model", no_wrap=True), Column("size", no_wrap=True), "installed", "licence", "about")
    for model in known.values():
        size = f"{model.bytes / 1e6:.0f} MB" if model.bytes else "unverified"
        table.add_row(model.name, size, "yes" if model.name in installed else "no", model.licence, model.about)
    for name in sorted(installed.keys() - known.keys()):
        table.add_row(name, "", "yes", "", "not in the manifest")
    table.add_row(TINY_DIR.name, "4 MB", "always", "as this project", "tests only: synthetic voices, no real caller")
    Console().print(table)


@models_app.command("fetch")
def fetch(
    name: str,
    state_dir: StateDir,
    manifest: Manifest = MANIFEST,
    allow_unverified: Annotated[
        bool, typer.Option("--allow-unverified", help="Also fetch a model whose digest nobody vouched for.")
    ] = False,
) -> None:
    """Download a model, check it and install it; going on where an earlier try stopped."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with _plain_errors(), Progress(*columns, console=Console(stderr=True)) as bars:
        show = _Bars(bars, name)
        model = known_model(name, read_manifest(manifest))
        path = asyncio.run(fetch_model(model, state_dir, show, allow_unverified=allow_unverified))
    typer.echo(f"{name} is installed in {path}")


@models_app.command("verify")
def verify(state_dir: StateDir, name: Annotated[str | None, typer.Argument()] = None) -> None:
    """Compare installed models with their digests: one, or all and the tiny one."""
    paths = {TINY_DIR.name: TINY_DIR, **installed_models(state_dir)}
    chosen = [paths.get(name, state_dir / "models" / name)] if name else list(paths.values())
    damaged = False
    for path in chosen:
        try:
            typer.echo(f"{path.name}: {verify_model(path)} files are as installed")
        except IvrError as problem:
            damaged = True
            typer.echo(str(problem), err=True)
    if damaged:
        raise typer.Exit(1)


class _Bars:
    """Progress callbacks to one bar per stage."""

    def __init__(self, bars: Progress, name: str) -> None:
        self._bars = bars
        self._name = name
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(f"{_STAGES.get(stage, stage)} {self._name}", total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)


class _plain_errors:
    """Expected errors become one line on stderr and exit code 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, IvrError):
            typer.echo(str(error), err=True)
            raise typer.Exit(1)
