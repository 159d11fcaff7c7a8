"""One person's second factor and session, to be seen by who may; for contract tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ivr.domain.errors import NotFound
from ivr.ports.sessions import FactorStatus, SessionRecord
from ivr.ports.user_accounts import UserAccount

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
SESSION = SessionRecord(1, "wang", "王律师", T0, T0, "10.0.0.7", "Mozilla/5.0", b"c" * 32)


class OneFactor:
    """ivr.ports.sessions.SecondFactors."""

    async def status(self, name: str) -> FactorStatus:
        return FactorStatus("on", True, T0, 10)

    async def start(self, name: str) -> bytes:
        return b"12345678901234567890"

    async def confirm(self, name: str, code: str, credential: bytes) -> Sequence[str]:
        return ["ABCD-EFGH-JKLM"] * 10

    async def remove(self, name: str, code: str) -> None:
        return None


class OneSession:
    """ivr.ports.sessions.SessionList."""

    async def sessions(self, name: str | None, limit: int) -> Sequence[SessionRecord]:
        return [SESSION]

    async def one(self, session_id: int) -> SessionRecord | None:
        return SESSION if session_id == SESSION.id else None

    async def revoke(self, session: SessionRecord, by: str, reason: str) -> None:
        return None


class OneUser:
    """ivr.ports.user_accounts.UserDesk."""

    async def users(self) -> Sequence[UserAccount]:
        return [UserAccount("wang", "王律师", ("operator",), False, True, T0, T0)]

    async def reset_factor(self, name: str, by: str, reason: str) -> None:
        if name != SESSION.name:
            raise NotFound("There is no such user.")

    async def set_disabled(self, name: str, disabled: bool, by: str, reason: str) -> None:
        if name != SESSION.name:
            raise NotFound("There is no such user.")
