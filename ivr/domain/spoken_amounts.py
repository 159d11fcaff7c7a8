"""Sums of money as callers say them: 三万块钱, 两千五, 十几万, 三块五毛."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ivr.domain.spoken_numbers import NUMERAL_CHARS, Quantity, parse_quantity

_NUMERAL: Final = re.compile(rf"(?<![{NUMERAL_CHARS}幺])[{re.escape(NUMERAL_CHARS)}]{{1,24}}(?![{NUMERAL_CHARS}幺])")
# 一 that belongs to the next word and not to the number before it: 欠我三万一直不给, 三千一个月.
_EVERYDAY_ONE: Final = re.compile(r"一(?=[直共下样定些点般起边家辈旦个年月天套次人亩平周位户间张份辆台只头季])")
_UNIT: Final = re.compile(
    r"(?P<unit>块钱|块|元钱|元|圆|毛钱|毛)(?P<jiao>[一二两三四五六七八九](?:毛|角)?(?![年月天个岁号次]))?(?P<about>左右|上下)?"
)
_AFTER_UNIT_ONLY: Final = re.compile(r"块(?:地|田|儿|石|砖|玻璃|宅|土|木|板|肉|布)")
_ABOUT_BEFORE: Final = re.compile(r"(?:大概|大约|差不多|约|将近|接近|估计|可能|也就|快)(?:是|有|要|就)?$")
_AT_BOUNDS: Final = re.compile(r"(?:左右|上下)")
_MONEY_BEFORE: Final = re.compile(
    r"(?:欠|借|赔|骗|付|花|给|交|罚|工资|押金|定金|订金|租金|房租|彩礼|损失|一共|总共|共计|价|款|费|贷|补偿|本金|利息|收入|大概|退|转|卖|买|涨|扣|少)"
    r"[^零一二两三四五六七八九十百千万亿几0-9]{0,6}$"
)
_COUNTED: Final = re.compile(
    r"[人个次年天月日岁平亩户米斤分里字号名位头只吨件本张票小周星期倍步辆台套间斤]|公里|公斤|平方|小时|分钟|期"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """Money at text[start:end] in yuan; ``approximate`` also for an exact figure said with 大概 or 左右."""

    start: int
    end: int
    low: Decimal
    high: Decimal
    approximate: bool
    rule: str

    @property
    def value(self) -> str:
        """Yuan as digits, ``30000`` or ``3.50``; a range as ``low/high``."""
        return plain(self.low) if self.low == self.high else f"{plain(self.low)}/{plain(self.high)}"

    @property
    def display(self) -> str:
        """Yuan for people, with 约 when the caller only estimated."""
        if self.low == self.high:
            return f"{'约 ' if self.approximate else ''}{_grouped(self.low)} 元"
        return f"约 {_grouped(self.low)}–{_grouped(self.high)} 元"


def find_amounts(text: str) -> list[Amount]:
    """Every sum of money in one segment, in order; a bare number counts only beside a word of owing or paying."""
    spoken = _EVERYDAY_ONE.sub("□", text)
    found: list[Amount] = []
    for match in _NUMERAL.finditer(spoken):
        amount = _amount(spoken, match) if not found or match.start() >= found[-1].end else None
        found += [amount] if amount else []
    return found


def plain(yuan: Decimal) -> str:
    """``30000``, ``3.50``: no exponent, no separators, cents only when there are any."""
    return str(int(yuan)) if yuan == yuan.to_integral_value() else f"{yuan:.2f}"


def _grouped(yuan: Decimal) -> str:
    return f"{int(yuan):,}" if yuan == yuan.to_integral_value() else f"{yuan:,.2f}"


def _amount(text: str, match: re.Match[str]) -> Amount | None:
    numeral = match[0].lstrip("多来余点.")
    if numeral[:1] in ("好", "数") and numeral[:2] not in ("好几", "数十", "数百", "数千", "数万"):
        numeral = numeral[1:]
    start, end = match.end() - len(numeral), match.end()
    unit = _UNIT.match(text, end)
    if unit is None:  # 三万好像, 三万来还债: the last character belongs to what follows
        numeral = numeral.rstrip("好数点.来余")
        end = start + len(numeral)
    quantity = parse_quantity(numeral)
    if quantity is None or quantity.high <= 0:
        return None
    about = bool(_ABOUT_BEFORE.search(text[max(0, start - 6) : start]))
    if unit is None:
        return _without_unit(text, start, end, quantity, about)
    if (
        unit["unit"] == "块"
        and not unit["jiao"]
        and (_AFTER_UNIT_ONLY.match(text, unit.start("unit")) or (quantity.high < 10 and unit.end() < len(text)))
    ):
        return None  # 一块地, 这三块
    jiao = unit["unit"] in ("毛", "毛钱")
    scale = Decimal("0.1") if jiao else Decimal(1)
    low, high = quantity.low * scale, quantity.high * scale
    end = unit.end()
    if unit["jiao"] and unit["unit"] == "块" and quantity.is_exact:
        follows = text[end : end + 1]
        if unit["jiao"][-1] in "毛角" or not follows or follows == "钱":
            cents = parse_quantity(unit["jiao"][0])
            low = high = low + (cents.low if cents else Decimal(0)) / 10
        else:
            end = unit.start("jiao")
    elif unit["jiao"]:
        end = unit.start("jiao")
    return Amount(start, end, low, high, about or bool(unit["about"]) or low != high, "amount.unit")


def _without_unit(text: str, start: int, end: int, quantity: Quantity, about: bool) -> Amount | None:
    """两万, 三千五: only when large, beside a word of owing or paying, and not the count of something."""
    if quantity.high < 100 or not re.search(r"[百千万亿]", text[start:end]) or _COUNTED.match(text, end):
        return None
    if not _MONEY_BEFORE.search(text[max(0, start - 10) : start]) and not text.startswith("钱", end):
        return None
    bounds = _AT_BOUNDS.match(text, end)
    approximate = about or bounds is not None or not quantity.is_exact
    return Amount(start, bounds.end() if bounds else end, quantity.low, quantity.high, approximate, "amount.money_word")
