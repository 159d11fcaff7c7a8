"""What every test needs before anything is imported, and what a test that hung was waiting for."""

from __future__ import annotations

import asyncio
import io
import os
import warnings
from collections.abc import Generator

import hypothesis
import pytest

# Whether examples are drawn fast says how busy the machine is, not whether the product is right.
hypothesis.settings.register_profile("product", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
hypothesis.settings.load_profile("product")

os.environ["COLUMNS"] = "300"  # commands ask for the terminal's width when they are imported; no line of theirs is to be broken


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that ran into its time limit tells where each of its tasks stands: threads' stacks show only the event loop."""
    report = yield
    if call.excinfo is not None and "pytest-timeout" in str(call.excinfo.value):
        report.sections.append(("tasks", _tasks()))
    return report


def _tasks() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            loop = asyncio.get_event_loop_policy().get_event_loop()
        except RuntimeError:
            return "no event loop"
    told = io.StringIO()
    for task in asyncio.all_tasks(loop):
        task.print_stack(file=told)
    return told.getvalue()
