"""Which veil lies between the asker and a matter, and how an asker has it lifted; the table is ivr.domain.disclosure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from aiohttp import web
from pydantic import TypeAdapter

from ivr.domain.disclosure import Veil, seen_by, veil_of
from ivr.domain.errors import Denied, NotFound
from ivr.domain.redaction import KINDS, Kind
from ivr.domain.work_order import Actor, concerns
from ivr.ports.privacy import NotMaskedYet, call_object, order_object
from ivr.ports.views import CallRecord, RecordingTrack, WorkOrderRecord
from ivr.ports.web import Identity, Tones
from ivr.web.context import IDENTITY, OPTIONS, SERVICES, answer
from ivr.web.models import Moment, Wire
from ivr.web.order_access import actor_of, demand_call, demand_content, known_order
from ivr.web.present import TRANSCRIBED, names_of, spoken
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.route import Route
from ivr.web.supervision_models import Reason


class UnmaskWish(Wire):
    """Why somebody needs the numbers and names of this one matter."""

    reason: Reason


class Unmasked(Wire):
    """Until when the asker, and nobody else, is shown the matter whole."""

    until: Moment


def hidden_from(identity: Identity) -> frozenset[Kind]:
    """What lists and the live stream cover for the asker."""
    return KINDS - seen_by(identity.roles)


async def veil_of_order(request: web.Request, order: WorkOrderRecord, actor: Actor) -> Veil:
    """The asker's veil over one order."""
    return await _veil(request, [order_object(order.number)], concerns(order.life, actor), names_of(order))


async def veil_of_call(request: web.Request, call: CallRecord) -> Veil:
    """The asker's veil over one call: that of its order, or of its own while it has none."""
    objects = [call_object(call.linked_id)]
    own, names = False, tuple[str, ...]()
    if call.order_number:
        objects.append(order_object(call.order_number))
        for order in await request.app[SERVICES].views.work_orders_named([call.order_number]):
            own, names = concerns(order.life, await actor_of(request)), names_of(order)
    return await _veil(request, objects, own, names)


async def _veil(request: web.Request, objects: Collection[str], own: bool, names: tuple[str, ...]) -> Veil:
    identity = request[IDENTITY]
    return veil_of(identity.roles, own=own, unmasked=await unmasked_until(request, objects) is not None, names=names)


async def unmasked_until(request: web.Request, objects: Collection[str]) -> datetime | None:
    """Until when the asker has these unmasked; a machine never has."""
    identity = request[IDENTITY]
    if identity.kind != "session":
        return None
    return await request.app[SERVICES].privacy.unmaskings.in_force(identity.name, objects)


async def tones_of(request: web.Request, linked_id: str, tracks: Collection[RecordingTrack]) -> Tones:
    """The seconds in which the asker hears a tone; NotMaskedYet while it is not known what the tracks hold."""
    detail = await request.app[SERVICES].views.call(linked_id)
    if detail is None:
        raise NotFound(f"There is no call {linked_id[:80]}.")
    veil = await veil_of_call(request, detail.call)
    if not veil.hidden:
        return {}
    if any(t.state not in TRANSCRIBED for t in tracks):
        raise NotMaskedYet("这段录音还没有转写，号码无法遮盖；请等转写完成，或说明理由后查看。")
    heard = {t.track for t in tracks}
    return {speaker: spans for speaker, spans in veil.seconds(spoken(detail)).items() if spans and speaker in heard}


async def unmask_call(request: web.Request) -> web.Response:
    """POST /api/v1/calls/{linked_id}/unmasking."""
    read_query(request, NoQuery)
    wish = await _wish(request)
    linked_id = request.match_info["linked_id"]
    await demand_call(request, linked_id)
    if not await request.app[SERVICES].views.calls_named([linked_id]):
        raise NotFound(f"There is no call {linked_id[:80]}.")
    return await _unmask(request, call_object(linked_id), wish)


async def unmask_order(request: web.Request) -> web.Response:
    """POST /api/v1/work-orders/{number}/unmasking."""
    read_query(request, NoQuery)
    wish = await _wish(request)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    return await _unmask(request, order_object(order.number), wish)


_WISH: TypeAdapter[UnmaskWish] = TypeAdapter(UnmaskWish)


async def _wish(request: web.Request) -> UnmaskWish:
    wish = await read_body(request, _WISH, request.app[OPTIONS].body_limit_bytes)
    if request[IDENTITY].kind != "session":
        raise Denied("A person answers for this: log in with a session, not a token.")
    return wish


async def _unmask(request: web.Request, object_name: str, wish: UnmaskWish) -> web.Response:
    privacy = request.app[SERVICES].privacy
    until = await privacy.unmaskings.unmask(request[IDENTITY].name, object_name, wish.reason, privacy.unmask_minutes)
    return answer(Unmasked(until=until))


UNMASKING_ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/api/v1/calls/{linked_id}/unmasking", unmask_call,
        "See the numbers and names of one call for a while, with a reason; audited", {200: Unmasked},
        permission="calls.unmask", bodies=(UnmaskWish,), problems=frozenset({413, 415}),
    ),
    Route(
        "POST", "/api/v1/work-orders/{number}/unmasking", unmask_order,
        "See the numbers and names of one order and its calls for a while, with a reason; audited", {200: Unmasked},
        permission="orders.unmask", bodies=(UnmaskWish,), problems=frozenset({413, 415}),
    ),
)
