"""A list of one task, which anybody may take; for contract tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ivr.domain.errors import NotFound
from ivr.domain.task import TaskRefused, TaskResult, TaskTaken
from ivr.ports.tasks import Task, TaskFilter

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


class OneTask:
    """ivr.ports.tasks.TaskDesk: a voice message somebody has."""

    def __init__(self, order: str) -> None:
        self._task = Task(
            f"message-{order}", "message", "open", T0, T0 + timedelta(days=1), None, order, False, "13912345678", True, "legal", 1,
            "unreached", False, "b1-1764000000.1", "wang", "王律师", T0, T0 + timedelta(minutes=30),
        )

    async def tasks(self, wanted: TaskFilter) -> Sequence[Task]:
        return [self._task]

    async def task(self, task_id: str) -> Task:
        if task_id != self._task.id:
            raise NotFound("There is no such task.")
        return self._task

    async def counts(self, asker: str) -> Mapping[str, int]:
        return {"callback": 0, "dissatisfied": 0, "message": 1, "decision": 0, "free": 0, "mine": 0}

    async def take(self, task_id: str, person: str) -> None:
        raise TaskTaken("Somebody else has it.")

    async def give_back(self, task_id: str, person: str, *, anybodys: bool = False) -> None:
        await self.task(task_id)

    async def finish(self, task_id: str, result: TaskResult, note: str, person: str, shown_name: str) -> None:
        await self.task(task_id)

    async def call(self, task_id: str, person: str, work_number: str) -> None:
        raise TaskRefused("A call is under way.")

    async def call_village(self, number: str, device: str, person: str, work_number: str) -> None:
        raise TaskRefused("A call is under way.")

    async def call_order(self, number: str, person: str, work_number: str) -> None:
        raise TaskRefused("A call is under way.")
