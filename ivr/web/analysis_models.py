"""Early warnings, forecasts and reports as they go over the wire, and what may be asked of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ivr.domain.early_warning import Decision
from ivr.ports.analysis import WarningFilter
from ivr.web.models import Moment, Wire
from ivr.web.query import Limit, Query, plain_digits


def _iso_day(value: object) -> object:
    """pydantic would also take epoch seconds and times as a day; here only ISO 8601 is one."""
    if isinstance(value, str) and (len(value) != 10 or not value.isascii() or value[4] != "-"):
        raise ValueError("must be a day (2026-11-23)")
    return value


Day = Annotated[date, BeforeValidator(_iso_day), Field(ge=date(1970, 1, 1), lt=date(2200, 1, 1))]


class WarningQuery(Query):
    state: Literal["open", "signed", "all"] = Field("open", description="open: waiting for a person's signature")
    decision: Decision | None = None
    start: Day | None = Field(None, alias="from", description="of this day or later")
    end: Day | None = Field(None, alias="to", description="before this day")
    limit: Limit = 50
    before: Annotated[int, Field(ge=1, le=999_999_999), BeforeValidator(plain_digits)] | None = Field(
        None, description="the value of 'next' of the page before"
    )

    def filter(self) -> WarningFilter:
        """What is asked of the record."""
        state = {"open": True, "signed": False, "all": None}[self.state]
        return WarningFilter(self.start, self.end, state, self.decision, self.limit, self.before)


class ForecastQuery(Query):
    day: Day | None = Field(None, description="default: today in Shanghai; at most 60 days ahead")


class ReportQuery(Query):
    month: Annotated[str, StringConstraints(pattern=r"^(19[7-9]\d|20\d\d|21\d\d)-(0[1-9]|1[0-2])$")] = Field(
        description="the month, as 2026-10"
    )


class WarningSignature(BaseModel):
    """A person's word on a warning. ``level`` is the one that was read: a warning that grew since is not signed unseen."""

    model_config = ConfigDict(extra="forbid", strict=True)

    level: int = Field(ge=1, le=3)
    decision: Decision = Field(description="confirmed: it may be told to others; dismissed: it is explained, and is not")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class WarningRow(Wire):
    """Orders of one place about one thing on one day, against the median of ``days`` earlier days of the same kind.

    ``level``: 1 watch, 2 warning, 3 severe, 0 no longer so. ``open``: a person has to sign it, for the first time or because it
    grew above ``signed_level``.
    """

    id: int
    kind: Literal["category", "matter"]
    place: str
    place_name: str
    code: str
    name: str
    day: date
    orders: int
    usual: float
    rise: float
    days: int
    level: int
    level_name: str
    raised_at: Moment
    open: bool
    decision: Literal["", "confirmed", "dismissed"]
    signed_level: int
    signed_by: str
    signed_at: Moment | None
    reason: str


class WarningList(Wire):
    """The newest day first."""

    warnings: list[WarningRow]
    formula: str
    next: int | None = Field(description="'before' of the next page, null on the last one")


class ForecastSlot(Wire):
    """Half an hour. ``came`` and ``seats_for_came`` are null until it is over."""

    start: Moment
    expected: float
    seats: int
    came: int | None
    seats_for_came: int | None


class ForecastDay(Wire):
    """A past day: what was to be expected of it from the days before it, and what came."""

    day: date
    expected: float
    came: int


class ForecastAnswer(Wire):
    """``slots`` is empty while the record is too short. ``days`` are those it was made from.

    ``off_share``: Σ |expected − came| ÷ Σ came over the half-hours of ``replayed``.
    """

    day: date
    formula: str
    handle_s: float
    days: list[date]
    slots: list[ForecastSlot]
    replayed: list[ForecastDay]
    off_share: float | None
