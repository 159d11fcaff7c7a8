"""Menu plans as files: the shipped ones, an administrator's own, and every complaint about them at once. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ivr.domain.errors import BadSetting
from ivr.domain.menu import Complaint, Menu, MenuPlan, Surroundings, Target, check_plan
from ivr.domain.menu_languages import with_language_keys
from ivr.domain.menu_reading import read_plan

DEFAULT_QUEUE = "default"
"""In a plan this name stands for the setting hotline.queue, so that the shipped plans fit every install."""


def plan_files(folders: Sequence[Path]) -> dict[str, Path]:
    """Plan name → file; a later folder's file takes the place of an earlier one's."""
    return {file.stem: file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.yaml"))}


def open_plan(name: str, folders: Sequence[Path], default_queue: str, known: Surroundings) -> tuple[MenuPlan, list[Complaint]]:
    """A plan with all that is wrong with it; BadSetting when there is no such file or it is no YAML."""
    files = plan_files(folders)
    if name not in files:
        raise BadSetting(f"there is no menu plan {name}; there is {', '.join(files) or 'none'} in {', '.join(map(str, folders))}")
    file = files[name]
    try:
        data = yaml.load(file.read_text("utf-8"), Loader=_NoTwins)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as wrong:
        raise BadSetting(f"{file}: cannot be read: {wrong}") from wrong
    plan, complaints = read_plan(data, file.name)
    if plan.name != name:
        complaints.append(Complaint(f"{file.name}, name", f"is {plan.name!r}; it must be the file's, {name}"))
    plan, clashes = with_language_keys(_with_queue(plan, default_queue), known.languages)
    return plan, [*complaints, *clashes] or check_plan(plan, known)


def load_plan(name: str, folders: Sequence[Path], default_queue: str, known: Surroundings) -> MenuPlan:
    """A plan without a fault; BadSetting lists everything that is wrong."""
    plan, complaints = open_plan(name, folders, default_queue, known)
    if complaints:
        told = "\n".join(f"  {c}" for c in complaints)
        raise BadSetting(f"the menu plan {name} cannot be used (`ivr menu check {name}`):\n{told}")
    return plan


class _NoTwins(yaml.SafeLoader):
    """Refuses a key written twice: plain YAML would silently keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is written twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def _with_queue(plan: MenuPlan, queue: str) -> MenuPlan:
    def target(value: Target) -> Target:
        return replace(value, name=queue) if value.kind == "queue" and value.name == DEFAULT_QUEUE else value

    def menu(value: Menu) -> Menu:
        return replace(
            value, keys={k: target(t) for k, t in value.keys.items()},
            heard_in=queue if value.heard_in == DEFAULT_QUEUE else value.heard_in,
            otherwise=value.otherwise and target(value.otherwise), closed=value.closed and target(value.closed),
        )

    return replace(plan, human=target(plan.human), menus={n: menu(m) for n, m in plan.menus.items()})
