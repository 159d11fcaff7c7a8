"""Signed webhooks to partners: one POST with a time limit, no redirect followed, and hardly anything read of the answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import aiohttp

from ivr.domain.delivery import KEY_HEADER, SIGNATURE_HEADER, TIME_HEADER, signature
from ivr.ports.partners import Delivery, Receipt


class WebhookPost:
    """ivr.ports.partners.PartnerPost. ``partners`` maps a name to (address, secret).

    An answer is its status: 2xx is taken, whatever the body says, of which nothing is read; anything else, a redirect too, is a
    failure. A partner that sends headers for ever or none at all runs into ``timeout_s``.
    """

    def __init__(
        self, partners: Mapping[str, tuple[str, bytes]], *, timeout_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._partners = partners
        self._timeout_s = timeout_s
        self._clock = clock
        self._stack = AsyncExitStack()
        self._client: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._client = await self._stack.enter_async_context(aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout_s), cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
            headers={"User-Agent": "ivr"}, connector=aiohttp.TCPConnector(limit=64, limit_per_host=8, force_close=True),
        ))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def send(self, partner: str, delivery: Delivery) -> Receipt:
        """See the port. The key is the event's, so a partner that gets it twice can tell."""
        assert self._client is not None
        address, secret = self._partners[partner]
        body = json.dumps(dict(delivery.content), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        moment, key = str(int(self._clock())), f"event-{delivery.event_id}"
        headers = {
            "Content-Type": "application/json", KEY_HEADER: key, TIME_HEADER: moment,
            SIGNATURE_HEADER: signature(secret, moment, key, body),
        }
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.post(address, data=body, headers=headers, allow_redirects=False)
        except TimeoutError:
            return Receipt(None, f"no answer within {self._timeout_s:g} s")
        except Exception as error:  # a partner may send anything; nothing of it ends the controller
            return Receipt(None, f"{type(error).__name__}: {error}")
        response.close()  # whatever else it may have to say
        if 200 <= response.status < 300:
            return Receipt(response.status, "")
        if 300 <= response.status < 400:
            return Receipt(response.status, f"answered {response.status}: redirects are not followed; correct the address")
        return Receipt(response.status, f"answered {response.status}")
