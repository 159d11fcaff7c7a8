"""People, their sessions and login tickets, and machines' tokens. Secrets are stored as digests only.

Passwords are argon2id, hashed in a thread and a bounded number at a time (each takes 64 MiB for some 50 ms).
Session, ticket and token secrets carry 256 random bits, so a plain sha256 of them is enough.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ivr.domain.errors import BadSetting, NotFound
from ivr.domain.roles import ROLES
from ivr.ports.sessions import CodeNeeded, Origin
from ivr.ports.web import Busy, Identity, LoginRefused, OpenedSession
from ivr.storage.audit import append_row
from ivr.storage.database import transaction
from ivr.storage.login_attempts import LoginAttempts
from ivr.storage.second_factor import FactorVault, PostgresSecondFactors
from ivr.storage.user_accounts import change_user
from ivr.storage.views import connected

TOKEN_PREFIX = "ivr_"
CLI_ACTOR = "(command line)"
_NAME = re.compile(r"[\w][\w.@-]{0,63}")
_TOUCH_EVERY_S = 10
_HASHERS = 2
_HASH_QUEUE = 16
_NOWHERE = Origin()
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class LoginPolicy:
    """Limits of logins and sessions; GB/T 22239 level 3 and ASVS ask for each of them."""

    failures: int = 5
    failure_window: timedelta = timedelta(minutes=15)
    idle: timedelta = timedelta(minutes=15)
    absolute: timedelta = timedelta(hours=12)
    password_length: int = 12


@dataclass(frozen=True, slots=True)
class UserRow:
    name: str
    display_name: str
    roles: tuple[str, ...]
    disabled: bool
    has_password: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TokenRow:
    name: str
    roles: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def folded(name: str) -> str:
    """A login name as stored and compared: NFKC, case-folded, so that look-alikes are one account."""
    return unicodedata.normalize("NFKC", name).casefold().strip()


def digest(secret: str) -> bytes:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _checked_name(name: str) -> str:
    name = folded(name)
    if not _NAME.fullmatch(name):
        raise BadSetting(f"{name!r} is no user or token name: 1 to 64 letters, digits, '.', '_', '-', '@'.")
    return name


def _checked_roles(roles: Iterable[str]) -> list[str]:
    wanted = sorted(set(roles))
    unknown = [role for role in wanted if role not in ROLES]
    if unknown or not wanted:
        raise BadSetting(f"Unknown or no role {', '.join(unknown)}. Roles are: {', '.join(ROLES)}.")
    return wanted


class PostgresAccounts:
    """ivr.ports.web.Accounts, and what the command line needs to keep accounts."""

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        policy: LoginPolicy | None = None,
        hasher: PasswordHasher | None = None,
        vault: FactorVault | None = None,
    ) -> None:
        self._pool = pool
        self._policy = policy or LoginPolicy()
        self._hasher = hasher or PasswordHasher()
        self._vault = vault or FactorVault()
        self.attempts = LoginAttempts(pool, self._policy.failures, self._policy.failure_window)
        self.second_factors = PostgresSecondFactors(pool, self._vault, self.attempts)
        self._hashing = asyncio.Semaphore(_HASHERS)
        self._hash_waiters = 0
        self._dummy_hash: str | None = None

    # --- sessions -----------------------------------------------------------------------------------------------

    async def sign_in(
        self, name: str, password: str, *, code: str | None = None, origin: Origin = _NOWHERE
    ) -> OpenedSession:
        """The attempt is counted before the password is looked at, so parallel guesses get no extra tries."""
        name = folded(name)
        if self._hash_waiters >= _HASH_QUEUE:
            raise Busy("Too many logins at once. Try again in a moment.")
        await self.attempts.count(digest(name))
        async with connected(self._pool) as connection:
            user = await connection.fetchrow(
                "SELECT id, name, display_name, roles, password_hash, disabled FROM app_user WHERE name = $1", name
            )
        if self._dummy_hash is None:
            self._dummy_hash = await self._in_thread(self._hasher.hash, secrets.token_urlsafe(16))
        stored = user["password_hash"] if user is not None and user["password_hash"] is not None else None
        fits = await self._in_thread(self._verify, stored or self._dummy_hash, password)
        if user is None or stored is None or not fits or user["disabled"]:
            raise LoginRefused(user["name"] if user is not None else None)
        replacement = None
        if self._hasher.check_needs_rehash(stored):
            replacement = await self._in_thread(self._hasher.hash, password)
        try:
            async with connected(self._pool) as connection, connection.transaction():
                opened = await self._open(connection, user, code, origin)
                await connection.execute("DELETE FROM login_failure WHERE name_digest = $1", digest(name))
                if replacement is not None:
                    await connection.execute(
                        "UPDATE app_user SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
                        user["id"],
                        replacement,
                        stored,
                    )
                return opened
        except CodeNeeded:
            await self.attempts.take_back(digest(name))
            raise

    async def redeem_ticket(
        self, ticket: str, *, code: str | None = None, origin: Origin = _NOWHERE
    ) -> OpenedSession:
        """Codes are counted under the ticket, not the name: a link still works while others' guesses lock the name."""
        if code is not None:
            await self.attempts.count(digest(f"ticket:{ticket}"))
        async with connected(self._pool) as connection, connection.transaction():
            user = await connection.fetchrow(
                "WITH used AS (UPDATE login_ticket SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL"
                "   AND expires_at > now() RETURNING user_id)"
                " SELECT u.id, u.name, u.display_name, u.roles FROM app_user u JOIN used ON used.user_id = u.id"
                "  WHERE NOT u.disabled",
                digest(ticket),
            )
            if user is None:
                raise LoginRefused
            return await self._open(connection, user, code, origin)

    async def session(self, secret: str, *, activity: bool) -> Identity | None:
        credential = digest(secret)
        async with connected(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT u.name, u.display_name, u.roles, now() - s.last_seen_at > $3::interval AS touch,"
                "  EXISTS (SELECT FROM second_factor f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS confirmed"
                "  FROM app_session s JOIN app_user u ON u.id = s.user_id"
                " WHERE s.token_hash = $1 AND s.revoked_at IS NULL AND s.expires_at > now() AND NOT u.disabled"
                "   AND s.last_seen_at > now() - $2::interval",
                credential,
                self._policy.idle,
                timedelta(seconds=_TOUCH_EVERY_S),
            )
            if row is None:
                return None
            if activity and row["touch"]:
                await connection.execute(
                    "UPDATE app_session SET last_seen_at = now() WHERE token_hash = $1 AND revoked_at IS NULL",
                    credential,
                )
        factor = self._vault.state(row["roles"], row["confirmed"])
        return Identity("session", row["name"], row["display_name"], frozenset(row["roles"]), credential, factor)

    async def end_session(self, secret: str) -> None:
        async with connected(self._pool) as connection:
            await connection.execute(
                "UPDATE app_session SET revoked_at = now() WHERE token_hash = $1 AND revoked_at IS NULL", digest(secret)
            )

    async def still_valid(self, credentials: Collection[bytes]) -> frozenset[bytes]:
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT s.token_hash FROM app_session s JOIN app_user u ON u.id = s.user_id"
                " WHERE s.token_hash = ANY($1::bytea[]) AND s.revoked_at IS NULL AND s.expires_at > now()"
                "   AND NOT u.disabled AND s.last_seen_at > now() - $2::interval"
                " UNION ALL SELECT token_hash FROM api_token WHERE token_hash = ANY($1::bytea[])"
                "   AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
                list(credentials),
                self._policy.idle,
            )
        return frozenset(bytes(row["token_hash"]) for row in rows)

    async def _open(
        self,
        connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record],
        user: asyncpg.Record,
        code: str | None,
        origin: Origin,
    ) -> OpenedSession:
        factor = await self._vault.admit(connection, user, code)
        secret = secrets.token_urlsafe(32)
        await connection.execute(
            "INSERT INTO app_session (token_hash, user_id, expires_at, address, agent)"
            " VALUES ($1, $2, now() + $3::interval, $4, $5)",
            digest(secret),
            user["id"],
            self._policy.absolute,
            origin.address,
            origin.agent,
        )
        identity = Identity(
            "session", user["name"], user["display_name"], frozenset(user["roles"]), digest(secret), factor
        )
        return OpenedSession(identity, secret, int(self._policy.absolute.total_seconds()))

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    async def _in_thread(self, function: Callable[..., _R], *arguments: str) -> _R:
        """Run argon2 beside the event loop; raises Busy rather than let a flood of logins queue without end."""
        if self._hash_waiters >= _HASH_QUEUE:
            raise Busy("Too many logins at once. Try again in a moment.")
        self._hash_waiters += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(function, *arguments)
        finally:
            self._hash_waiters -= 1

    # --- people (command line) ----------------------------------------------------------------------------------

    async def add_user(
        self, name: str, *, roles: Iterable[str], display_name: str = "", password: str | None = None
    ) -> None:
        """Create an account; without a password it can only log in by ticket. BadSetting when it exists."""
        name, wanted = _checked_name(name), _checked_roles(roles)
        hashed = None if password is None else await self._new_hash(password)
        async with transaction(self._pool) as connection:
            added = await connection.fetchval(
                "INSERT INTO app_user (name, display_name, password_hash, roles) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT (name) DO NOTHING RETURNING id", name, display_name or name, hashed, wanted,
            )
            if added is None:
                raise BadSetting(f"There is a user {name} already.")
            await append_row(connection, CLI_ACTOR, "user.added", name, {"roles": " ".join(wanted)})

    async def set_password(self, name: str, password: str | None) -> None:
        """Set or remove the password, end every session of the user and lift a lock-out."""
        hashed = None if password is None else await self._new_hash(password)
        await self._change(name, "password_hash = $2", hashed, "user.password_set")
        await self.attempts.forget(digest(folded(name)))

    async def set_roles(self, name: str, roles: Iterable[str]) -> None:
        """Replace the roles and end every session, so that what was open closes."""
        wanted = _checked_roles(roles)
        await self._change(name, "roles = $2", wanted, "user.roles_set", roles=" ".join(wanted))

    async def set_disabled(self, name: str, disabled: bool) -> None:
        """Disable (and end every session) or enable again."""
        await self._change(name, "disabled = $2", disabled, "user.disabled" if disabled else "user.enabled")

    async def _change(self, name: str, assignment: str, value: object, action: str, **told: str) -> None:
        async with transaction(self._pool) as connection:
            await change_user(connection, folded(name), assignment, value)
            await append_row(connection, CLI_ACTOR, action, folded(name), told)

    async def users(self) -> list[UserRow]:
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT name, display_name, roles, disabled, password_hash IS NOT NULL AS has_password, created_at"
                "  FROM app_user ORDER BY name"
            )
        return [UserRow(**{**row, "roles": tuple(row["roles"])}) for row in rows]

    async def issue_ticket(self, name: str, valid_for: timedelta = timedelta(minutes=15)) -> str:
        """A one-time login for this user; what is returned is shown once and stored nowhere."""
        secret = secrets.token_urlsafe(32)
        async with transaction(self._pool) as connection:
            issued = await connection.fetchval(
                "INSERT INTO login_ticket (token_hash, user_id, expires_at)"
                " SELECT $1, id, now() + $3::interval FROM app_user WHERE name = $2 AND NOT disabled RETURNING 1",
                digest(secret), folded(name), valid_for,
            )
            if issued is None:
                raise NotFound(f"There is no user {name} who may log in.")
            await append_row(connection, CLI_ACTOR, "user.login_link", folded(name), {})
        return secret

    async def _new_hash(self, password: str) -> str:
        if len(password) < self._policy.password_length:
            raise BadSetting(f"A password needs at least {self._policy.password_length} characters.")
        return await self._in_thread(self._hasher.hash, password)

    # --- machines -----------------------------------------------------------------------------------------------

    async def create_token(self, name: str, roles: Iterable[str], valid_for: timedelta | None = None) -> str:
        """A token for a machine; what is returned is shown once and stored nowhere. Names are never given twice."""
        name, wanted = _checked_name(name), _checked_roles(roles)
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        async with transaction(self._pool) as connection:
            added = await connection.fetchval(
                "INSERT INTO api_token (token_hash, name, roles, expires_at)"
                " VALUES ($1, $2, $3, now() + $4::interval) ON CONFLICT (name) DO NOTHING RETURNING 1",
                digest(secret), name, wanted, valid_for,
            )
            if added is None:
                raise BadSetting(f"There is, or was, a token {name}. Choose another name.")
            await append_row(connection, CLI_ACTOR, "token.created", name, {"roles": " ".join(wanted)})
        return secret

    async def revoke_token(self, name: str) -> None:
        async with transaction(self._pool) as connection:
            found = await connection.fetchval(
                "UPDATE api_token SET revoked_at = coalesce(revoked_at, now()) WHERE name = $1 RETURNING 1", folded(name)
            )
            if found is None:
                raise NotFound(f"There is no token {name}.")
            await append_row(connection, CLI_ACTOR, "token.revoked", folded(name), {})

    async def tokens(self) -> list[TokenRow]:
        async with connected(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT name, roles, created_at, expires_at, revoked_at, last_used_at FROM api_token ORDER BY name"
            )
        return [TokenRow(**{**row, "roles": tuple(row["roles"])}) for row in rows]

    async def token(self, secret: str) -> Identity | None:
        if not secret.startswith(TOKEN_PREFIX):
            return None
        credential = digest(secret)
        async with connected(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT name, roles, coalesce(now() - last_used_at > interval '1 minute', true) AS touch FROM api_token"
                " WHERE token_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
                credential,
            )
            if row is None:
                return None
            if row["touch"]:
                await connection.execute("UPDATE api_token SET last_used_at = now() WHERE token_hash = $1", credential)
        return Identity("token", row["name"], row["name"], frozenset(row["roles"]), credential)

    async def prune(self) -> None:
        """Delete what can no longer open anything: sessions and tickets over for a day, counts of past windows."""
        async with connected(self._pool) as connection, connection.transaction():
            await connection.execute(
                "DELETE FROM app_session WHERE least(expires_at, revoked_at, last_seen_at + $1::interval)"
                " < now() - interval '1 day'",
                self._policy.idle,
            )
            await connection.execute("DELETE FROM login_ticket WHERE expires_at < now() - interval '1 day'")
            await connection.execute("DELETE FROM login_failure WHERE window_ends < now()")
