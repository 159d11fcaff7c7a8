"""How words are said: the dictionary's pinyin, and what espeak-ng says instead where it misreads.

espeak-ng says 银行 as "yin xing" and 着急 as "zhe ji". The synthetic caller is to be understood, so its own readings
come into the lexicon beside the right ones.
"""

from __future__ import annotations

import functools

from phone_inventory import split_syllable
from pypinyin import lazy_pinyin
from pypinyin.contrib.tone_convert import to_normal, to_tone3
from pypinyin.pinyin_dict import pinyin_dict
from synthesiser import Synthesiser

_RARE_SYLLABLES = {"fiao", "den", "nun", "rua", "yo", "lo", "ei", "eng", "chua"}
_INTERJECTIONS = {"嗯": [["eng"], ["en"]], "呃": [["e"]]}
_LONGEST_SYLLABLE = 4  # espeak phonemes


def syllables_with_tones() -> dict[str, list[str]]:
    """Every toneless syllable of Mandarin → its forms with tone digits (5 = neutral)."""
    forms: dict[str, set[str]] = {}
    for codepoint, readings in pinyin_dict.items():
        if not 0x4E00 <= codepoint <= 0x9FFF:
            continue
        for reading in readings.split(","):
            plain = to_normal(reading, v_to_u=False).replace("ü", "v")
            if split_syllable(plain) and plain not in _RARE_SYLLABLES:
                spelled = to_tone3(reading, neutral_tone_with_five=True, v_to_u=False).replace("ü", "v")
                forms.setdefault(plain, set()).add(spelled)
    return {plain: sorted(spelled) for plain, spelled in forms.items()}


class Pronouncer:
    """Gives the readings of a word as lists of sounds, the dictionary's first."""

    def __init__(self) -> None:
        self._synthesiser = Synthesiser()
        self._syllable_of: dict[str, str] = {}
        for plain, forms in syllables_with_tones().items():
            for form in forms:
                words = self._phonemes(form)
                if len(words) == 1:
                    self._syllable_of.setdefault(" ".join(words[0]), plain)

    def readings(self, word: str) -> list[list[str]]:
        """Different readings only; empty when the word cannot be spelled in pinyin."""
        spellings = _INTERJECTIONS.get(word) or [lazy_pinyin(word, v_to_u=False), self._as_espeak_says(word)]
        found: list[list[str]] = []
        for syllables in spellings:
            pairs = [split_syllable(s) for s in syllables]
            if pairs and None not in pairs:
                sounds = [sound for pair in pairs if pair for sound in pair]
                if sounds not in found:
                    found.append(sounds)
        return found

    def _as_espeak_says(self, word: str) -> list[str]:
        phonemes = tuple(p for group in self._phonemes(word) for p in group)
        return list(self._syllables(phonemes) or ())

    @functools.lru_cache(maxsize=1 << 16)  # noqa: B019 - one pronouncer lives as long as the build
    def _syllables(self, phonemes: tuple[str, ...]) -> tuple[str, ...] | None:
        """Cut espeak's phonemes into syllables, the longest that fits first; None when they do not fit."""
        if not phonemes:
            return ()
        for length in range(min(_LONGEST_SYLLABLE, len(phonemes)), 0, -1):
            syllable = self._syllable_of.get(" ".join(phonemes[:length]))
            if syllable is not None:
                rest = self._syllables(phonemes[length:])
                if rest is not None:
                    return (syllable, *rest)
        return None

    def _phonemes(self, text: str) -> list[list[str]]:
        words = self._synthesiser.say(text, speed=250).words
        named = [[p.name for p in word if not p.name.startswith("_")] for word in words]
        return [word for word in named if word]
