"""Ledger reading for the pipeline: file work in a thread, rotation and keeping beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from ivr.domain.events import LedgerBatch, Source
from ivr.domain.reconciliation import LedgerFile
from ivr.telephony.ledger import LedgerReader

log = structlog.get_logger(__name__)


class LedgerFiles:
    """ivr.ports.pipeline.LedgerSource over one LedgerReader; ``reopen`` tells Asterisk that a file was renamed."""

    def __init__(
        self, reader: LedgerReader, reopen: Callable[[], Awaitable[None]] | None = None, *, rotation_every_s: float = 60.0
    ) -> None:
        self.source: Source = reader.source
        self._reader = reader
        self._reopen = reopen
        self._rotation_every_s = rotation_every_s
        self._looked = time.monotonic()

    async def read(self, positions: dict[str, int]) -> LedgerBatch | None:
        """The next facts; now and then, when all is read, a full file is set aside and an old one deleted."""
        before = self._reader.complaints
        batch = await asyncio.to_thread(self._reader.read, positions)
        if self._reader.complaints > before:
            log.error("ledger_lines_not_understood", source=self.source, lines=self._reader.complaints - before)
        if batch is None and time.monotonic() - self._looked > self._rotation_every_s:
            self._looked = time.monotonic()
            await self._rotate(positions)
        return batch

    async def _rotate(self, positions: dict[str, int]) -> None:
        renamed = await asyncio.to_thread(self._reader.rotate, time.time())
        if renamed is not None:
            log.info("ledger_rotated", file=renamed.name)
            if self._reopen is not None:
                await self._reopen()
        for gone in await asyncio.to_thread(self._reader.discard_older, positions, time.time()):
            log.info("ledger_discarded", file=gone.name)


class LedgerShelf:
    """ivr.ports.pipeline.LedgerBooks over the readers of all kinds of ledger file."""

    def __init__(self, *readers: LedgerReader) -> None:
        self._readers = readers

    async def files(self) -> dict[str, LedgerFile]:
        """See the port."""
        return {file_id: file for r in self._readers for file_id, file in (await asyncio.to_thread(r.files)).items()}
