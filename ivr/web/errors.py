"""Errors as RFC 9457 problem documents: one table from error class to status, one function that builds the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web

from ivr.domain.appointment import CannotBook
from ivr.domain.errors import (
    AudioUnreadable,
    CallerFault,
    Denied,
    IvrError,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from ivr.domain.order_edits import EditRefused
from ivr.domain.picture import PictureRefused
from ivr.domain.scorecard import SheetRefused
from ivr.domain.shifts import BadShift, StaleRoster
from ivr.domain.task import TaskRefused, TaskTaken
from ivr.domain.work_order import MoveRefused
from ivr.ports.analysis import WarningChanged
from ivr.ports.corrections import WordChanged
from ivr.ports.desk import CommandRefused, SeatLost, SeatTaken
from ivr.ports.knowledge import ArticleChanged
from ivr.ports.orders import StaleVersion
from ivr.ports.partners import AlreadyFiled, KeyReused
from ivr.ports.privacy import NotMaskedYet
from ivr.ports.quality import ReviewRefused
from ivr.ports.risk import AlreadyDecided
from ivr.ports.rooms import RoomRefused
from ivr.ports.sessions import CodeNeeded, CodeRefused, CodeWrong, EnrolmentNeeded, FactorExists, FactorMissing
from ivr.ports.supervision import SeatTalks, WatchRefused
from ivr.ports.web import Busy, LockedOut, LoginRefused

PROBLEM_TYPE = "application/problem+json"
UNAVAILABLE_RETRY_S = 5


class BadRequest(CallerFault):
    """A parameter or body is not as documented; ``errors`` names each place and what is wrong with it."""

    code = "bad_request"

    def __init__(self, detail: str, errors: Sequence[Mapping[str, str]] = ()) -> None:
        super().__init__(detail)
        self.errors = list(errors)


class TooLarge(CallerFault):
    """The body is longer than is taken here."""

    code = "too_large"


class AddressTooLong(CallerFault):
    """Path and query are longer than any address of ours."""

    code = "address_too_long"


class UnsupportedMedia(CallerFault):
    """The body is not JSON."""

    code = "unsupported_media"


class TooManyRequests(CallerFault):
    """``who`` has asked too often; ``retry_after_s`` is when it may ask again."""

    code = "too_many_requests"

    def __init__(self, retry_after_s: int, who: str = "This token") -> None:
        super().__init__(f"{who} has made too many requests. Wait as long as Retry-After says, then go on more slowly.")
        self.retry_after_s = retry_after_s


class CrossSite(CallerFault):
    """An unsafe request came from another site's page."""

    code = "cross_site"


class PreconditionRequired(CallerFault):
    """A change came without saying which version it is about."""

    code = "precondition_required"


class PagesMissing(Unavailable):
    """The pages were never built."""

    code = "pages_missing"


# First match wins, so a subclass stands above its parent.
STATUS: tuple[tuple[type[IvrError], HTTPStatus], ...] = (
    (LockedOut, HTTPStatus.TOO_MANY_REQUESTS),
    (TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
    (LoginRefused, HTTPStatus.UNAUTHORIZED),
    (CodeNeeded, HTTPStatus.UNAUTHORIZED),
    (CodeRefused, HTTPStatus.UNAUTHORIZED),
    (CodeWrong, HTTPStatus.CONFLICT),
    (FactorExists, HTTPStatus.CONFLICT),
    (FactorMissing, HTTPStatus.CONFLICT),
    (EnrolmentNeeded, HTTPStatus.FORBIDDEN),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Denied, HTTPStatus.FORBIDDEN),
    (CrossSite, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (AlreadyFiled, HTTPStatus.CONFLICT),
    (KeyReused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (AddressTooLong, HTTPStatus.REQUEST_URI_TOO_LONG),
    (UnsupportedMedia, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (CannotBook, HTTPStatus.CONFLICT),
    (SeatTaken, HTTPStatus.CONFLICT),
    (WarningChanged, HTTPStatus.CONFLICT),
    (SeatLost, HTTPStatus.CONFLICT),
    (WatchRefused, HTTPStatus.CONFLICT),
    (RoomRefused, HTTPStatus.CONFLICT),
    (AlreadyDecided, HTTPStatus.CONFLICT),
    (ReviewRefused, HTTPStatus.CONFLICT),
    (SheetRefused, HTTPStatus.BAD_REQUEST),
    (NotMaskedYet, HTTPStatus.CONFLICT),
    (WordChanged, HTTPStatus.CONFLICT),
    (SeatTalks, HTTPStatus.CONFLICT),
    (TaskTaken, HTTPStatus.CONFLICT),
    (TaskRefused, HTTPStatus.CONFLICT),
    (CommandRefused, HTTPStatus.CONFLICT),
    (MoveRefused, HTTPStatus.CONFLICT),
    (EditRefused, HTTPStatus.CONFLICT),
    (PictureRefused, HTTPStatus.CONFLICT),
    (StaleVersion, HTTPStatus.PRECONDITION_FAILED),
    (ArticleChanged, HTTPStatus.PRECONDITION_FAILED),
    (StaleRoster, HTTPStatus.PRECONDITION_FAILED),
    (BadShift, HTTPStatus.CONFLICT),
    (PreconditionRequired, HTTPStatus.PRECONDITION_REQUIRED),
    (CallerFault, HTTPStatus.BAD_REQUEST),
    (AudioUnreadable, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def problem(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> web.Response:
    """A problem+json answer; ``members`` are extension members such as ``errors``."""
    document = {
        "type": f"urn:ivr:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        **members,
    }
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(status=status, body=body, headers={"Content-Type": PROBLEM_TYPE, **(headers or {})})


def problem_of(error: IvrError) -> web.Response:
    """The answer for an expected error, with Retry-After where coming back helps and the scheme where a login does."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    headers: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="ivr"'
    if isinstance(error, LockedOut | TooManyRequests | Busy):
        headers["Retry-After"] = str(error.retry_after_s)
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = str(UNAVAILABLE_RETRY_S)
    members: dict[str, Any] = {"errors": error.errors} if isinstance(error, BadRequest) and error.errors else {}
    if isinstance(error, MoveRefused):
        members["possible"] = list(error.possible)
    elif isinstance(error, StaleVersion | ArticleChanged):
        headers["ETag"] = f'"{error.version}"'
    return problem(status, error.code, str(error), headers=headers, **members)


def problem_of_http(error: web.HTTPException) -> web.Response:
    """The same shape for what aiohttp itself refuses (no such path, wrong method, body too large)."""
    headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
    code = _HTTP_CODES.get(error.status, "http_error")
    detail = {
        404: "There is nothing at this address.",
        405: "This address does not take that method.",
        413: "The body is larger than this server takes.",
    }.get(error.status, error.reason)
    return problem(error.status, code, detail, headers=headers)
