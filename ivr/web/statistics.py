"""Figures over HTTP: counted on demand, a few at a time, and once for all walls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiohttp import web

from ivr.domain.counted_call import SETS, Limits
from ivr.domain.disclosure import Veil
from ivr.domain.figures import (
    FIGURES,
    NOT_RECORDED,
    OCCUPANCY,
    ON_TIME,
    Definition,
    Figure,
    definition_of,
    figures,
    occupancy,
    quotient,
)
from ivr.domain.seat_time import SeatTime
from ivr.ports.devices import DeviceRegister, DeviceView
from ivr.ports.statistics import CountedGroup, HeatCell, HeatKind, OrdersOnTime, RollingRate, Statistics, WallCounts
from ivr.ports.views import PageMark
from ivr.ports.web import Busy, CodeTables
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.errors import BadRequest
from ivr.web.models import Code
from ivr.web.present import call_row
from ivr.web.query import cursor_of, mark_of, read_query
from ivr.web.statistics_models import (
    BalanceRow,
    CountedCalls,
    FigureGroup,
    FigureRow,
    FormulaRow,
    HeatMap,
    HeatPlace,
    OrderStateCount,
    SeatTimeRow,
    StatisticsAnswer,
    StatisticsCallsQuery,
    StatisticsQuery,
    UnrecordedFigure,
    WallAnswer,
    WallQuery,
    WallTerminal,
    WallTerminals,
)
from ivr.web.veils import hidden_from

_AT_ONCE = 2
_WAITING = 16
_WALL_AGE_S = 3.0
_HEAT_PLACES = 12


class StatisticsDesk:
    """Keeps counting within bounds: two counts at once, sixteen more wait, and all walls share one of the last seconds."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._asked = 0
        self._walls: dict[HeatKind, tuple[float, WallCounts]] = {}
        self._terminals: tuple[float, WallTerminals | None] = (float("-inf"), None)
        self._wall_lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One's turn to count; Busy when too many wait already."""
        if self._asked >= _AT_ONCE + _WAITING:
            raise Busy("Too many statistics are being counted already. Try again in a moment.")
        self._asked += 1
        try:
            async with self._free:
                yield
        finally:
            self._asked -= 1

    async def wall(self, statistics: Statistics, heat: HeatKind) -> WallCounts:
        """The wall's counts, counted anew when the last ones are more than a few seconds old."""
        loop = asyncio.get_running_loop()
        async with self._wall_lock:
            at, counts = self._walls.get(heat, (float("-inf"), None))
            if counts is None or loop.time() - at >= _WALL_AGE_S:
                counts = await statistics.wall(heat)
                self._walls[heat] = (loop.time(), counts)
            return counts


    async def terminals(self, devices: DeviceView) -> WallTerminals:
        """Every video phone's word, looked up as seldom as the counts."""
        loop = asyncio.get_running_loop()
        async with self._wall_lock:
            at, known = self._terminals
            if known is None or loop.time() - at >= _WALL_AGE_S:
                known = _terminals(await devices.register())
                self._terminals = (loop.time(), known)
            return known


DESK: web.AppKey[StatisticsDesk] = web.AppKey("statistics_desk", StatisticsDesk)


async def show_statistics(request: web.Request) -> web.Response:
    """GET /api/v1/statistics: every figure with what it was made of, in total and by group."""
    asked = read_query(request, StatisticsQuery)
    now = datetime.now(UTC)
    wanted = asked.wanted(now)
    async with request.app[DESK].turn():
        counted = await request.app[SERVICES].statistics.counted(wanted, asked.by, asked.interval)
    return answer(StatisticsAnswer(
        start=wanted.start, end=wanted.end, by=asked.by, interval=asked.interval if asked.by == "interval" else None,
        formulas=formulas(request.app[OPTIONS].figure_limits, OCCUPANCY), total=figure_group(counted.total, now),
        groups=[figure_group(g, now) for g in counted.groups], on_time=_on_time(counted.on_time),
        of_seats=[figure_row(occupancy(counted.seats.values()))],
        seats=[_seat_time(interface, time) for interface, time in counted.seats.items()],
        not_recorded=[UnrecordedFigure(name=n.name, title=n.title, why=n.why) for n in NOT_RECORDED],
    ))


async def list_counted_calls(request: web.Request) -> web.Response:
    """GET /api/v1/statistics/calls: the list behind a number, newest first."""
    asked = read_query(request, StatisticsCallsQuery)
    if asked.figure not in SETS:
        text = f"is no set of calls; known are {', '.join(sorted(SETS))}"
        raise BadRequest(f"figure: {text}", [{"where": "query", "name": "figure", "problem": text}])
    wanted, services = asked.wanted(datetime.now(UTC)), request.app[SERVICES]
    mark = mark_of(asked.cursor)
    async with request.app[DESK].turn():
        marks = await services.statistics.calls_in(wanted, asked.figure, asked.limit, mark)
    calls = {c.linked_id: c for c in await services.views.calls_named([m.key for m in marks])}
    veil = Veil(hidden_from(request[IDENTITY]))
    last = PageMark(marks[-1].at, marks[-1].key) if len(marks) == asked.limit else None
    return answer(CountedCalls(
        calls=[call_row(calls[m.key], veil) for m in marks if m.key in calls], next=None if last is None else cursor_of(last)
    ))


async def show_wall(request: web.Request) -> web.Response:
    """GET /api/v1/statistics/wall: today, the last 24 hours, orders with cards, and the map of places."""
    asked = read_query(request, WallQuery)
    services, options = request.app[SERVICES], request.app[OPTIONS]
    counts = await request.app[DESK].wall(services.statistics, asked.heat)
    return answer(WallAnswer(
        as_of=counts.as_of, connection_goal=options.connection_goal, formulas=formulas(options.figure_limits),
        today=figure_group(counts.today, counts.as_of), rolling_24h=_rolling(counts.rolling), on_time=_on_time(counts.on_time),
        orders=[OrderStateCount(state=o.state, orders=o.orders, yellow=o.yellow, red=o.red) for o in counts.orders],
        heat=heat_map(counts.heat, asked.heat, counts.heat_days, services.codes),
        terminals=await request.app[DESK].terminals(services.devices),
    ))


def _terminals(register: DeviceRegister) -> WallTerminals:
    towns = dict(register.towns)
    return WallTerminals(
        phones=[
            WallTerminal(
                device=r.device.id, name=r.village_name or towns.get(r.device.town, r.device.town), use=register.verdict(r).use
            ) for r in register.devices
        ],
        stale=register.stale,
    )


def formulas(limits: Limits, *further: Definition) -> list[FormulaRow]:
    """Every figure's name, unit and formula with the limits in force."""
    return [formula_row(definition, limits) for definition in (*FIGURES, ON_TIME, *further)]


def formula_row(definition: Definition, limits: Limits) -> FormulaRow:
    """One figure's name, unit and formula with the limits in force."""
    title, formula = definition.told(limits)
    sets = [name if name in SETS else "" for name in (definition.numerator, definition.denominator)]
    return FormulaRow(
        name=definition.name, title=title, unit=definition.unit, formula=formula, numerator=sets[0], denominator=sets[1]
    )


def figure_group(group: CountedGroup, now: datetime) -> FigureGroup:
    """One group with its figures and its balances; ``balanced`` only when every one of them is."""
    rolling = group.rolling if group.end <= now else None
    return FigureGroup(
        key=group.key, title=group.title, start=group.start, end=group.end, counts=dict(group.tally.counts),
        figures=[figure_row(f) for f in figures(group.tally)],
        balances=[
            BalanceRow(
                kind=b.kind, name=b.name, arrived=b.arrived, parts=dict(b.parts), under_way=b.under_way, difference=b.difference
            )
            for b in group.balances
        ],
        balanced=all(b.difference == 0 for b in group.balances),
        rolling_24h=None if rolling is None else _rolling(rolling),
    )


def heat_map(cells: Sequence[HeatCell], kind: HeatKind, days: int, codes: CodeTables) -> HeatMap:
    """Places by codes. Columns and places with the most orders come first; a code without a name keeps its code."""
    by_code: dict[str, int] = {}
    places: dict[str, dict[str, int]] = {}
    names: dict[str, str] = {}
    titles: dict[str, str] = {}
    for cell in cells:
        by_code[cell.code] = by_code.get(cell.code, 0) + cell.orders
        places.setdefault(cell.place, {})[cell.code] = cell.orders
        names[cell.place] = cell.place_name or cell.place
        titles[cell.code] = codes.name(cell.table_version, kind, cell.code) or cell.code
    columns = sorted(by_code, key=lambda code: (-by_code[code], code))
    ranked = sorted(places, key=lambda place: (-sum(places[place].values()), place))
    return HeatMap(
        kind=kind, days=days, columns=[Code(code=code, name=titles[code]) for code in columns],
        places=[
            HeatPlace(
                place=place, name=names[place], orders=[places[place].get(code, 0) for code in columns],
                total=sum(places[place].values()),
            )
            for place in ranked[:_HEAT_PLACES]
        ],
        further_places=max(0, len(ranked) - _HEAT_PLACES),
    )


def _seat_time(interface: str, time: SeatTime) -> SeatTimeRow:
    return SeatTimeRow(
        seat=interface.removeprefix("PJSIP/seat-"), ready_s=time.ready_s, talking_s=time.talking_s, wrap_up_s=time.wrap_up_s,
        paused_s=time.paused_s, occupancy=time.working_s / time.available_s if time.available_s else None,
    )


def figure_row(figure: Figure) -> FigureRow:
    """A figure with what it was made of."""
    return FigureRow(name=figure.name, value=figure.value, numerator=figure.numerator, denominator=figure.denominator)


def _rolling(rate: RollingRate) -> FigureRow:
    return figure_row(quotient(definition_of("connection_rate"), rate.answered, rate.settled))


def _on_time(orders: OrdersOnTime) -> FigureRow:
    return figure_row(quotient(ON_TIME, orders.finished_in_time, orders.due))
