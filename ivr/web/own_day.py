"""My day over HTTP: shifts, figures and where I sat. It takes no name, so that nobody asks for somebody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp import web
from pydantic import Field

from ivr.domain.errors import Denied
from ivr.domain.figures import OCCUPANCY, OWN_AHT, own_figures
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import SHANGHAI, Duty, Moment, Seconds, Wire
from ivr.web.present import duty
from ivr.web.query import Query, When, read_query
from ivr.web.route import Route
from ivr.web.statistics import figure_row, formula_row
from ivr.web.statistics_models import FigureRow, FormulaRow


class DayQuery(Query):
    day: When | None = Field(None, description="any moment of the day in Shanghai; default: today")


class SeatSpan(Wire):
    seat: str
    since: Moment
    until: Moment


class MyDay(Wire):
    """What the asker did on one day. ``answered`` is what queues brought, ``called_back`` are calls to citizens.

    ``ring_outs``: rings of a second or more that were not answered. Seconds are of the seats' own record while the asker sat there;
    hold is part of talking.
    """

    start: Moment
    end: Moment
    work_number: str = Field(description="registered for the account; '' for none, then there are no shifts")
    shifts: list[Duty]
    sat: list[SeatSpan]
    answered: int
    called_back: int
    ring_outs: int
    talk_s: Seconds = Field(description="of the calls that have ended")
    ready_s: Seconds
    talking_s: Seconds
    wrap_up_s: Seconds
    paused_s: Seconds
    figures: list[FigureRow]
    formulas: list[FormulaRow]


async def show_day(request: web.Request) -> web.Response:
    """GET /api/v1/desk/day."""
    asked, identity, services = read_query(request, DayQuery), request[IDENTITY], request.app[SERVICES]
    if identity.kind != "session":
        raise Denied("A day is a person's: log in with a session, not a token.")
    moment = asked.day if isinstance(asked.day, datetime) else datetime.now(UTC)
    start = moment.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    day = await services.desk.days.day(identity.name, start, start + timedelta(days=1))
    limits = request.app[OPTIONS].figure_limits
    return answer(MyDay(
        start=start, end=start + timedelta(days=1), work_number=day.work_number,
        shifts=[duty(one, services.codes) for one in day.shifts],
        sat=[SeatSpan(seat=one.seat, since=one.since, until=one.until) for one in day.sat], answered=day.answered,
        called_back=day.called_back, ring_outs=day.ring_outs, talk_s=day.talk_s, ready_s=day.time.ready_s,
        talking_s=day.time.talking_s, wrap_up_s=day.time.wrap_up_s, paused_s=day.time.paused_s,
        figures=[figure_row(f) for f in own_figures(day.time, day.talk_s, day.talked)],
        formulas=[formula_row(d, limits) for d in (OCCUPANCY, OWN_AHT)],
    ))


OWN_DAY_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/desk/day", show_day, "My shifts and figures of one day, nobody else's; does not restart the idle clock",
        {200: MyDay}, permission="desk.use", activity=False, query=DayQuery,
    ),
)
