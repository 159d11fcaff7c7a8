"""What the exchange keeps in its own database, so that the dialplan knows it with every process of ours dead."""

from __future__ import annotations

from collections.abc import Mapping

_KEY_DIGITS = 11


def exchange_key(number: str) -> str:
    """What the dialplan compares: the last 11 digits, so that +86 and a trunk's own prefixes make no difference."""
    return number[-_KEY_DIGITS:]


def corrections(held: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """What to write and what to delete so that the table held becomes the one wanted."""
    return {k: v for k, v in wanted.items() if held.get(k) != v}, [k for k in held if k not in wanted]
