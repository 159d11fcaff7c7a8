"""The guide's example is a configuration that works as written, and the seat's secret can be read from the shell."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.cli import app
from ivr.settings import PROJECT_ROOT, Settings

GUIDE = PROJECT_ROOT / "docs/how-to/first-phones.md"


def example() -> str:
    return GUIDE.read_text("utf-8").split("```toml\n", 1)[1].split("```", 1)[0]


def test_the_example_is_accepted_as_written() -> None:
    settings = Settings(**tomllib.loads(example()))
    assert settings.seats[0].queues == ["hotline"] and settings.trunks[0].called_numbers == ["12348"]


def test_the_secret_of_a_seat_is_printed_and_stays_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ivr.toml"
    file.write_text(example())
    monkeypatch.setenv("IVR_CONFIG", str(file))
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path / "state"))
    first = CliRunner().invoke(app, ["seat", "secret", "one"])
    again = CliRunner().invoke(app, ["seat", "secret", "one"])
    assert first.exit_code == 0 and first.output == again.output
    told = dict(line.split() for line in first.output.splitlines())
    assert told["user"] == "seat-one" and told["server"] == "192.0.2.10" and len(told["secret"]) >= 32
    assert (tmp_path / "state/credentials.json").stat().st_mode & 0o077 == 0


def test_a_seat_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_STATE_DIR", str(tmp_path))
    wrong = CliRunner().invoke(app, ["seat", "secret", "nobody"])
    assert wrong.exit_code == 1 and "nobody" in wrong.output
