"""What may be done to work orders by people: moves, edits, and what is asked before them. Kept in PostgreSQL.

Every method raises ``ivr.domain.errors.Unavailable`` when the database is away, and NotFound for an order there is none of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.assignment import Candidate
from ivr.domain.errors import CallerFault
from ivr.domain.order_edits import EditedField
from ivr.domain.work_order import Actor, OrderRules, Wish
from ivr.ports.voice_notices import SpokenNotice


class StaleVersion(CallerFault):
    """Somebody changed the order since the asker read it: nothing was done."""

    code = "stale_version"

    def __init__(self, version: int) -> None:
        super().__init__(f"工单已被别人修改（现在的版本是 {version}）；请重新读取后再试。")
        self.version = version


@dataclass(frozen=True, slots=True)
class OrderEventRecord:
    """One line of an order's history; ``version`` is the order's after it."""

    at: datetime
    actor: str
    role: str
    work_number: str
    move: str
    from_state: str
    to_state: str
    reason: str
    detail: Mapping[str, str | int | bool]
    version: int


class OrderDesk(Protocol):
    """The write side of orders."""

    @property
    def rules(self) -> OrderRules:
        """The limits in force."""
        ...

    async def actor(self, name: str, roles: frozenset[str], account: str) -> Actor:
        """Who acts: with the work number and unit registered for this account ('' for machines: they hold no orders)."""
        ...

    async def move(self, number: str, wish: Wish, actor: Actor, version: int) -> int:
        """Make one move, whole or not at all, and return the new version.

        Raises StaleVersion, MoveRefused or MoveIncomplete; history, audit row and feed entry are of the same transaction.
        """
        ...

    async def edit(self, number: str, fields: Mapping[EditedField, Sequence[str]], actor: Actor, version: int) -> int:
        """Write fields as a person's, keeping what the machine had found; raises StaleVersion, BadEdit or EditRefused."""
        ...

    async def history(self, number: str) -> Sequence[OrderEventRecord]:
        """Everything people did to the order, the oldest first (bounded at 1000)."""
        ...

    async def spoken_notices(self, number: str) -> Sequence[SpokenNotice]:
        """The citizen's notices by call, the oldest first."""
        ...

    async def merged(self, number: str) -> Sequence[str]:
        """Numbers of the orders merged into this one (bounded at 100)."""
        ...

    async def duplicates(self, number: str, days: int) -> Sequence[str]:
        """Orders likely to be about the same: same telephone and matter, opened within so many days; newest first."""
        ...

    async def places(self) -> Sequence[tuple[str, str]]:
        """Codes and shown names of the towns and villages an order may name, by code (bounded at 2000)."""
        ...

    async def candidates(self, number: str) -> Sequence[Candidate]:
        """Who may be given the order, the best first (bounded at 200)."""
        ...
