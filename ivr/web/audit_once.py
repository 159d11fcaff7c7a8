"""Audit rows for acts that come as many requests: a play is one act, however many ranges a browser asks for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from aiohttp import web

from ivr.ports.web import AuditTrail, Identity

_REMEMBERED = 20_000


class AuditOnce:
    """Writes one row per (credential, action, object) and window; a forgotten entry only means one row more.

    The row is written before the act is answered, and when it cannot be, the act is refused.
    """

    def __init__(self, audit: AuditTrail, window_s: float) -> None:
        self._audit = audit
        self._window_s = window_s
        self._written: OrderedDict[tuple[bytes, str, str], float] = OrderedDict()

    async def note(
        self, identity: Identity, action: str, object_name: str, detail: Mapping[str, str | int | bool]
    ) -> None:
        key = (identity.credential, action, object_name)
        now = asyncio.get_running_loop().time()
        written = self._written.get(key)
        if written is not None and now - written < self._window_s:
            return
        self._written[key] = now
        self._written.move_to_end(key)
        while len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)
        try:
            await self._audit.append(identity.actor, action, object_name, detail)
        except BaseException:
            self._written.pop(key, None)
            raise


AUDIT_ONCE: web.AppKey[AuditOnce] = web.AppKey("audit_once", AuditOnce)
