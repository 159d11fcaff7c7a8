"""Keeps Asterisk's log of warnings bounded: a phone with a wrong secret writes a line for each try, as fast as it tries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from ivr.domain.errors import IvrError

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 10.0
LIMIT_BYTES = 16 << 20


class LogKeeper:
    """When ``file`` is larger than ``limit_bytes`` it becomes ``<name>.1``, and ``reopen`` begins a new one."""

    def __init__(
        self, file: Path, reopen: Callable[[], Awaitable[None]], *, limit_bytes: int = LIMIT_BYTES,
        look_every_s: float = _LOOK_EVERY_S,
    ) -> None:
        self._file = file
        self._reopen = reopen
        self._limit_bytes = limit_bytes
        self._look_every_s = look_every_s

    async def run(self) -> None:
        """Ends only when cancelled; an exchange that is away only delays it."""
        while True:
            try:
                await self.look()
            except (IvrError, OSError, TimeoutError) as away:
                log.warning("log_not_turned_over", reason=str(away) or type(away).__name__)
            await asyncio.sleep(self._look_every_s)

    async def look(self) -> bool:
        """Turn the log over when it is due; whether it was. Asterisk writes on in the renamed file until it reopens."""
        if not await asyncio.to_thread(self._turned):
            return False
        await self._reopen()
        log.info("log_turned_over", file=self._file.name)
        return True

    def _turned(self) -> bool:
        try:
            if self._file.stat().st_size <= self._limit_bytes:
                return False
            self._file.rename(self._file.with_name(f"{self._file.name}.1"))
        except FileNotFoundError:
            return False
        return True
