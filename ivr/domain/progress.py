"""How a matter stands, told to a caller who keys its number: which order is meant, and the words of the answer.

The answer is a list of prompts, played one after the other. An order that is confidential, one that is none and one of
somebody else get the same answer, so that nothing can be learned by trying.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from ivr.domain.order_number import BadOrderNumber, parse
from ivr.domain.spoken_pieces import date_pieces, digit_pieces
from ivr.domain.worktime import SHANGHAI

STATE_PROMPTS = {
    "draft": "progress-received", "pending_review": "progress-received", "assigned": "progress-assigned",
    "accepted": "progress-accepted", "in_progress": "progress-handled", "resolved": "progress-resolved",
    "callback_due": "progress-callback", "closed": "progress-closed", "archived": "progress-closed",
    "returned": "progress-returned", "voided": "progress-voided",
}
"""The prompt for each state of an order; a state unknown here is told as received."""

_OVER = frozenset({"resolved", "callback_due", "closed", "archived", "voided"})
_LAST_FOUR = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True)
class LastFour:
    """The last four digits of an order's number: with the calling number they stand for the whole."""

    digits: str


@dataclass(frozen=True, slots=True)
class OrderProgress:
    """What is known of the order asked about; ``owner_work_number`` '' and ``due_at`` None while nobody has it."""

    number: str
    state: str
    owner_work_number: str = ""
    due_at: datetime | None = None
    confidential: bool = False


def read_keys(keyed: str) -> str | LastFour:
    """The whole number meant by these keys, or its last four digits. Raises BadOrderNumber when a digit must be wrong."""
    if _LAST_FOUR.fullmatch(keyed):
        return LastFour(keyed)
    if not re.fullmatch(r"[0-9]{13}", keyed):
        raise BadOrderNumber("工单编号应为 640105 之后的 13 位数字")
    return str(parse(keyed))


def pieces(order: OrderProgress) -> list[str]:
    """The prompts of the answer: the state; then whose it is and, while it is open, until when it is to be done."""
    told = [STATE_PROMPTS.get(order.state, "progress-received")]
    if order.state == "voided":
        return told
    if order.owner_work_number:
        told += ["progress-owner", *digit_pieces(order.owner_work_number)]
    if order.due_at is not None and order.state not in _OVER:
        told += ["progress-until", *date_pieces(order.due_at.astimezone(SHANGHAI).date()), "progress-due"]
    return told
