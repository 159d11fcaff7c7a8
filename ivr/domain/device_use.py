"""Was a device used, could it have been used, or could it not: three words that must not be mistaken for each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Reach = Literal["never", "reachable", "silent", "gone"]
"""never registered; answers our OPTIONS; registered but silent; its registration is over."""
Use = Literal["used", "unused", "unusable"]

USED_WITHIN = timedelta(days=30)
_WHY: dict[Reach, str] = {"never": "从未注册", "silent": "已注册但没有应答探测", "gone": "注册已失效"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``since`` is when it began to be unusable, None otherwise or when nobody knows; ``reason`` says why, '' otherwise."""

    use: Use
    since: datetime | None = None
    reason: str = ""


def judge(
    *, blocked_since: datetime | None, blocked_why: str, reach: Reach, reach_since: datetime | None, last_call: datetime | None,
    now: datetime,
) -> Verdict:
    """What is true of a device at ``now``; times are aware. Not usable weighs more than used: it cannot be used *now*."""
    if blocked_since is not None:
        return Verdict("unusable", blocked_since, f"已停用：{blocked_why}")
    if reach != "reachable":
        return Verdict("unusable", reach_since, _WHY[reach])
    if last_call is not None and now - last_call <= USED_WITHIN:
        return Verdict("used")
    return Verdict("unused")
