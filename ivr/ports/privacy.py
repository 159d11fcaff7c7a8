"""What the pages need to keep people's data private: unmaskings with a reason.

Every method raises ``ivr.domain.errors.Unavailable`` when the database is away.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ivr.domain.errors import CallerFault
from ivr.ports.cases import CaseRecords
from ivr.ports.retention import Holds, RetentionView


class NotMaskedYet(CallerFault):
    """What is said there is not known yet, so nothing in it can be covered."""

    code = "not_masked_yet"


def call_object(linked_id: str) -> str:
    """How an unmasking names a call."""
    return f"call:{linked_id}"


def order_object(number: str) -> str:
    """How an unmasking names an order; it holds for the calls of the order too."""
    return f"order:{number}"


class Unmaskings(Protocol):
    """Who may see what is masked of one matter, for a while."""

    async def unmask(self, person: str, object_name: str, reason: str, minutes: int) -> datetime:
        """Let the person see the matter whole until the time returned; audited in the same transaction."""
        ...

    async def in_force(self, person: str, object_names: Collection[str]) -> datetime | None:
        """Until when the person sees any of these whole; None when none is in force."""
        ...


@dataclass(frozen=True)
class PrivacyServices:
    """What the HTTP edge is given; ``unmask_minutes`` is how long an unmasking holds."""

    unmaskings: Unmaskings
    cases: CaseRecords
    retention: RetentionView
    holds: Holds
    unmask_minutes: int = 15
