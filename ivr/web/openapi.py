"""The OpenAPI 3.1 document, generated from the routes and the pydantic models they name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ivr import __version__
from ivr.domain.delivery import SIGNATURE_HEADER
from ivr.web import models
from ivr.web.errors import PROBLEM_TYPE
from ivr.web.field_mask import MOST, PARAMETER, paths_of
from ivr.web.openapi_examples import BODIES, PROBLEMS
from ivr.web.problem_models import Problem
from ivr.web.risk import RiskChange
from ivr.web.roster import RosterChange
from ivr.web.route import Route, problems_of
from ivr.web.supervision_models import SeatChange
from ivr.web.tasks import TaskChange

_REF = "#/components/schemas/{model}"
_STREAMED = (models.LiveSnapshot, models.Alarm, models.LiveClock, SeatChange, RiskChange, TaskChange, RosterChange)
_PARTIAL = "Some"
_MASK = {
    "name": PARAMETER, "in": "query", "required": False, "style": "form", "explode": False,
    "description": "the fields wanted, as paths from the top, lists walked through, e.g. orders.number,orders.state,next",
    }
_RETRY = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}}


def document(routes: Iterable[Route], cookie: str) -> dict[str, Any]:
    """The document for the documented routes; ``cookie`` is the session cookie's name here."""
    routes = [route for route in routes if route.documented]
    schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "12348 hotline",
            "version": __version__,
            "description": "Queues, calls, recordings, transcripts and work orders. Times are ISO 8601 with the "
            "offset of Asia/Shanghai, durations are seconds. Errors are RFC 9457 problem documents.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": cookie},
                "token": {"type": "http", "scheme": "bearer"},
                "partner": {"type": "apiKey", "in": "header", "name": SIGNATURE_HEADER},
            },
        },
        "security": [{"session": []}, {"token": []}],
    }


def _schemas(routes: Iterable[Route]) -> dict[str, Any]:
    wanted: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = []
    for route in routes:
        wanted += [(m, "serialization") for m in route.answers.values() if isinstance(m, type)]
        wanted += [(m, "validation") for m in route.bodies]
    wanted += [(m, "serialization") for m in (*_STREAMED, Problem)]
    _, made = models_json_schema(list(dict.fromkeys(wanted)), ref_template=_REF)
    schemas: dict[str, Any] = made["$defs"]
    for route in routes:
        if route.masks and isinstance(model := route.answers[200], type):
            _add_partial(schemas, model.__name__)
    return schemas


def _add_partial(schemas: dict[str, Any], name: str) -> None:
    """What is left of a model when ``fields`` names some of its fields: the same, with nothing required."""
    if f"{_PARTIAL}{name}" in schemas:
        return
    text = json.dumps({key: value for key, value in schemas[name].items() if key != "required"})
    reference = re.compile(r'"#/components/schemas/(\w+)"')
    schemas[f"{_PARTIAL}{name}"] = json.loads(reference.sub(rf'"#/components/schemas/{_PARTIAL}\1"', text))
    for one in sorted(set(reference.findall(text))):
        _add_partial(schemas, one)


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}_{re.sub(r'[^a-z0-9]+', '_', route.path.lower()).strip('_')}",
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {str(status): _answer(status, kind, route.masks) for status, kind in route.answers.items()},
    }
    for status in sorted(problems_of(route)):
        operation["responses"][str(status)] = _problem(status, head=route.method == "HEAD")
    if route.open:
        operation["security"] = [{"partner": []}] if route.signed else []
    if route.bodies:
        schema = {"anyOf": [{"$ref": _REF.format(model=m.__name__)} for m in route.bodies]}
        content: dict[str, Any] = {"schema": schema}
        if examples := {m.__name__: {"value": BODIES[m.__name__]} for m in route.bodies if m.__name__ in BODIES}:
            content["examples"] = examples
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    query = route.query.model_json_schema()
    for name, schema in query.get("properties", {}).items():
        schema = {key: value for key, value in schema.items() if key not in ("title", "default") or value is not None}
        schema.pop("title", None)
        description = schema.pop("description", None)
        choices = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
        schema |= choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}
        parameter = {"name": name, "in": "query", "required": name in query.get("required", ()), "schema": schema}
        found.append({**parameter, "description": description} if description else parameter)
    if route.masks and isinstance(model := route.answers[200], type):
        paths = {"type": "string", "enum": sorted(paths_of(model))}
        found.append(_MASK | {"schema": {"type": "array", "items": paths, "minItems": 1, "maxItems": MOST}})
    for name, description in route.headers.items():
        found.append(
            {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
        )
    return found


def _answer(status: int, kind: type[BaseModel] | str | None, masks: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if isinstance(kind, type):
        schema: dict[str, Any] = {"$ref": _REF.format(model=kind.__name__)}
        if masks and status == HTTPStatus.OK:
            schema = {"anyOf": [schema, {"$ref": _REF.format(model=f"{_PARTIAL}{kind.__name__}")}]}
        answer["content"] = {"application/json": {"schema": schema}}
    elif kind == "text/event-stream":
        answer["description"] = (
            "Events: snapshot (LiveSnapshot), queue (QueueStatus), call (CallRow), order (WorkOrder), alarm (Alarm), "
            "seat (SeatChange), risk (RiskChange), task (TaskChange), roster (RosterChange), each with its number as id where it "
            "is stored; clock (LiveClock) without."
        )
        answer["content"] = {kind: {"schema": {"type": "string"}}}
    elif kind is not None:
        answer["content"] = {one: {"schema": {"type": "object"} if one == "application/json" else {}} for one in kind.split(", ")}
    return answer


def _problem(status: int, *, head: bool) -> dict[str, Any]:
    problem: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if not head:
        content: dict[str, Any] = {"schema": {"$ref": _REF.format(model="Problem")}}
        if status in PROBLEMS:
            code, detail = PROBLEMS[status]
            content["example"] = {
                "type": f"urn:ivr:problem:{code}", "title": HTTPStatus(status).phrase, "status": status, "code": code,
                "detail": detail,
            }
        problem["content"] = {PROBLEM_TYPE: content}
    if status in (429, 503):
        problem["headers"] = _RETRY
    return problem
