"""Was a device used, could it have been used, or could it not: three words that must not be mistaken for each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from ivr.domain.device_test import TestStanding
from ivr.domain.worktime import SHANGHAI

Reach = Literal["never", "reachable", "silent", "gone"]
"""never registered; answers our OPTIONS; registered but silent; its registration is over."""
Use = Literal["used", "unused", "unusable"]

USED_WITHIN = timedelta(days=30)
WORDS: Final[dict[Use, str]] = {"used": "在用", "unused": "可用未用", "unusable": "不可用"}
_WHY: dict[Reach, str] = {"never": "从未注册", "silent": "已注册但没有应答探测", "gone": "注册已失效"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``since`` is when it began to be unusable, None otherwise or when nobody knows; ``reason`` says why, '' otherwise."""

    use: Use
    since: datetime | None = None
    reason: str = ""


def judge(
    *, blocked_since: datetime | None, blocked_why: str, reach: Reach, reach_since: datetime | None, last_call: datetime | None,
    now: datetime, tests: TestStanding | None = None, used_within: timedelta = USED_WITHIN,
) -> Verdict:
    """What is true of a device at ``now``; times are aware. Not usable weighs more than used: it cannot be used *now*.

    A call of its own since the last bad self-test proves more than the test.
    """
    if blocked_since is not None:
        return Verdict("unusable", blocked_since, f"已停用：{blocked_why}")
    if reach != "reachable":
        return Verdict("unusable", reach_since, _WHY[reach])
    failing = tests is not None and tests.failing_since is not None and tests.last is not None
    if failing and tests and tests.last and (last_call is None or last_call < tests.last.ended_at):
        return Verdict("unusable", tests.failing_since, f"自检连续 {tests.nights} 次未通过：{tests.reason}")
    if last_call is not None and now - last_call <= used_within:
        return Verdict("used")
    return Verdict("unused")


@dataclass(frozen=True, slots=True)
class SeenUse:
    """What a sentence about a device is made of besides its verdict; ``calls`` are those of ``used_within``,

    ``fallbacks`` what its last calls had to do without (ivr.domain.device_fallbacks).
    """

    last_call: datetime | None
    calls: int
    poor_line: bool
    tests: TestStanding
    used_within: timedelta = USED_WITHIN
    fallbacks: tuple[str, ...] = ()


def sentence(verdict: Verdict, seen: SeenUse) -> str:
    """The whole truth about a device in one sentence for people, in Chinese."""
    days = seen.used_within.days
    last = f"上次通话 {moment(seen.last_call)}" if seen.last_call else "从未通话"
    if verdict.use == "unusable":
        since = f"自 {moment(verdict.since)} 起，" if verdict.since else ""
        told = [f"不可用：{since}因为{verdict.reason}", last]
    elif verdict.use == "unused":
        told = [f"可用未用：已 {days} 天没有通话", last]
    else:
        told = [f"在用：{days} 天内通话 {seen.calls} 次", last]
    test = seen.tests.last
    if test is not None and not verdict.reason.startswith("自检"):
        told.append(f"自检 {moment(test.ended_at)} {test.reason}")
    if seen.poor_line:
        told.append("线路差：最近几次通话丢包或延迟过大")
    return "；".join([*told, *seen.fallbacks]) + "。"


def moment(at: datetime | None) -> str:
    """Month, day and minute in Shanghai; '' for None."""
    return f"{at.astimezone(SHANGHAI):%m-%d %H:%M}" if at else ""
