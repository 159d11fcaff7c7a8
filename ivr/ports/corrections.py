"""Words of transcripts that people corrected, and terms they correct often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.errors import CallerFault
from ivr.domain.transcript import Speaker


class WordChanged(CallerFault):
    """The word reads otherwise by now: somebody else was faster, or the transcript was made anew."""

    code = "word_changed"


@dataclass(frozen=True, slots=True)
class Correction:
    """One word as it was heard and as it reads now; ``start_s`` is where it is said."""

    speaker: Speaker
    start_s: float
    heard: str
    corrected: str
    corrected_by: str
    corrected_at: datetime


@dataclass(frozen=True, slots=True)
class OfferedTerm:
    """A correction made in ``calls`` calls; ``accepted`` None until somebody decided whether it belongs to the local terms."""

    term: str
    heard: str
    calls: int
    accepted: bool | None
    decided_by: str


class Corrections(Protocol):
    """What was heard stays; the segment and the search read the correction."""

    async def of_call(self, linked_id: str) -> Sequence[Correction]: ...

    async def correct(self, linked_id: str, speaker: Speaker, start_s: float, reads: str, text: str, by: str) -> None:
        """Let the word that begins there, and ``reads`` so now, read ``text``; audited in the same transaction.

        What it was heard as takes a correction back. Raises NotFound for no such word, WordChanged.
        """
        ...

    async def terms(self, least_calls: int) -> Sequence[OfferedTerm]:
        """Corrections of so many calls or more, and every decided term; the most frequent first."""
        ...

    async def decide_term(self, term: str, accepted: bool, by: str) -> None:
        """Take it into the local terms, or not; audited. NotFound when nobody ever corrected to it."""
        ...
