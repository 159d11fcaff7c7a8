"""Builds the graph of a model from the hotline's language: ``python build_graph.py MODEL_DIR`` (seconds, no training)."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import jieba
from decoding_graph import write_graph
from hotline_language import HotlineLanguage
from language_model import LanguageModel
from pronunciations import Pronouncer

GENERAL_WORDS = 5_000
SENTENCES = 36_000
SEED = 5


def frequent_words(count: int) -> dict[str, int]:
    """The most frequent all-hanzi entries of jieba's dictionary with their counts."""
    lines = (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    entries = ((int(line.split()[1]), line.split()[0]) for line in lines)
    hanzi = sorted(((n, word) for n, word in entries if all("一" <= c <= "龥" for c in word)), reverse=True)
    return {word: n for n, word in hanzi[:count]}


def build_graph(model: Path) -> None:
    """Write ``model/graph``; words that have no pinyin are named and left out."""
    began = time.monotonic()
    language, general, pronouncer = HotlineLanguage(), frequent_words(GENERAL_WORDS), Pronouncer()
    lexicon = []
    for word in sorted(language.words() | set(general)):
        readings = pronouncer.readings(word)
        if not readings:
            print(f"no reading for {word}: left out", file=sys.stderr)
        lexicon += [(word, sounds) for sounds in readings]
    words = {word for word, _ in lexicon}
    model_of_language = LanguageModel(language.sentences(SENTENCES, SEED), words, general)
    write_graph(model / "graph", lexicon, model_of_language.acceptor)
    print(f"graph: {len(words)} words, {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    build_graph(Path(sys.argv[1]))
