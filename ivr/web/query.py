"""Reading what was asked: query strings, bodies, cursors. Everything wrong is named, nothing unknown is ignored."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from ivr.domain.worktime import WorkTime
from ivr.ports.views import CallbackFilter, CallFilter, OrderFilter, PageMark
from ivr.web.errors import BadRequest, TooLarge, UnsupportedMedia
from ivr.web.field_mask import MASKED, PARAMETER
from ivr.web.models import SHANGHAI

_M = TypeVar("_M", bound=BaseModel)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_COVERED = "for who is not shown numbers and names the whole of one"
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _in_range(moment: datetime | date) -> datetime:
    """A bare date is midnight in Shanghai; years outside 1970…2199 belong to no call."""
    try:
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time(), SHANGHAI)
        if _EARLIEST <= moment < _LATEST:
            return moment
    except OverflowError:
        pass
    raise ValueError("must lie between 1970 and 2199")


def _iso_only(value: object) -> object:
    """pydantic would also take epoch seconds as a time; here only ISO 8601 is one."""
    if isinstance(value, str) and (len(value) < 10 or value[4] != "-"):
        raise ValueError("must be a date (2026-11-23) or a time with offset (2026-11-23T09:30:00+08:00)")
    return value


def plain_digits(value: object) -> object:
    """pydantic would also take '1_0' and ' 10 '."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError("must be a whole number")
    return value


When = Annotated[AwareDatetime | date, BeforeValidator(_iso_only), AfterValidator(_in_range)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Text = Annotated[str, StringConstraints(max_length=100)]
Limit = Annotated[int, Field(ge=1, le=200), BeforeValidator(plain_digits)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=400)]


class Query(BaseModel):
    """Base of every query string: a parameter not declared is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class NoQuery(Query):
    """No parameters are taken."""


class CallQuery(Query):
    state: Literal["arrived", "queued", "talking", "ended"] | None = None
    outcome: (
        Literal["answered", "abandoned", "message", "callback", "self_service", "overflow", "failed", "interrupted"]
        | None
    ) = None
    start: When | None = Field(None, alias="from", description="arrived at or after")
    end: When | None = Field(None, alias="to", description="arrived before")
    q: Text = Field("", description=f"part of a number, name, queue, operator, linked id or order number; {_COVERED}")
    limit: Limit = 50
    cursor: Cursor | None = None

    def filter(self) -> CallFilter:
        return CallFilter(
            self.state, self.outcome, _moment(self.start), _moment(self.end), self.q, self.limit, mark_of(self.cursor)
        )


class OrderQuery(Query):
    state: Word | None = None
    owner: Annotated[str, StringConstraints(pattern=r"^[0-9]{3,6}$")] | None = Field(None, description="work number")
    card: Literal["yellow", "red"] | None = Field(None, description="clocks that run: due soon, or overdue")
    category: Word | None = None
    channel: Word | None = None
    start: When | None = Field(None, alias="from", description="opened at or after")
    end: When | None = Field(None, alias="to", description="opened before")
    q: Text = Field("", description=f"part of a number, note or filled field; {_COVERED}")
    limit: Limit = 50
    cursor: Cursor | None = None

    def filter(self, now: datetime, worktime: WorkTime, concerns: tuple[str, str] | None) -> OrderFilter:
        """``now`` and ``worktime`` say which due times have a card; ``concerns`` limits who is shown only their own."""
        before = {"yellow": worktime.carded_before(now), "red": now}
        return OrderFilter(
            self.state,
            self.category,
            self.channel,
            _moment(self.start),
            _moment(self.end),
            self.q,
            self.limit,
            mark_of(self.cursor),
            self.owner,
            now if self.card == "yellow" else None,
            before[self.card] if self.card else None,
            concerns,
        )


class CallbackQuery(Query):
    open: Literal["true", "false"] = Field("true", description="false: those that are closed too")
    limit: Limit = 50
    before: Annotated[int, Field(ge=1, le=999_999_999), BeforeValidator(plain_digits)] | None = Field(
        None, description="the value of 'next' of the page before"
    )

    def filter(self) -> CallbackFilter:
        return CallbackFilter(self.open == "true", self.limit, self.before)


class RosterQuery(Query):
    start: When | None = Field(None, alias="from", description="on duty after; default: midnight in Shanghai")
    end: When | None = Field(None, alias="to", description="on duty before; default: 7 days after from")

    def span(self) -> tuple[datetime, datetime]:
        start = _moment(self.start) or datetime.now(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        return start, _moment(self.end) or start + timedelta(days=7)


class AudioQuery(Query):
    track: Literal["both", "caller", "operator"] = "both"


class PeaksQuery(Query):
    points: Annotated[int, Field(ge=10, le=5000), BeforeValidator(plain_digits)] = 1000


def _moment(value: datetime | date | None) -> datetime | None:
    return value if isinstance(value, datetime) else None


def cursor_of(mark: PageMark) -> str:
    """A page mark as an opaque token; it grants nothing, so it is not signed."""
    text = json.dumps([mark.at.astimezone(UTC).isoformat(timespec="microseconds"), mark.key])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def mark_of(cursor: str | None) -> PageMark | None:
    """The page mark of a cursor; BadRequest for anything this server did not make."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, key = TypeAdapter(tuple[AwareDatetime, Annotated[str, Field(max_length=200)]]).validate_json(raw)
        mark = PageMark(_in_range(at), key)
        if "\0" in key or cursor_of(mark) != cursor:
            raise ValueError("not one of ours")
    except ValueError as error:  # covers binascii.Error, UnicodeError and ValidationError
        text = "must be the value of 'next' from an earlier answer"
        raise BadRequest(f"cursor: {text}", [_place("query", "cursor", text)]) from error
    return mark


def _place(where: str, name: str, problem: str) -> dict[str, str]:
    return {"where": where, "name": name[:100], "problem": problem}


def _refuse(where: str, error: ValidationError) -> BadRequest:
    """Names every wrong parameter with what is wrong; never repeats a value, which may be a password."""
    errors = []
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        parts = [part for part in one["loc"] if isinstance(part, str)]
        # In a body the first part is which login was meant, in a query the later ones are which form of a time.
        whole = not parts or (len(parts) == 1 and one["type"] == "model_type")  # the body itself, or the login it was meant as
        name = (where if whole else parts[-1]) if where == "body" else (parts[0] if parts else where)
        problem = (
            "is not a parameter here" if one["type"] == "extra_forbidden" else one["msg"].removeprefix("Value error, ")
        )
        if _place(where, name, problem) not in errors:
            errors.append(_place(where, name, problem))
    return BadRequest("; ".join(f"{e['name']}: {e['problem']}" for e in errors[:5]), errors[:20])


def read_query(request: web.Request, model: type[_M]) -> _M:
    """The query string as its model; a parameter given twice is refused, not guessed at."""
    values: dict[str, Any] = {}
    for name, value in request.query.items():
        if name == PARAMETER and MASKED in request:
            continue  # read already, where the answer is cut down
        if name in values:
            raise BadRequest(f"{name[:100]}: given twice", [_place("query", name, "given twice")])
        values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refuse("query", error) from None


async def read_raw(request: web.Request, limit: int) -> bytes:
    """The body's bytes, kept for another reading; raises TooLarge or BadRequest."""
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The body may have at most {limit} bytes.")
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge(f"The body may have at most {limit} bytes.") from None
    except (web.RequestPayloadError, ConnectionError, TimeoutError) as error:
        raise BadRequest("The body did not arrive whole.") from error


async def read_body(request: web.Request, adapter: TypeAdapter[_M], limit: int) -> _M:
    """A JSON body as its model; raises UnsupportedMedia, TooLarge or BadRequest."""
    if request.content_type != "application/json":
        raise UnsupportedMedia("The body must be JSON: send Content-Type: application/json.")
    raw = await read_raw(request, limit)
    if b"\\u0000" in raw or b"\0" in raw:
        raise BadRequest("body: a NUL character is not allowed", [_place("body", "body", "holds a NUL character")])
    try:
        return adapter.validate_json(raw)
    except ValidationError as error:
        raise _refuse("body", error) from None
