"""What waits for a person, in one list: taken by one at a time, called about, done with a result.

Every method raises ``ivr.domain.errors.Unavailable`` when the database is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.task import TaskKind, TaskResult, TaskState
from ivr.ports.views import PageMark

Whose = Literal["all", "mine", "free"]


@dataclass(frozen=True, slots=True)
class Task:
    """One task. ``number`` is whom a call would go to, '' for a confidential order; ``dialable``: there is such a number.

    ``since`` is when it came to be, ``due_at`` when its order or promise is due, ``not_before`` the earliest next attempt of the
    machine. ``last_result`` is what the last call about it came to. ``holder`` '' means that nobody has it now.
    """

    id: str
    kind: TaskKind
    state: TaskState
    since: datetime
    due_at: datetime | None
    not_before: datetime | None
    order_number: str
    confidential: bool
    number: str
    dialable: bool
    queue: str
    attempts: int
    last_result: str
    asked: bool
    call: str
    holder: str
    holder_name: str
    taken_at: datetime | None
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks: ``mine`` and ``free`` are about ``asker``; the oldest first, after a page's mark."""

    kind: TaskKind | None = None
    whose: Whose = "all"
    asker: str = ""
    limit: int = 50
    after: PageMark | None = None


class TaskDesk(Protocol):
    """The tasks. What changes one is audited in the same transaction, and told on the live stream."""

    async def tasks(self, wanted: TaskFilter) -> Sequence[Task]: ...

    async def task(self, task_id: str) -> Task:
        """NotFound when there is none, or nothing is left to do."""
        ...

    async def counts(self, asker: str) -> Mapping[str, int]:
        """How many there are by kind, and how many of all are ``free`` and ``mine``."""
        ...

    async def take(self, task_id: str, person: str) -> None:
        """Have it for the time of the settings, again to have it longer; TaskTaken when somebody else has it."""
        ...

    async def give_back(self, task_id: str, person: str, *, anybodys: bool = False) -> None:
        """Let it go; TaskTaken when it is not the person's, unless ``anybodys`` may be given back."""
        ...

    async def finish(self, task_id: str, result: TaskResult, note: str, person: str, shown_name: str) -> None:
        """Put it away; its order says so. TaskTaken unless the person has it, TaskRefused while it cannot be done."""
        ...

    async def call(self, task_id: str, person: str, work_number: str) -> None:
        """Have the controller dial as soon as a seat is free: the seat of ``work_number``, or any when it has no line of its own.

        TaskTaken unless the person has it, TaskRefused while nobody can be called.
        """
        ...

    async def call_order(self, number: str, person: str, work_number: str) -> None:
        """The same from an order, to the number it holds; NotFound for an order there is none of."""
        ...

    async def call_village(self, number: str, device: str, person: str, work_number: str) -> None:
        """The same to a village's phone, or its telephone while it is away: ``device``, '' for that of the order's last call.

        TaskRefused for an order that no phone of this village called in, and for a blocked phone.
        """
        ...
