"""Spans of time cut by Shanghai's clock: quarters, hours and days that add up to the span, each moment in exactly one."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from ivr.domain.errors import CallerFault

_UTC: Final = ZoneInfo("UTC")
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
Step = Literal["15m", "1h", "1d"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)
MOST_INTERVALS: Final = 400
LONGEST_SPAN: Final = timedelta(days=400)


def check_span(start: datetime, end: datetime) -> None:
    """Raise CallerFault for a span that is empty, runs backwards, or is longer than 400 days."""
    if end <= start:
        raise CallerFault(f"'to' ({end.isoformat()}) must be later than 'from' ({start.isoformat()}).")
    if end - start > LONGEST_SPAN:
        raise CallerFault(f"From 'from' to 'to' may be {LONGEST_SPAN.days} days at most. Ask for a shorter time.")


def intervals(start: datetime, end: datetime, step: Step) -> tuple[tuple[datetime, datetime], ...]:
    """[start, end) cut at Shanghai's full quarters, hours or midnights; the first and the last may be shorter.

    Raises CallerFault when there would be more than 400, or check_span's.
    """
    check_span(start, end)
    edges = [start]
    edge = _floor(start, step)
    while (edge := _next(edge, step)) < end:
        edges.append(edge)
        if len(edges) > MOST_INTERVALS:
            raise CallerFault(
                f"More than {MOST_INTERVALS} intervals of {step} lie between 'from' and 'to'."
                " Ask for longer intervals or a shorter time."
            )
    return tuple(zip(edges, [*edges[1:], end], strict=True))


def _floor(moment: datetime, step: Step) -> datetime:
    local = moment.astimezone(SHANGHAI)
    if step == "1d":
        return datetime.combine(local.date(), time(), SHANGHAI)
    return local.replace(minute=local.minute // 15 * 15 if step == "15m" else 0, second=0, microsecond=0)


def _next(edge: datetime, step: Step) -> datetime:
    """The following edge. Days are counted by the calendar, the rest by the clock that never stops."""
    if step == "1d":
        return datetime.combine(edge.date() + timedelta(days=1), time(), SHANGHAI)
    length = timedelta(minutes=15) if step == "15m" else timedelta(hours=1)
    return (edge.astimezone(_UTC) + length).astimezone(SHANGHAI)

