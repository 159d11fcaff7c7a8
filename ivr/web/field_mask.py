"""Field masks: an answer cut down to the fields a client names.

``fields=calls.linked_id,calls.state,next`` names paths from the top of the answer; a list is walked through. A field that
is named is given with all that is below it. Made for machines on thin lines: a platform that only wants numbers and
states of orders does not fetch their texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from aiohttp import web
from pydantic import BaseModel

from ivr.web.errors import BadRequest

PARAMETER = "fields"
MASKED: web.RequestKey[bool] = web.RequestKey("masked", bool)
MOST = 50

Mask = dict[str, Any]
"""Name → the mask below it; empty: everything below."""


@cache
def paths_of(model: type[BaseModel]) -> frozenset[str]:
    """Every path there is in answers of this model."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(name)
        for below in _models(field.annotation):
            found |= {f"{name}.{path}" for path in paths_of(below)}
    return frozenset(found)


def read_mask(text: str, model: type[BaseModel]) -> Mask:
    """The mask a client wrote, held against the answer's model; BadRequest names what there is instead."""
    paths = text.split(",")
    if len(paths) > MOST:
        raise _refused(f"at most {MOST} names")
    known = paths_of(model)
    if unknown := [path for path in paths if path not in known]:
        above = unknown[0].rpartition(".")[0]
        there = sorted(path for path in known if path.rpartition(".")[0] == above) or sorted(p for p in known if "." not in p)
        raise _refused(f"there is no {unknown[0][:60] or 'field without a name'}; there are {', '.join(there)}")
    mask: Mask = {}
    for path in paths:
        names = path.split(".")
        if any(".".join(names[:n]) in paths for n in range(1, len(names))):
            continue  # something above it is named, which holds it
        below = mask
        for name in names:
            below = below.setdefault(name, {})
    return mask


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models a field of this type holds, alone or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for one in get_args(annotation):
        yield from _models(one)


def _refused(problem: str) -> BadRequest:
    return BadRequest(f"{PARAMETER}: {problem}", [{"where": "query", "name": PARAMETER, "problem": problem}])


def masked(value: Any, mask: Mask) -> Any:
    """The JSON value with only what the mask names."""
    if not mask:
        return value
    if isinstance(value, list):
        return [masked(one, mask) for one in value]
    if isinstance(value, dict):
        return {name: masked(one, mask[name]) for name, one in value.items() if name in mask}
    return value


def narrow(response: web.StreamResponse, mask: Mask) -> web.StreamResponse:
    """An answer of status 200 cut down to the mask; any other is given as it is."""
    if response.status == 200 and isinstance(response, web.Response) and isinstance(response.body, bytes):
        response.body = json.dumps(masked(json.loads(response.body), mask), ensure_ascii=False).encode()
    return response
