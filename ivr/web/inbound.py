"""POST /api/v1/inbound/tasks: a partner hands over a matter, signed, and gets our order number."""

from __future__ import annotations

import hashlib
from typing import Annotated

from aiohttp import web
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter

from ivr.domain.order_number import parse
from ivr.ports.partners import InboundCall, NewTask
from ivr.web.context import OPTIONS, SERVICES, answer
from ivr.web.errors import BadRequest
from ivr.web.models import Moment, Wire
from ivr.web.query import NoQuery, read_body, read_query, read_raw


def _line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must be one line without control characters")
    return value


def _lines(value: str) -> str:
    if not all(line.isprintable() for line in value.replace("\t", " ").split("\n")):
        raise ValueError("may hold line feeds and tabs, but no other control characters")
    return value


Line = Annotated[str, AfterValidator(_line)]


class InboundTask(Wire):
    """A matter handed over. ``category``, ``matter`` and ``place`` are codes of this hotline's tables; leave out the unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    reference: Line = Field(min_length=1, max_length=64, description="the sender's own number of it; each is filed once")
    title: Line = Field(min_length=1, max_length=100)
    description: Annotated[str, AfterValidator(_lines)] = Field("", max_length=4000)
    category: Line = Field("", max_length=40)
    matter: Line = Field("", max_length=40)
    place: Line = Field("", max_length=40, description="code of a town or village")
    caller_name: Line = Field("", max_length=40)
    caller_number: str = Field("", pattern=r"^([0-9]{3,20})?$", description="telephone of the citizen, digits only")
    urgent: bool = Field(False, description="raises an alarm on every page until somebody accepts it")


class FiledAnswer(Wire):
    """The order the task became; the same answer each time the same key comes with the same body."""

    number: str
    short_number: str = Field(description="what a citizen keys to ask how it stands")
    reference: str
    received_at: Moment


TASK: TypeAdapter[InboundTask] = TypeAdapter(InboundTask)


async def file_task(request: web.Request) -> web.Response:
    """Signature first, body second: who is not a partner learns nothing of what a body must hold."""
    read_query(request, NoQuery)
    partners, codes = request.app[SERVICES].partners, request.app[SERVICES].codes
    limit = request.app[OPTIONS].body_limit_bytes
    raw = await read_raw(request, limit)
    partner, key = partners.scheme.sender(InboundCall({name.lower(): value for name, value in request.headers.items()}, raw))
    task = await read_body(request, TASK, limit)
    names = {}
    for kind in ("category", "matter"):
        code = getattr(task, kind)
        names[kind] = codes.name("", kind, code) if code else ""
        if names[kind] is None:
            wrong = {"where": "body", "name": kind, "problem": "is no code of the tables in force"}
            raise BadRequest(f"{kind}: {wrong['problem']}", [wrong])
    filed = await partners.inbox.file(
        partner, key, hashlib.sha256(raw).digest(),
        NewTask(
            task.reference, task.title, task.description, task.category, names["category"] or "", task.matter,
            names["matter"] or "", task.place, task.caller_name, task.caller_number, task.urgent,
        ),
    )
    return answer(
        FiledAnswer(
            number=filed.number, short_number=parse(filed.number).short, reference=task.reference, received_at=filed.received_at
        ), status=201,
    )
