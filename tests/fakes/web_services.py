"""Web services without a database: one call, one order, one token; for contract tests that need no PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from ivr.domain.appointment import Booking, CannotBook, Slot
from ivr.domain.counted_call import CountedCall
from ivr.domain.errors import NotFound
from ivr.domain.nuisance import Listing
from ivr.domain.roles import ROLES
from ivr.domain.roster import Duty
from ivr.domain.seat_time import SeatTime
from ivr.domain.transcript import Word
from ivr.ports.desk import BrowserSeat, CommandKind, DeskServices, OwnDay, Sat, SeatLease
from ivr.ports.rooms import Third
from ivr.ports.search import SearchFilter, SearchHit
from ivr.ports.sessions import Origin
from ivr.ports.views import (
    AlarmRecord,
    CallbackFilter,
    CallbackRecord,
    CallDetail,
    CallFilter,
    CallRecord,
    Health,
    OrderField,
    OrderFilter,
    QueueLive,
    QueueMember,
    RecordingTrack,
    StoredSegment,
    WaitingCaller,
    WorkOrderRecord,
)
from ivr.ports.web import DatabaseState, FeedBatch, Identity, LoginRefused, OpenedSession, WebOptions, WebServices
from tests.fakes.one_account import OneFactor, OneSession, OneUser
from tests.fakes.one_address import OneAddress
from tests.fakes.one_adviser import OneAdviser
from tests.fakes.one_analysis import ONE_ANALYSIS
from tests.fakes.one_desk import OneDesk
from tests.fakes.one_device import OneDevice
from tests.fakes.one_film import OneFilm
from tests.fakes.one_knowledge import ONE_KNOWLEDGE
from tests.fakes.one_partner import ONE_PARTNER
from tests.fakes.one_picture import OnePicture
from tests.fakes.one_privacy import ONE_PRIVACY
from tests.fakes.one_quality import OneQuality
from tests.fakes.one_room import OneMediator, OneRoomBook
from tests.fakes.one_roster import ONE_ROSTER
from tests.fakes.one_statistic import OneStatistic
from tests.fakes.one_supervision import ONE_SUPERVISION, OneCorrection, OneRisk
from tests.fakes.one_task import OneTask
from tests.fakes.web_world import SHIPPED_INTAKE, FileArchive, TwoCodes

TOKEN = "ivr_contract"
T0 = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
CALL = CallRecord(
    "b1-1764000000.1", "ended", "answered", "hotline", "13912345678", "+8613912345678", "张三", "12348", "legal",
    "PJSIP/op-1", "v1", "main:1", False, "2026/a", T0, T0, T0 + timedelta(seconds=9), None, T0 + timedelta(seconds=99), 2, 16, "caller",
    "640105126112300001",
)  # fmt: skip
COUNTED = CountedCall(
    CALL.linked_id, T0, outcome="answered", called_number="12348", queue="legal", queued_at=T0, answered_at=CALL.answered_at,
    ended_at=CALL.ended_at, rating=2,
)  # fmt: skip
CALLBACK = CallbackRecord(
    7, "kept_place", "waiting", "legal", "13912345678", "640105126112300001", T0, T0, T0, None, 1, "unreached", ["b1-cb-1764000000.701"],
)
TRACKS = [RecordingTrack(1, "2026/a", "caller", "2026/a-rx.wav", 90.0, "transcribed", "")]
SEGMENT = StoredSegment("caller", 1.0, 2.0, "老板", 0.9, [Word("老板", 1.0, 2.0, 0.9)])
FIELD = OrderField("amount", 0, "3000", "3000元", "machine", "money", CALL.linked_id, "caller", "三千", 1.0, 2.0, 1.0)
ORDER = WorkOrderRecord(
    CALL.order_number, "draft", "hotline", "answered", "v1", "consult", "labour", "13912345678", T0, None, "", 1,
    [CALL.linked_id], [FIELD],
)  # fmt: skip


class OneCall:
    """Views that hold one of everything; a call named ``explode`` fails as no code should."""

    async def queues(self) -> Sequence[QueueLive]:
        now = datetime.now(UTC)
        callers = [WaitingCaller("b1-1.1", "139", 1, now.timestamp() - 3)]
        return [QueueLive("legal", callers, [QueueMember("甲", "PJSIP/op-1", "available", "")], True, now, now)]

    async def calls(self, wanted: CallFilter) -> Sequence[CallRecord]:
        return [CALL]

    async def live_calls(self, recent: int) -> Sequence[CallRecord]:
        return [CALL]

    async def calls_named(self, linked_ids: Collection[str]) -> Sequence[CallRecord]:
        return [CALL] if CALL.linked_id in linked_ids else []

    async def call(self, linked_id: str) -> CallDetail | None:
        if linked_id == "explode":
            raise ZeroDivisionError("inner secret")
        return CallDetail(CALL, TRACKS, [SEGMENT]) if linked_id == CALL.linked_id else None

    async def tracks(self, linked_id: str) -> Sequence[RecordingTrack] | None:
        return TRACKS if linked_id == CALL.linked_id else None

    async def work_orders(self, wanted: OrderFilter) -> Sequence[WorkOrderRecord]:
        return [ORDER]

    async def work_orders_named(self, numbers: Collection[str]) -> Sequence[WorkOrderRecord]:
        return [ORDER] if ORDER.number in numbers else []

    async def roster(self, start: datetime, end: datetime) -> Sequence[Duty]:
        return [Duty(T0, "8001", "labour", T0 + timedelta(hours=9), "甲")] if start < T0 + timedelta(hours=9) and end > T0 else []

    async def nuisance_listings(self) -> Sequence[Listing]:
        return [Listing("13912345678", "一周内辱骂坐席十二次", "督导", T0, T0 + timedelta(days=7))]

    async def callbacks(self, wanted: CallbackFilter) -> Sequence[CallbackRecord]:
        return [CALLBACK]

    async def standing_alarms(self) -> Sequence[AlarmRecord]:
        return []

    async def alarms_named(self, names: Collection[str]) -> Sequence[AlarmRecord]:
        return []

    async def health(self, stale_after_s: float) -> Health:
        return Health(True, False)


def token_of(*roles: str) -> str:
    """The secret of a machine with exactly these roles."""
    return "_".join([TOKEN, *roles])


_ROLES_OF = {token_of(*roles): frozenset(roles) for roles in [ROLES, *((role,) for role in ROLES)]}


class OneToken:
    """Accounts that know one machine as administrator, one of each role, one of all roles, and refuse every login."""

    async def sign_in(self, name: str, password: str, *, code: str | None, origin: Origin) -> OpenedSession:
        raise LoginRefused

    async def redeem_ticket(self, ticket: str, *, code: str | None, origin: Origin) -> OpenedSession:
        raise LoginRefused

    async def session(self, secret: str, *, activity: bool) -> Identity | None:
        return None

    async def token(self, secret: str) -> Identity | None:
        roles = frozenset({"administrator"}) if secret == TOKEN else _ROLES_OF.get(secret)
        return Identity("token", "contract", "contract", roles, sha256(secret.encode()).digest()) if roles else None

    async def end_session(self, secret: str) -> None:
        return None

    async def still_valid(self, credentials: Collection[bytes]) -> frozenset[bytes]:
        return frozenset(credentials)


class ListAudit:
    """Keeps what was written."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    async def append(self, actor: str, action: str, object_name: str, detail: Mapping[str, str | int | bool]) -> None:
        self.rows.append((actor, action, object_name))


class QuietFeed:
    """A feed in which nothing happens."""

    async def after(self, seq: int, limit: int) -> FeedBatch:
        return FeedBatch(0, seq == 0, [])

    async def wait_hint(self, timeout_s: float) -> bool:
        await asyncio.sleep(timeout_s)
        return False

    async def write_probe(self) -> DatabaseState | None:
        return None

    async def listen(self) -> None:
        await asyncio.Event().wait()


class OneTime:
    """One time to come with one booking; every other is unknown or full."""

    _slot = Slot(datetime(2030, 1, 7, 9, tzinfo=UTC), datetime(2030, 1, 7, 10, tzinfo=UTC), "legal-aid", 2, 1)

    async def coming(self, limit: int = 500) -> Sequence[tuple[Slot, Sequence[Booking]]]:
        return [(self._slot, [Booking(1, self._slot, "13800000001")])]

    async def book(self, slot_id: int, number: str, linked_id: str) -> Booking:
        if slot_id > 2:
            raise NotFound("There is no such time.")
        if slot_id == 2:
            raise CannotBook("No place is left.")
        return Booking(2, self._slot, number)

    async def cancel(self, booking_id: int) -> Booking:
        if booking_id != 1:
            raise NotFound("There is no such booking.")
        return Booking(1, self._slot, "13800000001")


class OneText:
    """One text that every search finds."""

    async def find(self, wanted: SearchFilter) -> Sequence[SearchHit]:
        return [SearchHit(7, T0, "segment", "".join(wanted.words), CALL.order_number, CALL.linked_id, "caller", 1.0, 2.0, 1.0)]


class OneSeat:
    """Leases of the seat one, which everybody may have, and commands that are done at once."""

    async def all(self) -> Sequence[SeatLease]:
        return [SeatLease("one", "somebody", T0, T0)]

    async def held(self, holder: str, credential: bytes) -> SeatLease | None:
        return SeatLease("one", holder, T0, T0)

    async def take(self, seat: str, holder: str, credential: bytes, lease_s: float) -> bool:
        return True

    async def renew(self, holder: str, credential: bytes, lease_s: float) -> None:
        return None

    async def give_back(self, holder: str, credential: bytes) -> str | None:
        return "one"

    async def expire(self) -> Sequence[str]:
        return []

    async def day(self, account: str, start: datetime, end: datetime) -> OwnDay:
        shift = Duty(T0, "8001", "labour", T0 + timedelta(hours=9), "甲")
        return OwnDay("8001", [shift], [Sat("one", T0, T0 + timedelta(hours=9))], 7, 1, 8, 2400.0, 1, SeatTime(3600, 2400, 300, 600))

    async def carry_out(self, kind: CommandKind, seat: str, reason: str, asked_by: str) -> None:
        return None


ONE_SEAT = DeskServices({"one": BrowserSeat("one", "王律师", "8001", ("hotline",), 30, "secret")}, OneSeat(), OneSeat(), 8089, days=OneSeat(), rooms=OneRoomBook(), thirds=[Third("station", ""), Third("8002", "李律师")], mediators=OneMediator())


def fake_services() -> WebServices:
    return WebServices(
        OneCall(), OneToken(), ListAudit(), QuietFeed(), FileArchive(), TwoCodes(), OneText(), ONE_PARTNER, OneTime(), OneStatistic(COUNTED),
        OneDesk(ORDER.number, T0), ONE_SEAT, OneDevice(), ONE_SUPERVISION, OneRisk(), OneCorrection(), ONE_ANALYSIS, OneAdviser(),
        OneAddress(), OneFactor(), OneSession(), ONE_PRIVACY, quality=OneQuality(), tasks=OneTask(ORDER.number),
        knowledge=ONE_KNOWLEDGE, roster=ONE_ROSTER, composer=SHIPPED_INTAKE, pictures=OnePicture(), films=OneFilm(), users=OneUser(),
    )


def options(folder: Path, **changes: Any) -> WebOptions:
    """Options with every folder under ``folder``."""
    return replace(WebOptions(recordings_dir=folder / "recordings", static_dir=folder / "static"), **changes)
