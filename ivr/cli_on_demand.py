"""A command group that imports a command when it is called.

Everything the product can do takes seconds of CPU to import, and each of our processes and every command of a script
would pay for it at its start. The names are known beforehand, so that ``--help`` and completion are whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


class CommandsOnDemand(TyperGroup):
    """``on_demand``: the command's name → ``module:attribute`` of a function or of a Typer with commands of its own."""

    on_demand: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, in the order of the table."""
        return list(self.on_demand)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now if it was not yet; None for a name there is none of."""
        if cmd_name not in self.commands and cmd_name in self.on_demand:
            self.commands[cmd_name] = _load(cmd_name, self.on_demand[cmd_name])
        return self.commands.get(cmd_name)


def _load(name: str, where: str) -> Any:
    module, attribute = where.split(":")
    found = getattr(import_module(module), attribute)
    around = typer.Typer(add_completion=False)
    around.callback()(lambda: None)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name)(found)
    group: Any = typer.main.get_command(around)
    return group.commands[name]
