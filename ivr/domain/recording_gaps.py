"""Where in its recording a moment of a call lies, and where pauses leave something out of it. Pure."""

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


class GapClock:
    """Turns the moments of a call (Unix seconds, in order) into seconds of its recording, and its pauses into gaps.

    Sound is written only while the citizen is joined with somebody (MixMonitor, option ``b``) or leaves a message: the wait for an
    answer is not in the recording, and what was left out before does not count.
    """

    __slots__ = ("_begun", "_gaps", "_joined", "_message", "_paused_at", "_runs", "_since")

    def __init__(self) -> None:
        self._begun = self._joined = self._message = False
        self._paused_at: float | None = None
        self._gaps: tuple[Gap, ...] = ()
        self._runs: list[tuple[float, float]] = []
        self._since: float | None = None

    @property
    def joined_once(self) -> bool:
        """Whether something was written, as far as the facts tell: what was seen live does not tell who was joined when."""
        return bool(self._runs) or self._since is not None

    @property
    def begun(self) -> bool:
        """Whether there is a recording."""
        return self._begun

    def see(self, kind: str, at: float, *, citizens: bool) -> None:
        """Take a fact of the ledger; ``citizens`` when it is about the citizen's own channel."""
        match kind:
            case "user:RECORDING":
                self.begin(at)
            case "user:RECORDING_PAUSED":
                self.pause(at)
            case "user:RECORDING_RESUMED":
                self.resume(at)
            case "user:MESSAGE":
                self._message = True
            case "BRIDGE_ENTER" if citizens:
                self._joined = True
            case "BRIDGE_EXIT" | "HANGUP" if citizens:
                self._joined = False
        self._turn(at)

    def begin(self, at: float) -> None:
        """A recording begins; a message after a talk may be another one."""
        self._begun, self._message, self._paused_at, self._gaps = True, False, None, ()
        self._runs, self._since = [], None
        self._turn(at)

    def pause(self, at: float) -> None:
        """Nothing is recorded from now on."""
        if not self._begun or self._paused_at is not None or len(self._gaps) >= _MOST:
            return
        self._gaps += (Gap(self.recorded(at), None),)
        self._paused_at = at
        self._turn(at)

    def resume(self, at: float) -> None:
        """It is recorded again."""
        if self._paused_at is not None:
            last = replace(self._gaps[-1], seconds=max(0.0, at - self._paused_at))
            self._gaps, self._paused_at = (*self._gaps[:-1], last), None
            self._turn(at)

    def recorded(self, at: float) -> float:
        """The second of the recording that is written at this moment, or was written last before it."""
        running = max(0.0, at - self._since) if self._since is not None else 0.0
        return sum(max(0.0, min(end, at) - start) for start, end in self._runs) + running

    def told(self) -> str:
        """See write_gaps."""
        return write_gaps(self._gaps)

    def _turn(self, at: float) -> None:
        runs = self._begun and self._paused_at is None and (self._joined or self._message)
        if runs and self._since is None:
            self._since = at
        elif not runs and self._since is not None:
            self._runs.append((self._since, max(self._since, at)))
            self._since = None


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
