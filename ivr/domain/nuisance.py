"""Numbers that are not put through for a while: who listed them, why, and until when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ivr.domain.errors import CallerFault
from ivr.domain.exchange_table import exchange_key

_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Listing:
    """One number under the nuisance rule, from ``listed_at`` until ``ends_at``; ``owner`` answers for it."""

    number: str
    reason: str
    owner: str
    listed_at: datetime
    ends_at: datetime


def checked_listing(number: str, reason: str, owner: str, now: datetime, ends_at: datetime) -> Listing:
    """A listing fit to be kept; CallerFault says what is missing. Times carry their zone."""
    if not re.fullmatch(r"[0-9]{3,20}", number, re.ASCII):
        raise CallerFault(f"{number!r} is no telephone number; give 3 to 20 digits as the order shows them")
    for what, text in (("reason", reason), ("owner", owner)):
        if not text.strip() or len(text) > _LONGEST_TEXT or not text.isprintable():
            raise CallerFault(f"a listing needs its {what}: 1 to {_LONGEST_TEXT} printable characters")
    if ends_at <= now:
        raise CallerFault(f"the listing would end at {ends_at:%Y-%m-%d %H:%M}, which is past; give a later end")
    return Listing(number, reason.strip(), owner.strip(), now, ends_at)


def exchange_table(listings: Iterable[Listing]) -> dict[str, str]:
    """{key: end in Unix seconds} as the exchange keeps it; of two numbers with one key the later end counts."""
    ends: dict[str, int] = {}
    for listing in listings:
        key = exchange_key(listing.number)
        ends[key] = max(ends.get(key, 0), int(listing.ends_at.timestamp()))
    return {key: str(end) for key, end in ends.items()}
