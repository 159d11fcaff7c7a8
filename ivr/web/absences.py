"""Unexcused absences of village advisers over HTTP: duties of the roster at which there is no trace of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

from ivr.domain.errors import NotFound
from ivr.domain.worktime import SHANGHAI
from ivr.web.analysis_models import Day
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment
from ivr.web.query import NoQuery, Query, read_body, read_query
from ivr.web.route import Route

_FORMULA = "缺勤：排班时段已过，其间座席没有就绪或通话，没有接听电话，当天也没有登记走访或讲座。班长写明理由后不再计入。"
_YEARS = (2000, 2199)


class AbsenceQuery(Query):
    month: Annotated[str, StringConstraints(pattern=r"^2[01][0-9]{2}-(0[1-9]|1[0-2])$")] | None = Field(
        None, description="as 2026-11; default: this month in Shanghai"
    )


class AbsenceRow(BaseModel):
    """A duty without a trace of its adviser. ``excused`` with who did and why; it then counts no more."""

    adviser: str
    name: str
    day: Day
    starts_at: Moment
    ends_at: Moment
    excused: bool
    reason: str
    excused_by: str


class AbsenceAnswer(BaseModel):
    """By adviser and time; ``unexcused`` is how many count, by adviser's work number."""

    month: str
    absences: list[AbsenceRow]
    unexcused: dict[str, int]
    formula: str


class ExcuseWish(BaseModel):
    """Whose absence from which duty, and why it is none to blame."""

    model_config = ConfigDict(extra="forbid")

    adviser: Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{3,6}$")]
    starts_at: AwareDatetime
    reason: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


_EXCUSE: TypeAdapter[ExcuseWish] = TypeAdapter(ExcuseWish)


async def show_absences(request: web.Request) -> web.Response:
    """GET /api/v1/adviser-absences."""
    asked = read_query(request, AbsenceQuery).month
    today = await request.app[SERVICES].advisers.today()
    return await _told(request, asked or f"{today:%Y-%m}")


async def excuse(request: web.Request) -> web.Response:
    """POST /api/v1/adviser-absences: answered with the month of the duty; audited."""
    read_query(request, NoQuery)
    wish = await read_body(request, _EXCUSE, request.app[OPTIONS].body_limit_bytes)
    if not _YEARS[0] <= wish.starts_at.year < _YEARS[1]:
        raise NotFound("There is no duty at that time.")
    await request.app[SERVICES].advisers.excuse(wish.adviser, wish.starts_at, wish.reason, request[IDENTITY].actor)
    return await _told(request, f"{wish.starts_at.astimezone(SHANGHAI):%Y-%m}")


async def _told(request: web.Request, month: str) -> web.Response:
    year, number = int(month[:4]), int(month[5:])
    found = await request.app[SERVICES].advisers.absences(
        date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)
    )
    unexcused: dict[str, int] = {}
    for absence in found:
        if not absence.excused_by:
            unexcused[absence.adviser] = unexcused.get(absence.adviser, 0) + 1
    return answer(AbsenceAnswer(month=month, unexcused=unexcused, formula=_FORMULA, absences=[
        AbsenceRow(
            adviser=a.adviser, name=a.name, day=a.starts_at.astimezone(SHANGHAI).date(), starts_at=a.starts_at, ends_at=a.ends_at,
            excused=bool(a.excused_by), reason=a.reason, excused_by=a.excused_by,
        ) for a in found
    ]))


ABSENCE_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/adviser-absences", show_absences, "Duties of a month at which there is no trace of the village adviser",
        {200: AbsenceAnswer}, permission="devices.read", query=AbsenceQuery,
    ),
    Route(
        "POST", "/api/v1/adviser-absences", excuse, "Excuse one absence, with a reason; audited", {200: AbsenceAnswer},
        permission="absences.excuse", bodies=(ExcuseWish,), problems=frozenset({404, 413, 415}),
    ),
)
