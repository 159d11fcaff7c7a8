"""One running product for all end-to-end tests of a session; every test ends its own calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType

import pytest
import pytest_asyncio

from ivr.demo.client import HotlineClient
from tests.e2e.hotline import RunningHotline, running_hotline


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hotline() -> AsyncIterator[RunningHotline]:
    """The product with two seats and one line; no process may be left when it ends."""
    async with running_hotline() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def client(hotline: RunningHotline) -> AsyncIterator[HotlineClient]:
    """The live stream and the API, seen with a supervisor's token."""
    async with hotline.client() as connected:
        yield connected


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)
            if isinstance(item, pytest.Function) and drives_a_browser(item.module):
                item.add_marker(pytest.mark.browser)


def drives_a_browser(module: ModuleType) -> bool:
    """Whether a module of tests uses Playwright: its tests compute all the time, while those with telephones alone mostly listen."""
    return any(str(getattr(value, "__module__", "")).startswith("playwright") for value in vars(module).values())
