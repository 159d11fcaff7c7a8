"""Who may log in, as an administrator sees them: a lost second factor taken away, somebody's access ended or given back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.domain.errors import NotFound
from ivr.ports.sessions import FactorMissing
from ivr.ports.user_accounts import UserAccount
from ivr.storage.audit import append_row
from ivr.storage.database import transaction

if TYPE_CHECKING:
    from ivr.storage.database import Connection, Pool

_MOST = 1000


class PostgresUsers:
    """ivr.ports.user_accounts.UserDesk."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def users(self) -> Sequence[UserAccount]:
        """See the port."""
        async with transaction(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT u.name, u.display_name, u.roles, u.disabled, u.password_hash IS NOT NULL AS has_password,"
                " f.confirmed_at AS second_factor_since,"
                " (SELECT max(s.last_seen_at) FROM app_session s WHERE s.user_id = u.id) AS last_seen_at"
                " FROM app_user u LEFT JOIN second_factor f ON f.user_id = u.id ORDER BY u.disabled, u.name LIMIT $1", _MOST,
            )
        return [UserAccount(**{**row, "roles": tuple(row["roles"])}) for row in rows]

    async def reset_factor(self, name: str, by: str, reason: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            user = await change_user(connection, name)
            gone = await connection.fetchval("DELETE FROM second_factor WHERE user_id = $1 RETURNING 1", user)
            if gone is None:
                raise FactorMissing(f"{name[:40]} has no second factor.")
            await connection.execute("DELETE FROM recovery_code WHERE user_id = $1", user)
            await append_row(connection, by, "second_factor.reset", name, {"reason": reason})

    async def set_disabled(self, name: str, disabled: bool, by: str, reason: str) -> None:
        """See the port."""
        async with transaction(self._pool) as connection:
            await change_user(connection, name, "disabled = $2", disabled)
            await append_row(connection, by, "user.disabled" if disabled else "user.enabled", name, {"reason": reason})


async def change_user(connection: Connection, name: str, assignment: str = "", value: object = None) -> int:
    """Change a person where ``assignment`` (``column = $2``) says so, and close all that is open: sessions and unused login links.

    The person's id; NotFound.
    """
    if assignment:
        user: int | None = await connection.fetchval(f"UPDATE app_user SET {assignment} WHERE name = $1 RETURNING id", name, value)
    else:
        user = await connection.fetchval("SELECT id FROM app_user WHERE name = $1 FOR UPDATE", name)
    if user is None:
        raise NotFound(f"There is no user {name[:64]}.")
    await connection.execute("UPDATE app_session SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL", user)
    await connection.execute("DELETE FROM login_ticket WHERE user_id = $1 AND used_at IS NULL", user)
    return user
