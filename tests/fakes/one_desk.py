"""An order desk that knows one order, judges moves by the true table, and keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ivr.domain.assignment import Candidate, Person
from ivr.domain.errors import NotFound
from ivr.domain.order_edits import EditedField, checked, editor_role
from ivr.domain.work_order import Actor, Life, OrderRules, Wish, move
from ivr.domain.working_days import WorkingDays
from ivr.domain.worktime import WorkTime
from ivr.ports.orders import OrderEventRecord, StaleVersion


class OneDesk:
    """ivr.ports.orders.OrderDesk for contract tests; everybody has the work number 8001."""

    def __init__(self, number: str, at: datetime) -> None:
        self._number = number
        self._at = at
        self.rules = OrderRules(WorkTime(WorkingDays()))

    async def actor(self, name: str, roles: frozenset[str], account: str) -> Actor:
        return Actor(name, roles, "8001", "热线")

    def _check(self, number: str, version: int) -> None:
        if number != self._number:
            raise NotFound("There is no such work order.")
        if version != 1:
            raise StaleVersion(1)

    async def move(self, number: str, wish: Wish, actor: Actor, version: int) -> int:
        self._check(number, version)
        move(Life(), wish, actor, datetime.now(UTC), self.rules)
        return version + 1

    async def edit(self, number: str, fields: Mapping[EditedField, Sequence[str]], actor: Actor, version: int) -> int:
        self._check(number, version)
        editor_role(Life(), actor)
        for field, values in fields.items():
            checked(field, values, lambda code: code, lambda code: code)
        return version + 1

    async def history(self, number: str) -> Sequence[OrderEventRecord]:
        return [OrderEventRecord(self._at, "desk", "dispatcher", "", "assign", "draft", "assigned", "", {"to": "7001"}, 1)]

    async def merged(self, number: str) -> Sequence[str]:
        return []

    async def duplicates(self, number: str, days: int) -> Sequence[str]:
        return []

    async def places(self) -> Sequence[tuple[str, str]]:
        return [("640105001", "西花园路街道")]

    async def candidates(self, number: str) -> Sequence[Candidate]:
        return [Candidate(Person("7001", "赵律师", "司法所"), 2, ("负责本村居", "在办 2 件"))]
