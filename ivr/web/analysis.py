"""Analysis over HTTP: warnings and their signatures, the forecast, the monthly report."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.early_warning import LEVEL_NAMES
from ivr.domain.errors import NotFound
from ivr.domain.forecast import first_day_needed, forecast
from ivr.ports.analysis import AnalysisServices, EarlyWarning, ReportFormat
from ivr.ports.web import CodeTables
from ivr.web.analysis_models import (
    ForecastAnswer,
    ForecastDay,
    ForecastQuery,
    ForecastSlot,
    ReportQuery,
    WarningList,
    WarningQuery,
    WarningRow,
    WarningSignature,
)
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.errors import BadRequest
from ivr.web.models import SHANGHAI
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.statistics import DESK

REPORT_TYPES: Final[dict[ReportFormat, str]] = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pdf": "application/pdf",
}
_FURTHEST: Final = timedelta(days=60)
_SIGNATURE = TypeAdapter(WarningSignature)
_WRITING = asyncio.Semaphore(1)


def _services(request: web.Request) -> AnalysisServices:
    return request.app[SERVICES].analysis


async def list_warnings(request: web.Request) -> web.Response:
    """GET /api/v1/warnings."""
    asked = read_query(request, WarningQuery)
    services = _services(request)
    wanted = asked.filter()
    found = await services.warnings.listed(wanted)
    codes = request.app[SERVICES].codes
    return answer(WarningList(
        warnings=[_row(w, codes) for w in found], formula=services.warning_rules.told(),
        next=found[-1].id if len(found) == wanted.limit else None,
    ))


async def sign_warning(request: web.Request) -> web.Response:
    """POST /api/v1/warnings/{warning}/signature: confirm or dismiss, with a reason; audited."""
    read_query(request, NoQuery)
    wish = await read_body(request, _SIGNATURE, request.app[OPTIONS].body_limit_bytes)
    name = request.match_info["warning"]
    if not (name.isascii() and name.isdigit() and len(name) <= 9):
        raise NotFound("There is no such warning.")
    signed = await _services(request).warnings.sign(int(name), wish.level, wish.decision, wish.reason, request[IDENTITY].actor)
    return answer(_row(signed, request.app[SERVICES].codes))


async def show_forecast(request: web.Request) -> web.Response:
    """GET /api/v1/forecast: half-hours of a day with the seats they need, beside what came true."""
    asked = read_query(request, ForecastQuery)
    services, now = _services(request), datetime.now(UTC)
    today = now.astimezone(SHANGHAI).date()
    day = asked.day or today
    if day > today + _FURTHEST:
        text = f"is more than {_FURTHEST.days} days ahead"
        raise BadRequest(f"day: {text}", [{"where": "query", "name": "day", "problem": text}])
    # The load of a day ahead is that of the weeks before today: what lies between is not known.
    first = min(first_day_needed(day, services.staffing.weeks), first_day_needed(today, services.staffing.weeks))
    async with request.app[DESK].turn():
        load = await services.loads.load(first, day)
    told = forecast(day, now, load, services.staffing, services.calendar)
    return answer(ForecastAnswer(
        day=day, formula=services.staffing.told(), handle_s=round(told.handle_s, 1), days=list(told.days),
        slots=[
            ForecastSlot(start=s.start, expected=round(s.expected, 2), seats=s.seats, came=s.came, seats_for_came=s.seats_for_came)
            for s in told.slots
        ],
        replayed=[ForecastDay(day=r.day, expected=round(r.expected, 2), came=r.came) for r in told.replayed],
        off_share=None if told.off_share is None else round(told.off_share, 4),
    ))


async def download_spreadsheet(request: web.Request) -> web.Response:
    """GET /api/v1/reports/month.xlsx: the monthly report as a spreadsheet; audited."""
    return await _report(request, "xlsx")


async def download_document(request: web.Request) -> web.Response:
    """GET /api/v1/reports/month.docx: the monthly report as a document; audited."""
    return await _report(request, "docx")


async def download_pages(request: web.Request) -> web.Response:
    """GET /api/v1/reports/month.pdf: the monthly report as pages to print; audited."""
    return await _report(request, "pdf")


async def _report(request: web.Request, kind: ReportFormat) -> web.Response:
    asked = read_query(request, ReportQuery)
    services = _services(request)
    year, month = int(asked.month[:4]), int(asked.month[5:])
    async with request.app[DESK].turn():
        report = await services.reports.report(year, month)
    async with _WRITING:
        written = await asyncio.to_thread(services.write, report, kind)
    await request.app[SERVICES].audit.append(request[IDENTITY].actor, "report.export", asked.month, {"format": kind})
    name = f"12348-{asked.month}.{kind}"
    return web.Response(body=written, headers={
        "Content-Type": REPORT_TYPES[kind], "Content-Disposition": f'attachment; filename="{name}"',
    })


def _row(w: EarlyWarning, codes: CodeTables) -> WarningRow:
    return WarningRow(
        id=w.id, kind=w.kind, place=w.place, place_name=w.place_name or w.place, code=w.code,
        name=codes.name(w.table_version, w.kind, w.code) or w.code, day=w.day, orders=w.orders, usual=w.usual,
        rise=w.orders - w.usual, days=w.days, level=w.level, level_name=LEVEL_NAMES[w.level], raised_at=w.raised_at, open=w.open,
        decision="confirmed" if w.decision == "confirmed" else "dismissed" if w.decision else "", signed_level=w.signed_level,
        signed_by=w.signed_by, signed_at=w.signed_at, reason=w.reason,
    )
