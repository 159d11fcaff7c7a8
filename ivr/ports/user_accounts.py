"""What the page of who may log in needs; adding people and giving roles is the command line's, on the server itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class UserAccount:
    """Somebody who may log in, or might once. ``second_factor_since`` is None without one."""

    name: str
    display_name: str
    roles: tuple[str, ...]
    disabled: bool
    has_password: bool
    second_factor_since: datetime | None
    last_seen_at: datetime | None


class UserDesk(Protocol):
    """Each act ends all their sessions and unused login links, and is audited in the same transaction. NotFound, Unavailable."""

    async def users(self) -> Sequence[UserAccount]:
        """Who may log in first, by name; at most 1,000."""
        ...

    async def reset_factor(self, name: str, by: str, reason: str) -> None:
        """Take the second factor away without a code, for who lost it. ivr.ports.sessions.FactorMissing."""
        ...

    async def set_disabled(self, name: str, disabled: bool, by: str, reason: str) -> None:
        """End somebody's access, or give it back."""
        ...
