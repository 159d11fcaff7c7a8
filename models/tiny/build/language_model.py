"""A trigram over the hotline's sentences, written as a backoff acceptor: the Gr.fst of a Vosk model.

Witten-Bell smoothing, interpolated. General words that occur in no sentence share ``GENERAL_MASS`` of the unigrams, so
that a caller's own wording is not forced into the nearest sentence of the table.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict

from fst_text import FstText

ORDER = 3
GENERAL_MASS = 0.08
LEAST_BACKOFF = 0.1
_KEEP_FROM = (1, 1, 2)  # a trigram seen once is dropped
_UNSEEN_COUNT = 0.05
_TINY = 1e-9
_BEGIN, _END = "<s>", "</s>"

History = tuple[str, ...]


class LanguageModel:
    """Probabilities of words after up to two words of history."""

    def __init__(self, sentences: list[str], words: set[str], general: dict[str, int]) -> None:
        self._counts: list[defaultdict[History, Counter[str]]] = [defaultdict(Counter) for _ in range(ORDER)]
        for sentence in sentences:
            said = [_BEGIN, *sentence.split(), _END]
            for place in range(1, len(said)):
                for length in range(min(ORDER, place + 1)):
                    self._counts[length][tuple(said[place - length : place])][said[place]] += 1
        self._unigrams = self._mix(words, general)
        self._arcs = self._kept()

    def _mix(self, words: set[str], general: dict[str, int]) -> dict[str, float]:
        seen = self._counts[0][()]
        all_seen, all_general = seen.total(), sum(general.values()) or 1
        mixed = {
            word: (1 - GENERAL_MASS) * (seen.get(word) or _UNSEEN_COUNT) / all_seen
            + GENERAL_MASS * general.get(word, 0) / all_general
            + _TINY
            for word in sorted(words) + [_END]
        }
        whole = sum(mixed.values())
        return {word: mass / whole for word, mass in mixed.items()}

    def _kept(self) -> dict[History, list[str]]:
        """The words that get an arc of their own after each history; histories only whose shorter form is kept too."""
        kept: dict[History, list[str]] = {(): sorted(self._unigrams)}
        for length in range(1, ORDER):
            for history, followers in sorted(self._counts[length].items()):
                words = sorted(word for word, count in followers.items() if count >= _KEEP_FROM[length])
                if words and history[1:] in kept:
                    kept[history] = words
        return kept

    def _backoff(self, history: History) -> float:
        followers = self._counts[len(history)][history]
        return max(LEAST_BACKOFF, len(followers) / (followers.total() + len(followers)))

    @functools.lru_cache(maxsize=None)  # noqa: B019 - one model lives as long as the build
    def probability(self, history: History, word: str) -> float:
        if not history:
            return self._unigrams.get(word, _TINY)
        shorter = self.probability(history[1:], word)
        followers = self._counts[len(history)].get(history)
        if not followers:
            return shorter
        backoff = self._backoff(history)
        return (1 - backoff) * followers[word] / followers.total() + backoff * shorter

    def acceptor(self, word_id: dict[str, int]) -> FstText:
        """States are histories, the start of a sentence first; backing off is an epsilon arc, as Vosk expects."""
        fst = FstText()
        begin: History = (_BEGIN,)
        histories = [begin] + sorted(history for history in self._arcs if history != begin)
        state = {history: fst.state() for history in histories}

        def longest_known(history: History) -> int:
            history = history[-(ORDER - 1) :]
            while history not in state:
                history = history[1:]
            return state[history]

        for history in histories:
            for word in self._arcs.get(history, []):
                cost = -math.log(self.probability(history, word))
                if word == _END:
                    fst.final(state[history], cost)
                else:
                    label = word_id[word]
                    fst.arc(state[history], longest_known((*history, word)), label, label, cost)
            if history:
                fst.arc(state[history], longest_known(history[1:]), 0, 0, -math.log(self._backoff(history)))
        return fst
