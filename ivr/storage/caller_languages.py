"""Which language a caller is known to want; what was taken back stays, so that an older call does not set it again."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ivr.domain.call import Call
from ivr.domain.caller_language import CallerLanguage
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_MOST_CARRIED = 10_000
_BY_KEY = "caller"


class PostgresCallerLanguages:
    """ivr.ports.pipeline.CallerLanguages, and what people do with them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def latest(self) -> Sequence[CallerLanguage]:
        """See the port: the 10,000 numbers that were set last, the latest first."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT number, language, set_by, set_at FROM caller_language ORDER BY set_at DESC, number LIMIT $1", _MOST_CARRIED
            )
        return [CallerLanguage(**row) for row in rows]

    async def set(self, number: str, language: str, by: str) -> None:
        """Note a number's language from now on."""
        async with transaction(self._pool) as connection:
            await connection.execute(
                "INSERT INTO caller_language (number, language, set_by) VALUES ($1, $2, $3) ON CONFLICT (number)"
                " DO UPDATE SET language = excluded.language, set_by = excluded.set_by, set_at = excluded.set_at",
                number, language, by,
            )

    async def unset(self, number: str, by: str) -> bool:
        """Take a number's language back; False when it has none. A later call that chooses one by key sets it again."""
        async with transaction(self._pool) as connection:
            return bool(await connection.fetchval(
                "UPDATE caller_language SET language = '', set_by = $2, set_at = now() WHERE number = $1 AND language <> ''"
                " RETURNING true", number, by,
            ))


async def learn(connection: Connection, call: Call, remembered: Collection[str]) -> None:
    """Note the language a caller chose by key; twice is once, and a later word stands. Inside the caller's transaction."""
    if call.language_by != "key" or call.language not in remembered or not re.fullmatch(r"[0-9]{3,20}", call.caller_number):
        return
    await connection.execute(
        "INSERT INTO caller_language (number, language, set_by, set_at) VALUES ($1, $2, $3, to_timestamp($4::float8))"
        " ON CONFLICT (number) DO UPDATE SET language = excluded.language, set_by = excluded.set_by, set_at = excluded.set_at"
        " WHERE caller_language.set_at <= excluded.set_at",
        call.caller_number, call.language, _BY_KEY, call.arrived_at,
    )
