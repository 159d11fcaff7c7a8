"""What a caller who says what it is about means, by the phrases of a menu; and the grammar the recogniser hears with.

Words come from the recogniser with a confidence from 0 to 1; what fits no phrase is one word, ``[unk]``. The longest phrase
counts: 不是 is no 是. Danger goes before everything, and what is doubtful is asked back or goes to a human, never guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ivr.domain.emergency import EMERGENCY
from ivr.domain.menu import MenuPlan

UNKNOWN = "[unk]"
HUMAN = ("人工", "人工服务", "转人工", "接线员", "坐席", "客服")
YES = ("是", "是的", "对", "对的", "好", "好的", "没错")
NO = ("不", "不是", "不对", "不要", "没有")
_EMERGENCY, _YES, _NO = "emergency", "yes", "no"


@dataclass(frozen=True, slots=True)
class Said:
    """One word as the recogniser heard it; ``confidence`` from 0 to 1."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class SpokenMenu:
    """What may be said in one menu: phrase → key, and the keys that can be asked back because their topic has a prompt."""

    name: str
    timeout_s: int
    phrases: Mapping[str, str]
    asked_back: frozenset[str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was meant: a key for certain, a key to be asked back, danger, yes or no to what was asked, or nothing."""

    kind: Literal["chosen", "unsure", "emergency", "yes", "no", "nothing"]
    key: str = ""


def spoken_menus(plan: MenuPlan) -> dict[str, SpokenMenu]:
    """The menus of a plan that hear speech, by name; 人工 is understood in each."""
    return {
        menu.name: SpokenMenu(
            menu.name, menu.timeout_s,
            dict.fromkeys(HUMAN, "0") | {phrase: key for key, target in menu.keys.items() for phrase in target.says},
            frozenset(key for key, target in menu.keys.items() if target.named),
        )
        for menu in plan.menus.values() if menu.spoken
    }


def listened_for(menu: SpokenMenu, *, confirming: bool) -> tuple[str, ...]:
    """Every phrase that means something now, without spaces."""
    return (*menu.phrases, *EMERGENCY, *((*YES, *NO) if confirming else ()))


def grammar(phrases: Iterable[str], vocabulary: Collection[str]) -> tuple[list[str], list[str]]:
    """The phrases as a model knows them, words parted by spaces, and those it cannot hear because a word is not its own.

    Each is parted into as few known words as can be.
    """
    known, lost = [], []
    for phrase in dict.fromkeys(phrases):
        words = _parted(phrase, vocabulary)
        if words:
            known.append(" ".join(words))
        else:
            lost.append(phrase)
    return known, lost


def _parted(phrase: str, vocabulary: Collection[str]) -> list[str]:
    best: list[list[str] | None] = [[]] + [None] * len(phrase)
    for end in range(1, len(phrase) + 1):
        for start in range(end):
            before = best[start]
            if before is not None and phrase[start:end] in vocabulary:
                already = best[end]
                if already is None or len(before) + 1 < len(already):
                    best[end] = [*before, phrase[start:end]]
    return best[-1] or []


def decide(heard: Sequence[Said], menu: SpokenMenu, *, confirming: bool, sure: float, doubtful: float) -> Verdict:
    """What was meant. A phrase is certain from confidence ``sure`` of its weakest word, and is asked back from ``doubtful``.

    ``confirming``: the caller was asked back already, so what is still in doubt means nothing.
    """
    meanings = dict(menu.phrases) | dict.fromkeys(EMERGENCY, _EMERGENCY)
    if confirming:
        meanings |= dict.fromkeys(YES, _YES) | dict.fromkeys(NO, _NO)
    found = [(meanings[phrase], phrase, confidence) for phrase, confidence in _phrases(heard, meanings) if confidence >= doubtful]
    certain = {meaning for meaning, _, confidence in found if confidence >= sure}
    if _EMERGENCY in certain:
        return Verdict("emergency")
    if _NO in certain:
        return Verdict("no")
    keys = {meaning for meaning, _, _ in found} - {_YES, _NO, _EMERGENCY}
    if len(keys) == 1 and keys <= certain:
        return Verdict("chosen", keys.pop())
    if confirming:
        return Verdict("yes") if _YES in certain and not keys else Verdict("nothing")
    # The longest phrase says most; of equal ones the last, where Chinese has its head: 离婚公证 is 公证.
    likely = sorted((len(phrase), place, meaning) for place, (meaning, phrase, _) in enumerate(found) if meaning in keys)
    if likely and likely[-1][2] in menu.asked_back:
        return Verdict("unsure", likely[-1][2])
    return Verdict("nothing")


def _phrases(heard: Sequence[Said], known: Collection[str]) -> list[tuple[str, float]]:
    """The phrases said, in order, each with the confidence of its weakest word; the longest first, and none within another."""
    found: list[tuple[str, float]] = []
    place = 0
    while place < len(heard):
        for end in range(len(heard), place, -1):
            text = "".join(word.text for word in heard[place:end])
            if text in known:
                found.append((text, min(word.confidence for word in heard[place:end])))
                place = end
                break
        else:
            place += 1
    return found
