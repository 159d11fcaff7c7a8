"""Recorded pictures of rooms of three sides: listed and played under the rules of their order."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial

import structlog
from aiohttp import web
from pydantic import Field

from ivr.domain.errors import Denied, NotFound
from ivr.domain.room_film import ENDINGS, Film, FilmProblem
from ivr.web.audit_once import AUDIT_ONCE
from ivr.web.byte_ranges import pieces_of, send_ranged
from ivr.web.context import IDENTITY, SERVICES, answer
from ivr.web.models import Moment, Wire
from ivr.web.order_access import actor_of, demand_content, known_order
from ivr.web.query import NoQuery, read_query
from ivr.web.route import Route
from ivr.web.veils import veil_of_order

_FILM = "video/webm, video/mp4"
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_log = structlog.get_logger(__name__)


class OrderFilm(Wire):
    """A room's picture and sound as it is listed. ``told_at`` is when the villager had heard that it is recorded.

    ``problem``: why there is no file. ``gone``: its time was over, and only its name is left.
    """

    id: int
    linked_id: str
    media_type: str
    width: int = Field(description="pixels of the first picture")
    height: int
    frames: int = Field(description="pictures in the file")
    seconds: float
    size_bytes: int
    sha256: str = Field(description="of the file, in hex")
    began_at: Moment
    told_at: Moment | None
    third_told: str = Field(description="who came in and had heard it too: a device, work number or extension")
    third_told_at: Moment | None
    problem: FilmProblem
    gone: bool


class OrderFilms(Wire):
    """Of all rooms of an order's calls, the oldest first."""

    films: list[OrderFilm]


async def list_films(request: web.Request) -> web.Response:
    """GET /api/v1/work-orders/{number}/films."""
    read_query(request, NoQuery)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    found = await request.app[SERVICES].films.of_order(order.number)
    return answer(OrderFilms(films=[shown_film(film) for film in found]))


async def play_film(request: web.Request) -> web.StreamResponse:
    """GET and HEAD /api/v1/work-orders/{number}/films/{film}: whole or one range; the audit row comes first."""
    read_query(request, NoQuery)
    services, actor = request.app[SERVICES], await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    wanted = request.match_info["film"]
    number = int(wanted) if _NUMBER.fullmatch(wanted) else 0
    film = next((f for f in await services.films.of_order(order.number) if f.id == number), None)
    if film is None:
        raise NotFound(f"This order has no film {wanted[:40]}.")
    if (await veil_of_order(request, order, actor)).hidden:
        raise Denied("录像里的面容、号码和姓名无法遮盖：请先说明理由查看，再播放录像。")
    file = await services.films.open(film)
    try:
        etag = f'"{film.sha256.hex()[:32]}"'
        named = {"Content-Disposition": f'inline; filename="{order.number}-{film.id}.{ENDINGS[film.media_type]}"'}
        about = f"{order.number}/{film.id}", {"linked_id": film.linked_id}
        note = partial(request.app[AUDIT_ONCE].note, request[IDENTITY], "film.played", *about)
        return await send_ranged(request, file, film.media_type, etag, note, named)
    finally:
        await file.close()


async def film_pieces(request: web.Request, film: Film) -> AsyncIterator[bytes] | None:
    """The whole file for a case's archive; None when it is not there."""
    try:
        file = await request.app[SERVICES].films.open(film)
    except NotFound as missing:
        _log.warning("case_film_missing", film=film.id, error=str(missing))
        return None
    return pieces_of(file)


def shown_film(film: Film) -> OrderFilm:
    """As it goes over the wire."""
    return OrderFilm(
        id=film.id, linked_id=film.linked_id, media_type=film.media_type, width=film.width, height=film.height,
        frames=film.frames, seconds=round(film.seconds, 3), size_bytes=film.size_bytes, sha256=film.sha256.hex(),
        began_at=film.began_at,
        told_at=film.told_at, third_told=film.third_told, third_told_at=film.third_told_at, problem=film.problem,
        gone=film.deleted_at is not None,
    )


FILM_ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/api/v1/work-orders/{number}/films", list_films, "The recorded pictures of rooms of three sides of an order",
        {200: OrderFilms}, permission="orders.own",
    ),
    Route(
        "GET", "/api/v1/work-orders/{number}/films/{film}", play_film,
        "One of them as a video with its sound, whole or a range of it; each playing is audited",
        {200: _FILM, 206: _FILM}, permission="recordings.play",
        headers={"Range": "one byte range; several are answered with the whole", "If-Range": "the ETag the range belongs to"},
        problems=frozenset({416}),
    ),
    Route(
        "HEAD", "/api/v1/work-orders/{number}/films/{film}", play_film, "Size of the film", {200: None},
        permission="recordings.play",
    ),
)
