"""What partners are told of orders, how it is signed, and when a delivery that failed is tried again.

The same scheme serves both ways: what we send is signed as what partners send must be. Signed are the time, the key and the
body, so that neither an old message nor a new key for an old message passes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

EventName = Literal["order.created", "order.assigned", "order.accepted", "order.overdue", "order.resolved", "order.rated"]
EVENTS: Final[tuple[EventName, ...]] = get_args(EventName)

KEY_HEADER: Final = "Idempotency-Key"
TIME_HEADER: Final = "Ivr-Time"
PARTNER_HEADER: Final = "Ivr-Partner"
SIGNATURE_HEADER: Final = "Ivr-Signature"
WINDOW_S: Final = 300
"""How far a message's time may be from ours, either way, in seconds."""

_KEY: Final = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_TIME: Final = re.compile(r"[0-9]{1,12}")

_OF_MOVE: Final[dict[str, EventName]] = {
    "assign": "order.assigned", "reassign": "order.assigned", "accept": "order.accepted",
    "resolve": "order.resolved", "answer": "order.resolved",
}


def event_of(move: str) -> EventName | None:
    """What partners are told of a move of an order; None for a move that is nobody's business."""
    return _OF_MOVE.get(move)


def signature(secret: bytes, time: str, key: str, body: bytes) -> str:
    """``v1=`` and the hex HMAC-SHA256 over time, key and body, each of the first two followed by a line feed."""
    signed = f"{time}\n{key}\n".encode() + body
    return "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def why_refused(secret: bytes, time: str, key: str, given: str, body: bytes, now: float) -> str:
    """'' when the signature holds and the time is near ours (Unix seconds), else what is wrong; takes the same time for all."""
    if not _KEY.fullmatch(key):
        return f"{KEY_HEADER} must be 1 to 100 letters, digits or . _ : -"
    if not _TIME.fullmatch(time):
        return f"{TIME_HEADER} must be the time of sending as whole Unix seconds"
    if not hmac.compare_digest(signature(secret, time, key, body).encode(), given.encode("utf-8", "replace")):
        return f"{SIGNATURE_HEADER} does not fit time, key and body"
    if abs(now - int(time)) > WINDOW_S:
        return f"{TIME_HEADER} is more than {WINDOW_S} seconds from this server's time, which is {now:.0f}"
    return ""


@dataclass(frozen=True, slots=True)
class RetryRules:
    """``first_s`` after the first failure, then twice as long each time, never longer than ``longest_s``; ``tries`` in all."""

    first_s: float = 5.0
    longest_s: float = 3600.0
    tries: int = 24

    def wait_s(self, failures: int, chance: float) -> float | None:
        """Seconds until the next try after so many failures, None when it was the last; ``chance`` 0…1 takes off up to half.

        Deliveries that failed together are thereby not tried together.
        """
        if failures >= self.tries:
            return None
        full = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 60))
        return full * (1.0 - chance / 2.0)
