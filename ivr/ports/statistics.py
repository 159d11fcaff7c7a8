"""What statistics need of the record: calls counted by sets, orders by their due times; nothing of Asterisk's own counters.

Every time here is timezone-aware. Implementations raise ``ivr.domain.errors.Unavailable`` when the database is away or
takes too long, and CallerFault for a span that is empty or has too many intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, get_args

from ivr.domain.balance import Balance
from ivr.domain.counted_call import Tally
from ivr.domain.intervals import Step
from ivr.domain.seat_time import SeatTime
from ivr.ports.views import PageMark

By = Literal["interval", "queue", "town", "channel", "number"]
BYS: tuple[By, ...] = get_args(By)
HeatKind = Literal["category", "matter"]
UNKNOWN_TOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CallsWanted:
    """Which calls: arrived at or after ``start`` and before ``end``; None takes all. ``queue``: those that entered it.

    ``town`` is a town's code, or ``unknown`` for calls whose order names no place.
    """

    start: datetime
    end: datetime
    queue: str | None = None
    channel: str | None = None
    town: str | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True)
class RollingRate:
    """Calls of the 24 hours before a moment: answered by a human, and those with a result."""

    answered: int
    settled: int


@dataclass(frozen=True, slots=True)
class CountedGroup:
    """One group's calls counted. ``start`` and ``end`` are an interval's; ``rolling`` ends at ``end``."""

    key: str
    title: str
    tally: Tally
    balances: Sequence[Balance]
    start: datetime
    end: datetime
    rolling: RollingRate | None = None


@dataclass(frozen=True, slots=True)
class OrdersOnTime:
    """Orders due in a span of time, and those of them that were finished by then."""

    finished_in_time: int
    due: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A whole answer, read as of one moment; ``total`` is counted by itself, not added up from the groups.

    ``seats``: what each seat did in the span, by interface; none when the calls are narrowed, because a seat serves several
    queues and waits for all of them.
    """

    total: CountedGroup
    groups: Sequence[CountedGroup]
    on_time: OrdersOnTime
    seats: Mapping[str, SeatTime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderCount:
    """Orders in one state; yellow: due within a working day, red: overdue. Only states with a running clock have cards."""

    state: str
    orders: int
    yellow: int
    red: int


@dataclass(frozen=True, slots=True)
class HeatCell:
    """Orders of one place and one category or matter; ``place_name`` is the place's, '' when the table has it no more."""

    place: str
    place_name: str
    code: str
    table_version: str
    orders: int


@dataclass(frozen=True, slots=True)
class WallCounts:
    """What the wall shows beside the live stream. ``as_of`` is the database's clock."""

    as_of: datetime
    today: CountedGroup
    rolling: RollingRate
    on_time: OrdersOnTime
    orders: Sequence[OrderCount]
    heat: Sequence[HeatCell]
    heat_days: int


@dataclass(frozen=True, slots=True)
class CodeCount:
    """Orders of one category or matter."""

    code: str
    table_version: str
    orders: int


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """Orders of one place; ``name`` is '' when the table of places has it no more."""

    place: str
    name: str
    orders: int


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """Orders opened in a span, merged and voided ones left out; confidential ones are in ``opened`` alone. Most orders first."""

    opened: int
    confidential: int
    categories: Sequence[CodeCount]
    matters: Sequence[CodeCount]
    places: Sequence[PlaceCount]


class Statistics(Protocol):
    """Counting the record."""

    async def counted(self, wanted: CallsWanted, by: By, step: Step) -> Counted:
        """Groups in the order of time, or by key; ``step`` matters only by interval."""
        ...

    async def calls_in(self, wanted: CallsWanted, set_name: str, limit: int, after: PageMark | None) -> Sequence[PageMark]:
        """The calls of one set (ivr.domain.counted_call.SETS), newest first: arrival and linked id."""
        ...

    async def order_totals(self, start: datetime, end: datetime) -> OrderTotals:
        """Orders opened from ``start`` until before ``end``, by category, by matter, and the twenty places that had most."""
        ...

    async def wall(self, heat: HeatKind) -> WallCounts:
        """Today in Shanghai, the last 24 hours, the orders, and places by category or matter."""
        ...
