"""Figures as they go over the wire, and what may be asked of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ivr.domain.counted_call import SETS
from ivr.ports.statistics import CallsWanted
from ivr.web.models import SHANGHAI, CallRow, Code, Moment, Seconds, Wire
from ivr.web.query import Cursor, Limit, Query, When, Word

SetName = Annotated[str, StringConstraints(min_length=1, max_length=40), Field(json_schema_extra={"enum": sorted(SETS)})]


class _SpanQuery(Query):
    start: When | None = Field(None, alias="from", description="arrived at or after; default: midnight in Shanghai")
    end: When | None = Field(None, alias="to", description="arrived before; default: 24 hours after from")
    queue: Word | None = Field(None, description="calls that entered this queue")
    channel: Word | None = None
    town: Word | None = Field(None, description="code of a town, or unknown")
    number: Word | None = Field(None, description="the number that was called")

    def wanted(self, now: datetime) -> CallsWanted:
        """The calls meant, at this moment."""
        midnight = now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        start = self.start if isinstance(self.start, datetime) else midnight
        end = self.end if isinstance(self.end, datetime) else start + timedelta(hours=24)
        return CallsWanted(start.astimezone(UTC), end.astimezone(UTC), self.queue, self.channel, self.town, self.number)


class StatisticsQuery(_SpanQuery):
    by: Literal["interval", "queue", "town", "channel", "number"] = "interval"
    interval: Literal["15m", "1h", "1d"] = Field("1h", description="by=interval: 400 intervals at most")


class StatisticsCallsQuery(_SpanQuery):
    figure: SetName = Field("arrived", description="the set of calls: one of counts, or a formula's numerator or denominator")
    limit: Limit = 50
    cursor: Cursor | None = None


class WallQuery(Query):
    heat: Literal["category", "matter"] = Field("category", description="what the columns of the map are")


class FormulaRow(Wire):
    """A figure by its formula. ``numerator`` and ``denominator`` name sets of calls, '' when the figure is no quotient of two."""

    name: str
    title: str
    unit: Literal["share", "seconds"]
    formula: str
    numerator: str
    denominator: str


class FigureRow(Wire):
    """A figure. ``value`` is null over nothing, never 0; a percentile has no ``numerator``."""

    name: str
    value: float | None
    numerator: float | None
    denominator: int


class BalanceRow(Wire):
    """Do the parts add up to what arrived (entered, for a queue)? ``difference`` not 0: calls whose record contradicts itself."""

    kind: Literal["number", "queue"]
    name: str
    arrived: int
    parts: dict[str, int]
    under_way: int
    difference: int


class FigureGroup(Wire):
    """The figures of one group. ``counts`` are the sets they are made of; ``rolling_24h`` ends at ``end``, null in the future."""

    key: str
    title: str
    start: Moment
    end: Moment
    counts: dict[str, int]
    figures: list[FigureRow]
    balances: list[BalanceRow]
    balanced: bool
    rolling_24h: FigureRow | None


class UnrecordedFigure(Wire):
    """A figure of the trade that cannot be told from what is recorded, and why."""

    name: str
    title: str
    why: str


class SeatTimeRow(Wire):
    """Seconds of one seat in the span, as far as it was seen; hold is part of talking."""

    seat: str
    ready_s: Seconds
    talking_s: Seconds
    wrap_up_s: Seconds
    paused_s: Seconds
    occupancy: float | None


class StatisticsAnswer(Wire):
    start: Moment
    end: Moment
    by: str
    interval: str | None
    formulas: list[FormulaRow]
    total: FigureGroup
    groups: list[FigureGroup]
    on_time: FigureRow
    of_seats: list[FigureRow] = Field(description="occupancy of the whole span; over nothing when the calls are narrowed")
    seats: list[SeatTimeRow]
    not_recorded: list[UnrecordedFigure]


class CountedCalls(Wire):
    """The calls that were counted, newest first."""

    calls: list[CallRow]
    next: str | None = Field(description="cursor of the next page, null on the last one")


class OrderStateCount(Wire):
    state: str
    orders: int
    yellow: int = Field(description="due within a working day")
    red: int = Field(description="overdue")


class HeatPlace(Wire):
    """One place: orders by code, in the order of the map's ``columns``."""

    place: str
    name: str
    orders: list[int]
    total: int


class HeatMap(Wire):
    """Places with the most orders first; ``further_places`` have fewer and are not shown."""

    kind: Literal["category", "matter"]
    days: int
    columns: list[Code]
    places: list[HeatPlace]
    further_places: int


class WallTerminal(Wire):
    """A village's video phone, with the one word that is true of it; ``name`` is the village's, or the town's."""

    device: str
    name: str
    use: Literal["used", "unused", "unusable"]


class WallTerminals(Wire):
    """Every video phone; ``stale``: the exchange was not asked lately who is registered."""

    phones: list[WallTerminal]
    stale: bool


class WallAnswer(Wire):
    """What the wall shows beside the live stream, as of one moment of the database's clock."""

    as_of: Moment
    connection_goal: float
    formulas: list[FormulaRow]
    today: FigureGroup
    rolling_24h: FigureRow
    on_time: FigureRow
    orders: list[OrderStateCount]
    heat: HeatMap
    terminals: WallTerminals
