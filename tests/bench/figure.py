"""What a bench reports, how two arms take turns, and how a ratio is told with its spread."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Better = Literal["more", "less"]

QUICK = "BENCH_QUICK"
"""Environment variable: set to 1, every bench does just enough to show its shape; its figures mean nothing."""


def quick() -> bool:
    """Whether only the shape of the report is wanted."""
    return os.environ.get(QUICK, "") == "1"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. ``ours`` and ``peer`` are in ``unit``; ``spread`` is [least, greatest] of the pairs' ratios.

    ``goal`` is in words, ``met`` None where nothing was promised. ``remark`` says under which conditions the figure was
    taken or why a goal was missed; it is printed and does not enter the JSON.
    """

    bench: str
    figure: str
    unit: str
    ours: float | None
    peer: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None
    goal: str | None = None
    met: bool | None = None
    remark: str = ""

    def plain(self) -> dict[str, Any]:
        """The JSON object of this figure."""
        values = asdict(self)
        del values["remark"]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def alternate(pairs: int, ours: Callable[[], float], peer: Callable[[], float]) -> list[tuple[float, float]]:
    """Measure both arms ``pairs`` times in the order A B B A …, so that a slow drift of the machine hits both alike."""
    measured = []
    for number in range(pairs):
        if number % 2:
            theirs = peer()
            measured.append((ours(), theirs))
        else:
            mine = ours()
            measured.append((mine, peer()))
    return measured


def compared(
    bench: str, figure: str, unit: str, pairs: Sequence[tuple[float, float]], *, better: Better, goal: float | None = None,
    remark: str = "",
) -> Figure:
    """Medians of both arms and the median of the pairs' ratios ours/peer; the goal is a bound on that ratio."""
    ratios = [mine / theirs for mine, theirs in pairs]
    ratio = statistics.median(ratios)
    met = None
    if goal is not None:
        met = ratio >= goal if better == "more" else ratio <= goal
        if met and not (min(ratios) >= goal if better == "more" else max(ratios) <= goal):
            remark = f"{remark}; " if remark else ""
            remark += "the median keeps the goal, the worst pair does not"
    return Figure(
        bench, figure, unit, rounded(statistics.median(p[0] for p in pairs)), rounded(statistics.median(p[1] for p in pairs)),
        rounded(ratio), (rounded(min(ratios)), rounded(max(ratios))),
        None if goal is None else f"{'≥' if better == 'more' else '≤'} {goal:g}×", met, remark,
    )


def absolute(bench: str, figure: str, unit: str, ours: float, *, at_most: float | None = None, remark: str = "") -> Figure:
    """A figure with no peer, held against a limit in its own unit."""
    return Figure(
        bench, figure, unit, rounded(ours), goal=None if at_most is None else f"≤ {at_most:g} {unit}",
        met=None if at_most is None else ours <= at_most, remark=remark,
    )


def rounded(value: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{value:.4g}")
