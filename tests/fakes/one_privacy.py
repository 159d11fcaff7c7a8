"""Privacy for contract tests: every unmasking is taken, and none is in force."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from ivr.ports.privacy import PrivacyServices


class OneUnmasking:
    """ivr.ports.privacy.Unmaskings."""

    async def unmask(self, person: str, object_name: str, reason: str, minutes: int) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=minutes)

    async def in_force(self, person: str, object_names: Collection[str]) -> datetime | None:
        return None


ONE_PRIVACY = PrivacyServices(OneUnmasking())
