"""Finds many known phrases in one text at once, the longest first, and tells a denied one from a meant one."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import ahocorasick  # type: ignore[import-not-found, import-untyped, unused-ignore]

GAP: Final = "…"
MAX_GAP: Final = 12

# 不是要离婚, 不想咨询 deny; 不交社保 does not, it is the complaint itself; 是不是要, 要不要, 需不需要 and …吗 ask.
_DENIAL: Final = re.compile(
    r"(?:不是|不想|不要|不用|不需要|不打算|不准备|不去|没有要|没有想|没想|没打算|别)"
    r"(?:要|想|打算|准备|需要|用|去|来|说|问|咨询|申请|办理|办|住在|在)*$"
)
_A_NOT_A: Final = re.compile(r"(.)不\1")
_QUESTION: Final = re.compile(r".{0,4}[吗么嘛]")


@dataclass(frozen=True, slots=True)
class Hit:
    """Phrase number ``key`` at text[start:end]; ``literal`` is its length without the gap."""

    start: int
    end: int
    key: int
    literal: int
    parts: tuple[tuple[int, int], ...]


class PhraseIndex:
    """Phrases by Aho-Corasick: linear in the text, whatever their number.

    A phrase may hold one or more ``…``: up to 12 characters of anything, inside one text (欠…工资).
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._plain: dict[int, list[int]] = {}
        self._gapped: list[tuple[int, tuple[int, ...]]] = []
        part_ids: dict[str, int] = {}
        for key, phrase in enumerate(phrases):
            parts = [part_ids.setdefault(part, len(part_ids)) for part in phrase.split(GAP) if part]
            if len(parts) == 1:
                self._plain.setdefault(parts[0], []).append(key)
            elif parts:
                self._gapped.append((key, tuple(parts)))
        self._length = [len(part) for part in part_ids]
        self._automaton: Any = ahocorasick.Automaton()
        for part, part_id in part_ids.items():
            self._automaton.add_word(part, part_id)
        if part_ids:
            self._automaton.make_automaton()

    def find(self, text: str) -> list[Hit]:
        """Hits in order of start; a longer phrase hides every other one that shares a character with it.

        Two phrases spelled alike (one name, two villages) are both reported.
        """
        if not self._length or not text:
            return []
        starts: dict[int, list[int]] = {}
        for last, part_id in self._automaton.iter(text):
            starts.setdefault(part_id, []).append(last - self._length[part_id] + 1)
        if not starts:
            return []
        hits = [
            Hit(start, start + self._length[part], key, self._length[part], ((start, start + self._length[part]),))
            for part, keys in self._plain.items()
            for start in starts.get(part, ())
            for key in keys
        ]
        for key, parts in self._gapped:
            if all(part in starts for part in parts):
                hits += self._with_gaps(key, parts, starts)
        return _longest(hits)

    def _with_gaps(self, key: int, parts: tuple[int, ...], starts: dict[int, list[int]]) -> list[Hit]:
        found = []
        for first in starts[parts[0]]:
            spans = [(first, first + self._length[parts[0]])]
            for part in parts[1:]:
                end = spans[-1][1]
                nearest = bisect_left(starts[part], end)
                if nearest == len(starts[part]) or starts[part][nearest] > end + MAX_GAP:
                    break
                spans.append((starts[part][nearest], starts[part][nearest] + self._length[part]))
            else:
                found.append(Hit(first, spans[-1][1], key, sum(self._length[p] for p in parts), tuple(spans)))
        return found


def _longest(hits: list[Hit]) -> list[Hit]:
    taken: dict[int, tuple[tuple[int, int], ...]] = {}
    kept = []
    for hit in sorted(hits, key=lambda h: (-h.literal, h.start, h.key)):
        holders = {taken.get(at) for start, end in hit.parts for at in range(start, end)}
        if holders == {None} or holders == {hit.parts}:
            kept.append(hit)
            taken.update({at: hit.parts for start, end in hit.parts for at in range(start, end)})
    return sorted(kept, key=lambda h: (h.start, h.key))


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words before text[start:end] deny it (我不是要离婚), which a question does not (是不是要公证)."""
    before = text[max(0, start - 10) : start]
    if not _DENIAL.search(before):
        return False
    return not _A_NOT_A.search(before + text[start : start + 1]) and not _QUESTION.match(text, end)
