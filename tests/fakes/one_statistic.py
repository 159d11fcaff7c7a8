"""Statistics without a database: the domain counts a handful of calls, so that answers have true shapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ivr.domain.balance import balances, part_counts
from ivr.domain.counted_call import SETS, CountedCall, Limits, tally
from ivr.domain.intervals import Step, check_span, intervals
from ivr.domain.seat_time import SeatTime
from ivr.ports.statistics import (
    By,
    CallsWanted,
    CodeCount,
    Counted,
    CountedGroup,
    HeatCell,
    HeatKind,
    OrderCount,
    OrdersOnTime,
    OrderTotals,
    PlaceCount,
    RollingRate,
    WallCounts,
)
from ivr.ports.views import PageMark


class OneStatistic:
    """Counts one call, at any time anybody asks for; ``asked`` says how often a wall was counted."""

    def __init__(self, call: CountedCall) -> None:
        self._call = call
        self.walls = 0

    async def counted(self, wanted: CallsWanted, by: By, step: Step) -> Counted:
        check_span(wanted.start, wanted.end)
        cut = intervals(wanted.start, wanted.end, step) if by == "interval" else ((wanted.start, wanted.end),)
        return Counted(self._group(wanted.start, wanted.end), [self._group(*span) for span in cut], OrdersOnTime(1, 2), {"PJSIP/seat-one": SeatTime(100, 50, 25, 10)})

    async def calls_in(self, wanted: CallsWanted, set_name: str, limit: int, after: PageMark | None) -> Sequence[PageMark]:
        check_span(wanted.start, wanted.end)
        counted = after is None and SETS[set_name](self._call, Limits())
        return [PageMark(self._call.arrived_at, self._call.linked_id)] if counted else []

    async def order_totals(self, start: datetime, end: datetime) -> OrderTotals:
        check_span(start, end)
        return OrderTotals(3, 1, [CodeCount("consult", "v1", 2)], [CodeCount("labour", "v1", 2)], [PlaceCount("p", "康庄社区", 2)])

    async def wall(self, heat: HeatKind) -> WallCounts:
        self.walls += 1
        now = datetime.now(UTC)
        cell = HeatCell("640105001-L01", "康庄社区", "consult" if heat == "category" else "labour", "v1", 3)
        return WallCounts(
            now, self._group(now - timedelta(hours=9), now), RollingRate(1, 2), OrdersOnTime(0, 0),
            [OrderCount("draft", 3, 1, 1)], [cell], 30,
        )

    def _group(self, start: datetime, end: datetime) -> CountedGroup:
        calls = [self._call]
        return CountedGroup(
            "", "", tally(calls, Limits()), balances(part_counts(calls)), start, end, RollingRate(1, 1)
        )
