"""Finding words in what was said and written: how text is folded, and by which pairs of characters it is looked up.

A word is found where it stands, letter by letter: Chinese has no spaces to cut words at, and a list of known words would
miss the names. The index holds every pair of neighbouring characters; a text that has all pairs of a word is then read,
because the pairs may stand apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ivr.domain.errors import CallerFault

SHORTEST_WORD: Final = 2
LONGEST_QUERY: Final = 100
MOST_WORDS: Final = 5
AROUND: Final = 60
"""Characters shown before and after what was found."""

_WEEK_S: Final = 7 * 86_400
_WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLDED: Final = (
    {code: chr(narrow).lower() for code, narrow in _WIDE.items()} | {0x3000: " "} | {c: chr(c + 32) for c in range(65, 91)}
)


class BadSearch(CallerFault):
    """What was asked for cannot be searched; the text says what can."""

    code = "bad_request"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` up to but without ``end`` of a text, counted in Unicode code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A stretch of a text around what was found; ``offset`` is where it begins there, the spans count within the excerpt."""

    text: str
    offset: int
    spans: tuple[Span, ...]


def fold(text: str) -> str:
    """Full-width forms narrow, capitals small; as long as before, so that places stay. The same as SQL's ``search_fold``."""
    return text.translate(_FOLDED)


def words_of(query: str) -> tuple[str, ...]:
    """The folded words of a query, parted by spaces; all of them have to stand in one text.

    Raises BadSearch for no word, a word of one character, more than five words, or more than 100 characters.
    """
    words = tuple(dict.fromkeys(fold(query).split()))
    if not words or len(query) > LONGEST_QUERY:
        raise BadSearch(f"Give one to {MOST_WORDS} words, at most {LONGEST_QUERY} characters in all.")
    if len(words) > MOST_WORDS:
        raise BadSearch(f"At most {MOST_WORDS} words, parted by spaces.")
    short = next((word for word in words if len(word) < SHORTEST_WORD), None)
    if short is not None:
        raise BadSearch(f"A word needs at least {SHORTEST_WORD} characters: {short} is too short.")
    return words


def pairs_of(words: Sequence[str]) -> list[int]:
    """Every pair of neighbouring characters of folded words, as the index knows it, but for the week."""
    return sorted({(ord(a) << 21) | ord(b) for word in words for a, b in itertools.pairwise(word)})


def week_of(moment: float) -> int:
    """The week of a Unix time, as the index counts them: from Thursday to Wednesday, in UTC."""
    return int(moment // _WEEK_S)


def found_in(text: str, words: Sequence[str]) -> tuple[Span, ...]:
    """Where the folded words stand in a text, in order and joined where they touch or overlap; () unless all of them do."""
    folded = fold(text)
    raw: list[tuple[int, int]] = []
    for word in words:
        at = folded.find(word)
        if at < 0:
            return ()
        while at >= 0:
            raw.append((at, at + len(word)))
            at = folded.find(word, at + 1)
    joined: list[tuple[int, int]] = []
    for start, end in sorted(raw):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(Span(start, end) for start, end in joined)


def excerpt(text: str, words: Sequence[str]) -> Excerpt:
    """The text around the first place where a word stands; of a short text, all of it."""
    spans = found_in(text, words)
    first = spans[0] if spans else Span(0, 0)
    start, end = max(0, first.start - AROUND), min(len(text), first.end + AROUND)
    inside = tuple(Span(s.start - start, min(s.end, end) - start) for s in spans if s.start < end)
    return Excerpt(text[start:end], start, inside)
