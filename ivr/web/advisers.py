"""Hours of village advisers over HTTP: each village's year and its outlook, and what was entered besides calls."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, TypeAdapter

from ivr.domain.adviser_hours import MOST_MINUTES, OWED_H, Work, outlook
from ivr.domain.errors import NotFound
from ivr.domain.worktime import SHANGHAI
from ivr.ports.advisers import VillageHours, WorkEntry
from ivr.web.analysis_models import Day
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment
from ivr.web.query import NoQuery, Query, plain_digits, read_body, read_query

_FORMULA = (
    "小时 =（本村顾问接听的通话 + 走访 + 讲座）÷ 60；预计 = 至今小时 ÷ 已过天数 × 全年天数，前 60 天不预计；每村每年应满 50 小时"
)


class HoursQuery(Query):
    year: Annotated[int, Field(ge=2000, le=2199), BeforeValidator(plain_digits)] | None = Field(
        None, description="default: this year in Shanghai"
    )


class VillageHoursRow(BaseModel):
    """A village's year. ``expected_h`` and ``short_h`` (how much the pace misses) are null while the year is too young to tell;

    ``month_h`` is what each remaining month takes. ``missed``: calls at which its adviser was absent, paused, busy or late.
    """

    village: str
    name: str
    town_name: str
    advisers: list[str]
    hours: float
    call_minutes: float
    visit_minutes: int
    lecture_minutes: int
    calls: int
    missed: int
    expected_h: float | None
    short_h: float | None
    month_h: float


class HoursAnswer(BaseModel):
    """Every village by code; ``formula`` says how it is counted."""

    year: int
    owed_h: float
    villages: list[VillageHoursRow]
    formula: str


class WorkRow(BaseModel):
    """An entered piece of work; one with ``voided_why`` counts no more."""

    id: int
    adviser: str
    kind: Literal["visit", "lecture"]
    day: Day
    minutes: int
    evidence: str
    entered_by: str
    entered_at: Moment
    voided_by: str
    voided_why: str


class WorkList(BaseModel):
    """The latest first, at most 500, voided ones too."""

    village: str
    entries: list[WorkRow]


class WorkWish(BaseModel):
    """A visit or lecture that was done, with what proves it (the signed sheet's number, the photo's)."""

    model_config = ConfigDict(extra="forbid")

    adviser: Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{3,6}$")]
    kind: Literal["visit", "lecture"]
    day: Day
    minutes: Annotated[int, Field(strict=True, ge=1, le=MOST_MINUTES)]
    evidence: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=80)]


class VoidWish(BaseModel):
    """Why it counts no more, for those who read the record later."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


_WORK = TypeAdapter(WorkWish)
_VOID = TypeAdapter(VoidWish)


async def show_hours(request: web.Request) -> web.Response:
    """GET /api/v1/adviser-hours."""
    asked = read_query(request, HoursQuery).year
    desk = request.app[SERVICES].advisers
    today = await desk.today()
    year = asked or today.year
    villages = await desk.hours(year)
    return answer(HoursAnswer(
        year=year, owed_h=OWED_H, formula=_FORMULA, villages=[_hours(v, year, today) for v in villages],
    ))


async def list_work(request: web.Request) -> web.Response:
    """GET /api/v1/villages/{village}/adviser-work."""
    asked = read_query(request, HoursQuery).year
    return await _listed(request, asked)


async def enter_work(request: web.Request) -> web.Response:
    """POST /api/v1/villages/{village}/adviser-work: the same work sent again counts once; audited."""
    read_query(request, NoQuery)
    wish = await read_body(request, _WORK, request.app[OPTIONS].body_limit_bytes)
    work = Work(request.match_info["village"], wish.adviser, wish.kind, wish.day, wish.minutes, wish.evidence)
    await request.app[SERVICES].advisers.enter(work, request[IDENTITY].actor)
    return await _listed(request, wish.day.year)


async def void_work(request: web.Request) -> web.Response:
    """POST /api/v1/adviser-work/{entry}/void: it counts no more and stays to be seen; audited."""
    read_query(request, NoQuery)
    wish = await read_body(request, _VOID, request.app[OPTIONS].body_limit_bytes)
    entry = request.match_info["entry"]
    if not (entry.isascii() and entry.isdigit() and len(entry) < 16):
        raise NotFound(f"There is no entry {entry[:40]}.")
    await request.app[SERVICES].advisers.void(int(entry), request[IDENTITY].actor, wish.reason)
    return web.Response(status=204)


async def _listed(request: web.Request, year: int | None) -> web.Response:
    village = request.match_info["village"]
    desk = request.app[SERVICES].advisers
    found = await desk.entries(village, year or (await desk.today()).year)
    return answer(WorkList(village=village, entries=[_entry(e) for e in found]))


def _hours(village: VillageHours, year: int, today: date) -> VillageHoursRow:
    foretold = outlook(village.hours, year, today)
    return VillageHoursRow(
        village=village.village, name=village.name, town_name=village.town_name, advisers=list(village.advisers),
        hours=round(village.hours, 2), call_minutes=round(village.call_minutes, 1), visit_minutes=village.visit_minutes,
        lecture_minutes=village.lecture_minutes, calls=village.calls, missed=village.missed, month_h=round(foretold.month_h, 2),
        expected_h=None if foretold.expected_h is None else round(foretold.expected_h, 2),
        short_h=None if foretold.short_h is None else round(foretold.short_h, 2),
    )


def _entry(entry: WorkEntry) -> WorkRow:
    work = entry.work
    return WorkRow(
        id=entry.id, adviser=work.adviser, kind=work.kind, day=work.day, minutes=work.minutes, evidence=work.evidence,
        entered_by=entry.entered_by, entered_at=entry.entered_at.astimezone(SHANGHAI), voided_by=entry.voided_by,
        voided_why=entry.voided_why,
    )
