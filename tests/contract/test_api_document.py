"""The OpenAPI document and the server agree: valid, complete, closed without credentials, problems everywhere."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import validate
from pydantic import ValidationError

from ivr.web.app import create_app
from ivr.web.auth import cookie_name
from ivr.web.openapi import document
from ivr.web.problem_models import Problem
from ivr.web.routes import ROUTES
from tests.fakes.web_services import TOKEN, fake_services, options

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]
DOCUMENT = document(ROUTES, "ivr_session")
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def client(tmp_path: Path, **changes: Any) -> AsyncIterator[TestClient[Any, Any]]:
    app = create_app(fake_services(), options(tmp_path, **changes))
    async with TestClient(TestServer(app)) as found:
        yield found


async def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


async def test_the_server_hands_out_this_document_to_those_who_are_logged_in(tmp_path: Path) -> None:
    async with client(tmp_path) as c:
        served = await (await c.get("/api/openapi.json", headers=BEARER)).json()
    assert served == json.loads(json.dumps(DOCUMENT))


async def test_every_api_route_is_in_the_document_and_the_other_way_round(tmp_path: Path) -> None:
    app = create_app(fake_services(), options(tmp_path))
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and (route.resource.canonical.startswith(("/api", "/healthz")))
    }
    documented = {(m.upper(), path) for path, methods in DOCUMENT["paths"].items() for m in methods}
    assert served == documented


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
async def test_without_credentials_only_the_login_page_and_health_answer(tmp_path: Path, route: Any) -> None:
    open_routes = {
        ("GET", "/healthz"), ("POST", "/api/v1/session"), ("GET", "/"), ("GET", "/favicon.svg"), ("GET", "/assets/{name}"),
        ("GET", "/api/v1/provision/{token}/{file}"),  # closed by its token: tests/integration/test_web_provisioning.py
        ("GET", "/api/v1/idle/{device}/{token}"),
        ("POST", "/api/v1/inbound/tasks"),  # closed by its signature: tests/integration/test_web_inbound.py
    }  # fmt: skip
    assert route.open is ((route.method, route.path) in open_routes)
    async with client(tmp_path) as c:
        address = re.sub(r"{\w+}", "1", route.path)
        if not route.open:
            for headers in ({}, {"Authorization": "Bearer ivr_wrong"}, {"Cookie": "ivr_session=wrong"}):
                async with c.request(route.method, address, headers=headers) as response:
                    assert response.status == 401 and "Bearer" in response.headers["WWW-Authenticate"]
                    if route.method != "HEAD":
                        Problem.model_validate(await response.json(content_type="application/problem+json"))


@pytest.mark.parametrize(
    ("method", "address"),
    [("GET", "/api/v1/unknown"), ("GET", "/api"), ("POST", "/api/v1/calls"), ("OPTIONS", "/api/v1/calls"),
     ("GET", "/anything"), ("PUT", "/"), ("TRACE", "/api/v1/queues"), ("GET", "/api/v1/calls/")],
)  # fmt: skip
async def test_what_does_not_exist_is_closed_too(tmp_path: Path, method: str, address: str) -> None:
    async with client(tmp_path) as c:
        async with c.request(method, address) as response:
            assert response.status == 401
        async with c.request(method, address, headers=BEARER) as response:
            assert response.status in (404, 405)
            Problem.model_validate(await response.json(content_type="application/problem+json"))


@pytest.mark.parametrize(
    ("body", "content_type", "status", "word"),
    [
        (b"{}", "application/json", 400, "password: Field required"),
        (b"[]", "application/json", 400, "body: "),
        (b'{"ticket":7,"name":"a"}', "application/json", 400, "name: is not"),
        (b"not json", "application/json", 400, ""),
        (b'{"name":"a","password":"b","role":"king"}', "application/json", 400, "role"),
        (b'{"name":"a\\u0000","password":"b"}', "application/json", 400, "NUL"),
        (b'{"name":"\\ud800","password":"b"}', "application/json", 400, ""),
        (b'{"name":5,"password":"b"}', "application/json", 400, "name"),
        (b"\xff\xfe", "application/json", 400, ""),
        (b'{"name":"a","password":"b"}', "text/plain", 415, "JSON"),
        (b'{"name":"' + b"a" * 70_000 + b'"}', "application/json", 413, "65536"),
        (b'{"name":"a","password":"secret-word"}', "application/json", 401, "wrong"),
        (b"[" * 60_000, "application/json", 400, ""),
    ],
)
async def test_bad_logins_are_told_what_is_wrong(
    tmp_path: Path, body: bytes, content_type: str, status: int, word: str
) -> None:
    async with client(tmp_path) as c:
        async with c.post("/api/v1/session", data=body, headers={"Content-Type": content_type}) as response:
            problem = Problem.model_validate(await response.json(content_type="application/problem+json"))
    assert (response.status, problem.status) == (status, status) and word in problem.detail
    assert "secret-word" not in problem.model_dump_json()


async def test_a_body_without_a_length_is_limited_too(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1024

    async with client(tmp_path) as c:
        async with c.post("/api/v1/session", data=endless(), headers={"Content-Type": "application/json"}) as response:
            assert response.status == 413


async def test_long_addresses_are_refused(tmp_path: Path) -> None:
    async with client(tmp_path) as c:
        async with c.get("/api/v1/calls?q=" + "a" * 5000, headers=BEARER) as response:
            assert response.status == 414
            Problem.model_validate(await response.json(content_type="application/problem+json"))


async def test_an_unexpected_failure_says_nothing_of_the_inside(tmp_path: Path) -> None:
    async with client(tmp_path) as c:
        async with c.get("/api/v1/calls/explode", headers=BEARER) as response:
            text = await response.text()
            assert response.status == 500 and "Traceback" not in text and "inner secret" not in text
            Problem.model_validate_json(text)


async def test_strict_headers_on_every_kind_of_answer(tmp_path: Path) -> None:
    (tmp_path / "static/assets").mkdir(parents=True)
    (tmp_path / "static/index.html").write_text("<!doctype html><style nonce=__CSP_NONCE__></style>热线")
    (tmp_path / "static/assets/app-1a2b.js").write_text("1")
    async with client(tmp_path, tls=True) as c:
        for address, status in [("/", 200), ("/assets/app-1a2b.js", 200), ("/healthz", 200), ("/api/v1/calls", 401),
                                ("/assets/none.js", 404), ("/assets/..%2Findex.html", 404)]:  # fmt: skip
            async with c.get(address) as response:
                assert response.status == status, address
                headers = response.headers
                assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
                assert "script-src 'self';" in headers["Content-Security-Policy"]
                assert headers["X-Content-Type-Options"] == "nosniff" and headers["Server"] == "ivr"
                assert headers["Referrer-Policy"] == "no-referrer" and "Strict-Transport-Security" in headers
                if "1a2b" in address:
                    assert "immutable" in headers["Cache-Control"]
                    assert response.content_type == "text/javascript"
                elif address != "/":
                    assert headers["Cache-Control"] == "no-store"
        nonces = set()
        for address in ("/", "/orders/640105", "/login?ticket=x"):
            async with c.get(address, headers={"Accept": "text/html,*/*"}) as response:
                text = await response.text()
                assert response.status == 200 and "热线" in text and response.headers["Cache-Control"] == "no-cache"
                nonce = text.split("nonce=")[1].split(">")[0]
                assert f"'nonce-{nonce}'" in response.headers["Content-Security-Policy"]
                nonces.add(nonce)
        assert len(nonces) == 3


async def test_without_built_pages_the_page_says_how_to_build_them(tmp_path: Path) -> None:
    async with client(tmp_path) as c:
        async with c.get("/", headers={"Accept": "text/html"}) as response:
            assert response.status == 503 and "make pages" in await response.text()
        async with c.get("/assets/app.js") as response:
            assert response.status == 503
            assert (await response.json(content_type=None))["code"] == "pages_missing"


async def test_broken_requests_are_refused_and_do_not_learn_the_version(tmp_path: Path) -> None:
    from ivr.web.app import create_runner

    runner = create_runner(create_app(fake_services(), options(tmp_path)))
    await runner.setup()
    from aiohttp import web

    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    for path in (b"calls/\xff\xfe", b"calls?q=\xff", b"calls?q=%ff%fe", b"calls/%ed%a0%80", b"work-orders/\xed\xa0\x80",
                 b"calls?\xff=1", b"calls/%2e%2e/x", b"calls?cursor=\xed\xa0\x80"):  # fmt: skip
        reader, writer = await asyncio.open_connection(host, port)
        head = b"GET /api/v1/" + path + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n"
        writer.write(head)
        answer = await reader.read(4096)
        assert int(answer.split()[1]) in (200, 400, 404), (path, answer)
        writer.close()
    for secret in (b"Authorization: Bearer ivr_\xff", b"Cookie: ivr_session=\xff\xed\xa0\x80", b"Last-Event-ID: \xff"):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\n" + secret + b"\r\n\r\n")
        assert int((await reader.read(4096)).split()[1]) in (400, 401)
        writer.close()
    for request in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n"):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        answer = await reader.read(4096)
        assert b" 400 " in answer.split(b"\r\n")[0] and b"aiohttp" not in answer.lower()
        writer.close()
    await runner.cleanup()


async def test_a_problem_must_have_its_members() -> None:
    with pytest.raises(ValidationError):
        Problem.model_validate({"title": "x"})
    assert cookie_name(options(Path("/x"), tls=True)) == "__Host-ivr"
