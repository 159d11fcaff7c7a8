"""One case as one archive: order, recordings, films, transcripts, audit rows and checksums, covered as the asker is shown them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime

import structlog
from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from ivr.domain.disclosure import Veil
from ivr.domain.errors import IvrError, NotFound
from ivr.domain.picture import ENDINGS, Picture
from ivr.domain.room_film import ENDINGS as FILM_ENDINGS
from ivr.domain.work_order import Actor
from ivr.ports.views import CallDetail, WorkOrderRecord
from ivr.ports.web import Tones
from ivr.web.audio import confined
from ivr.web.byte_ranges import pieces_of
from ivr.web.context import IDENTITY, OPTIONS, SERVICES
from ivr.web.films import OrderFilms, film_pieces, shown_film
from ivr.web.models import SHANGHAI, Wire
from ivr.web.order_access import actor_of, demand_content, known_order
from ivr.web.orders import order_detail
from ivr.web.pictures import OrderPictures, shown_picture
from ivr.web.present import TRANSCRIBED, call_answer, spoken
from ivr.web.query import NoQuery, read_body, read_query
from ivr.web.route import Route
from ivr.web.supervision_models import Reason
from ivr.web.veils import veil_of_order
from ivr.web.zip_stream import Entry, zip_pieces

_SEND_TIMEOUT_S = 60.0
_log = structlog.get_logger(__name__)


class CaseWish(Wire):
    """Why the case leaves the system, and for whom."""

    reason: Reason


_WISH: TypeAdapter[CaseWish] = TypeAdapter(CaseWish)


async def export_case(request: web.Request) -> web.StreamResponse:
    """POST /api/v1/work-orders/{number}/case: streamed; the audit row is written before the first byte."""
    read_query(request, NoQuery)
    wish = await read_body(request, _WISH, request.app[OPTIONS].body_limit_bytes)
    actor = await actor_of(request)
    order = await known_order(request, actor)
    demand_content(order, actor)
    services, veil = request.app[SERVICES], await veil_of_order(request, order, actor)
    found = [await services.views.call(linked_id) for linked_id in order.calls]
    calls = [detail for detail in found if detail is not None]
    await services.audit.append(
        request[IDENTITY].actor, "case.exported", order.number,
        {"reason": wish.reason, "masked": ",".join(sorted(veil.hidden)), "calls": len(calls)},
    )
    at = datetime.now(SHANGHAI)
    entries = await _entries(request, order, actor, calls, veil, wish.reason, at)
    response = web.StreamResponse(headers={
        "Content-Disposition": f'attachment; filename="case-{order.number}.zip"', "Cache-Control": "private, no-store",
    })
    response.content_type = "application/zip"
    await response.prepare(request)
    try:
        async for piece in zip_pieces(entries, at):
            if piece:
                async with asyncio.timeout(_SEND_TIMEOUT_S):
                    await response.write(piece)
        await response.write_eof()
    except (IvrError, OSError, TimeoutError) as error:
        # Begun it can only be sent whole or be cut off: without its end no program takes it for a whole archive.
        _log.warning("case_cut_off", order=order.number, error=type(error).__name__)
        if request.transport is not None:
            request.transport.abort()
    return response


async def _entries(
    request: web.Request, order: WorkOrderRecord, actor: Actor, calls: Collection[CallDetail], veil: Veil, reason: str, at: datetime
) -> list[Entry]:
    """Everything but the sound is put together before anything is sent: what cannot be read is then still an error answer."""
    told = await order_detail(request, order, actor)
    audit = await request.app[SERVICES].privacy.cases.audit_rows([order.number, *order.calls])
    rows = [
        {"id": r.id, "at": r.at.astimezone(UTC).isoformat(), "actor": r.actor, "action": r.action, "object": r.object_name,
         "detail": {k: veil.text(v) if isinstance(v, str) else v for k, v in json.loads(r.detail).items()}, "digest": r.digest}
        for r in audit
    ]  # fmt: skip
    sounds: list[Entry] = []
    left_out: list[str] = []
    for detail in calls:
        for name, entry in await _sounds(request, detail, veil):
            if entry is None:
                left_out.append(name)
            else:
                sounds.append((name, entry))
    about = {
        "order": order.number, "exported_at": at.isoformat(timespec="seconds"), "exported_by": request[IDENTITY].actor,
        "reason": reason, "masked": sorted(veil.hidden), "left_out": left_out,
    }
    pictures = await request.app[SERVICES].pictures.of_order(order.number)
    for picture in pictures:
        name = f"pictures/{picture.id}.{ENDINGS[picture.media_type]}"
        # Nothing in a picture can be covered.
        entry = None if veil.hidden or picture.deleted_at else await _picture(request, picture)
        if entry is None:
            left_out.append(name)
        else:
            sounds.append((name, entry))
    films = await request.app[SERVICES].films.of_order(order.number)
    for film in films:
        if not film.path:
            continue
        name = f"films/{film.id}.{FILM_ENDINGS[film.media_type]}"
        # Nor can anything in a film.
        entry = None if veil.hidden or film.deleted_at else await film_pieces(request, film)
        if entry is None:
            left_out.append(name)
        else:
            sounds.append((name, entry))
    texts: list[Entry] = [("about.json", _text(about)), ("order.json", _model(told)), ("audit.json", _text(rows))]
    if pictures:
        texts.append(("pictures.json", _model(OrderPictures(pictures=[shown_picture(p) for p in pictures]))))
    if films:
        texts.append(("films.json", _model(OrderFilms(films=[shown_film(film) for film in films]))))
    texts += [(f"calls/{_plain(d.call.linked_id)}/call.json", _model(call_answer(d, veil))) for d in calls]
    return texts + sounds


async def _sounds(request: web.Request, detail: CallDetail, veil: Veil) -> list[tuple[str, AsyncIterator[bytes] | None]]:
    """One WAV for each track, with tones; None for one that is gone, or of which it is not known yet what would be covered."""
    found: list[tuple[str, AsyncIterator[bytes] | None]] = []
    tones: Tones = {s: spans for s, spans in veil.seconds(spoken(detail)).items() if spans} if veil.hidden else {}
    for track in await request.app[SERVICES].views.tracks(detail.call.linked_id) or ():
        name = f"calls/{_plain(detail.call.linked_id)}/{track.track}.wav"
        if not track.seconds or (veil.hidden and track.state not in TRANSCRIBED):
            found.append((name, None))
            continue
        path = await asyncio.to_thread(confined, request.app[OPTIONS].recordings_dir, track.path)
        try:
            sound = await request.app[SERVICES].audio.open({track.track: path}, track.track, tones)
        except (NotFound, IvrError) as missing:
            _log.warning("case_sound_missing", path=track.path, error=type(missing).__name__)
            found.append((name, None))
            continue
        found.append((name, pieces_of(sound)))
    return found


async def _picture(request: web.Request, picture: Picture) -> AsyncIterator[bytes] | None:
    try:
        data = await request.app[SERVICES].pictures.read(picture)
    except NotFound as missing:
        _log.warning("case_picture_missing", picture=picture.id, error=str(missing))
        return None
    return _bytes(data)


async def _bytes(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _text(value: object) -> AsyncIterator[bytes]:
    yield json.dumps(value, ensure_ascii=False, indent=1).encode()


async def _model(model: BaseModel) -> AsyncIterator[bytes]:
    yield model.model_dump_json(indent=1).encode()


def _plain(linked_id: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "_" for c in linked_id)[:120]


CASE_ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/api/v1/work-orders/{number}/case", export_case,
        "The case as one ZIP with checksums, covered as the asker is shown it; with a reason, audited",
        {200: "application/zip"}, permission="cases.export", bodies=(CaseWish,), problems=frozenset({413, 415}),
    ),
)
