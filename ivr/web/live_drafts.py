"""The order of a call that goes on, drafted from what is heard so far: shown at the desk, stored nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import web
from pydantic import Field

from ivr.domain.disclosure import Veil
from ivr.domain.errors import NotFound
from ivr.domain.intake import Draft
from ivr.domain.live_draft import HeardStretch, transcript_so_far
from ivr.domain.worktime import SHANGHAI
from ivr.ports.views import CallDetail, OrderField
from ivr.web.audit_once import AUDIT_ONCE
from ivr.web.context import IDENTITY, SERVICES, answer
from ivr.web.models import OrderFieldRow, Wire
from ivr.web.order_access import demand_call
from ivr.web.present import order_field, shown_field
from ivr.web.query import NoQuery, read_query
from ivr.web.route import Route
from ivr.web.veils import veil_of_call


class CallDraft(Wire):
    """What the machine would fill in now; the order is drafted anew from the transcript when the call has ended."""

    table_version: str = Field(description="of the category and matter codes; '' before anything was heard")
    fields: list[OrderFieldRow]


async def show_draft(request: web.Request) -> web.Response:
    """GET /api/v1/calls/{linked_id}/draft: nothing once the call has an order, which holds the machine's fields then."""
    read_query(request, NoQuery)
    linked_id = request.match_info["linked_id"]
    services = request.app[SERVICES]
    detail = await services.views.call(linked_id)
    if detail is None:
        raise NotFound(f"There is no call {linked_id[:80]}.")
    call = detail.call
    if call.confidential:
        await demand_call(request, linked_id, read=True)
    heard: list[HeardStretch] = [*detail.segments, *detail.heard]
    if call.order_number or not heard:
        return answer(CallDraft(table_version="", fields=[]))
    await request.app[AUDIT_ONCE].note(request[IDENTITY], "transcript.read", linked_id, {})
    veil = await veil_of_call(request, call)
    day = call.arrived_at.astimezone(SHANGHAI).date()
    draft = await asyncio.to_thread(services.composer.compose, transcript_so_far(linked_id, heard), call.caller_number, day)
    return answer(CallDraft(table_version=draft.table_version, fields=_rows(draft, detail, veil)))


def _rows(draft: Draft, detail: CallDetail, veil: Veil) -> list[OrderFieldRow]:
    names: Sequence[str] = [n for f in draft.fields if f.name == "caller_name" for n in (f.value, f.display) if n]
    covering = Veil(veil.hidden, names)
    return [
        order_field(shown_field(OrderField(
            found.name, found.ordinal, found.value, found.display, "machine", found.rule, detail.call.linked_id,
            found.evidence.speaker, found.evidence.text, found.evidence.start_s, found.evidence.end_s, found.evidence.confidence,
            found.approximate,
        ), covering))
        for found in draft.fields
    ]


DRAFT_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/calls/{linked_id}/draft", show_draft, "The order of a call that goes on, as heard so far; stored nowhere",
        {200: CallDraft}, permission="transcripts.read",
    ),
)
