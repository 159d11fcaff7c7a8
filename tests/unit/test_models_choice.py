"""Which model a setting means, and the command line that lists and checks them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivr.domain.errors import BadSetting, NotFound
from ivr.speech.models import TINY_DIR, known_model, read_manifest, resolve_model, verify_model
from ivr.speech.models_cli import models_app
from tests.fakes.model_server import MODEL_FILES


def install(state: Path, name: str, without: str = "") -> Path:
    folder = state / "models" / name
    for part, content in MODEL_FILES.items():
        if part != without:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            (folder / part).write_bytes(content)
    return folder


def test_manifest_knows_the_small_model_and_admits_what_it_does_not_know() -> None:
    manifest = read_manifest()
    small = manifest["vosk-model-small-cn-0.22"]
    assert small.verified and small.bytes == 43_898_754 and small.licence == "Apache-2.0"
    assert not manifest["vosk-model-cn-0.22"].verified
    with pytest.raises(NotFound, match="known are: vosk-model-cn"):
        known_model("nonesuch", manifest)


def test_broken_manifest_is_a_bad_setting(tmp_path: Path) -> None:
    for text in ("{", '{"models": [{}]}', "[]"):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(BadSetting, match="no manifest of models"):
            read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize("setting", ["", "auto", "tiny"])
def test_without_a_real_model_the_tiny_one_is_taken_and_says_so(tmp_path: Path, setting: str) -> None:
    choice = resolve_model(setting, tmp_path)
    assert choice.is_tiny and choice.path == TINY_DIR


def test_auto_prefers_a_model_of_the_manifest_to_others(tmp_path: Path) -> None:
    other = install(tmp_path, "another-model")
    assert resolve_model("auto", tmp_path).path == other
    small = install(tmp_path, "vosk-model-small-cn-0.22")
    choice = resolve_model("auto", tmp_path)
    assert (choice.path, choice.is_tiny) == (small, False)
    assert resolve_model("tiny", tmp_path).is_tiny


def test_name_and_folder_are_found(tmp_path: Path) -> None:
    folder = install(tmp_path, "my-model")
    assert resolve_model("my-model", tmp_path).path == folder
    assert resolve_model(str(folder), Path("/nonexistent")).name == "my-model"
    assert resolve_model(str(TINY_DIR), tmp_path).is_tiny


def test_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="run: ivr models fetch vosk-model-small-cn-0.22"):
        resolve_model("vosk-model-small-cn-0.22", tmp_path)
    with pytest.raises(BadSetting, match="give the folder of a Vosk model"):
        resolve_model("/nonexistent/model", tmp_path)


def test_broken_model_names_what_is_missing(tmp_path: Path) -> None:
    for part in ("am/final.mdl", "conf/mfcc.conf", "graph/Gr.fst"):
        shutil.rmtree(tmp_path / "models", ignore_errors=True)
        install(tmp_path, "broken", without=part)
        with pytest.raises(BadSetting, match=part):
            resolve_model("broken", tmp_path)
        assert resolve_model("auto", tmp_path).is_tiny


def test_tiny_model_in_the_repository_is_as_it_was_committed() -> None:
    assert verify_model(TINY_DIR) == 8


def test_command_line_lists_and_verifies(tmp_path: Path) -> None:
    install(tmp_path, "my-model")
    run = CliRunner().invoke
    listed = run(models_app, ["list", "--state-dir", str(tmp_path)], env={"COLUMNS": "200"})
    assert listed.exit_code == 0 and "vosk-model-small-cn-0.22" in listed.output and "my-model" in listed.output
    assert run(models_app, ["verify", TINY_DIR.name, "--state-dir", str(tmp_path)]).exit_code == 0
    assert run(models_app, ["verify", "--state-dir", str(tmp_path)]).exit_code == 1, "my-model has no digests"
    refused = run(models_app, ["fetch", "vosk-model-cn-0.22", "--state-dir", str(tmp_path)])
    assert refused.exit_code == 1 and "unverified" in refused.output
