"""The routes of analysis, part of the one list in ivr.web.routes."""

from __future__ import annotations

from ivr.ports.analysis import ReportFormat
from ivr.web import analysis, analysis_models
from ivr.web.route import Handler, Route

_REPORTS: tuple[tuple[ReportFormat, Handler, str], ...] = (
    ("xlsx", analysis.download_spreadsheet, "a spreadsheet"), ("docx", analysis.download_document, "a document of A4 pages"),
    ("pdf", analysis.download_pages, "pages to print"),
)

ANALYSIS_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/api/v1/warnings",
        analysis.list_warnings,
        "Rises of matters in one place above what is usual there; does not restart the idle clock",
        {200: analysis_models.WarningList},
        permission="statistics.read",
        activity=False,
        query=analysis_models.WarningQuery,
    ),
    Route(
        "POST",
        "/api/v1/warnings/{warning}/signature",
        analysis.sign_warning,
        "Sign a warning at the level that was read, with a reason; audited",
        {200: analysis_models.WarningRow},
        permission="warnings.sign",
        bodies=(analysis_models.WarningSignature,),
        problems=frozenset({409, 413, 415}),
    ),
    Route(
        "GET",
        "/api/v1/forecast",
        analysis.show_forecast,
        "Calls expected in each half-hour of a day and the seats they need, beside what came; does not restart the idle clock",
        {200: analysis_models.ForecastAnswer},
        permission="statistics.read",
        activity=False,
        query=analysis_models.ForecastQuery,
    ),
    *(
        Route(
            "GET",
            f"/api/v1/reports/month.{kind}",
            handler,
            f"The monthly report as a file, {what}; audited",
            {200: analysis.REPORT_TYPES[kind]},
            permission="statistics.read",
            query=analysis_models.ReportQuery,
        )
        for kind, handler, what in _REPORTS
    ),
)
