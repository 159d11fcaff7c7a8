"""The spool's folders of days, read again only when something in them changed: months of recordings cost nothing to keep.

A folder's time of change moves with every name that comes or goes. Two changes within one tick of the file system's clock look
like one, so a folder is read once more a moment after it changed, and is trusted only then. No wall clock is asked.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DONE, TAKEN = ".done", ".taken"
CALLER_TRACK = "-caller.wav"
_TICK_S = 0.1
_WHOLE_AFTER_S = 600.0  # and then nothing is trusted: a file system that does not keep its word costs minutes, no recording


@dataclass(slots=True)
class _Day:
    """What a folder held when it was read; ``seen_at`` is when its time of change was met first (monotonic seconds)."""

    changed: int
    seen_at: float
    read_at: float
    marked: list[str]
    unmarked: list[str]


class DayFolders:
    """Recordings with Asterisk's done mark, and those with neither mark, as ``<day>/<base>`` without ending."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: dict[str, _Day] = {}
        self._whole_at = time.monotonic()
        self._one_at_a_time = threading.Lock()

    def marked(self) -> list[str]:
        """Bases with a done mark, by day."""
        return [base for day in self._look() for base in day.marked]

    def unmarked(self) -> list[str]:
        """Bases of a caller's track without done or taken mark, by day: a call that goes on, or what a crash left."""
        return [base for day in self._look() for base in day.unmarked]

    def _look(self) -> list[_Day]:
        with self._one_at_a_time:
            now = time.monotonic()
            if now - self._whole_at > _WHOLE_AFTER_S:
                self._days.clear()
                self._whole_at = now
            found: dict[str, _Day] = {}
            for name in sorted(self._names()):
                try:
                    found[name] = self._day(name, now)
                except FileNotFoundError:  # retention was quicker
                    continue
            self._days = found
            return list(found.values())

    def _names(self) -> Iterator[str]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.isdigit() and entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def _day(self, name: str, now: float) -> _Day:
        changed = os.stat(self._folder / name).st_mtime_ns
        known = self._days.get(name)
        if known is not None and known.changed == changed:
            if known.read_at - known.seen_at < _TICK_S <= now - known.seen_at:
                known.marked, known.unmarked = self._read(name)
                known.read_at = now
            return known
        return _Day(changed, now, now, *self._read(name))

    def _read(self, name: str) -> tuple[list[str], list[str]]:
        with os.scandir(self._folder / name) as entries:
            there = {entry.name for entry in entries}
        marked = [f"{name}/{e.removesuffix(DONE)}" for e in there if e.endswith(DONE)]
        bases = (e.removesuffix(CALLER_TRACK) for e in there if e.endswith(CALLER_TRACK))
        return sorted(marked), sorted(f"{name}/{b}" for b in bases if b + DONE not in there and b + TAKEN not in there)
