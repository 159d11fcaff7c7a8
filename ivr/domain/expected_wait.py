"""How long a caller will have to wait, told honestly: rounded up, and not at all when nobody could know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ivr.domain.events import QueueMember

_WORKING = frozenset({"available", "ringing", "talking"})
_ENOUGH_CALLS = 5


def seconds_per_place(members: Iterable[QueueMember], talks_s: Sequence[float], usual_talk_s: float) -> int | None:
    """Seconds in which the queue moves on by one place; None when no seat works.

    ``talks_s`` are the lengths of recent conversations in this queue; while there are too few, ``usual_talk_s`` counts as
    theirs. Every working seat frees a place once in a conversation, so a caller before whom n wait is heard after about
    (n + 1) times this. Asterisk's own average counts waits of the past, which promises nothing while the queue grows.
    """
    working = sum(m.state in _WORKING for m in members)
    if not working:
        return None
    talk_s = sum(talks_s) / len(talks_s) if len(talks_s) >= _ENOUGH_CALLS else usual_talk_s
    return max(1, -int(-talk_s // working))
