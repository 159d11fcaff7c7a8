"""What the pages need to keep a second factor and to tell a person's sessions apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ivr.domain.errors import CallerFault

FactorState = Literal["off", "on", "missing"]
"""``missing``: the settings ask for a second factor of one of the roles, and there is none yet."""


class CodeNeeded(CallerFault):
    """The first factor is right and a code is needed as well; nothing was opened, no ticket was used up."""

    code = "code_needed"

    def __init__(self, known_name: str) -> None:
        super().__init__("Send the code of the authenticator app, or a recovery code, together with this login.")
        self.known_name = known_name


class CodeRefused(CallerFault):
    """The code sent with a login is wrong, too old, or was used before."""

    code = "code_refused"

    def __init__(self, known_name: str) -> None:
        super().__init__("The code is wrong, too old, or was used before. Wait for the next one, or use a recovery code.")
        self.known_name = known_name


class CodeWrong(CallerFault):
    """The code sent by somebody who is logged in does not fit: nothing was changed."""

    code = "code_wrong"


class FactorExists(CallerFault):
    """There is a second factor already: it is taken away with one of its codes before another is made."""

    code = "second_factor_exists"


class FactorMissing(CallerFault):
    """There is no second factor to confirm or to take away."""

    code = "second_factor_missing"


class EnrolmentNeeded(CallerFault):
    """The settings ask for a second factor of this role: until there is one nothing else is served."""

    code = "enrolment_needed"

    def __init__(self) -> None:
        super().__init__("Your role needs a second factor: set it up at /second-factor first.")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a login comes from, as shown in the list of sessions: the peer's address and the browser's own words."""

    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class FactorStatus:
    """A person's second factor. ``required``: the settings ask for it."""

    state: FactorState
    required: bool
    confirmed_at: datetime | None
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session that still opens something. ``credential`` is the sha256 of its secret."""

    id: int
    name: str
    display_name: str
    opened_at: datetime
    last_seen_at: datetime
    address: str
    agent: str
    credential: bytes


class SecondFactors(Protocol):
    """People's second factors; ``name`` is the account's. Every change is an audit row in the same transaction."""

    async def status(self, name: str) -> FactorStatus: ...

    async def start(self, name: str) -> bytes:
        """A new secret, to be shown once and confirmed by a code; replaces one not confirmed. FactorExists."""
        ...

    async def confirm(self, name: str, code: str, credential: bytes) -> Sequence[str]:
        """Put the factor in force by its first code and end the person's other sessions, which knew a password only.

        The ten recovery codes, stored nowhere as they are. CodeWrong, FactorMissing, FactorExists.
        """
        ...

    async def remove(self, name: str, code: str) -> None:
        """Take the factor away by a code of it. CodeWrong, FactorMissing, LockedOut."""
        ...


class SessionList(Protocol):
    """Sessions that still open something."""

    async def sessions(self, name: str | None, limit: int) -> Sequence[SessionRecord]:
        """This person's, or everybody's for None; last used first."""
        ...

    async def one(self, session_id: int) -> SessionRecord | None: ...

    async def revoke(self, session: SessionRecord, by: str, reason: str) -> None:
        """End it now; audited in the same transaction. NotFound when it is over already."""
        ...
