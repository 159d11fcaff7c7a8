"""A product of its own for each fault test: what one breaks, no other meets."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.hotline import RunningHotline, running_hotline
from tests.faults.report import FaultReport

FULL = bool(os.environ.get("FAULTS_FULL"))


@pytest_asyncio.fixture
async def product() -> AsyncIterator[RunningHotline]:
    """Started for the test, ended after it; no process may stay."""
    async with running_hotline() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sturdy() -> AsyncIterator[RunningHotline]:
    """One product for faults it must live through unharmed; no process may stay."""
    async with running_hotline() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/faults/" in str(item.path):
            item.add_marker(pytest.mark.fault)


def pytest_configure(config: pytest.Config) -> None:
    if file := os.environ.get("FAULTS_REPORT"):
        config.pluginmanager.register(FaultReport(Path(file), FULL), "fault-report")
