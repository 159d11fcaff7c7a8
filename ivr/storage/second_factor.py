"""Second factors in PostgreSQL. Secrets are sealed with a key of the install's that is not in the database.

AES-256-GCM, the account's id as associated data: a dump alone gives no code, and a row copied to another account opens
nothing. Recovery codes are HMACs under a key derived from the same one. With the key lost nobody's code fits any more:
`ivr user second-factor NAME --reset`, and everybody enrols again.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ivr.domain.errors import NotFound, Unavailable
from ivr.domain.one_time_code import (
    RECOVERY_NOISE,
    SECRET_BYTES,
    as_typed,
    is_timed,
    matching_step,
    recovery_codes,
)
from ivr.ports.sessions import CodeNeeded, CodeRefused, CodeWrong, FactorExists, FactorMissing, FactorState, FactorStatus
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.login_attempts import LoginAttempts

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

_NONCE_BYTES = 12


class FactorVault:
    """Seals and checks; ``key`` is 32 bytes, None in programs that only keep accounts. ``required``: roles that need a factor."""

    def __init__(
        self, key: bytes | None = None, required: Collection[str] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._key = key
        self._required = frozenset(required)
        self._clock = clock

    def required_of(self, roles: Iterable[str]) -> bool:
        """Whether the settings ask for a second factor of one of these roles."""
        return not self._required.isdisjoint(roles)

    def state(self, roles: Iterable[str], confirmed: bool) -> FactorState:
        """How somebody with these roles stands."""
        return "on" if confirmed else "missing" if self.required_of(roles) else "off"

    def seal(self, user_id: int, secret: bytes) -> bytes:
        """The secret as stored: a nonce, then the sealed bytes."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self._need_key()).encrypt(nonce, secret, str(user_id).encode())

    def unseal(self, user_id: int, sealed: bytes) -> bytes:
        """The secret; Unavailable when the key is another one."""
        try:
            return AESGCM(self._need_key()).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], str(user_id).encode())
        except InvalidTag as other_key:
            raise Unavailable(
                "The stored second factor cannot be opened: second-factor.key is not the one it was sealed with. "
                "Restore that file, or reset the factor on the command line."
            ) from other_key

    def recovery_digest(self, code: str) -> bytes:
        """What is stored of a recovery code."""
        return hmac.digest(hmac.digest(self._need_key(), b"recovery codes", "sha256"), as_typed(code).encode(), "sha256")

    async def admit(self, connection: Connection, user: asyncpg.Record, code: str | None) -> FactorState:
        """Let a login through, spending its code, inside the caller's transaction; CodeNeeded or CodeRefused.

        The row is locked, so that of two logins with one code at the same moment one is refused.
        """
        row = await _locked(connection, user["id"])
        if row is None or row["confirmed_at"] is None:
            return self.state(user["roles"], False)
        if code is None:
            raise CodeNeeded(user["name"])
        if not await self.spend(connection, user["id"], user["name"], row, code):
            raise CodeRefused(user["name"])
        return "on"

    async def spend(self, connection: Connection, user_id: int, name: str, row: asyncpg.Record, code: str) -> bool:
        """Whether the code fits now; it never will again."""
        code = as_typed(code)
        if is_timed(code):
            secret = self.unseal(user_id, bytes(row["sealed"]))
            step = matching_step(secret, code, self._clock(), after=row["last_step"])
            if step is not None:
                await connection.execute("UPDATE second_factor SET last_step = $2 WHERE user_id = $1", user_id, step)
            return step is not None
        used = await connection.fetchval(
            "UPDATE recovery_code SET used_at = clock_timestamp()"
            " WHERE user_id = $1 AND digest = $2 AND used_at IS NULL RETURNING 1",
            user_id, self.recovery_digest(code),
        )
        if used is not None:
            left = await _codes_left(connection, user_id)
            await append_row(connection, name, "second_factor.recovery_used", name, {"left": left})
        return used is not None

    def now(self) -> float:
        """Unix seconds by the clock codes are held against."""
        return self._clock()

    def _need_key(self) -> bytes:
        if self._key is None:
            raise Unavailable("This program has no key for second factors.")
        return self._key


class PostgresSecondFactors:
    """ivr.ports.sessions.SecondFactors; ``attempts`` counts wrong codes together with wrong passwords."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], vault: FactorVault, attempts: LoginAttempts) -> None:
        self._pool = pool
        self._vault = vault
        self._attempts = attempts

    async def status(self, name: str) -> FactorStatus:
        """See the port."""
        async with transaction(self._pool) as connection:
            user = await _user(connection, name)
            confirmed = await connection.fetchval("SELECT confirmed_at FROM second_factor WHERE user_id = $1", user["id"])
            left = await _codes_left(connection, user["id"])
        state = self._vault.state(user["roles"], confirmed is not None)
        return FactorStatus(state, self._vault.required_of(user["roles"]), confirmed, left)

    async def start(self, name: str) -> bytes:
        """See the port."""
        secret = secrets.token_bytes(SECRET_BYTES)
        async with transaction(self._pool) as connection:
            user = await _user(connection, name)
            made = await connection.fetchval(
                "INSERT INTO second_factor AS f (user_id, sealed) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE"
                " SET sealed = excluded.sealed, last_step = 0, made_at = clock_timestamp()"
                " WHERE f.confirmed_at IS NULL RETURNING 1",
                user["id"], self._vault.seal(user["id"], secret),
            )
            if made is None:
                raise FactorExists("You have a second factor. Take it away with one of its codes, then set up the new one.")
            await append_row(connection, name, "second_factor.started", name, {})
        return secret

    async def confirm(self, name: str, code: str, credential: bytes) -> Sequence[str]:
        """See the port."""
        codes = list(recovery_codes(secrets.token_bytes(RECOVERY_NOISE)))
        async with transaction(self._pool) as connection:
            user = await _user(connection, name)
            row = await _locked(connection, user["id"])
            if row is None:
                raise FactorMissing("Nothing was set up yet. Ask for a secret first.")
            if row["confirmed_at"] is not None:
                raise FactorExists("The second factor is in force already.")
            step = matching_step(self._vault.unseal(user["id"], bytes(row["sealed"])), as_typed(code), self._vault.now())
            if step is None:
                raise CodeWrong("The code does not fit. Is the telephone's clock right? Wait for the next code and try again.")
            await connection.execute(
                "UPDATE second_factor SET confirmed_at = clock_timestamp(), last_step = $2 WHERE user_id = $1", user["id"], step
            )
            await connection.execute("DELETE FROM recovery_code WHERE user_id = $1", user["id"])
            await connection.executemany(
                "INSERT INTO recovery_code (user_id, digest) VALUES ($1, $2)",
                [(user["id"], self._vault.recovery_digest(one)) for one in codes],
            )
            await connection.execute(
                "UPDATE app_session SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL AND token_hash <> $2",
                user["id"], credential,
            )
            await append_row(connection, name, "second_factor.confirmed", name, {})
        return codes

    async def remove(self, name: str, code: str) -> None:
        """See the port. The attempt is counted before the code is looked at."""
        key = _attempt_key(name)
        await self._attempts.count(key)
        async with transaction(self._pool) as connection:
            user = await _user(connection, name)
            row = await _locked(connection, user["id"])
            if row is None or row["confirmed_at"] is None:
                raise FactorMissing("You have no second factor.")
            if not await self._vault.spend(connection, user["id"], name, row, code):
                raise CodeWrong("The code is wrong, too old, or was used before. The second factor stays as it is.")
            await _delete(connection, user["id"])
            await append_row(connection, name, "second_factor.removed", name, {})
        await self._attempts.forget(key)


def _attempt_key(name: str) -> bytes:
    """Codes tried from within a session: counted apart from logins, so that a good password wipes none of them out."""
    return hmac.digest(b"second factor", name.encode(), "sha256")


async def _user(connection: Connection, name: str) -> asyncpg.Record:
    user = await connection.fetchrow("SELECT id, name, roles FROM app_user WHERE name = $1", name)
    if user is None:
        raise NotFound(f"There is no user {name}.")
    return user


async def _locked(connection: Connection, user_id: int) -> asyncpg.Record | None:
    return await connection.fetchrow(
        "SELECT sealed, confirmed_at, last_step FROM second_factor WHERE user_id = $1 FOR UPDATE", user_id
    )


async def _codes_left(connection: Connection, user_id: int) -> int:
    left: int = await connection.fetchval(
        "SELECT count(*) FROM recovery_code WHERE user_id = $1 AND used_at IS NULL", user_id
    )
    return left


async def _delete(connection: Connection, user_id: int) -> None:
    await connection.execute("DELETE FROM recovery_code WHERE user_id = $1", user_id)
    await connection.execute("DELETE FROM second_factor WHERE user_id = $1", user_id)
