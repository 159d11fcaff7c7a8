"""Commands are imported when they are called: all of them are there, and none brings another's libraries."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ivr.cli import app

ROOT: Any = typer.main.get_command(app)
NAMES: list[str] = ROOT.list_commands(typer.Context(ROOT))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_there_under_its_name_and_says_what_it_is_for(name: str) -> None:
    command = ROOT.get_command(typer.Context(ROOT), name)
    assert command.name == name and command.get_short_help_str()
    told = CliRunner().invoke(app, [name, "--help"])
    assert told.exit_code == 0 and f"{name}" in told.output


def test_the_help_lists_them_all_and_an_unknown_one_is_refused() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert [name for name in NAMES if f"│ {name} " not in told] == []
    assert CliRunner().invoke(app, ["nosuch"]).exit_code == 2


@pytest.mark.parametrize(("part", "foreign"), [
    ("controller", ("ivr.web.app", "openpyxl", "docx", "alembic", "ivr.demo")),
    ("worker", ("ivr.web.app", "aiohttp", "openpyxl", "docx", "alembic", "ivr.demo")),
    ("web", ("openpyxl", "docx", "alembic", "ivr.demo", "panoramisk")),
])
def test_a_part_imports_only_what_it_runs(part: str, foreign: tuple[str, ...]) -> None:
    code = f"import sys, ivr.cli_parts, ivr.parts.{part}; print(*[m for m in {foreign!r} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.split() == []
