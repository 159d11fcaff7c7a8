"""Schemathesis against the served application: no 5xx, no undocumented status, no answer beside its schema."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ivr.domain.roles import ROLES
from ivr.web.app import create_app, create_runner
from ivr.web.openapi import document
from ivr.web.routes import ROUTES
from tests.fakes.web_services import fake_services, options, token_of
from tests.fakes.web_world import wav

DOCUMENT = document([r for r in ROUTES if r.path != "/api/v1/live"], "ivr_session")
schema = schemathesis.openapi.from_dict(DOCUMENT)
drawn = schemathesis.openapi.from_dict(DOCUMENT)
drawn.config.phases.coverage.enabled = False  # every edge of every parameter, once: not again for each role


def rejected(context: CheckContext, response: Response, case: schemathesis.Case[Any]) -> bool | None:
    """What is not as documented is refused; a parameter that is wrong and endless may be refused for its length alone."""
    return None if response.status_code == 414 else negative_data_rejection(context, response, case)


WHOLE = {(r.method, r.path): m for r in ROUTES if r.masks and isinstance(m := r.answers[200], type)}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    rejected,
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The application in a thread with a loop of its own: schemathesis is synchronous."""
    folder: Path = tmp_path_factory.mktemp("web")
    (folder / "recordings/2026").mkdir(parents=True)
    (folder / "recordings/2026/a-rx.wav").write_bytes(wav(1.0, 5))
    loop = asyncio.new_event_loop()
    ready: list[str] = []
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        runner = create_runner(create_app(fake_services(), options(folder)))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.append("http://{}:{}".format(*runner.addresses[0][:2]))
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(10)
    yield ready[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()


FULL = int(os.environ.get("FUZZ_EXAMPLES", "12"))
"""Examples of each operation for who may do everything; each role alone gets a fifth of it."""


def fuzz(examples: int) -> Callable[[Any], Any]:
    """The same examples on every run."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def check(case: schemathesis.Case[Any], address: str, roles: Sequence[str]) -> None:
    headers = {"Authorization": f"Bearer {token_of(*roles)}", "Accept": "application/json"}
    if "inbound" in case.operation.path:
        headers["Ivr-Signature"] = "v1=taken for right here"  # wrong ones are in tests/integration/test_web_inbound.py
    response = case.call_and_validate(base_url=address, headers=headers, checks=CHECKS)
    whole = WHOLE.get((case.method, case.operation.path))
    if whole is not None and response.status_code == 200 and "fields" not in (case.query or {}):
        whole.model_validate(response.json())  # the document's schema also allows answers that were cut down


@schema.parametrize()
@fuzz(FULL)
def test_whatever_is_sent_the_answer_is_documented(case: schemathesis.Case[Any], address: str) -> None:
    check(case, address, ROLES)


@pytest.mark.parametrize("role", ROLES)
@drawn.parametrize()
@fuzz(max(1, FULL // 5))
def test_whoever_sends_it_the_answer_is_documented(case: schemathesis.Case[Any], address: str, role: str) -> None:
    check(case, address, [role])
