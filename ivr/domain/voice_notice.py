"""Notices spoken to citizens by a call: which events have words, and what one call came to.

A notice is told when its words were heard to their end, or the citizen pressed the key for a human meanwhile. Everything else
is tried again, as often as the settings say.
"""

from __future__ import annotations

from typing import Final, Literal

VoiceEvent = Literal["order.assigned", "order.accepted", "order.resolved"]
WORDS: Final[dict[str, str]] = {"order.assigned": "assigned", "order.accepted": "accepted", "order.resolved": "resolved"}
"""By event, the extension of dialplan/notices.j2 that says it: those of ``progress-…`` a caller hears who asks."""

VOICE: Final = "notices-voice"
"""The voice call's name among the partners of the outbox."""

LANDLINE: Final = "^(0(10|2[0-9])[0-9]{8}|0[3-9][0-9]{2}[0-9]{7,8}|[2-8][0-9]{6,7})$"
"""The numbers of ivr.domain.callback.DIALABLE that take no messages."""

LONGEST_NOTICE_S: Final = 120
"""Seconds after which a notice that is repeated for ever ends."""

Told = Literal["", "begun", "heard", "human"]
"""How far the words came: the telephone was picked up, they were heard to the end, the citizen asked for a human."""

NoticeResult = Literal["heard", "human", "left", "busy", "unanswered", "refused", "interrupted", "not_placed"]
DELIVERED: Final[frozenset[NoticeResult]] = frozenset({"heard", "human"})
RESULT_WORDS: Final[dict[NoticeResult, str]] = {
    "heard": "已听完", "human": "已转人工", "left": "接听后未听完", "busy": "占线", "unanswered": "无人接听",
    "refused": "拒接或号码无法接通", "interrupted": "系统中断", "not_placed": "未能拨出",
}

_ORDER: Final[tuple[Told, ...]] = ("", "begun", "heard", "human")
_BUSY, _UNANSWERED = frozenset({17}), frozenset({0, 16, 18, 19, 20, 102, 127})  # Q.850


def furthest(before: str, now: str) -> Told:
    """The further of two steps; anything that is none is ''."""
    known = [step for step in (before, now) if step in _ORDER]
    return max((_ORDER[_ORDER.index(step)] for step in known), key=_ORDER.index, default="")


def result_of(told: str, ended: bool, outcome: str, cause: int | None) -> NoticeResult | None:
    """What the call came to, None while that is open. ``cause`` is Q.850's of the end of a call nobody picked up."""
    if told == "heard":
        return "heard"
    if told == "human":
        return "human"
    if not ended:
        return None
    if outcome == "interrupted":
        return "interrupted"
    if told == "begun":
        return "left"
    if cause in _BUSY:
        return "busy"
    return "unanswered" if cause is None or cause in _UNANSWERED else "refused"
