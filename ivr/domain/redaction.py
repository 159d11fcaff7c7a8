"""Personal numbers and names in texts: where they stand, what is shown instead, and when they were said.

A row of digits goes on over spaces, signs and fillers (嗯, 那个), in Arabic and in spoken digits (幺三八), so that a number is
found however it is written. Where a row could be more than one thing, more is covered rather than less: a long row is masked
whatever it is, for a digit heard wrongly must not lay the rest open. Masking changes no length, so that places in a text, words
and their seconds stay where they are; the first or last digits stay, as citizens know them from bank slips.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from ivr.domain.order_number import is_valid
from ivr.domain.spoken_numbers import DIGIT_VALUES
from ivr.domain.transcript import Speaker, Word

Kind = Literal["phone", "identity_card", "bank_card", "name"]
KINDS: frozenset[Kind] = frozenset(get_args(Kind))
MASK: Final = "*"

_X: Final = "XxＸｘ叉"
_FILLERS: Final = r"嗯|呃|额|啊|哦|噢|哎|那个|这个|就是|然后|后面|再|杠|转|对|好|的|是"
_GAP: Final = rf"(?:{_FILLERS}|[^\S\r]|[\n,，、。.·\-—–_/()（）+|]){{0,8}}"
_DIGIT: Final = f"[{''.join(DIGIT_VALUES)}]"
_ROW: Final = re.compile(f"{_DIGIT}(?:{_GAP}[{''.join(DIGIT_VALUES)}{_X}])*")
_SHORTEST: Final = 7
_LONG: Final = 15
_BIRTHDAY: Final = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_CARD_18: Final = re.compile(rf"(?=([1-9][0-9]{{5}}(?:19|20)[0-9]{{2}}{_BIRTHDAY}[0-9]{{3}}[0-9X]))")
_CARD_15: Final = re.compile(rf"(?=([1-9][0-9]{{5}}[0-9]{{2}}{_BIRTHDAY}[0-9]{{3}}))")
_PHONES: Final = (
    re.compile(r"(?=(1[3-9][0-9]{9}))"),
    re.compile(r"(?=(0(?:10|2[0-9])[0-9]{8}))"),
    re.compile(r"(?=(0[3-9][0-9]{2}[0-9]{7,8}))"),
)
_BEGUN: Final = re.compile(r"(?:86)?(1[3-9][0-9]{7,8})")
"""A mobile number of which one or two digits were not heard."""

_CALLS: Final = re.compile(r"(?:(?:86)?1[3-9][0-9]{9}|0(?:10|2[0-9])[0-9]{8}|0[3-9][0-9]{9,10})+")
"""Telephone numbers one after the other, as when one is said twice: no card begins like them."""

_SHOWN: Final[dict[Kind, tuple[int, int]]] = {"phone": (3, 4), "identity_card": (0, 4), "bank_card": (0, 4), "name": (1, 0)}
"""How much of each stays readable, at the beginning and at the end; of sound nothing does."""

_JOINED_S: Final = 10.0
"""What one speaker says after a shorter pause may go on with the same number."""

_PAD_S: Final = 0.15


@dataclass(frozen=True, slots=True)
class Found:
    """Characters ``start`` up to but without ``end``; ``covered`` are the places that are masked."""

    start: int
    end: int
    kind: Kind
    covered: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A stretch of speech; ``words`` may be empty while it is only heard. Without gaps they make up its text."""

    speaker: Speaker
    start_s: float
    end_s: float
    text: str
    words: Sequence[Word] = ()


@dataclass(frozen=True, slots=True)
class Covered:
    """A stretch as it is shown: text and words of the same lengths as before."""

    text: str
    words: tuple[str, ...]


def find(text: str, kinds: frozenset[Kind] = KINDS, names: Sequence[str] = ()) -> list[Found]:
    """What of these kinds stands in the text, by place; ``names`` are those known of the matter (two characters or more)."""
    found: list[Found] = []
    if kinds - {"name"}:
        for row in _ROW.finditer(text):
            places = [n for n in range(row.start(), row.end()) if text[n] in DIGIT_VALUES or text[n] in _X]
            if len(places) >= _SHORTEST:
                digits = "".join(DIGIT_VALUES.get(text[n], "X") for n in places)
                found += (_at(places, one) for one in _in_row(digits) if one[2] in kinds)
    if "name" in kinds:
        for name in {n.strip() for n in names}:
            if len(name) >= 2:
                pattern = r"\s*".join(re.escape(c) for c in name if not c.isspace())
                for match in re.finditer(pattern, text):
                    places = [n for n in range(match.start(), match.end()) if not text[n].isspace()]
                    found.append(_at(places, (0, len(places), "name")))
    return sorted(found, key=lambda f: (f.start, f.end, f.kind))


def mask(text: str, kinds: frozenset[Kind] = KINDS, names: Sequence[str] = ()) -> str:
    """The text with everything of these kinds covered, as long as before; masking it again changes nothing."""
    shown = list(text)
    for one in find(text, kinds, names):
        for place in one.covered:
            shown[place] = MASK
    return "".join(shown)


def cover(speech: Sequence[Spoken], kinds: frozenset[Kind], names: Sequence[str] = ()) -> list[Covered]:
    """Each stretch as it is shown, in the order given; a number said in several stretches is one number."""
    shown = [list(one.text) for one in speech]
    for _, covered in _spans(speech, kinds, names):
        for number, place in covered:
            shown[number][place] = MASK
    return [_covered(stretch, "".join(text)) for stretch, text in zip(speech, shown, strict=True)]


def seconds(
    speech: Sequence[Spoken], kinds: frozenset[Kind], names: Sequence[str] = ()
) -> dict[Speaker, list[tuple[float, float]]]:
    """When each speaker said what is covered, joined and in order: of sound the whole number is covered, with a margin."""
    times: dict[Speaker, list[tuple[float, float]]] = {"caller": [], "operator": []}
    for places, _ in _spans(speech, kinds, names):
        for number in {number for number, _ in places}:
            inside = [place for n, place in places if n == number]
            times[speech[number].speaker].append(_when(speech[number], min(inside), max(inside) + 1))
    return {speaker: _joined(spans) for speaker, spans in times.items()}


def check_digit(first_17: str) -> str:
    """The 18th character of an identity card: ISO 7064 MOD 11-2 (GB 11643-1999); '' for anything but 17 digits."""
    if not re.fullmatch(r"[0-9]{17}", first_17):
        return ""
    total = sum(int(digit) * pow(2, 17 - n, 11) for n, digit in enumerate(first_17))
    return "10X98765432"[total % 11]


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1."""
    total = 0
    for n, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + n % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _in_row(row: str) -> Iterable[tuple[int, int, Kind]]:
    """What stands in a row of digits (X where one may end an identity card), as places of the row."""
    digits = row.replace("X", "_")
    cards = [(m.start(), m.start() + 18) for m in _CARD_18.finditer(row)]
    calls = bool(_CALLS.fullmatch(digits))
    cards += [
        (n, n + 18) for n in range(0 if calls else len(row) - 17)
        if row[n] in "123456789" and check_digit(row[n : n + 17]) == row[n + 17] and (n, n + 18) not in cards
    ]
    if len(row) == _LONG:
        cards += [(m.start(), m.start() + _LONG) for m in _CARD_15.finditer(row)]
    phones = [(m.start(1), m.end(1)) for pattern in _PHONES for m in pattern.finditer(digits)]
    if is_valid(row) and (len(row) > _LONG or not phones):  # our own numbers of orders, with their check digit
        return
    yield from ((start, end, "identity_card") for start, end in cards)
    for length in range(19 if not calls else 0, _LONG - 1, -1):
        for n in range(len(row) - length + 1):
            if digits[n : n + length].isdigit() and row[n] in "3456" and passes_luhn(row[n : n + length]):
                yield n, n + length, "bank_card"
    yield from ((start, end, "phone") for start, end in phones)
    if not phones and (begun := _BEGUN.fullmatch(digits)):
        yield begun.start(1), begun.end(1), "phone"
    if len(row) >= _LONG and not calls:
        yield 0, len(row), "bank_card"
        yield 0, len(row), "identity_card"


def _at(places: Sequence[int], one: tuple[int, int, Kind]) -> Found:
    start, end, kind = one
    first, last = _SHOWN[kind]
    inside = places[start:end]
    return Found(inside[0], inside[-1] + 1, kind, tuple(inside[first : len(inside) - last]))


def _spans(
    speech: Sequence[Spoken], kinds: frozenset[Kind], names: Sequence[str]
) -> Iterable[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """Everything found, as (stretch, character) of all of it and of what is covered."""
    for group in _groups(speech):
        joined = "\n".join(speech[number].text for number in group)
        places: list[tuple[int, int]] = []
        for number in group:
            places += [(number, place) for place in range(len(speech[number].text))]
            places.append((-1, -1))  # the line end between two stretches
        for one in find(joined, kinds, names):
            yield (
                [at for at in places[one.start : one.end] if at[0] >= 0],
                [places[n] for n in one.covered if places[n][0] >= 0],
            )


def _groups(speech: Sequence[Spoken]) -> Iterable[list[int]]:
    for speaker in ("caller", "operator"):
        group: list[int] = []
        for number in sorted((n for n, s in enumerate(speech) if s.speaker == speaker), key=lambda n: speech[n].start_s):
            if group and speech[number].start_s - speech[group[-1]].end_s > _JOINED_S:
                yield group
                group = []
            group.append(number)
        if group:
            yield group


def _covered(stretch: Spoken, shown: str) -> Covered:
    words = [word.text for word in stretch.words]
    if "".join(words) == stretch.text:
        at, cut = 0, []
        for word in words:
            cut.append(shown[at : at + len(word)])
            at += len(word)
        return Covered(shown, tuple(cut))
    if shown != stretch.text:  # which word it was cannot be told: no digit of any is shown
        words = ["".join(MASK if c in DIGIT_VALUES else c for c in word) for word in words]
    return Covered(shown, tuple(words))


def _when(stretch: Spoken, begin: int, end: int) -> tuple[float, float]:
    at, spans = 0, []
    for word in stretch.words:
        if at < end and at + len(word.text) > begin:
            spans.append((word.start_s, word.end_s))
        at += len(word.text)
    if at != len(stretch.text) or not spans:
        spans = [(stretch.start_s, stretch.end_s)]
    return max(0.0, min(s for s, _ in spans) - _PAD_S), max(e for _, e in spans) + _PAD_S


def _joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
