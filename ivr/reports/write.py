"""One way to write a report, whatever the format."""

from __future__ import annotations

from ivr.domain.month_report import MonthReport
from ivr.ports.analysis import ReportFormat


def write_report(report: MonthReport, kind: ReportFormat) -> bytes:
    """ivr.ports.analysis.ReportWriter. The libraries are loaded when the first report is written: matplotlib takes a second."""
    if kind == "xlsx":
        from ivr.reports.xlsx import workbook

        return workbook(report)
    if kind == "pdf":
        from ivr.reports.pdf import pages

        return pages(report)
    from ivr.reports.docx import document

    return document(report)
