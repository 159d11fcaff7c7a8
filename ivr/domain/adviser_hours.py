"""Hours a village's legal adviser gave it in a year, against those owed, and whether the pace reaches them.

Village legal advisers owe at least 50 hours a year for each village; calls and video with the village count by themselves,
visits and lectures are entered by people with what proves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from ivr.domain.errors import CallerFault

WorkKind = Literal["visit", "lecture"]
KINDS: Final[tuple[WorkKind, ...]] = ("visit", "lecture")
OWED_H: Final = 50.0
MOST_MINUTES: Final = 720
_LONGEST_EVIDENCE: Final = 80
# A pace of a few weeks tells nothing of a year.
_TELLING_DAYS: Final = 60


@dataclass(frozen=True, slots=True)
class Work:
    """A visit or lecture on a Shanghai day; ``evidence`` names what proves it (the signed sheet's number, the photo's)."""

    village: str
    adviser: str
    kind: WorkKind
    day: date
    minutes: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """Hours at the year's end at the pace so far; None in the first 60 days, which tell nothing. ``short_h`` 0: they are reached.

    ``month_h`` is what each remaining month takes to reach them, 0 when done.
    """

    done_h: float
    expected_h: float | None
    short_h: float | None
    month_h: float


def outlook(done_h: float, year: int, today: date, owed_h: float = OWED_H) -> Outlook:
    """The forecast for ``year`` as of ``today`` (Shanghai); a year that is over is what it was, one to come is not foretold."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    whole = (last - first).days + 1
    gone = min(max((today - first).days + 1, 0), whole)
    left = max(owed_h - done_h, 0.0)
    if gone >= whole:
        return Outlook(done_h, done_h, left, 0.0)
    months = (whole - gone) / (whole / 12)
    month_h = left / max(months, 1.0)
    if gone < _TELLING_DAYS:
        return Outlook(done_h, None, None, month_h)
    expected = done_h / gone * whole
    return Outlook(done_h, expected, max(owed_h - expected, 0.0), month_h)


def checked_work(work: Work, today: date) -> Work:
    """The work as it may be entered; CallerFault says what is wrong with it."""
    evidence = work.evidence.strip()
    if not evidence or len(evidence) > _LONGEST_EVIDENCE or not evidence.isprintable():
        raise CallerFault(f"say what proves it: 1 to {_LONGEST_EVIDENCE} printable characters, such as the signed sheet's number")
    if not 1 <= work.minutes <= MOST_MINUTES:
        raise CallerFault(f"minutes must be 1 to {MOST_MINUTES}")
    if work.day > today:
        raise CallerFault(f"{work.day} is still to come; work is entered when it is done")
    if work.day.year < today.year - 1:
        raise CallerFault(f"{work.day} is too long ago; the years that may still be entered are {today.year - 1} and {today.year}")
    return Work(work.village, work.adviser, work.kind, work.day, work.minutes, evidence)
