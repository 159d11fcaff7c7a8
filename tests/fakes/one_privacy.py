"""Privacy for contract tests: every unmasking is taken, and none is in force."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from ivr.domain.errors import NotFound
from ivr.domain.retention import Due, Kind, Proof
from ivr.ports.cases import AuditRow
from ivr.ports.privacy import PrivacyServices
from ivr.ports.retention import Hold

T0 = datetime(2026, 11, 23, tzinfo=UTC)


class OneUnmasking:
    """ivr.ports.privacy.Unmaskings."""

    async def unmask(self, person: str, object_name: str, reason: str, minutes: int) -> datetime:
        return datetime.now(UTC) + timedelta(minutes=minutes)

    async def in_force(self, person: str, object_names: Collection[str]) -> datetime | None:
        return None


class OneCase:
    """ivr.ports.cases.CaseRecords."""

    async def audit_rows(self, objects: Sequence[str]) -> Sequence[AuditRow]:
        return [AuditRow(1, datetime(2026, 11, 23, tzinfo=UTC), "ban", "order.edit", objects[0], "{}", "00")]


class OneRetention:
    """ivr.ports.retention.RetentionView and Holds: hold 7 is the only one."""

    def next_run(self) -> datetime:
        return T0

    def days(self, kind: Kind) -> int:
        return 365

    async def preview(self, each: int) -> dict[Kind, tuple[int, list[Due]]]:
        return {"recording": (1, [Due("recording", "20251022/a", "b1-1.1", "6401051261123000018", T0)])}

    async def proofs(self, limit: int) -> list[Proof]:
        return [Proof("log", "b1-1.1", "b1-1.1", b"x" * 32, 9, T0, T0)]

    async def hold(self, object_name: str, reason: str, until: datetime, by: str) -> int:
        return 7

    async def lift(self, hold: int, reason: str, by: str) -> None:
        if hold != 7:
            raise NotFound("There is no such hold in force.")

    async def in_force(self) -> list[Hold]:
        return [Hold(7, "order:6401051261123000018", "诉讼", "ban", T0, T0, "", None, "")]


ONE_PRIVACY = PrivacyServices(OneUnmasking(), OneCase(), OneRetention(), OneRetention())
