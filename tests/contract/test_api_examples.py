"""Examples of the OpenAPI document: there is one wherever something is sent or refused, and each is what the server takes or says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, create_model

from ivr.web.openapi import document
from ivr.web.openapi_examples import BODIES
from ivr.web.problem_models import Problem
from ivr.web.routes import ROUTES

DOCUMENT = document(ROUTES, "ivr_session")
MODELS = {model.__name__: model for route in ROUTES for model in route.bodies}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_body_has_an_example_and_no_example_is_of_nothing() -> None:
    assert set(BODIES) == set(MODELS), "write an example for each body in ivr/web/openapi_examples.py"
    for name, operation in operations():
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"], name


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_example_is_taken(name: str) -> None:
    model: type[BaseModel] = MODELS[name]
    strict = create_model(f"Strict{name}", __base__=model)
    strict.model_config = ConfigDict(**{**model.model_config, "extra": "forbid"})
    strict.model_rebuild(force=True)
    strict.model_validate(BODIES[name], strict=None)


def test_every_problem_has_an_example_of_its_own_status() -> None:
    for name, operation in operations():
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/problem+json")
            if content is None:
                continue
            example = Problem.model_validate(content["example"])
            assert (str(example.status), example.type) == (status, f"urn:ivr:problem:{example.code}"), name
