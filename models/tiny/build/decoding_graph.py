"""The graph folder of the model: HCLr.fst (sounds to words), Gr.fst (word sequences), words.txt and their companions.

HCL is written directly as a prefix tree over phones, expanded to transition ids in Kaldi's "reorder" form (the forward
transition, then its self-loop). Vosk composes it with Gr.fst while listening, which needs the olabel_lookahead type;
that conversion renumbers the words, so words.txt and Gr.fst must use the new numbers.
"""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import phone_inventory as phones
from fst_text import FstText, fst_tool

UNKNOWN = "[unk]"  # any sounds at all: what a run-time grammar hears outside its sentences
SILENCE_PROBABILITY = 0.5  # between two words

Lexicon = list[tuple[str, list[str]]]


class _PrefixTree:
    """Words by their phones; the last phone of a word is kept apart, for it leads back to the start."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.below: list[set[str]] = [set()]
        self.ends: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        for word, sounds in lexicon:
            self._add(word, phones.phones_of_word(sounds))

    def _add(self, word: str, path: list[int]) -> None:
        node = 0
        self.below[0].add(word)
        for phone in path[:-1]:
            if phone not in self.children[node]:
                self.children[node][phone] = len(self.children)
                self.children.append({})
                self.below.append(set())
            node = self.children[node][phone]
            self.below[node].add(word)
        if word not in self.ends[node, path[-1]]:
            self.ends[node, path[-1]].append(word)


def sounds_to_words(lexicon: Lexicon, word_id: dict[str, int]) -> FstText:
    """The HCL transducer: transition ids in, words out, each word as early as it is the only one left."""
    fst = FstText()
    after_word, root, silence = fst.state(), fst.state(), fst.state()
    no_silence_cost = -math.log(1 - SILENCE_PROBABILITY)
    fst.arc(after_word, root, 0, 0, no_silence_cost)
    fst.arc(after_word, silence, phones.forward_transition(phones.SILENCE_ID), 0, -math.log(SILENCE_PROBABILITY))
    fst.arc(silence, silence, phones.self_loop_transition(phones.SILENCE_ID), 0)
    fst.arc(silence, root, 0, 0)
    fst.final(after_word, no_silence_cost)
    fst.final(silence)

    def emit(source: int, phone: int, label: int) -> int:
        target = fst.state()
        fst.arc(source, target, phones.forward_transition(phone), label)
        fst.arc(target, target, phones.self_loop_transition(phone), 0)
        return target

    _add_unknown_word(fst, emit, root, after_word, word_id[UNKNOWN])
    tree = _PrefixTree(lexicon)
    state, said = {0: root}, {0: False}
    pending = [0]
    while pending:
        node = pending.pop()
        for phone, child in sorted(tree.children[node].items()):
            unique = not said[node] and len(tree.below[child]) == 1
            state[child] = emit(state[node], phone, word_id[next(iter(tree.below[child]))] if unique else 0)
            said[child] = said[node] or unique
            pending.append(child)
    for (node, phone), words in sorted(tree.ends.items()):
        for word in words:
            fst.arc(emit(state[node], phone, 0 if said[node] else word_id[word]), after_word, 0, 0)
    return fst


def _add_unknown_word(
    fst: FstText, emit: Callable[[int, int, int], int], root: int, after_word: int, label: int
) -> None:
    """One label for any string of phones, each as likely as every other."""
    first, later = fst.state(), fst.state()
    fst.arc(root, first, 0, label)
    cost = math.log(2 * (len(phones.SOUNDS) - 1))
    for sound in phones.SOUNDS[1:]:
        for source, place, target in (
            (first, "B", later), (later, "I", later), (later, "E", after_word), (first, "S", after_word),
        ):  # fmt: skip
            fst.arc(emit(source, phones.PHONE_ID[f"{sound}_{place}"], 0), target, 0, 0, cost)


def write_graph(folder: Path, lexicon: Lexicon, acceptor: Callable[[dict[str, int]], FstText]) -> None:
    """Write the folder; ``acceptor`` makes the language model once the words have their final numbers."""
    (folder / "phones").mkdir(parents=True, exist_ok=True)
    words = sorted({word for word, _ in lexicon} | {UNKNOWN})
    provisional = {word: number for number, word in enumerate(words, start=1)}
    with tempfile.TemporaryDirectory() as scratch:
        pairs = Path(scratch) / "relabelled"
        lookahead = fst_tool(
            "fstconvert", "--fst_type=olabel_lookahead", f"--save_relabel_opairs={pairs}",
            stdin=sounds_to_words(lexicon, provisional).compiled("olabel"),
        )  # fmt: skip
        renumbered = {int(old): int(new) for old, new in (line.split() for line in pairs.read_text().splitlines())}
    word_id = {word: renumbered[number] for word, number in provisional.items()}
    language = fst_tool("fstconvert", "--fst_type=const", stdin=acceptor(word_id).compiled("ilabel"))
    table = ["<eps> 0"] + [f"{word} {number}" for word, number in sorted(word_id.items(), key=lambda pair: pair[1])]
    (folder / "HCLr.fst").write_bytes(lookahead)
    (folder / "Gr.fst").write_bytes(language)
    (folder / "words.txt").write_text("\n".join(table) + "\n", encoding="utf-8")
    # No disambiguation symbols are used, but Vosk will not load a model without the file.
    (folder / "disambig_tid.int").write_text(f"{2 * len(phones.PHONES) + 1}\n")
    (folder / "phones" / "word_boundary.int").write_text("\n".join(phones.word_boundary_lines()) + "\n")
