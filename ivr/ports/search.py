"""Searching what was said and written, as pages, API and command line need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.ports.views import PageMark


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What is looked for: ``words`` as ivr.domain.search_text.words_of gives them, ``start`` ≤ time < ``end``.

    ``town`` is a town's or a village's code; ``confidential`` says whether texts of confidential orders may be found.
    """

    words: tuple[str, ...]
    start: datetime | None = None
    end: datetime | None = None
    category: str | None = None
    town: str | None = None
    limit: int = 20
    after: PageMark | None = None
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One text that holds every word. ``order_number`` is '' while a call has no order.

    ``part`` is ``segment`` (then with call, speaker and seconds of the recording; ``words_at_s`` is where the first word
    found begins), ``note``, or the name of the order's field.
    """

    id: int
    at: datetime
    part: str
    text: str
    order_number: str
    linked_id: str = ""
    track: Literal["", "caller", "operator"] = ""
    start_s: float | None = None
    end_s: float | None = None
    words_at_s: float | None = None
    confidential: bool = False


class Search(Protocol):
    """The texts of transcripts and orders."""

    async def find(self, wanted: SearchFilter) -> Sequence[SearchHit]:
        """Hits, the newest first; never one that does not hold every word."""
        ...
