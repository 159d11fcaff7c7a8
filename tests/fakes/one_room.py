"""A book of rooms with one invitation, where everything asked for is done at once; for contract tests."""

from __future__ import annotations

from datetime import UTC, datetime

from ivr.ports.rooms import Invitation, Third

T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
INVITATION = Invitation(1, "one", "station", "shi", "joined", "", "b1-room1-1764000000.1", "b1-1764000000.1", T0, T0, None)


class OneMediator:
    """ivr.ports.rooms.Mediators."""

    async def listed(self) -> list[Third]:
        return [Third("mediator:7003", "孙调解（调解中心）", "13909510003")]

    async def phone(self, work_number: str) -> str:
        return "13909510003" if work_number == "7003" else ""


class OneRoomBook:
    """ivr.ports.rooms.RoomBook."""

    async def invite(self, seat: str, who: str, asked_by: str) -> Invitation:
        return INVITATION

    async def latest(self, seat: str, asked_by: str) -> Invitation | None:
        return INVITATION

    async def dismiss(self, seat: str, by: str) -> None:
        return None

    async def stop_film(self, seat: str, by: str) -> None:
        return None
