"""The roster for supervisors over HTTP: a week's shifts, one shift under If-Match, whole days by a file with a preview."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StrictBool, StringConstraints, TypeAdapter

from ivr.domain.roster import SPECIALITY_KEYS, parse_roster
from ivr.domain.shifts import Shift as StoredShift
from ivr.domain.shifts import StaleRoster, roster_csv, shifts_of
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.errors import BadRequest, PreconditionRequired
from ivr.web.models import SHANGHAI, Code, Moment, Wire
from ivr.web.query import NoQuery, RosterQuery, read_body, read_query
from ivr.web.route import Route

_MOST_BAD = 50
_CSV = "text/csv"


def _iso_text(value: object) -> object:
    """pydantic would also take epoch seconds as a time."""
    if not isinstance(value, str) or len(value) < 16 or value[4] != "-":
        raise ValueError("must be a time with offset, as 2026-11-26T08:30:00+08:00")
    return value


def _whole_minute(moment: datetime) -> datetime:
    if not 2000 <= moment.year < 2200 or moment.second or moment.microsecond:
        raise ValueError("must be a whole minute between 2000 and 2199")
    return moment


Minute = Annotated[AwareDatetime, BeforeValidator(_iso_text), AfterValidator(_whole_minute)]
_Person = Annotated[str, StringConstraints(pattern=r"^[0-9]{3,6}$")]
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class RosterChange(Wire):
    """On the live stream: the roster is different; ``changed`` is a shift's id or the days of a file, and is no content."""

    changed: str


class Shift(Wire):
    """One person's time on duty; ``version`` is what If-Match must hold, in quotes."""

    id: str
    version: str
    work_number: str
    name: str
    starts_at: Moment
    ends_at: Moment
    specialities: list[Code]


class RosterPerson(Wire):
    """Who can be on duty: a seat with a work number."""

    work_number: str
    name: str


class ShiftList(Wire):
    """The shifts that touch the time asked for, with whom and what they can be made of."""

    start: Moment
    end: Moment
    shifts: list[Shift]
    people: list[RosterPerson]
    specialities: list[Code]


class ShiftWish(Wire):
    """A shift as it is to be."""

    work_number: _Person
    name: _Name
    starts_at: Minute
    ends_at: Minute
    specialities: list[Annotated[str, StringConstraints(min_length=1, max_length=40)]] = Field(min_length=1, max_length=8)


class RosterImport(Wire):
    """A CSV with the head work_number,name,speciality,from,to: the whole roster of its days.

    ``version`` is the preview's: when the roster was changed since, nothing is written.
    """

    csv: str
    dry_run: StrictBool = True
    version: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")] = ""


class BadLine(Wire):
    line: int
    reason: str


class RosterPreview(Wire):
    """What the file changes (``written``: has changed); with anything in ``bad`` it cannot be imported."""

    added: list[Shift]
    removed: list[Shift]
    unchanged: int
    bad: list[BadLine]
    first_day: str
    last_day: str
    version: str
    written: bool


_WISH: TypeAdapter[ShiftWish] = TypeAdapter(ShiftWish)
_IMPORT: TypeAdapter[RosterImport] = TypeAdapter(RosterImport)


async def list_shifts(request: web.Request) -> web.Response:
    """GET /api/v1/roster/shifts."""
    start, end = read_query(request, RosterQuery).span()
    roster, names = request.app[SERVICES].roster, _names(request)
    duties = await roster.desk.between(start, end)
    return answer(ShiftList(
        start=start, end=end, shifts=[_shift(s, names) for s in shifts_of(duties)],
        people=[RosterPerson(work_number=number, name=name) for number, name in sorted(roster.people.items())],
        specialities=[Code(code=code, name=names[code]) for code in SPECIALITY_KEYS.values() if code in names],
    ))


async def add_shift(request: web.Request) -> web.Response:
    """POST /api/v1/roster/shifts."""
    read_query(request, NoQuery)
    shift = await _wished(request)
    roster = request.app[SERVICES].roster
    await roster.desk.add(shift, roster.people, request[IDENTITY].actor)
    return _answer(request, shift, 201)


async def change_shift(request: web.Request) -> web.Response:
    """PUT /api/v1/roster/shifts/{shift}: the shift that is named becomes the one that is sent."""
    read_query(request, NoQuery)
    shift = await _wished(request)
    roster = request.app[SERVICES].roster
    await roster.desk.change(request.match_info["shift"], _version(request), shift, roster.people, request[IDENTITY].actor)
    return _answer(request, shift, 200)


async def remove_shift(request: web.Request) -> web.Response:
    """DELETE /api/v1/roster/shifts/{shift}."""
    read_query(request, NoQuery)
    await request.app[SERVICES].roster.desk.remove(request.match_info["shift"], _version(request), request[IDENTITY].actor)
    return web.Response(status=204)


async def import_roster(request: web.Request) -> web.Response:
    """POST /api/v1/roster/import: a preview with ``dry_run``; without, all of it or, with any bad row, nothing."""
    read_query(request, NoQuery)
    wish = await read_body(request, _IMPORT, request.app[OPTIONS].body_limit_bytes)
    roster, names = request.app[SERVICES].roster, _names(request)
    read = parse_roster(wish.csv, roster.people.keys(), {name: code for code, name in names.items()})
    if not wish.dry_run and (read.bad or read.days is None or not wish.version):
        told = [{"where": "body", "name": "csv", "problem": f"{b.line}: {b.reason}"} for b in read.bad[:20]]
        usable = not read.bad and read.days is not None
        why = "look at it with dry_run first, and send its version" if usable else "it has rows that cannot be taken, or no rows"
        raise BadRequest(f"csv: {why}", told)
    diff, version = await roster.desk.replace(
        read, actor=request[IDENTITY].actor, dry_run=wish.dry_run, version=None if wish.dry_run else wish.version
    )
    first, last = read.days or ("", "")
    return answer(RosterPreview(
        added=[_shift(s, names) for s in shifts_of(diff.added)], removed=[_shift(s, names) for s in shifts_of(diff.removed)],
        unchanged=diff.unchanged, bad=[BadLine(line=b.line, reason=b.reason) for b in read.bad[:_MOST_BAD]], first_day=str(first),
        last_day=str(last), version=version, written=not wish.dry_run,
    ))


async def export_roster(request: web.Request) -> web.Response:
    """GET /api/v1/roster/export: the file the import reads."""
    start, end = read_query(request, RosterQuery).span()
    text = roster_csv(await request.app[SERVICES].roster.desk.between(start, end), _names(request))
    name = f"roster-{start.astimezone(SHANGHAI):%Y%m%d}-{(end - timedelta(seconds=1)).astimezone(SHANGHAI):%Y%m%d}.csv"
    return web.Response(
        body=text.encode(), headers={"Content-Type": _CSV, "Content-Disposition": f'attachment; filename="{name}"'}
    )


async def _wished(request: web.Request) -> StoredShift:
    wish = await read_body(request, _WISH, request.app[OPTIONS].body_limit_bytes)
    return StoredShift(
        wish.work_number, wish.name, wish.starts_at.astimezone(SHANGHAI), wish.ends_at.astimezone(SHANGHAI),
        tuple(dict.fromkeys(wish.specialities)),
    )


def _version(request: web.Request) -> str:
    """The version the change is about; PreconditionRequired without one, StaleRoster for any that is none."""
    given = request.headers.get("If-Match", "").strip()
    if given in ("", "*"):
        raise PreconditionRequired("Send If-Match with the version of the shift as you read it, in quotes.")
    found = re.fullmatch(r'"([0-9a-f]{16})"', given)
    if found is None:
        raise StaleRoster("这个班被别人改过；请重新读取后再试。")
    return found[1]


def _names(request: web.Request) -> dict[str, str]:
    """Names of the specialities callers can choose, by code."""
    return {
        code: name for code, name in request.app[SERVICES].codes.codes("", "matter") if code in SPECIALITY_KEYS.values()
    }


def _shift(shift: StoredShift, names: dict[str, str]) -> Shift:
    return Shift(
        id=shift.id, version=shift.version, work_number=shift.work_number, name=shift.name, starts_at=shift.starts_at,
        ends_at=shift.ends_at, specialities=[Code(code=code, name=names.get(code, code)) for code in shift.specialities],
    )


def _answer(request: web.Request, shift: StoredShift, status: int) -> web.Response:
    return answer(_shift(shift, _names(request)), status=status, headers={"ETag": f'"{shift.version}"'})


_SHIFT = "/api/v1/roster/shifts/{shift}"
_IF_MATCH = {"If-Match": "the version of the shift as it was read, in quotes; without it the answer is 428, with another one 412"}
ROSTER_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/roster/shifts", list_shifts, "Shifts of a week, or of the time asked for", {200: ShiftList},
        permission="roster.write", query=RosterQuery,
    ),
    Route(
        "POST", "/api/v1/roster/shifts", add_shift, "Put somebody on duty; audited", {201: Shift}, permission="roster.write",
        bodies=(ShiftWish,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "PUT", _SHIFT, change_shift, "Change a shift; audited", {200: Shift}, permission="roster.write", bodies=(ShiftWish,),
        headers=_IF_MATCH, problems=frozenset({409, 412, 413, 415, 428}),
    ),
    Route(
        "DELETE", _SHIFT, remove_shift, "Take a shift out; audited", {204: None}, permission="roster.write", headers=_IF_MATCH,
        problems=frozenset({412, 428}),
    ),
    Route(
        "POST", "/api/v1/roster/import", import_roster, "Preview a roster file, then make it the roster of its days; audited",
        {200: RosterPreview}, permission="roster.write", bodies=(RosterImport,), problems=frozenset({412, 413, 415}),
    ),
    Route(
        "GET", "/api/v1/roster/export", export_roster, "The roster as the file the import reads", {200: _CSV},
        permission="roster.write", query=RosterQuery,
    ),
)
