"""Spoken Chinese numbers: 三万五 is 35000, 十几万 is a range, 幺三九 is a row of digits and no quantity. Never raises.

A small parser of its own rather than ``cn2an``: that one raises on half-heard numbers, knows no 十几万 or 三万多, and
callers say both. The tests hold it against ``cn2an`` on exact numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

DIGIT_VALUES: Final[dict[str, str]] = {
    **{char: str(value) for value, char in enumerate("零一二三四五六七八九")},
    **{str(value): str(value) for value in range(10)},
    **{chr(0xFF10 + value): str(value) for value in range(10)},  # full-width
    "〇": "0",
    "幺": "1",
    "两": "2",
}
NUMERAL_CHARS: Final = "零〇一二两三四五六七八九十百千万亿几多来余好数点.0123456789" + "".join(
    map(chr, range(0xFF10, 0xFF1A))
)

_SMALL_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_BIG_UNITS: Final = {"万": 10_000, "亿": 100_000_000}
_LONGEST: Final = 24  # characters: 九千九百九十九万九千九百九十九亿… and no more
_SPOKEN_DIGIT: Final = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_SECTION: Final = re.compile(
    r"(?:([一二两三四五六七八九])千)?(零?(?:[一二两三四五六七八九])百)?(零?(?:[一二三四五六七八九])?十)?(零?[一二两三四五六七八九])?"
)
_MORE: Final = re.compile(r"[多来余]")
_NEIGHBOURS: Final = re.compile(r"(一[二两]|[二两]三|三四|三五|四五|五六|六七|七八|八九)(?=[十百千万亿]|$)")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as said: ``low == high`` for an exact one, else the range the words leave open (十几万: 11–20 万)."""

    low: Decimal
    high: Decimal

    @property
    def is_exact(self) -> bool:
        """Whether the words name one number."""
        return self.low == self.high


def digit_row(text: str) -> str | None:
    """``幺三九零`` → ``1390``; None when any character is no digit. Spoken and written digits may be mixed."""
    digits = [DIGIT_VALUES.get(char) for char in text]
    return None if not digits or None in digits else "".join(d for d in digits if d is not None)


def parse_quantity(text: str) -> Quantity | None:
    """The quantity a numeral names, exact or as a range; None when it names none (also for a row of digits)."""
    if not text or len(text) > _LONGEST:
        return None
    text = (
        text.replace("好几", "几")
        .replace("数十", "几十")
        .replace("数百", "几百")
        .replace("数千", "几千")
        .replace("数万", "几万")
    )
    if "几" in text:
        return _some(text)
    if _MORE.search(text):
        return _more_than(text)
    pair = _NEIGHBOURS.search(text)
    if pair and pair.end() - pair.start() == 2:
        head, tail = text[: pair.start()], text[pair.end() :]
        low, high = parse_exact(head + pair[0][0] + tail), parse_exact(head + pair[0][1] + tail)
        return Quantity(low, high) if low is not None and high is not None and low < high else None
    exact = parse_exact(text)
    return None if exact is None else Quantity(exact, exact)


def parse_exact(text: str) -> Decimal | None:
    """An exact number: 两千五百, 三万五 (35000), 十二点五万, 3000, 3.5万; None for anything else."""
    if not text or len(text) > _LONGEST:
        return None
    text = text.translate(_ASCII)
    written = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,4})?)([百千万亿]?)", text)
    if written:
        return Decimal(written[1]) * _unit(written[2])
    spoken = re.fullmatch(r"([^点]+)点([零〇一二三四五六七八九]{1,4})([万亿]?)", text)
    if spoken:
        whole = _whole(spoken[1])
        fraction = digit_row(spoken[2])
        return None if whole is None or fraction is None else Decimal(f"{whole}.{fraction}") * _unit(spoken[3])
    number = _whole(text)
    return None if number is None else Decimal(number)


_ASCII: Final = {0xFF10 + value: str(value) for value in range(10)}


def _unit(char: str) -> int:
    return (_SMALL_UNITS | _BIG_UNITS).get(char, 1)


def _whole(text: str) -> int | None:
    """Sections between 亿 and 万, each below 10,000; the big units must fall."""
    total, rest, ceiling = 0, text, 10**13
    for char, unit in (("亿", _BIG_UNITS["亿"]), ("万", _BIG_UNITS["万"])):
        head, mark, tail = rest.partition(char)
        if not mark:
            continue
        section = _section(head)
        if section is None:
            return None
        if section == 0:
            return None
        total, rest, ceiling = total + section * unit, tail, unit
    if not rest:
        return total if total else None
    if total and len(rest) == 1 and rest in _SPOKEN_DIGIT and rest != "零":
        return total + _SPOKEN_DIGIT[rest] * ceiling // 10  # 三万五 = 35000
    last = _section(rest)
    return None if last is None else total + last


def _section(text: str) -> int | None:
    """A number below 10,000: 三千零五, 一百二 (120), 十二, 零; None when the units do not fall."""
    if text in ("零", "〇"):
        return 0
    colloquial = re.fullmatch(r"(.*)([百千])([一二两三四五六七八九])", text)
    if colloquial:
        head = _section(colloquial[1] + colloquial[2])
        return None if head is None else head + _SPOKEN_DIGIT[colloquial[3]] * _SMALL_UNITS[colloquial[2]] // 10
    match = _SECTION.fullmatch(text.removeprefix("零"))
    if not text or match is None:
        return None
    thousands, hundreds, tens, ones = match.groups()
    value = _SPOKEN_DIGIT[thousands] * 1000 if thousands else 0
    value += _SPOKEN_DIGIT[hundreds[-2]] * 100 if hundreds else 0
    if tens:
        value += _SPOKEN_DIGIT.get(tens[-2], 1) * 10 if len(tens) > 1 and tens[-2] != "零" else 10
    return value + (_SPOKEN_DIGIT[ones[-1]] if ones else 0)


def _some(text: str) -> Quantity | None:
    """几: two to nine of the unit that follows, one to nine after 十; 十几万 lies between 11 and 20 万."""
    head, _, tail = text.partition("几")
    units = re.fullmatch(r"([十百千]?)([万亿]?)[多来余]?", tail)
    base = parse_exact(head) if head else Decimal(0)
    if units is None or base is None or (head and head[-1] not in "十百千万亿"):
        return None
    unit = _unit(units[1]) * _unit(units[2])
    whole = base * (_unit(units[2]) if head and head[-1] in _SMALL_UNITS else 1)
    high = whole + (9 if unit == 1 else 10 * unit)
    return Quantity(whole + (1 if head else 2) * unit, Decimal(high))


def _more_than(text: str) -> Quantity | None:
    """三万多, 十多万, 一百来: at least the number, less than one more of its last unit."""
    match = re.fullmatch(r"([^多来余]*[十百千万亿])[多来余]([万亿]?)", text)
    if match is None:
        return None
    base = parse_exact(match[1])
    if base is None:
        return None
    big = _unit(match[2])
    return Quantity(base * big, (base + _unit(match[1][-1])) * big)
