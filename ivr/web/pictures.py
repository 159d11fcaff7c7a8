"""Pictures of documents held to a village's camera: kept by who talks with it, read under the rules of its order."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints, TypeAdapter

from ivr.domain.errors import Denied, NotFound
from ivr.domain.picture import ENDINGS, MOST_BYTES, MediaType, Picture, PictureRefused
from ivr.ports.desk import SeatLost
from ivr.ports.views import CallRecord
from ivr.web.context import IDENTITY, SERVICES, answer
from ivr.web.models import Moment, Wire
from ivr.web.order_access import actor_of, demand_content, known_order
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.route import Route
from ivr.web.veils import veil_of_order

_MOST_TEXT = (MOST_BYTES + 2) // 3 * 4
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class PictureWish(Wire):
    """The picture itself, one PNG or JPEG, in base64 (RFC 4648 §4)."""

    picture: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=_MOST_TEXT)]


class OrderPicture(Wire):
    """A picture as it is listed. ``asked_at`` is when the villager was asked, ``taken_by`` who heard the consent.

    ``gone``: its time was over, and only its name is left.
    """

    id: int
    linked_id: str
    media_type: MediaType
    width: int
    height: int
    size_bytes: int
    sha256: str = Field(description="of the file, in hex")
    asked_at: Moment
    taken_at: Moment
    taken_by: str
    gone: bool


class OrderPictures(Wire):
    """Of all calls of an order, the oldest first."""

    pictures: list[OrderPicture]


_WISH: TypeAdapter[PictureWish] = TypeAdapter(PictureWish)


async def take_picture(request: web.Request) -> web.Response:
    """POST /api/v1/calls/{linked_id}/pictures: what was said of the bytes is not believed, they are decoded."""
    read_query(request, NoQuery)
    # As JSON the picture is a third longer; beside it there is next to nothing.
    limit = _MOST_TEXT + 1024
    wish = await read_body(request.clone(client_max_size=limit), _WISH, limit)
    services, me = request.app[SERVICES], request[IDENTITY]
    if me.kind != "session":
        raise Denied("A person answers for this: log in with a session, not a token.")
    linked_id = request.match_info["linked_id"]
    found = await services.views.calls_named([linked_id])
    if not found:
        raise NotFound(f"There is no call {linked_id[:80]}.")
    await _demand_talks(request, found[0])
    try:
        data = base64.b64decode(wish.picture, validate=True)
    except (binascii.Error, ValueError):
        raise PictureRefused("图片没有完整送到。") from None
    kept = await services.pictures.keep(linked_id, data, me.name)
    return answer(shown_picture(kept), status=201)


async def list_pictures(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders/{number}/pictures."""
    read_query(request, NoQuery)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    found = await request.app[SERVICES].pictures.of_order(order.number)
    return answer(OrderPictures(pictures=[shown_picture(p) for p in found]))


async def show_picture(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders/{number}/pictures/{picture}: the audit row of reading it is written before the first byte."""
    read_query(request, NoQuery)
    services, actor = request.app[SERVICES], await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    wanted = request.match_info["picture"]
    number = int(wanted) if _NUMBER.fullmatch(wanted) else 0
    picture = next((p for p in await services.pictures.of_order(order.number) if p.id == number), None)
    if picture is None:
        raise NotFound(f"This order has no picture {wanted[:40]}.")
    if (await veil_of_order(request, order, actor)).hidden:
        raise Denied("图片里的号码和姓名无法遮盖：请先说明理由查看，再打开图片。")
    data = await services.pictures.read(picture)
    await services.audit.append(request[IDENTITY].actor, "picture.read", order.number, {"picture": picture.id})
    return web.Response(
        body=data, content_type=picture.media_type,
        headers={
            "Cache-Control": "private, no-store",
            "Content-Disposition": f'inline; filename="{order.number}-{picture.id}.{ENDINGS[picture.media_type]}"',
        },
    )


def shown_picture(picture: Picture) -> OrderPicture:
    """As it goes over the wire."""
    return OrderPicture(
        id=picture.id, linked_id=picture.linked_id, media_type=picture.media_type, width=picture.width, height=picture.height,
        size_bytes=picture.size_bytes, sha256=picture.sha256.hex(), asked_at=picture.asked_at, taken_at=picture.taken_at,
        taken_by=picture.taken_by, gone=picture.deleted_at is not None,
    )


async def _demand_talks(request: web.Request, call: CallRecord) -> None:
    """Who holds the seat that answered the call, or that it was handed to, and nobody else."""
    desk, me = request.app[SERVICES].desk, request[IDENTITY]
    lease = await desk.leases.held(me.name, me.credential)
    seat = desk.seats.get(lease.seat) if lease is not None else None
    if seat is None:
        raise SeatLost("You have no seat any more. Take one first.")
    if call.channel != "village_video" and not call.device:
        raise PictureRefused("只有村居视频通话可以拍照。")
    if seat.interface != call.member_interface and (not seat.work_number or seat.work_number != call.transferred_to):
        raise Denied("这通电话不是您的座席接听的。")


PICTURE_ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/api/v1/calls/{linked_id}/pictures", take_picture,
        "Keep a picture of what a village held to its camera, once its villager was asked; audited", {201: OrderPicture},
        permission="desk.use", bodies=(PictureWish,), problems=frozenset({404, 409, 413, 415}),
    ),
    Route(
        "GET", "/api/v1/work-orders/{number}/pictures", list_pictures, "The pictures taken in the calls of an order",
        {200: OrderPictures}, permission="orders.own",
    ),
    Route(
        "GET", "/api/v1/work-orders/{number}/pictures/{picture}", show_picture,
        "One picture as it was kept; each reading is audited", {200: "image/png, image/jpeg"}, permission="orders.own",
    ),
)
