"""What the archive of one case needs beside the views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the audit trail as it goes into a case; ``digest`` is the chain's, in hex."""

    id: int
    at: datetime
    actor: str
    action: str
    object_name: str
    detail: str
    digest: str


class CaseRecords(Protocol):
    """What a case needs beside the views."""

    async def audit_rows(self, objects: Sequence[str]) -> Sequence[AuditRow]:
        """Rows of the audit trail about these objects, and about recordings of these calls, the oldest first."""
        ...
