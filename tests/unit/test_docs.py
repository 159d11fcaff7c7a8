"""The documentation against the tree: links lead somewhere, and every command, target and setting it names exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from ivr.cli import app
from ivr.settings import PROJECT_ROOT, Settings

PAGES = sorted([*PROJECT_ROOT.glob("README*.md"), PROJECT_ROOT / "CHANGELOG.md", *PROJECT_ROOT.glob("docs/**/*.md")])
IDS = [str(p.relative_to(PROJECT_ROOT)) for p in PAGES]
OTHER_VARIABLES = {"IVR_CONFIG", "IVR_SETUP_SECONDS"}

every_page = pytest.mark.parametrize("page", PAGES, ids=IDS)


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


@cache
def code_of(page: Path) -> str:
    """Code spans, fenced blocks and indented blocks, one piece a line: where commands are named."""
    text = text_of(page)
    fenced = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^ {4,}(\S.*)$", rest, re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", rest)
    return "\n".join([*fenced, *indented, *spans])


def headings(page: Path) -> set[str]:
    """Anchors as they are made from a page's headings."""
    titles = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@every_page
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{target} leads nowhere"
        assert found.is_relative_to(PROJECT_ROOT), f"{target} leads out of the project"
        if anchor:
            assert anchor in headings(found), f"{target}: there is no such heading"


@every_page
def test_named_files_of_the_tree_exist(page: Path) -> None:
    for name in re.findall(r"`((?:ivr|docs|scripts|docker|tests|models|requirements|dialplans)/[\w./-]+)`", text_of(page)):
        path = PROJECT_ROOT / name
        made_at_run_time = name.startswith(("ivr/web/static", "ivr/web/ui/node_modules", "dialplans/prompts/recorded"))
        assert made_at_run_time or path.exists(), f"{name} does not exist"


@every_page
def test_make_targets_exist(page: Path) -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for target in re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", code_of(page)):
        assert target in targets, f"make {target} is no target"


@every_page
def test_commands_exist(page: Path) -> None:
    root = typer.main.get_command(app)
    for line in re.findall(r"(?:^|[\s/(|])ivr((?: [a-z][a-z-]*)+)", code_of(page), re.MULTILINE):
        group = root
        for word in line.split():
            if not isinstance(group, TyperGroup):
                break
            found = group.get_command(typer.Context(group), word)
            assert found is not None, f"ivr{line}: there is no {word}"
            group = found


@every_page
def test_options_of_commands_exist(page: Path) -> None:
    """An option written in the same piece of code as a command is one of that command's."""
    root = typer.main.get_command(app)
    for piece in code_of(page).splitlines():
        found = re.search(r"(?:^|[\s/])ivr((?: [a-z][a-z-]*)+)(.*)", piece)
        if not found:
            continue
        command = root
        for word in found[1].split():
            if isinstance(command, TyperGroup):
                command = command.get_command(typer.Context(command), word) or command
        known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        for option in re.findall(r"(?<=\s)(--[a-z-]+)", found[2].split("|")[0]):
            assert option in known | {"--help"}, f"ivr{found[1]} has no {option}"


@every_page
def test_variables_are_settings(page: Path) -> None:
    for name in set(re.findall(r"\bIVR_[A-Z][A-Z0-9_]*[A-Z0-9]", text_of(page))) - OTHER_VARIABLES:
        section, _, field = name.removeprefix("IVR_").lower().partition("__")
        assert section in Settings.model_fields, f"{name} is no setting"
        if field:
            model = Settings.model_fields[section].annotation
            assert field in getattr(model, "model_fields", {}), f"{name} is no setting"


@every_page
def test_no_package_server_is_named(page: Path) -> None:
    registry = r"(?:://|\b)[\w.-]*(?:pypi|python(?:hosted)|npm|debian|docker|ghcr|quay)[\w-]*\.(?:org|io|com)\b|/simple\b"
    assert not re.search(registry, text_of(page)), "package servers are the machine's affair"


def test_both_readmes_say_the_same() -> None:
    english, chinese = (text_of(PROJECT_ROOT / name) for name in ("README.md", "README.zh-CN.md"))
    for pattern in (r"^## ", r"^- ", r"^\d\. ", r"^\| "):
        counts = [len(re.findall(pattern, text, re.MULTILINE)) for text in (english, chinese)]
        assert counts[0] == counts[1], pattern
    blocks = [re.findall(r"```.*?```", text, re.DOTALL) for text in (english, chinese)]
    assert blocks[0] == blocks[1]
    links = [set(re.findall(r"\]\((docs/[^)]+)\)", text)) for text in (english, chinese)]
    assert links[0] == links[1]


def test_the_readme_opens_with_the_two_commands() -> None:
    commands = re.findall(r"^ {4}(make \w+)", text_of(PROJECT_ROOT / "README.md"), re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]


def test_every_page_is_in_the_index_or_its_folders_readme() -> None:
    listed = text_of(PROJECT_ROOT / "docs/README.md") + text_of(PROJECT_ROOT / "docs/decisions/README.md")
    for page in PAGES:
        if page.parent.name in ("how-to", "reference", "explanation", "tutorial", "decisions") and page.name != "README.md":
            assert f"{page.name})" in listed, f"{page.name} is in no index"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_the_service_unit_is_valid(tmp_path: Path) -> None:
    unit = re.search(r"```ini\n(\[Unit\].*?)```", text_of(PROJECT_ROOT / "docs/how-to/run.md"), re.DOTALL)
    assert unit is not None
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / "hotline.service"
    file.write_text(unit[1].replace("/opt/ivr/.venv/bin/python", str(program)))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    complaints = [line for line in told.stderr.splitlines() if "hotline.service" in line]
    assert not complaints, told.stderr
