"""Tasks: what waits for a person, of whatever kind, in one list; who may take one, and when it may be put away.

A task is no thing of its own: it is a call-back that is owed or was given up, a voice message nobody has dealt with, an order
that came back too often. It is there as long as that is so. Only who took it, and what came of it, is kept beside it.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from ivr.domain.errors import CallerFault

TaskKind = Literal["callback", "dissatisfied", "message", "decision"]
TaskState = Literal["planned", "calling", "open"]
"""``planned``: the machine dials by itself when its turn comes; ``calling``: a call is under way; ``open``: a person's turn."""
TaskResult = Literal["talked", "unreached", "handled", "not_needed"]

TASK_KINDS: tuple[TaskKind, ...] = get_args(TaskKind)
RESULT_TITLES: dict[TaskResult, str] = {
    "talked": "已联系上", "unreached": "联系不上", "handled": "已处理", "not_needed": "无需处理",
}
KIND_TITLES: dict[TaskKind, str] = {
    "callback": "预约回电", "dissatisfied": "不满意回访", "message": "语音留言", "decision": "退回待决定",
}
_ID = re.compile(r"(callback|dissatisfied)-[1-9][0-9]{0,17}|(message|decision)-[0-9]{10,24}", re.ASCII)


class TaskTaken(CallerFault):
    """Somebody else has it."""

    code = "task_taken"


class TaskRefused(CallerFault):
    """The task is not where this can be done to it; the text says why."""

    code = "task_refused"


def is_task(text: str) -> bool:
    """Whether this can be a task's id: ``callback-12``, ``message-640105126112600012``."""
    return _ID.fullmatch(text) is not None


def task_of_job(kind: str, job: int) -> str:
    """The task a call-back is; one that was asked for from an order is none."""
    return f"{'callback' if kind == 'kept_place' else kind}-{job}"


def why_not_done(kind: TaskKind, state: TaskState) -> str:
    """Why a task cannot be put away with a result now; '' when it can.

    Who was not satisfied is called until the attempts are used up; an order that came back too often is decided in the order.
    """
    if kind == "decision":
        return "请在工单里指派、并入或作废；决定后任务自动消失。"
    if state == "calling":
        return "正在拨打，请等通话结束。"
    if kind == "dissatisfied" and state == "planned":
        return "不满意回访要接通，或拨满次数之后，才能办结。"
    return ""


def why_not_called(kind: TaskKind, state: TaskState, dialable: bool) -> str:
    """Why nobody can be called for a task now; '' when somebody can."""
    if kind == "decision":
        return "这个任务不需要打电话。"
    if state == "calling":
        return "已经在拨打。"
    return "" if dialable else "工单里没有可以回拨的号码；请先在工单里填写回电号码。"


def note_of_result(kind: TaskKind, result: TaskResult, note: str, by: str) -> str:
    """What the order says of a task that was done."""
    return f"{KIND_TITLES[kind]}任务办结（{by}）：{RESULT_TITLES[result]}{'，' + note if note else ''}。"
