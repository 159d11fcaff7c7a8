"""The product's own database seen from outside: its process, and when it takes questions again."""

from __future__ import annotations

import asyncio

import asyncpg

from tests.e2e.hotline import RunningHotline
from tests.faults.witness import rows


def postmaster(product: RunningHotline) -> int:
    """The embedded server's process id."""
    return int((product.folder / "state/pg/data/postmaster.pid").read_text().split()[0])


async def database_back(product: RunningHotline, within_s: float = 60) -> None:
    """Wait until the server takes questions."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                await rows(product, "SELECT 1")
                return
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(0.1)
