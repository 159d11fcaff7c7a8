"""A caller's number as people dial it, from whatever the line delivered; never trusted, so never more than digits."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 20


def normalise(raw: str, prefixes: Mapping[str, str]) -> str:
    """Digits of a dialable number, or '' when it was withheld or is none.

    ``prefixes`` maps a leading string to its replacement (``{"+86": ""}``); the longest match is applied once.
    Spaces and hyphens are dropped. Anything but digits afterwards, or more than 20 of them, gives ''.
    """
    number = raw.strip().replace(" ", "").replace("-", "")
    for prefix in sorted(prefixes, key=len, reverse=True):
        if prefix and number.startswith(prefix):
            number = prefixes[prefix] + number[len(prefix) :]
            break
    return number if number.isascii() and number.isdigit() and len(number) <= _LONGEST else ""
