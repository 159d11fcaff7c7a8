"""Quality review over HTTP: what the machine found, what people gave, and an operator's word about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain import scorecard
from ivr.domain.errors import Denied, NotFound
from ivr.domain.quality_check import Finding
from ivr.domain.redaction import MASK
from ivr.ports import quality as port
from ivr.ports.views import PageMark
from ivr.ports.web import Identity
from ivr.web import quality_models as models
from ivr.web.access import may
from ivr.web.audit_once import AUDIT_ONCE
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.order_access import demand_call
from ivr.web.present import spoken
from ivr.web.query import NoQuery, cursor_of, mark_of, read_body, read_query
from ivr.web.route import Route
from ivr.web.veils import veil_of_call

_SPAN = timedelta(days=92)
_SHEET: TypeAdapter[models.ScoreSheet] = TypeAdapter(models.ScoreSheet)
_APPEAL: TypeAdapter[models.AppealWish] = TypeAdapter(models.AppealWish)
_DECISION: TypeAdapter[models.AppealDecision] = TypeAdapter(models.AppealDecision)


async def list_reviews(request: web.Request) -> web.Response:
    """GET /api/v1/quality/calls."""
    asked = read_query(request, models.ReviewQuery)
    desk = request.app[SERVICES].quality
    wanted = dataclasses.replace(_filter(asked), rule=asked.rule, operator=asked.operator or "")
    rows, counts = await desk.picked(wanted), await desk.counts()
    return answer(models.ReviewList(calls=[_row(r) for r in rows], next=_next(rows, asked.limit), **dataclasses.asdict(counts)))


async def list_own(request: web.Request) -> web.Response:
    """GET /api/v1/quality/own."""
    asked = read_query(request, models.OwnQuery)
    rows = await request.app[SERVICES].quality.own(_person(request).name, _filter(asked))
    return answer(models.OwnList(calls=[_row(r) for r in rows], next=_next(rows, asked.limit)))


async def list_cards(request: web.Request) -> web.Response:
    """GET /api/v1/quality/cards."""
    read_query(request, NoQuery)
    found = await request.app[SERVICES].quality.cards()
    return answer(models.CardList(cards=[
        models.PublishedCard(card=_card(p.card), published_by=p.published_by, published_at=p.published_at, in_force=n == 0)
        for n, p in enumerate(found)
    ]))


async def show_review(request: web.Request) -> web.Response:
    """GET /api/v1/quality/calls/{linked_id}: it holds words of the call, so reading it is an audit row, once per window."""
    read_query(request, NoQuery)
    review = await _known(request)
    await request.app[AUDIT_ONCE].note(request[IDENTITY], "quality.read", review.row.linked_id, {})
    return answer(_review(await _covered(request, review), request[IDENTITY]))


async def score(request: web.Request) -> web.Response:
    """POST /api/v1/quality/calls/{linked_id}/marks."""
    read_query(request, NoQuery)
    wish = await read_body(request, _SHEET, request.app[OPTIONS].body_limit_bytes)
    me, linked_id = _person(request), request.match_info["linked_id"]
    await demand_call(request, linked_id)
    await request.app[SERVICES].quality.score(linked_id, _lines(wish.lines), wish.note, me.name)
    return web.Response(status=204)


async def appeal(request: web.Request) -> web.Response:
    """POST /api/v1/quality/calls/{linked_id}/appeal."""
    read_query(request, NoQuery)
    wish = await read_body(request, _APPEAL, request.app[OPTIONS].body_limit_bytes)
    await request.app[SERVICES].quality.appeal(request.match_info["linked_id"], wish.words, _person(request).name)
    return web.Response(status=204)


async def decide(request: web.Request) -> web.Response:
    """POST /api/v1/quality/calls/{linked_id}/appeal/decision."""
    read_query(request, NoQuery)
    wish = await read_body(request, _DECISION, request.app[OPTIONS].body_limit_bytes)
    me, linked_id = _person(request), request.match_info["linked_id"]
    await demand_call(request, linked_id)
    await request.app[SERVICES].quality.decide(linked_id, wish.decision, wish.reason, _lines(wish.lines), me.name)
    return web.Response(status=204)


async def _known(request: web.Request) -> port.Review:
    """The call's review for who scores, and for whose call it is; to anybody else there is none."""
    linked_id, identity = request.match_info["linked_id"], request[IDENTITY]
    review = await request.app[SERVICES].quality.review(linked_id)
    if review is None or not (may(identity, "quality.score") or _is_own(review, identity)):
        raise NotFound("This call was not checked, or is not yours to see.")
    if not _is_own(review, identity):
        await demand_call(request, linked_id, read=True)
    return review


async def _covered(request: web.Request, review: port.Review) -> port.Review:
    """Words of findings that are numbers or names the asker is not shown are covered, as they are in the transcript."""
    detail = await request.app[SERVICES].views.call(review.row.linked_id) if review.check is not None else None
    if detail is None or review.check is None:
        return review
    hidden = (await veil_of_call(request, detail.call)).seconds(spoken(detail))

    def covered(finding: Finding) -> Finding:
        spans = hidden.get(finding.speaker, ()) if finding.speaker is not None else ()
        if not any(start < finding.end_s and finding.start_s < end for start, end in spans):
            return finding
        return dataclasses.replace(finding, words=MASK * len(finding.words))

    results = [dataclasses.replace(r, findings=tuple(map(covered, r.findings))) for r in review.check.results]
    return dataclasses.replace(review, check=dataclasses.replace(review.check, results=results))


def _person(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("A person does this: log in with a session, not a token.")
    return identity


def _is_own(review: port.Review, identity: Identity) -> bool:
    return identity.kind == "session" and review.row.operator == identity.name


def _filter(asked: models.ReviewQuery | models.OwnQuery) -> port.ReviewFilter:
    start = asked.start if isinstance(asked.start, datetime) else datetime.now(UTC) - _SPAN
    return port.ReviewFilter(
        asked.state, None, "", start, asked.end if isinstance(asked.end, datetime) else None, asked.limit, mark_of(asked.cursor)
    )


def _next(rows: Sequence[port.ReviewRow], limit: int) -> str | None:
    return cursor_of(PageMark(rows[-1].arrived_at, rows[-1].linked_id)) if len(rows) == limit else None


def _lines(lines: Sequence[models.SheetLine]) -> list[scorecard.SheetLine]:
    return [scorecard.SheetLine(one.code, one.points, one.passed, one.reason) for one in lines]


def _row(row: port.ReviewRow) -> models.ReviewRow:
    told = dataclasses.asdict(row)
    told["order"] = told.pop("order_number")
    return models.ReviewRow(**told)


def _card(card: scorecard.Scorecard) -> models.Card:
    return models.Card(
        version=card.version, title=card.title, least_confidence=card.least_confidence, least_s=card.least_s,
        criteria=[
            models.CardCriterion(**{**dataclasses.asdict(c), "phrases": list(c.phrases)}, kind=c.kind) for c in card.criteria
        ],
    )


def _review(review: port.Review, identity: Identity) -> models.Review:
    own, appealed, marks = _is_own(review, identity), review.appeal, review.marks
    judge = identity.kind == "session" and may(identity, "quality.score") and not own
    return models.Review(
        call=_row(review.row), card=None if review.card is None else _card(review.card),
        check=None if review.check is None else models.MachineCheck(**{
            **dataclasses.asdict(review.check), "measures": dict(review.check.measures), "holds": _spans(review.check.holds),
            "stretches": _spans(review.check.stretches),
        }),
        marks=[models.Mark(**dataclasses.asdict(m)) for m in marks],
        appeal=None if appealed is None else models.Appeal(**dataclasses.asdict(appealed)), own=own,
        may_score=judge and appealed is None and (not marks or marks[-1].scorer == identity.name),
        may_appeal=own and bool(marks) and appealed is None,
        may_decide=judge and appealed is not None and appealed.decision is None and identity.name not in {m.scorer for m in marks},
    )


def _spans(spans: Sequence[tuple[float, float]]) -> list[models.RecordingSpan]:
    return [models.RecordingSpan(start_s=start, end_s=end) for start, end in spans]


_CALL = "/api/v1/quality/calls/{linked_id}"
QUALITY_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/quality/calls", list_reviews, "Calls people should hear, with why; newest first", {200: models.ReviewList},
        permission="quality.score", query=models.ReviewQuery,
    ),
    Route(
        "GET", "/api/v1/quality/own", list_own, "My own checked calls and marks, nobody else's", {200: models.OwnList},
        permission="quality.own", query=models.OwnQuery,
    ),
    Route(
        "GET", "/api/v1/quality/cards", list_cards, "Scorecards, the one in force first; a published one never changes",
        {200: models.CardList}, permission="quality.own",
    ),
    Route(
        "GET", _CALL, show_review, "What the machine found in a call, its marks and appeal; to an operator the own ones; audited",
        {200: models.Review}, permission="quality.own",
    ),
    Route(
        "POST", f"{_CALL}/marks", score, "Score a call; again until it is appealed; never one's own; audited", {204: None},
        permission="quality.score", bodies=(models.ScoreSheet,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "POST", f"{_CALL}/appeal", appeal, "Appeal the marks of a call of mine, once; audited", {204: None},
        permission="quality.own", bodies=(models.AppealWish,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "POST", f"{_CALL}/appeal/decision", decide, "Decide an appeal, as somebody who did not score; audited", {204: None},
        permission="quality.score", bodies=(models.AppealDecision,), problems=frozenset({409, 413, 415}),
    ),
)
