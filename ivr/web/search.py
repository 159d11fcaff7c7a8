"""GET /api/v1/search: words in transcripts and orders, with the call, the seconds and the words around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, StringConstraints

from ivr.domain.disclosure import Veil
from ivr.domain.redaction import Found
from ivr.domain.redaction import find as find_covered
from ivr.domain.search_text import LONGEST_QUERY, SHORTEST_WORD, BadSearch, excerpt, fold, words_of
from ivr.ports.search import SearchFilter, SearchHit
from ivr.ports.views import PageMark
from ivr.web.context import IDENTITY, SERVICES, answer
from ivr.web.errors import BadRequest
from ivr.web.models import Moment, Seconds, Wire
from ivr.web.present import names_of
from ivr.web.query import Cursor, Limit, Query, When, Word, cursor_of, mark_of, read_query
from ivr.web.veils import hidden_from

_SEES_CONFIDENTIAL = frozenset({"supervisor"})
"""Roles for whom texts of confidential orders are found; for others they are as if they were not there."""


class SearchQuery(Query):
    q: Annotated[str, StringConstraints(min_length=SHORTEST_WORD, max_length=LONGEST_QUERY)] = Field(
        description="one to five words of two characters or more, parted by spaces; all of them stand in one text"
    )
    start: When | None = Field(None, alias="from", description="call arrived, or order opened, at or after")
    end: When | None = Field(None, alias="to", description="call arrived, or order opened, before")
    category: Word | None = Field(None, description="code of the order's category")
    town: Word | None = Field(None, description="code of a town or village, as the order names it")
    limit: Limit = 20
    cursor: Cursor | None = None

    def filter(self, *, confidential: bool) -> SearchFilter:
        try:
            words = words_of(self.q)
        except BadSearch as wrong:
            raise BadRequest(f"q: {wrong}", [{"where": "query", "name": "q", "problem": str(wrong)}]) from None
        mark = mark_of(self.cursor)
        if mark is not None and not (mark.key.isascii() and mark.key.isdigit() and len(mark.key) <= 18):
            raise BadRequest("cursor: must be the value of 'next' from an earlier answer")
        return SearchFilter(
            words, _moment(self.start), _moment(self.end), self.category, self.town, self.limit, mark, confidential
        )


class FoundSpan(Wire):
    """Characters from ``start`` up to but without ``end``, counted in Unicode code points of the hit's ``text``."""

    start: int
    end: int


class FoundText(Wire):
    """One text with every word. ``text`` is the stretch around the first one, ``found`` where the words stand in it.

    ``part`` is ``segment`` for what was said in a call, ``note`` or the name of a field for what stands in an order. Texts are
    as said and written: show them as text, never as markup.
    """

    part: str
    at: Moment = Field(description="when the call arrived, or the order was opened")
    order: str | None
    call: str | None = Field(description="linked id; null for what stands in an order")
    speaker: Literal["caller", "operator"] | None
    start_s: Seconds | None = Field(description="where the segment begins in the recording")
    end_s: Seconds | None
    words_at_s: Seconds | None = Field(description="where the first word found begins in the recording")
    text: str
    found: list[FoundSpan]


class SearchAnswer(Wire):
    hits: list[FoundText]
    next: str | None = Field(description="cursor of the next page, null on the last one")


async def find(request: web.Request) -> web.Response:
    """GET /api/v1/search: newest first; every search is an audit row with what was asked and how much was found."""
    asked = read_query(request, SearchQuery)
    identity, services = request[IDENTITY], request.app[SERVICES]
    wanted = asked.filter(confidential=not identity.roles.isdisjoint(_SEES_CONFIDENTIAL))
    hits = await services.search.find(wanted)
    detail = {name: value for name, value in asked.model_dump(mode="json", exclude={"q", "cursor"}).items() if value is not None}
    detail |= {"hits": len(hits), "further": asked.cursor is not None}
    await services.audit.append(identity.actor, "search", asked.q, detail)
    for number in sorted({hit.order_number for hit in hits if hit.confidential}):
        await services.audit.append(identity.actor, "order.read_confidential", number, {"search": asked.q})
    last = hits[-1] if len(hits) == wanted.limit else None
    mark = cursor_of(PageMark(last.at, str(last.id))) if last is not None else None
    hidden = hidden_from(identity)
    orders = await services.views.work_orders_named({hit.order_number for hit in hits if hit.order_number}) if hidden else ()
    names = {order.number: names_of(order) for order in orders}
    found = (_shown(hit, wanted.words, Veil(hidden, names.get(hit.order_number, ()))) for hit in hits)
    shown = [hit for hit in found if hit is not None]
    return answer(SearchAnswer(hits=shown, next=mark))


def _inside(start: int, end: int, covered: Sequence[Found]) -> bool:
    """Whether these characters touch something covered without being all of it."""
    return any(start < c.end and end > c.start and not (start <= c.start and end >= c.end) for c in covered)


def _moment(value: datetime | date | None) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _shown(hit: SearchHit, words: tuple[str, ...], veil: Veil) -> FoundText | None:
    """The hit with what the veil covers masked; None when a word stands there only inside of something covered.

    Who knows a number or name whole may find it; nobody finds one out by asking for piece after piece of it.
    """
    around = excerpt(hit.text, words)
    if veil.hidden:
        covered = find_covered(hit.text, veil.hidden, veil.names)
        folded = fold(hit.text)
        for word in words:
            places = [n for n in range(len(folded)) if folded.startswith(word, n)]
            if all(_inside(place, place + len(word), covered) for place in places):
                return None
        masked = veil.text(hit.text)
        around = replace(around, text=masked[around.offset : around.offset + len(around.text)])
    return FoundText(
        part=hit.part, at=hit.at, order=hit.order_number or None, call=hit.linked_id or None, speaker=hit.track or None,
        start_s=hit.start_s, end_s=hit.end_s, words_at_s=hit.words_at_s, text=around.text,
        found=[FoundSpan(start=span.start, end=span.end) for span in around.spans],
    )
