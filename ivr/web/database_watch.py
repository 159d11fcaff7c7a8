"""Notice, without the database, that the database is away or takes no writes: no alarm can be stored in it then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from ivr.ports.web import DatabaseState, Feed
from ivr.web.models import Alarm

NAME = "database"
_EVERY_S = 1.5
_PATIENCE_S = 2.5
_RAISE_AFTER_S = 3.0
_GOOD_LOOKS = 2
_log = structlog.get_logger(__name__)

TEXTS: dict[DatabaseState, str] = {
    "away": "数据库没有回应：页面停在最后知道的情况，通话、排队和录音照常进行，恢复后自动补齐。请运行 ivr doctor 查看原因。",
    "full": "数据库所在磁盘已满，写不进去：新的来电和工单暂时不显示，通话和录音照常进行。请清理或扩容，有了空间会自动补齐。",
    "read_only": "数据库不能写入（只读或没有权限）：新的来电和工单暂时不显示，通话和录音照常进行。请检查其磁盘，恢复后会补齐。",
}


class DatabaseWatch:
    """Asks every other second whether the database takes a write; ``tell`` hears the alarm when it is raised and cleared.

    A restart of a few seconds is no alarm. A question that gets no answer is left waiting, and no other is asked: what
    waits for a hung server holds one connection, not all.
    """

    def __init__(self, feed: Feed, tell: Callable[[Alarm], None]) -> None:
        self._feed = feed
        self._tell = tell
        self._asking: asyncio.Task[DatabaseState | None] | None = None
        self._bad_since: float | None = None
        self._good = 0
        self._standing: Alarm | None = None

    @property
    def standing(self) -> Alarm | None:
        """The alarm while it is raised."""
        return self._standing

    def current(self) -> Alarm:
        """For a page that reconnects: it may still show an alarm that was cleared while it was away."""
        return self._standing or Alarm(name=NAME, text="", at=datetime.now(UTC), active=False)

    async def run(self) -> None:
        """Ends only when cancelled."""
        try:
            while True:
                self._judge(await self._ask())
                await asyncio.sleep(_EVERY_S)
        finally:
            if self._asking is not None:
                self._asking.cancel()

    async def _ask(self) -> DatabaseState | None:
        if self._asking is None:
            self._asking = asyncio.create_task(self._feed.write_probe(), name="database-write-probe")
        done, _ = await asyncio.wait({self._asking}, timeout=_PATIENCE_S)
        if not done:
            return "away"
        asked, self._asking = self._asking, None
        if asked.cancelled() or asked.exception() is not None:
            _log.error("database_probe_failed", error=repr(asked.exception() if not asked.cancelled() else "cancelled"))
            return "away"
        return asked.result()

    def _judge(self, state: DatabaseState | None) -> None:
        now = asyncio.get_running_loop().time()
        if state is None:
            self._bad_since = None
            self._good += 1
            if self._standing is not None and self._good >= _GOOD_LOOKS:
                _log.warning("alarm_cleared", name=NAME)
                cleared = Alarm(name=NAME, text=self._standing.text, at=datetime.now(UTC), active=False)
                self._standing = None
                self._tell(cleared)
            return
        self._good = 0
        if self._bad_since is None:
            self._bad_since = now
        text = TEXTS[state]
        if now - self._bad_since < _RAISE_AFTER_S or (self._standing is not None and self._standing.text == text):
            return
        _log.error("alarm", name=NAME, text=text)
        self._standing = Alarm(
            name=NAME, text=text, at=self._standing.at if self._standing else datetime.now(UTC), active=True
        )
        self._tell(self._standing)
