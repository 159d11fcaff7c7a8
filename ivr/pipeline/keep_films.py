"""From the exchange's files of a room's picture to one playable file with its row; nothing is kept of who was not told."""

from __future__ import annotations

import asyncio

import structlog

from ivr.domain.errors import Unavailable
from ivr.domain.room_film import FilmUnreadable, Spooled
from ivr.ports.films import FilmBook, FilmSpool

log = structlog.get_logger(__name__)

_EVERY_S = 2.0
_STILL_S = 3.0
_AGAIN_S = 60.0


class FilmKeeper:
    """The files are the queue, as sound's are: whatever was killed in between, they are found again and taken in once.

    A film waits until its call is over: then all of the ledger's facts are in, the notice among them.
    """

    def __init__(self, spool: FilmSpool, book: FilmBook) -> None:
        self._spool = spool
        self._book = book
        self._waiting: dict[str, float] = {}

    async def run(self) -> None:
        """Ends only when cancelled; a failure is told and tried again."""
        while True:
            try:
                await self.once()
            except (Unavailable, OSError) as away:
                log.warning("films_wait", reason=str(away))
            await asyncio.sleep(_EVERY_S)

    async def once(self) -> None:
        """Take in what can be; one that the disk does not take now is tried again later and holds up no other."""
        now = asyncio.get_running_loop().time()
        found = await self._spool.finished(_STILL_S)
        self._waiting = {name: at for name, at in self._waiting.items() if any(one.name == name for one in found)}
        for spooled in found:
            if now < self._waiting.get(spooled.name, 0.0) or not await self._book.call_over(spooled.linked_id):
                continue
            try:
                await self._take_in(spooled)
            except OSError as bad:
                log.warning("film_waits", film=spooled.name, reason=str(bad))
                self._waiting[spooled.name] = now + _AGAIN_S

    async def _take_in(self, spooled: Spooled) -> None:
        if not await self._book.known(spooled.name):
            told = await self._book.told(spooled.linked_id, spooled.began_at)
            if told is None:
                log.warning("film_not_told", film=spooled.name)
                await self._book.add(spooled, None, None, "not_told")
            elif spooled.codec is None:
                await self._book.add(spooled, told, None, "no_picture")
            else:
                try:
                    kept = await self._spool.keep(spooled)
                except FilmUnreadable as unreadable:
                    log.warning("film_unreadable", film=spooled.name, reason=str(unreadable))
                    await self._book.add(spooled, told, None, "unreadable")
                else:
                    await self._book.add(spooled, told, kept, "")
                    log.info("film_kept", linked_id=spooled.linked_id, seconds=round(kept.seconds, 1), bytes=kept.size_bytes)
        await self._spool.discard(spooled)
