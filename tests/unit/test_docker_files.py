"""The container files against the code they run: what they copy exists, what they call is a command, no secret is in them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from ivr.cli import app
from ivr.settings import PROJECT_ROOT, Settings

DOCKER = PROJECT_ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*/Dockerfile"))
OWN = ("migrate", "asterisk", "controller", "worker", "web")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """(instruction, arguments) with continued lines joined and comments dropped."""
    lines = [line for line in dockerfile.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


def test_the_services_are_the_products_parts(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", *OWN}
    root: Any = typer.main.get_command(app)
    commands = set(root.list_commands(typer.Context(root)))
    for name in OWN:
        service = compose["services"][name]
        assert service["command"] == [name]
        assert name in commands
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["image"] == f"ivr-{'asterisk' if name in ('asterisk', 'controller') else 'server'}:local"


def test_the_phone_path_depends_on_nobody_and_shares_its_loopback_with_the_controller(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert "depends_on" not in services["asterisk"]
    assert services["controller"]["network_mode"] == "service:asterisk"
    assert not any("ports" in service for service in services.values())
    for name in ("postgres", "migrate", "worker"):
        assert services[name]["network_mode"] == "none"


def test_volumes_are_declared_and_what_is_shared_is_where_the_images_look(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            source, target = re.match(r"(\$\{[^}]*\}|[^:]+):([^:]+)", volume).groups()  # type: ignore[union-attr]
            if not source.startswith("${"):
                assert source in compose["volumes"], (name, source)
            assert target in {
                "/etc/ivr", "/var/lib/ivr", "/var/lib/ivr-recordings", "/run/postgresql", "/var/run/postgresql",
                "/var/lib/postgresql",
            }
    for name in ("asterisk", "controller"):  # ledger, console socket and secrets lie in the state folder
        assert {"state:/var/lib/ivr", "recordings:/var/lib/ivr-recordings"} <= set(compose["services"][name]["volumes"])


def test_no_password_is_written_anywhere(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            assert not (re.search(r"PASSWORD|SECRET|TOKEN", key) and not key.endswith("_FILE")), (name, key)
            assert not re.search(r"://[^/@\s]*:[^/@\s]*@", str(value)), (name, key)
    for secret in compose["secrets"].values():
        assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", secret["file"]), "the file is named by whoever runs it; there is no default"
    assert compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"
    for file in DOCKERFILES:
        assert not any(re.search(r"(PASSWORD|SECRET|TOKEN)\w*=", text) for _, text in instructions(file)), file


def test_every_setting_named_is_one(compose: dict[str, Any]) -> None:
    texts = [file.read_text("utf-8") for file in [*DOCKERFILES, DOCKER / "compose.yaml"]]
    for name in {n for text in texts for n in re.findall(r"\bIVR_([A-Z0-9_]+)", text)}:
        assert name == "CONFIG" or name.split("__")[0].lower() in Settings.model_fields, f"IVR_{name}"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda p: p.parent.name)
def test_what_an_image_copies_exists_and_is_in_the_context(dockerfile: Path) -> None:
    ignored = (PROJECT_ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    for name, arguments in instructions(dockerfile):
        if name != "COPY" or "--from=" in arguments:
            continue
        for source in arguments.split()[:-1]:
            path = source.rstrip("/")
            assert (PROJECT_ROOT / path).exists(), source
            assert any(
                path == a or path.startswith(f"{a}/") or a.startswith(f"{path}/") or fnmatch(path, a) for a in allowed
            ), f"{source} is left out by .dockerignore"


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda p: p.parent.name)
def test_an_image_runs_as_nobody_special_and_says_whether_it_is_well(dockerfile: Path) -> None:
    found = dict(instructions(dockerfile))
    assert found["USER"].split(":")[0].isdigit() and found["USER"].split(":")[0] != "0"
    assert "healthcheck.py" in found["HEALTHCHECK"]
    bases = {text.split()[0] for name, text in instructions(dockerfile) if name == "FROM"}
    assert bases == {"debian:bookworm-slim"}


def test_both_images_give_the_shared_volumes_to_the_same_user() -> None:
    users = {dict(instructions(file))["USER"] for file in DOCKERFILES}
    assert len(users) == 1


def test_the_start_script_is_a_program() -> None:
    script = DOCKER / "ivr"
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)


def test_the_start_script_says_when_the_password_cannot_be_read(tmp_path: Path) -> None:
    told = subprocess.run(
        ["sh", str(DOCKER / "ivr"), "web"], env={"PGPASSWORD_FILE": str(tmp_path / "absent"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )
    assert told.returncode == 1
    assert "cannot be read" in told.stderr
