"""Secrets are made once, kept, and readable by their owner alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.domain.errors import BadSetting
from ivr.telephony.credentials import load_credentials


def test_secrets_are_random_kept_and_private(tmp_path: Path) -> None:
    file = tmp_path / "made/credentials.json"
    first = load_credentials(file, ["seat-one", "seat-two"])
    assert file.stat().st_mode & 0o777 == 0o600
    secrets = [first.ami_controller, first.ami_probe, *first.endpoints.values()]
    assert len(set(secrets)) == 4 and all(len(s) >= 24 and s.isascii() for s in secrets)
    assert load_credentials(file, ["seat-one", "seat-two"]) == first
    assert load_credentials(tmp_path / "other.json", ["seat-one"]).ami_probe != first.ami_probe


def test_a_new_seat_gets_a_secret_and_the_others_keep_theirs(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = load_credentials(file, ["seat-one"])
    second = load_credentials(file, ["seat-one", "seat-two"])
    assert second.endpoints["seat-one"] == first.endpoints["seat-one"] and second.endpoints["seat-two"]
    assert load_credentials(file, []).endpoints == second.endpoints, "a seat taken out and put back keeps its secret"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o666])
def test_a_file_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "credentials.json"
    load_credentials(file, ["seat-one"])
    file.chmod(mode)
    with pytest.raises(BadSetting, match=f"chmod 600 {file}"):
        load_credentials(file, ["seat-one"])


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"ami:controller": 1}', "\xff"])
def test_a_broken_file_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_bytes(text.encode("latin-1"))
    file.chmod(0o600)
    with pytest.raises(BadSetting, match="is broken"):
        load_credentials(file, ["seat-one"])
    assert file.read_bytes() == text.encode("latin-1")


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    first = load_credentials(file, ["seat-one"])
    (tmp_path / "credentials.new").write_text("{half")
    assert load_credentials(file, ["seat-one"]) == first
    assert load_credentials(file, ["seat-two"]).ami_probe == first.ami_probe
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["sip:seat-one"] == first.endpoints["seat-one"]
