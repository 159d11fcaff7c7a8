"""The closed language of the hotline: sentences drawn from ``hotline_language.toml``."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path

_SLOT = re.compile(r"\{(\w+)\}")


class HotlineLanguage:
    """Sentences and slots of the table; raises KeyError naming a slot that does not exist."""

    def __init__(self, path: Path = Path(__file__).with_name("hotline_language.toml")) -> None:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        self._more_words: list[str] = table["more_words"]
        self._sentences = [s for kind in ("caller", "more_caller", "operator") for s in table[f"{kind}_sentences"]]
        self._slots: dict[str, list[str]] = table["slots"]
        self._slots["community"] = [place["said"] for place in table["communities"]]
        self._slots["village"] = [place["said"] for place in table["villages"]]

    def sentences(self, count: int, seed: int) -> list[str]:
        """About ``count`` random sentences, words apart by one space; the same seed gives the same sentences."""
        draw = random.Random(seed)
        drawn = (self._fill(draw.choice(self._sentences), draw) for _ in range(count))
        return [sentence for sentence in drawn if sentence]

    def words(self) -> set[str]:
        """Every word some sentence can hold, and the words of no sentence."""
        texts = self._sentences + [text for choices in self._slots.values() for text in choices]
        return set(self._more_words) | {word for text in texts for word in _SLOT.sub(" ", text).split()}

    def _fill(self, text: str, draw: random.Random) -> str:
        while "{" in text:
            text = _SLOT.sub(lambda slot: draw.choice(self._slots[slot[1]]), text, count=1)
        return " ".join(text.split())
