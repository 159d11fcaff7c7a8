"""What village video phones need of the world: the register, and the exchange that knows them.

Times are timezone-aware. Implementations raise ``ivr.domain.errors.Unavailable`` when what they stand on is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ivr.domain.device import Device
from ivr.domain.device_test import DeviceTest, TestStanding
from ivr.domain.device_use import USED_WITHIN, Reach, SeenUse, Verdict, judge, sentence
from ivr.domain.media_quality import MediaQuality

STALE_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """What the exchange is to know of one active device: ``salt`` makes its secret, ``name`` is shown to who is rung."""

    device: Device
    salt: str
    name: str
    station: str


@dataclass(frozen=True, slots=True)
class DeviceContact:
    """A registration as the exchange holds it now; ``renewed`` is another text after each REGISTER, within a second."""

    device: str
    reach: Reach
    user_agent: str = ""
    round_trip_ms: float | None = None
    renewed: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One device with what is known of it; ``last_call`` is the arrival of its last call, ``calls`` those of 30 days.

    ``poor_line``: its last calls were poor by ivr.domain.media_quality; ``tests``: what its last self-tests say;
    ``fallbacks``: what its last calls had to do without, each a sentence for people.
    """

    device: Device
    village_name: str
    town_name: str
    reach: Reach
    reach_since: datetime
    registered_at: datetime | None
    blocked_at: datetime | None
    blocked_why: str
    shown_at: datetime | None
    user_agent: str
    round_trip_ms: float | None
    last_call: datetime | None
    calls: int
    poor_line: bool = False
    tests: TestStanding = field(default_factory=TestStanding)
    fallbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceRegister:
    """Every device at ``now``, the database's time. ``as_of``: when the exchange was asked last, None for never."""

    devices: Sequence[DeviceRecord]
    towns: Sequence[tuple[str, str]]
    villages: Sequence[tuple[str, str, str]]
    now: datetime
    as_of: datetime | None
    used_within: timedelta = USED_WITHIN

    @property
    def stale(self) -> bool:
        """Whether the exchange was not asked for too long: what is told of reach may be over."""
        return self.as_of is None or abs(self.now - self.as_of) > STALE_AFTER

    def verdict(self, record: DeviceRecord) -> Verdict:
        """The word that is true of this device now."""
        return judge(
            blocked_since=record.blocked_at, blocked_why=record.blocked_why, reach=record.reach, reach_since=record.reach_since,
            last_call=record.last_call, now=self.now, tests=record.tests, used_within=self.used_within,
        )

    def sentence(self, record: DeviceRecord) -> str:
        """The same as a sentence, with what it rests on."""
        seen = SeenUse(record.last_call, record.calls, record.poor_line, record.tests, self.used_within, record.fallbacks)
        return sentence(self.verdict(record), seen)


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """Something that happened to a device; ``actor`` is '' for the exchange."""

    at: datetime
    kind: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """A call of a device, its order, how the ladder went, and how sound and picture travelled (none told before it ended)."""

    linked_id: str
    arrived_at: datetime
    outcome: str | None
    ladder: str
    order: str
    media: Sequence[MediaQuality] = ()


@dataclass(frozen=True, slots=True)
class DeviceHistory:
    """What happened to one device and its calls, the latest first, a bounded number of each."""

    events: Sequence[DeviceEvent]
    calls: Sequence[DeviceCall]
    tests: Sequence[DeviceTest] = ()


class DeviceView(Protocol):
    """Every device with what is known of it."""

    async def register(self) -> DeviceRegister: ...


class DeviceDesk(DeviceView, Protocol):
    """What people do with devices; each act is written with its audit row, or not at all."""

    async def history(self, device: str) -> DeviceHistory:
        """Raises NotFound."""
        ...

    async def block(self, device: str, actor: str, reason: str) -> None:
        """End its registration and its calls, now and until it is freed. Raises NotFound; CallerFault without a reason."""
        ...

    async def unblock(self, device: str, actor: str, reason: str) -> None: ...

    async def rotate(self, device: str, actor: str, reason: str) -> None:
        """Make its secret worthless and give it another one, which is shown on the server's command line once."""
        ...

    async def test(self, device: str, actor: str, reason: str) -> int:
        """Ask for a self-test now; its number. One that is asked for already stands. Raises NotFound; CallerFault for a device

        that does not answer by itself, or is blocked.
        """
        ...


class DeviceStore(Protocol):
    """The register as the controller carries it into the exchange."""

    async def lines(self) -> Sequence[DeviceLine]:
        """Every active device, by name."""
        ...

    async def to_cut(self) -> Mapping[str, int]:
        """Devices whose registration and calls are still to be ended, each with the number of the request."""
        ...

    async def cut_done(self, device: str, request: int) -> None:
        """This request and those before it are fulfilled; a later one stands."""
        ...

    async def saw(self, contacts: Sequence[DeviceContact]) -> int:
        """Take note of all registrations there are now; returns how many devices changed."""
        ...


class DeviceExchange(Protocol):
    """The exchange as the home of devices."""

    async def take(self, lines: Sequence[DeviceLine]) -> bool:
        """Let these devices register, and no others; False when nothing had to change. Lasts without us."""
        ...

    async def cut(self, device: str) -> int:
        """End its registration and its calls; how many calls there were."""
        ...


class DeviceSight(Protocol):
    """Who is registered now."""

    async def contacts(self) -> Sequence[DeviceContact]: ...
