"""Corrected words over HTTP, and the terms that are offered for the local list because they are corrected often."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from aiohttp import web
from pydantic import BeforeValidator, Field, StringConstraints, TypeAdapter

from ivr.domain.errors import Denied
from ivr.domain.redaction import MASK
from ivr.domain.transcript import Speaker
from ivr.ports.corrections import Correction as StoredCorrection
from ivr.ports.web import Identity, Tones
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment, Seconds, Wire
from ivr.web.order_access import demand_call
from ivr.web.present import spoken
from ivr.web.query import NoQuery, Query, plain_digits, read_body, read_query
from ivr.web.route import Route
from ivr.web.veils import veil_of_call

WordText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=30, pattern=r"^[^\s\x00-\x1f]+$")]


class Correction(Wire):
    """A word as it was heard, and as the transcript reads now."""

    speaker: Speaker
    start_s: Seconds
    heard: str
    corrected: str
    corrected_by: str
    corrected_at: Moment


class CorrectionList(Wire):
    corrections: list[Correction]


class CorrectionWish(Wire):
    """The word that begins at ``start_s`` and ``reads`` so now is to read ``text``; what was heard takes a correction back."""

    speaker: Speaker
    start_s: float = Field(ge=0, le=86400, allow_inf_nan=False)
    reads: str = Field(min_length=1, max_length=200)
    text: WordText


class TermQuery(Query):
    calls: Annotated[int, Field(ge=1, le=1000, description="corrected in so many calls or more"), BeforeValidator(plain_digits)] = 2


class OfferedTerm(Wire):
    """``accepted`` null: offered; true: in the local list; false: somebody said no."""

    term: str
    heard: str = Field(description="as it is heard most often")
    calls: int
    accepted: bool | None
    decided_by: str


class TermList(Wire):
    terms: list[OfferedTerm]


class TermDecision(Wire):
    term: WordText
    accepted: bool


_WISH: TypeAdapter[CorrectionWish] = TypeAdapter(CorrectionWish)
_TERM: TypeAdapter[TermDecision] = TypeAdapter(TermDecision)


async def list_corrections(request: web.Request) -> web.Response:
    """GET /api/v1/calls/{linked_id}/corrections."""
    read_query(request, NoQuery)
    linked_id = request.match_info["linked_id"]
    await demand_call(request, linked_id)
    found = await request.app[SERVICES].corrections.of_call(linked_id)
    detail = await request.app[SERVICES].views.call(linked_id) if found else None
    covered: Tones = {}
    if detail is not None:
        covered = (await veil_of_call(request, detail.call)).seconds(spoken(detail))
    return answer(CorrectionList(corrections=[Correction(**dataclasses.asdict(_covered(c, covered))) for c in found]))


def _covered(one: StoredCorrection, covered: Tones) -> StoredCorrection:
    """A word of a number or name that is covered in the transcript is covered here too."""
    if not any(start <= one.start_s < end for start, end in covered.get(one.speaker, ())):
        return one
    return dataclasses.replace(one, heard=MASK * len(one.heard), corrected=MASK * len(one.corrected))


async def correct(request: web.Request) -> web.Response:
    """POST /api/v1/calls/{linked_id}/corrections."""
    read_query(request, NoQuery)
    wish = await read_body(request, _WISH, request.app[OPTIONS].body_limit_bytes)
    me, linked_id = _person(request), request.match_info["linked_id"]
    await demand_call(request, linked_id)
    await request.app[SERVICES].corrections.correct(linked_id, wish.speaker, wish.start_s, wish.reads, wish.text, me.name)
    return web.Response(status=204)


async def list_terms(request: web.Request) -> web.Response:
    """GET /api/v1/terms."""
    wanted = read_query(request, TermQuery)
    found = await request.app[SERVICES].corrections.terms(wanted.calls)
    return answer(TermList(terms=[OfferedTerm(**dataclasses.asdict(t)) for t in found]))


async def decide_term(request: web.Request) -> web.Response:
    """POST /api/v1/terms."""
    read_query(request, NoQuery)
    wish = await read_body(request, _TERM, request.app[OPTIONS].body_limit_bytes)
    await request.app[SERVICES].corrections.decide_term(wish.term, wish.accepted, _person(request).name)
    return web.Response(status=204)


def _person(request: web.Request) -> Identity:
    identity: Identity = request[IDENTITY]
    if identity.kind != "session":
        raise Denied("A person corrects and decides: log in with a session, not a token.")
    return identity


_CORRECTIONS = "/api/v1/calls/{linked_id}/corrections"
CORRECTION_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", _CORRECTIONS, list_corrections, "Words of the transcript that people corrected, with what was heard",
        {200: CorrectionList}, permission="transcripts.read",
    ),
    Route(
        "POST", _CORRECTIONS, correct, "Correct a word; what was heard stays, the search follows; audited", {204: None},
        permission="transcripts.correct", bodies=(CorrectionWish,), problems=frozenset({409, 413, 415}),
    ),
    Route(
        "GET", "/api/v1/terms", list_terms, "Terms corrected often, and those decided", {200: TermList},
        permission="transcripts.correct", query=TermQuery,
    ),
    Route(
        "POST", "/api/v1/terms", decide_term, "Take a term into the local list, or not; audited", {204: None},
        permission="transcripts.correct", bodies=(TermDecision,), problems=frozenset({404, 413, 415}),
    ),
)
