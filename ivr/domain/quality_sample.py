"""Which calls people hear (人工抽检): a share of each operator's calls in each month, all dissatisfied, all long silences.

The same calls give the same list, whoever asks and however often, and each call can say why it is there. An operator's
checked calls of a month are numbered as they are checked; of every block of so many one is drawn, and which one follows from
the operator, the month and the block by a digest: nobody chooses, and nothing is left to luck that cannot be told again.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

Rule = Literal["share", "dissatisfied", "long_silence", "chosen"]


@dataclass(frozen=True, slots=True)
class SampleRules:
    """``share`` of each operator's calls in a month (0: none); a silence of ``silence_s`` seconds or more is long."""

    share: float = 0.05
    silence_s: float = 60.0

    @property
    def block(self) -> int:
        """Calls of which one is drawn, so that no fewer than the share are; 0 draws none."""
        return max(1, math.floor(1 / self.share + 1e-9)) if self.share > 0 else 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a call is in the list. ``number`` is the call's in its operator's month, ``place`` the number that was drawn in its
    block of ``size``; ``rating`` and ``seconds`` what made it so; ``by`` who chose it."""

    rule: Rule
    number: int = 0
    place: int = 0
    size: int = 0
    rating: int = 0
    seconds: float = 0.0
    by: str = ""


def drawn_place(operator: str, month: date, block: int, size: int) -> int:
    """Which call of a block is drawn, 1…``size``; ``block`` from 0."""
    digest = hashlib.sha256(f"{operator}/{month:%Y-%m}/{block}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % size + 1


def by_share(rules: SampleRules, operator: str, month: date, number: int) -> Reason | None:
    """Whether an operator's call of this number is drawn, as soon as it is known."""
    if not rules.block:
        return None
    block, place = divmod(number - 1, rules.block)
    if place + 1 != drawn_place(operator, month, block, rules.block):
        return None
    return Reason("share", number, place + 1, rules.block)


def left_over(rules: SampleRules, operator: str, month: date, count: int) -> Reason | None:
    """The call that is drawn of a month's last, unfinished block once the month is over; None when one was drawn already."""
    if not rules.block or not (size := count % rules.block):
        return None
    block = count // rules.block
    if drawn_place(operator, month, block, rules.block) <= size:
        return None
    place = drawn_place(operator, month, block, size)
    return Reason("share", block * rules.block + place, place, size)


def by_itself(rules: SampleRules, rating: int | None, longest_silence_s: float | None) -> list[Reason]:
    """What makes a call one to hear whoever had it."""
    found = []
    if rating is not None and rating >= 4:
        found.append(Reason("dissatisfied", rating=rating))
    if longest_silence_s is not None and longest_silence_s >= rules.silence_s:
        found.append(Reason("long_silence", seconds=round(longest_silence_s, 1)))
    return found


def joined(known: Iterable[Reason], further: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each rule once; the first that was found stays."""
    found = {reason.rule: reason for reason in [*further][::-1]} | {reason.rule: reason for reason in [*known][::-1]}
    order: tuple[Rule, ...] = ("dissatisfied", "long_silence", "share", "chosen")
    return tuple(found[rule] for rule in order if rule in found)
