"""Weighted transducers in OpenFst's text form, and the command-line tools that compile them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class FstText:
    """A transducer under construction; state 0, the first one made, is the start."""

    def __init__(self) -> None:
        self.states = 0
        self._arcs: list[str] = []
        self._finals: list[str] = []

    def state(self) -> int:
        self.states += 1
        return self.states - 1

    def arc(self, source: int, target: int, input_label: int, output_label: int, cost: float = 0.0) -> None:
        self._arcs.append(f"{source} {target} {input_label} {output_label} {cost:.5g}")

    def final(self, state: int, cost: float = 0.0) -> None:
        self._finals.append(f"{state} {cost:.5g}")

    def compiled(self, sort_by: str) -> bytes:
        """OpenFst's binary form with arcs sorted by ``ilabel`` or ``olabel``."""
        text = "\n".join(self._arcs + self._finals) + "\n"
        return fst_tool("fstarcsort", f"--sort_type={sort_by}", stdin=fst_tool("fstcompile", stdin=text.encode()))


def fst_tool(*command: str, stdin: bytes) -> bytes:
    """Run one of OpenFst's tools of the package libfst-tools."""
    environment = os.environ | {"LD_LIBRARY_PATH": _plugin_folder()}
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True, env=environment).stdout


def _plugin_folder() -> str:
    """Where Debian keeps the types OpenFst loads at run time, a folder its own loader does not search."""
    for plugin in sorted(Path("/usr/lib").glob("*/fst/*/olabel_lookahead-fst.so")):
        return str(plugin.parent)
    raise FileNotFoundError("olabel_lookahead-fst.so: install libfst22-plugins-base")
