"""What processes cost: processor time and proportional memory, read from /proc. Linux only."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_seconds_of_command(command: Sequence[str], *, core: int | None = 0, environment: dict[str, str] | None = None) -> float:
    """Run a command to its end, pinned to one core; processor seconds of it and of every descendant that was reaped."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pinned = ["taskset", "-c", str(core), *command] if core is not None else list(command)
    done = subprocess.run(pinned, env=environment, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-800:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_descendants(pid: int) -> list[int]:
    """The process and all below it that live now."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


def cpu_seconds_so_far(pids: Iterable[int]) -> float:
    """Processor seconds of living processes, all threads, ended ones included, plus those of children they reaped."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total * _TICK_S


def thread_cpu_seconds(pid: int) -> float:
    """Processor seconds of a one-threaded process, to the nanosecond (a PostgreSQL backend)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def proportional_mb(pids: Iterable[int]) -> float:
    """PSS: a page shared by n processes counts as 1/n for each. MB of 10⁶ bytes."""
    total_kb = 0
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total_kb += int(line.split()[1])
    return total_kb * 1024 / 1e6
