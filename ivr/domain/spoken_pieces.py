"""Numbers and days as they are spoken from recorded pieces: ``digits/20`` and ``digits/1`` are 二十一."""

from __future__ import annotations

from datetime import date


def digit_pieces(digits: str) -> list[str]:
    """Each digit by itself, as work numbers are read out; anything else is left out."""
    return [f"digits/{d}" for d in digits if d in "0123456789"]


def number_pieces(number: int) -> list[str]:
    """A whole number from 1 to 99 in Chinese: 10 is 十, 12 is 十二, 31 is 三十一. ValueError outside of that."""
    if not 1 <= number <= 99:
        raise ValueError(f"{number} is not spoken here; only 1 to 99 are")
    tens, ones = divmod(number, 10)
    return [*([f"digits/{tens * 10}"] if tens else []), *([f"digits/{ones}"] if ones else [])]


def date_pieces(day: date) -> list[str]:
    """十二月三日: month and day, without the year."""
    return [*number_pieces(day.month), "month", *number_pieces(day.day), "day"]
