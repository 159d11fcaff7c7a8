"""A token's requests are limited, in bounded memory, and a client that waits as it is told is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.web.app import create_app
from ivr.web.rate_limit import RateLimit
from tests.fakes.web_services import fake_services, options, token_of


@settings(deadline=None)
@given(st.integers(1, 600), st.lists(st.floats(0, 20), max_size=200))
def test_no_minute_holds_more_than_a_bucket_and_what_flows_in(a_minute: int, pauses: list[float]) -> None:
    limit, now, granted = RateLimit(a_minute), 0.0, 0
    for pause in pauses:
        now += pause
        granted += limit.take(b"a", now) == 0
        assert granted <= a_minute + now * a_minute / 60 + 1e-6


@settings(deadline=None)
@given(st.integers(1, 600), st.integers(0, 50))
def test_who_waits_as_told_is_served(a_minute: int, more: int) -> None:
    limit, now = RateLimit(a_minute), 100.0
    assert all(limit.take(b"a", now) == 0 for _ in range(a_minute))
    for _ in range(more):
        wait = limit.take(b"a", now)
        assert 0 < wait <= 60 / a_minute
        now += wait + 1e-6
        assert limit.take(b"a", now) == 0
    assert limit.take(b"another", now) == 0


def test_memory_is_bounded_and_0_is_no_limit() -> None:
    limit = RateLimit(1)
    for n in range(10_000):
        limit.take(str(n).encode(), 0.0)
    assert len(limit) == 4096
    free = RateLimit(0)
    assert all(free.take(b"a", 0.0) == 0 for _ in range(100)) and len(free) == 0


@pytest.mark.timeout(60)
async def test_a_token_that_asks_too_often_is_told_when_to_come_back_and_others_are_served(tmp_path: Path) -> None:
    app = create_app(fake_services(), options(tmp_path, token_requests_a_minute=5))
    async with TestClient(TestServer(app)) as client:
        first, second = ({"Authorization": f"Bearer {token_of(role)}"} for role in ("operator", "supervisor"))
        statuses = [(await client.get("/api/v1/roster", headers=first)).status for _ in range(5)]
        refused = await client.get("/api/v1/roster", headers=first)
        told = await refused.json(content_type="application/problem+json")
        assert statuses == [200] * 5 and refused.status == 429 and told["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["Retry-After"]) <= 12
        assert (await client.get("/api/v1/unknown", headers=first)).status == 429
        assert (await client.get("/api/v1/roster", headers=second)).status == 200
        assert (await client.get("/healthz")).status == 200
        assert (await client.get("/api/v1/roster", headers={"Authorization": "Bearer ivr_wrong"})).status == 401
