"""Carries the nuisance listings into the exchange, so that the rule works with every process of ours dead."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import structlog

from ivr.domain.errors import IvrError
from ivr.domain.nuisance import corrections, exchange_table
from ivr.ports.pipeline import ExchangeListings, Listings

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 2.0
_COMPARE_EVERY = 15
_MOST_PAUSE_S = 30.0


class ListingCarrier:
    """Looks at the listings every two seconds; compares with what the exchange holds on a change and twice a minute.

    An exchange that was restored from a backup, or edited by hand, is therefore put right within half a minute.
    """

    def __init__(self, listings: Listings, exchange: ExchangeListings) -> None:
        self._listings = listings
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
                log.warning("listings_wait", reason=str(away))
                pause = min(pause * 2, _MOST_PAUSE_S) * random.uniform(0.7, 1.0)
            await asyncio.sleep(pause)

    async def once(self) -> None:
        """One look; raises Unavailable when either side is away."""
        wanted = exchange_table(await self._listings.in_force())
        self._looks += 1
        if wanted == self._carried and self._looks % _COMPARE_EVERY:
            return
        write, delete = corrections(await self._exchange.held(), wanted)
        for key in delete:
            await self._exchange.delete(key)
        for key, end in write.items():
            await self._exchange.put(key, end)
        if write or delete:
            log.info("listings_carried", written=len(write), deleted=len(delete), in_force=len(wanted))
        # A strange key takes the whole family with it (ivr.telephony.listings): look again soon.
        self._carried = None if delete else wanted
