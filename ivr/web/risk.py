"""Words of risk over HTTP: what was heard, a named person's decision, and how each phrase did."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field, TypeAdapter

from ivr.domain.disclosure import Veil
from ivr.domain.errors import Denied, NotFound
from ivr.domain.risk import Decision, RiskKind
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment, Seconds, Wire
from ivr.web.query import NoQuery, Query, plain_digits, read_body, read_query
from ivr.web.route import Route
from ivr.web.supervision_models import Reason
from ivr.web.veils import hidden_from


class RiskQuery(Query):
    state: Literal["open", "all"] = "open"
    limit: Annotated[int, Field(ge=1, le=200), BeforeValidator(plain_digits)] = 50


class RiskAlert(Wire):
    """A phrase of the table in force that a caller said. ``at_s`` is where; ``decision`` null until somebody decided.

    The order is urgent while not every alert of its calls is a false one.
    """

    id: int
    linked_id: str
    order: str = Field(description="number, '' while the call goes on")
    caller_number: str
    operator: str = Field(description="interface of the seat that answered")
    kind: RiskKind
    phrase: str
    words: str = Field(description="as they were heard")
    said: str = Field(description="the stretch of speech they stand in")
    at_s: Seconds
    source: Literal["live", "transcript"]
    raised_at: Moment
    decision: Decision | None
    decided_by: str
    decided_at: Moment | None
    reason: str


class RiskList(Wire):
    alerts: list[RiskAlert]


class RiskDecision(Wire):
    """``real``: it is urgent; ``false``: a false alarm, counted against the phrase."""

    decision: Decision
    reason: Reason


class RiskWord(Wire):
    """How often a phrase was right, wrong, and not decided yet. ``in_force``: it is in the newest table."""

    kind: RiskKind
    phrase: str
    real: int
    false: int
    open: int
    in_force: bool


class RiskWords(Wire):
    words: list[RiskWord]


class RiskChange(Wire):
    """On the live stream: an alert is new or decided; what it says is asked for by who may know it."""

    id: int


_DECISION: TypeAdapter[RiskDecision] = TypeAdapter(RiskDecision)


async def list_risks(request: web.Request) -> web.Response:
    """GET /api/v1/risks."""
    wanted = read_query(request, RiskQuery)
    found = await request.app[SERVICES].risks.alerts(open_only=wanted.state == "open", limit=wanted.limit)
    rows, veil = [], Veil(hidden_from(request[IDENTITY]))
    for alert in found:
        members = dataclasses.asdict(alert)
        members["order"], members["operator"] = members.pop("order_number"), members.pop("member_interface")
        members["caller_number"] = veil.number(alert.caller_number)
        members["words"], members["said"] = veil.text(alert.words), veil.text(alert.said)
        rows.append(RiskAlert(**members))
    return answer(RiskList(alerts=rows))


async def decide_risk(request: web.Request) -> web.Response:
    """POST /api/v1/risks/{risk}/decision."""
    read_query(request, NoQuery)
    wish = await read_body(request, _DECISION, request.app[OPTIONS].body_limit_bytes)
    identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("A person decides this: log in with a session, not a token.")
    text = request.match_info["risk"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise NotFound("There is no such alert.")
    await request.app[SERVICES].risks.decide(int(text), wish.decision, wish.reason, identity.name)
    return web.Response(status=204)


async def list_words(request: web.Request) -> web.Response:
    """GET /api/v1/risk-words."""
    read_query(request, NoQuery)
    return answer(RiskWords(words=[RiskWord(**dataclasses.asdict(w)) for w in await request.app[SERVICES].risks.words()]))


RISK_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/risks", list_risks, "Words of risk callers said, those nobody decided first", {200: RiskList},
        permission="risks.decide", query=RiskQuery,
    ),
    Route(
        "POST", "/api/v1/risks/{risk}/decision", decide_risk, "Say whether an alarm was real; once, audited", {204: None},
        permission="risks.decide", bodies=(RiskDecision,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "GET", "/api/v1/risk-words", list_words, "How often each phrase was right, the most false alarms first",
        {200: RiskWords}, permission="risks.decide",
    ),
)
