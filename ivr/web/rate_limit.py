"""How many requests one machine may make: a bucket for each token that fills again as time goes on.

It keeps a client that runs in circles from taking the database away from people; it is no defence against strangers, who have no
token. Counted by each web process for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

_MOST_KEYS: Final = 4096


class RateLimit:
    """``a_minute`` requests each minute, that many at once; 0: no limit. Of 4096 tokens those used last are remembered."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._buckets: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Buckets remembered."""
        return len(self._buckets)

    def take(self, key: bytes, now: float) -> float:
        """Take one request's worth: 0.0 when there is one, else the seconds until there is. ``now`` only goes on."""
        if not self._a_minute:
            return 0.0
        level, at = self._buckets.get(key, (float(self._a_minute), now))
        level = min(float(self._a_minute), level + max(0.0, now - at) * self._a_minute / 60)
        wait = 0.0 if level >= 1 else (1 - level) * 60 / self._a_minute
        self._buckets[key] = (level - 1 if not wait else level, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        return wait
