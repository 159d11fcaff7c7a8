"""What the faults did, for people: one line a fault with its counts, worst values and, where it failed, how to see it again."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import pytest

_MARKS = {"passed": "✓", "failed": "✗", "skipped": "–"}


class FaultReport:
    """A pytest plug-in; what tests tell by ``record_property`` stands beside each line."""

    def __init__(self, file: Path, full: bool) -> None:
        self._file = file
        self._full = full
        self._began = time.time()
        self._rows: dict[str, tuple[str, float, list[tuple[str, object]]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set-up and ending count too: a process left behind is a failure of the fault."""
        if "tests/faults/" not in report.nodeid:
            return
        outcome, seconds, told = self._rows.get(report.nodeid, ("passed", 0.0, []))
        worse = report.outcome if report.outcome != "passed" else outcome
        self._rows[report.nodeid] = (worse, seconds + report.duration, report.user_properties or told)

    def pytest_sessionfinish(self) -> None:
        """Write the report, also when the run was broken off."""
        if not self._rows:
            return
        failed = [node for node, row in self._rows.items() if row[0] == "failed"]
        lines = [
            "# Faults", "",
            f"{time.strftime('%F %R')}, {platform.machine()}, {os.cpu_count()} cores, {'in full' if self._full else 'short form'}:"
            f" {len(self._rows)} faults, {len(failed)} failed, {(time.time() - self._began) / 60:.1f} min.", "",
            "| fault | | s | tried, worst seen |", "|---|---|---|---|",
        ]
        for node, (outcome, seconds, told) in self._rows.items():
            file, _, name = node.partition("::")
            words = f"{Path(file).stem.removeprefix('test_')}: {name.removeprefix('test_')}".replace("_", " ").replace("|", "\\|")
            lines.append(f"| {words} | {_MARKS[outcome]} | {seconds:.0f} | {'; '.join(f'{k} {v}' for k, v in told)} |")
        if failed:
            again = "FAULTS_FULL=1 " if self._full else ""
            lines += ["", "See it again:", "", *(f"    {again}.venv/bin/python -m pytest '{node}'" for node in failed)]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text("\n".join(lines) + "\n", encoding="utf-8")
