"""Self-tests of village phones: when each is due, what became of it, and what a row of them says of the phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from ivr.domain.echo_test import FRAME_BYTES, Echo
from ivr.domain.hysteresis import Hysteresis
from ivr.domain.worktime import SHANGHAI

Outcome = Literal[
    "passed", "no_echo", "no_sound", "unanswered", "refused", "absent", "in_use", "stopped", "unfinished"
]
TO_BAD: Final = 2
TO_GOOD: Final = 2
"""Nights in a row that make a phone one which fails its tests, and that end it."""

_BAD: Final[frozenset[Outcome]] = frozenset({"no_sound", "unanswered", "refused", "absent"})
_TELLS_NOTHING: Final[frozenset[Outcome]] = frozenset({"in_use", "stopped", "unfinished"})
REASONS: Final[dict[Outcome, str]] = {
    "passed": "接通，回声正常",
    "no_echo": "接通，但没有测到回声：麦克风或扬声器可能有问题",
    "no_sound": "接通，但没有收到声音",
    "unanswered": "呼叫后没有自动接听",
    "refused": "拒绝了呼叫",
    "absent": "没有注册或不应答",
    "in_use": "正在通话，没有测",
    "stopped": "有人要用，已让出",
    "unfinished": "没有测完：控制器或交换机中断",
}
# Q.850, as dialplan/self_test.j2 ends a test that was not answered; any other cause is the phone's own refusal.
_OUTCOMES: Final[dict[str, Outcome]] = {"8": "stopped", "17": "in_use", "19": "unanswered", "20": "absent"}


@dataclass(frozen=True, slots=True)
class TestCall:
    """What a test call came to: ``answered``, else Q.850's ``cause``; what came back while the tone was played.

    ``complete``: the tone was played to its end; a call that somebody else's need ended was not.
    """

    __test__ = False  # for pytest

    answered: bool
    cause: str = ""
    sound: bytes = b""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class DeviceTest:
    """A finished test; ``delay_ms`` and ``level_db`` are those of its echo, None where none was heard."""

    night: date
    asked_by: str
    ended_at: datetime
    outcome: Outcome
    reason: str
    delay_ms: float | None = None
    level_db: float | None = None
    likeness: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is written of a test that ended now."""

    outcome: Outcome
    reason: str
    echo: Echo | None = None


def found(call: TestCall, tone: bytes, echo: Echo) -> Finding:
    """The outcome of a call that played ``tone``; ``echo`` is what was measured of it."""
    outcome: Outcome
    if not call.answered:
        outcome = _OUTCOMES.get(call.cause, "refused")
        return Finding(outcome, REASONS[outcome] + (f"（Q.850 {call.cause}）" if outcome == "refused" else ""))
    if not call.complete:
        return Finding("stopped", REASONS["stopped"])
    if len(call.sound) < len(tone) // 2 // FRAME_BYTES * FRAME_BYTES:
        return Finding("no_sound", REASONS["no_sound"])
    if not echo.heard:
        return Finding("no_echo", REASONS["no_echo"], echo)
    told = f"{REASONS['passed']}：晚 {echo.delay_ms:.0f} 毫秒，{echo.level_db:.0f} dB"
    return Finding("passed", told, echo)


@dataclass(frozen=True, slots=True)
class TestStanding:
    """What its last tests say of a device: ``failing_since`` the first of the bad ones, None while it does not fail."""

    __test__ = False

    failing_since: datetime | None = None
    nights: int = 0
    reason: str = ""
    last: DeviceTest | None = None


def standing(tests: Sequence[DeviceTest]) -> TestStanding:
    """Judge tests, the oldest first: two bad in a row make it failing, two good in a row end that.

    A test that was not carried through says nothing. No echo is bad only of a phone that has echoed before: others take their own
    loudspeaker out of what they send, by design.
    """
    state = Hysteresis(TO_BAD, TO_GOOD)
    echoes = False
    bad_run: list[DeviceTest] = []
    for test in tests:
        if test.outcome in _TELLS_NOTHING:
            continue
        echoes = echoes or test.outcome == "passed"
        bad = test.outcome in _BAD or (test.outcome == "no_echo" and echoes)
        state.see(bad)
        if bad:
            bad_run.append(test)
        elif not state.bad:
            bad_run = []
    last = tests[-1] if tests else None
    if not state.bad or not bad_run:
        return TestStanding(last=last)
    return TestStanding(bad_run[0].ended_at, len(bad_run), bad_run[-1].reason, last)


@dataclass(frozen=True, slots=True)
class TestNights:
    """When phones are tested: from ``start`` (minutes after midnight in Shanghai), spread over ``minutes``."""

    __test__ = False

    start: int
    minutes: int

    def night(self, now: datetime) -> date:
        """The day on which the night of ``now`` began."""
        return (now.astimezone(SHANGHAI) - timedelta(minutes=self.start)).date()

    def due(self, devices: Sequence[str], now: datetime) -> tuple[str, ...]:
        """Which of these, by name, are due at ``now``: each has its own moment, evenly apart; outside the night nobody is."""
        local = now.astimezone(SHANGHAI)
        into = (local.hour * 60 + local.minute - self.start) % 1440 + local.second / 60
        if into >= self.minutes or not devices:
            return ()
        step = self.minutes / len(devices)
        return tuple(name for n, name in enumerate(sorted(devices)) if n * step <= into)
