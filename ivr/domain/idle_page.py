"""What a village phone shows while nobody calls: one thing to do, and who will answer. Plain words, as few as will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from ivr.domain.seat_time import Activity
from ivr.domain.worktime import SHANGHAI

Presence = Literal["here", "busy", "away"]
_WEEKDAYS: Final = "一二三四五六日"
UNNAMED: Final = "驻村律师"


@dataclass(frozen=True, slots=True)
class IdleFacts:
    """What is known of a device now. ``activity`` is that of its adviser's seat, None where nobody sits; ``duties`` are today's.

    ``adviser`` is the name the roster has, UNNAMED where it has none, '' for a village without an adviser. ``filmed``: the office
    keeps the picture of rooms of three sides.
    """

    village: str
    helper: str
    adviser: str
    activity: Activity | None
    duties: Sequence[tuple[datetime, datetime]]
    connected: bool
    tested_at: datetime | None
    now: datetime
    filmed: bool = False


@dataclass(frozen=True, slots=True)
class IdleWords:
    """The page's lines in the order of their size; '' for a line that is left out. ``broken`` stands for all the others."""

    village: str
    call: str
    who: str
    when: str
    kept: str
    foot: str
    presence: Presence
    broken: str


def idle_words(facts: IdleFacts) -> IdleWords:
    """What to show. A phone that is not connected says who helps, instead of promising a lawyer."""
    presence = _presence(facts)
    now = facts.now.astimezone(SHANGHAI)
    tested = f"　{_day(facts.tested_at, now)}检查正常" if facts.tested_at else ""
    return IdleWords(
        village=facts.village,
        call="按一下键，找律师",
        who=_who(facts.adviser, presence),
        when=_when(facts, presence),
        kept="会录音，三方视频会录像" if facts.filmed else "说的话会录音，画面不录",
        foot=f"{now.month}月{now.day}日 星期{_WEEKDAYS[now.weekday()]} {_clock(now)}{tested}",
        presence=presence,
        broken="" if facts.connected else f"话机没有连上，请找{facts.helper or '村里的工作人员'}帮忙",
    )


def _presence(facts: IdleFacts) -> Presence:
    if not facts.adviser or facts.activity in (None, "paused"):
        return "away"
    return "here" if facts.activity == "ready" else "busy"


def _who(adviser: str, presence: Presence) -> str:
    if not adviser:
        return "按了键，值班律师会接"
    return {
        "here": f"{adviser}在，会接您的电话",
        "busy": f"{adviser}正在和别人说话，别的律师会接",
        "away": f"{adviser}现在不在，值班律师会接",
    }[presence]


def _when(facts: IdleFacts, presence: Presence) -> str:
    """When the adviser comes next today, for who would rather wait."""
    coming = next((start for start, _ in facts.duties if start > facts.now), None)
    return f"{facts.adviser}今天 {_clock(coming)} 来" if coming and facts.adviser and presence == "away" else ""


def _clock(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%H:%M}"


def _day(at: datetime, now: datetime) -> str:
    days = (now.date() - at.astimezone(SHANGHAI).date()).days
    return {0: "今天", 1: "昨天"}.get(days, f"{days}天前")
