"""Pauses of a recording: where in it something is left out, and for how long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Gap:
    """``at_s`` is where it lies in the recording, ``seconds`` how long nothing was recorded; None: not on again yet."""

    at_s: float
    seconds: float | None


@dataclass(slots=True)
class GapClock:
    """Turns the moments of a call (Unix seconds) into gaps; what was left out before does not count in the recording."""

    _began_at: float | None = None
    _paused_at: float | None = None
    _gaps: tuple[Gap, ...] = ()

    def begin(self, at: float) -> None:
        """A recording begins; a message after a talk is another one."""
        self._began_at, self._paused_at, self._gaps = at, None, ()

    def pause(self, at: float) -> None:
        """Nothing is recorded from now on."""
        if self._began_at is None or self._paused_at is not None or len(self._gaps) >= _MOST:
            return
        left_out = sum(gap.seconds or 0.0 for gap in self._gaps)
        self._paused_at = at
        self._gaps += (Gap(max(0.0, at - self._began_at - left_out), None),)

    def resume(self, at: float) -> None:
        """It is recorded again."""
        if self._paused_at is not None:
            last = replace(self._gaps[-1], seconds=max(0.0, at - self._paused_at))
            self._gaps, self._paused_at = (*self._gaps[:-1], last), None

    def told(self) -> str:
        """See write_gaps."""
        return write_gaps(self._gaps)


def write_gaps(gaps: Sequence[Gap]) -> str:
    """``12.5+30.0,80.0+``: where, and how long, of each; without a length it lasts."""
    return ",".join(f"{gap.at_s:.1f}+{'' if gap.seconds is None else f'{gap.seconds:.1f}'}" for gap in gaps)


def read_gaps(text: str) -> tuple[Gap, ...]:
    """The gaps that write_gaps wrote. Raises ValueError for anything else."""
    found = []
    for word in text.split(",") if text else ():
        at_s, plus, seconds = word.partition("+")
        if not plus:
            raise ValueError(f"{word!r} is no gap")
        found.append(Gap(float(at_s), float(seconds) if seconds else None))
    return tuple(found)
