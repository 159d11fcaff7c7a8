"""Call-backs: which number may be promised one, when it is due, and what one attempt makes of it.

A job is one promise. It stays open until a human has talked with the citizen (done), its attempts are used up or its time
is over (failed), or nobody waits for it any more (withdrawn). Each attempt has the linked id of its call chosen before
anything is dialled, so that whoever comes later can look up what became of it instead of dialling again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

CallbackKind = Literal["kept_place", "dissatisfied", "asked", "line_lost"]
KEEPS_PLACE: tuple[CallbackKind, ...] = ("kept_place", "line_lost")
"""Whoever asked, or was cut off, has the place of the time they arrived; a village's telephone is called for its phone."""
CallbackState = Literal["waiting", "calling", "done", "failed", "withdrawn"]
AttemptResult = Literal["answered", "gave_up", "unreached", "interrupted", "not_placed"]
OPEN_STATES: tuple[CallbackState, ...] = ("waiting", "calling")

DIALABLE = "^(1[3-9][0-9]{9}|0(10|2[0-9])[0-9]{8}|0[3-9][0-9]{2}[0-9]{7,8}|[2-8][0-9]{6,7})$"
"""Mobile, landline with its area code, local landline: also a POSIX expression, because the dialplan applies it too.

No short number fits, no service number and no number abroad: nobody can have us call those.
"""

DIALLED = "CALLBACK_DIALLED"
"""The controller's own fact about an attempt, committed before it dials."""

_ATTEMPT_ID = re.compile(r".+-(cb|vn)-[0-9]+\.[0-9]+", re.ASCII)
_COUNTED: frozenset[AttemptResult] = frozenset({"gave_up", "unreached"})


def dialable(number: str) -> bool:
    """Whether a call-back to this number may be promised and dialled."""
    return number.isascii() and re.fullmatch(DIALABLE[1:-1], number) is not None


def attempt_id(system: str, job: int, attempt: int, now: float, mark: Literal["cb", "vn"] = "cb") -> str:
    """The linked id of an attempt's call: ``ivr-cb-1795506589.1203``. ``now`` is Unix seconds; ``vn`` marks a spoken notice.

    Asterisk's own ids have the number of its start where this has ``cb``, so none can be mistaken for the other.
    """
    return f"{system}-{mark}-{int(now)}.{job}{attempt:02}"


def is_attempt(linked_id: str) -> bool:
    """Whether a call of this linked id was dialled by us: for a call-back, or to speak a notice."""
    return _ATTEMPT_ID.fullmatch(linked_id) is not None


def parse_promise(text: str) -> tuple[str, str]:
    """Queue and number of a ``CALLBACK`` event, ``hotline:13895112348``; the number is '' when it may not be dialled."""
    queue, _, number = text.partition(":")
    return queue, number if dialable(number) else ""


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """Limits of call-backs, in seconds: see the settings of the same names."""

    attempts: int = 3
    spacing_s: float = 900.0
    kept_s: float = 86_400.0
    dissatisfied: bool = True
    dissatisfied_delay_s: float = 3600.0
    fresh_s: float = 3600.0
    asked_s: float = 600.0
    task_hold_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class CallbackJob:
    """One promised call-back. Times are Unix seconds; ``attempts`` counts those in which the citizen's phone was tried.

    ``due``: its delay or the spacing since the last attempt is over. ``asked``: somebody asked for it to be dialled now; then
    ``queue`` is that of their own seat, where it has one. ``device``: a village's phone is to ring, or ``telephone`` ('' for none)
    while it is not there; ``number`` is its name then.
    """

    id: int
    kind: CallbackKind
    queue: str
    number: str
    trunk: str
    arrived_at: float
    promised_at: float
    attempts: int = 0
    tries: int = 0
    due: bool = True
    asked: bool = False
    device: str = ""
    telephone: str = ""


@dataclass(frozen=True, slots=True)
class QueueNow:
    """One queue: the seats that are free, by interface, and when those who wait in it arrived (Unix seconds).

    ``at_work`` is how many seats ring or talk: one of them is the next to be free.
    """

    free: frozenset[str] = frozenset()
    waiting_since: Sequence[float] = field(default_factory=tuple)
    at_work: int = 0


def startable(
    jobs: Sequence[CallbackJob], ringing: Sequence[str], queues: Mapping[str, QueueNow], now: float, in_hours: bool,
    rules: CallbackRules,
) -> list[CallbackJob]:
    """The jobs to dial now, by arrival: each with a seat of its own, and nobody waiting in its queue who came earlier.

    ``ringing`` names the queue of every attempt whose citizen has not been put into it yet: a seat is kept for each. While
    callers wait no seat is ever free for long; then the citizen whose turn has come is called all the same, one in each queue
    at a time, and waits at the head of it: else whoever came later would go first. What a person asked for goes first, and at any
    hour: they answer for it. Kept places go before the dissatisfied. Outside the hours the machine keeps only a fresh promise, for
    the first time: whoever asked for it a moment ago is awake.
    """
    taken: set[str] = set()
    for queue in ringing:
        _take(queues.get(queue, QueueNow()).free, taken)
    chosen: list[CallbackJob] = []
    for job in sorted(jobs, key=lambda j: (not j.asked, j.kind not in KEEPS_PLACE, j.arrived_at, j.id)):
        queue_now = queues.get(job.queue)
        fresh = job.kind in KEEPS_PLACE and job.attempts == 0 and now - job.promised_at < rules.fresh_s
        if queue_now is None or not job.due or not (in_hours or fresh or job.asked):
            continue
        if any(job.kind not in KEEPS_PLACE or since < job.arrived_at for since in queue_now.waiting_since):
            continue
        if any(other.number == job.number for other in chosen):
            continue
        next_in_turn = job.kind in KEEPS_PLACE and queue_now.waiting_since and queue_now.at_work
        alone = job.queue not in (*ringing, *(other.queue for other in chosen))
        if _take(queue_now.free, taken) or (next_in_turn and alone):
            chosen.append(job)
    return chosen


def _take(free: frozenset[str], taken: set[str]) -> bool:
    seat = next((s for s in sorted(free) if s not in taken), None)
    if seat is not None:
        taken.add(seat)
    return seat is not None


def result_of(outcome: str, answered: bool, picked_up: bool) -> AttemptResult:
    """What an attempt's call came to: a human talked with the citizen, the citizen gave up, or was never reached."""
    if answered:
        return "answered"
    if outcome == "interrupted":
        return "interrupted"
    return "gave_up" if picked_up else "unreached"


def state_after(kind: CallbackKind, result: AttemptResult, attempts: int, rules: CallbackRules) -> tuple[CallbackState, int]:
    """The job's state and its count of attempts after one more ended so. What was our own fault does not count.

    What a person asked for from an order is tried once: they see what came of it, and ask again.
    """
    if result == "answered":
        return "done", attempts + 1
    attempts += result in _COUNTED
    return ("failed" if kind == "asked" or attempts >= rules.attempts else "waiting"), attempts


KIND_WORDS: dict[str, str] = {
    "kept_place": "预约回电", "dissatisfied": "不满意回访", "asked": "工单回电", "line_lost": "终端断线回电",
}
RESULT_WORDS: dict[str, str] = {
    "answered": "已接通", "gave_up": "市民接听后未等到坐席", "unreached": "无人接听、占线或无法接通", "interrupted": "系统中断",
    "not_placed": "未能拨出",
}


def note_on_failure(kind: CallbackKind, number: str, attempts: int, last: str) -> str:
    """What the order says of a call-back that was not kept."""
    what = KIND_WORDS[kind]
    if not number:
        return f"{what}没有可回拨的号码，请人工联系来电人。"
    tried = f"已拨打 {attempts} 次，最后一次{RESULT_WORDS.get(last, last)}" if attempts else "未能在时限内拨出"
    return f"{what} {number} 未完成：{tried}，请人工联系。"
