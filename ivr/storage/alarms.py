"""Standing alarms: raised once, told to every page, cleared when the condition is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from ivr.storage.database import transaction
from ivr.storage.feed import append

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

log = structlog.get_logger(__name__)


async def raise_alarm(connection: Connection, name: str, text: str) -> None:
    """Announce a condition inside the caller's transaction; call it last, because it numbers a change of the feed."""
    await connection.execute(
        "INSERT INTO alarm (name, text) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE"
        " SET text = excluded.text, cleared_at = NULL,"
        " raised_at = CASE WHEN alarm.cleared_at IS NULL THEN alarm.raised_at ELSE now() END", name, text,
    )
    await append(connection, "alarm", name)


async def clear_alarm(connection: Connection, name: str) -> bool:
    """Say inside the caller's transaction that a condition is gone; False when it was not standing."""
    cleared = await connection.fetchval(
        "UPDATE alarm SET cleared_at = now() WHERE name = $1 AND cleared_at IS NULL RETURNING true", name
    )
    if cleared:
        await append(connection, "alarm", name)
    return bool(cleared)


class PostgresAlarms:
    """ivr.ports.pipeline.Alarms; remembers what it last said, so a steady condition costs nothing."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._standing: dict[str, str | None] = {}
        self._logged: dict[str, str] = {}

    async def raised(self, name: str, text: str) -> None:
        """Announce a condition, and again when its text changes; the log has it even while the database is away."""
        if self._standing.get(name) == text:
            return
        if self._logged.get(name) != text:
            self._logged[name] = text
            log.error("alarm", name=name, text=text)
        async with transaction(self._pool) as connection:
            await raise_alarm(connection, name, text)
        self._standing[name] = text

    async def cleared(self, name: str) -> None:
        """Say that a condition is gone; silent when it never was."""
        if name in self._standing and self._standing[name] is None:
            return
        self._logged.pop(name, None)
        async with transaction(self._pool) as connection:
            if await clear_alarm(connection, name):
                log.info("alarm_cleared", name=name)
        self._standing[name] = None
