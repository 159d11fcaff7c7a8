"""Carries records the dialplan must know by itself into the exchange, so that they count with every process of ours dead."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

import structlog

from ivr.domain import caller_language, nuisance
from ivr.domain.errors import IvrError
from ivr.domain.exchange_table import corrections
from ivr.ports.pipeline import CallerLanguages, ExchangeTable, Listings

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 2.0
_COMPARE_EVERY = 15
_MOST_PAUSE_S = 30.0

Wanted = Callable[[], Awaitable[Mapping[str, str]]]


def listed(listings: Listings) -> Wanted:
    """What the exchange is to know of the nuisance rule."""
    async def wanted() -> Mapping[str, str]:
        return nuisance.exchange_table(await listings.in_force())

    return wanted


def languages_of(languages: CallerLanguages) -> Wanted:
    """What the exchange is to know of callers' languages."""
    async def wanted() -> Mapping[str, str]:
        return caller_language.exchange_table(await languages.latest())

    return wanted


class RecordCarrier:
    """Looks at the records every two seconds; compares with what the exchange holds on a change and twice a minute.

    An exchange that was restored from a backup, or edited by hand, is therefore put right within half a minute. ``name`` is
    for the log.
    """

    def __init__(self, name: str, wanted: Wanted, exchange: ExchangeTable) -> None:
        self._name = name
        self._wanted = wanted
        self._exchange = exchange
        self._carried: Mapping[str, str] | None = None
        self._looks = 0

    async def run(self) -> None:
        """Ends only when cancelled; a database or an exchange that is away only delays it."""
        pause = _LOOK_EVERY_S
        while True:
            try:
                await self.once()
                pause = _LOOK_EVERY_S
            except (IvrError, OSError, TimeoutError) as away:
                self._carried = None
                log.warning("records_wait", records=self._name, reason=str(away))
                pause = min(pause * 2, _MOST_PAUSE_S) * random.uniform(0.7, 1.0)
            await asyncio.sleep(pause)

    async def once(self) -> None:
        """One look; raises Unavailable when either side is away."""
        wanted = await self._wanted()
        self._looks += 1
        if wanted == self._carried and self._looks % _COMPARE_EVERY:
            return
        write, delete = corrections(await self._exchange.held(), wanted)
        for key in delete:
            await self._exchange.delete(key)
        for key, value in write.items():
            await self._exchange.put(key, value)
        if write or delete:
            log.info("records_carried", records=self._name, written=len(write), deleted=len(delete), in_force=len(wanted))
        # A strange key takes the whole family with it (ivr.telephony.exchange_table): look again soon.
        self._carried = None if delete else wanted
