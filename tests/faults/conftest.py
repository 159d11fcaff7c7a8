"""A product of its own for each fault test: what one breaks, no other meets."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.hotline import RunningHotline

FULL = bool(os.environ.get("FAULTS_FULL"))


@pytest_asyncio.fixture
async def product() -> AsyncIterator[RunningHotline]:
    """Started for the test, ended after it; no process may stay."""
    running = RunningHotline()
    try:
        await running.start()
        yield running
    finally:
        left = await running.stop()
        running.remove()
    assert left == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/faults/" in str(item.path):
            item.add_marker(pytest.mark.fault)
